"""The routes of the log: open to everybody, since it holds nothing but digests, signatures and keys.

/log/checkpoint, /log/tile/…    files as C2SP tlog-tiles has them, for witnesses, auditors and tools of others
/log/past/NAME/…                the same of each log that this one has followed, as it was in the end
/v1/log                         the log's key, and whether it grew and did not change since a size somebody remembers
"""

import asyncio
import re
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from collector.api.given import GivenServices
from collector.errors import BadRequest, NotFound
from collector.log.files import TILE_WIDTH, LogFiles
from collector.log.publisher import Published
from collector.services import Services
from shared import strictjson, tree
from shared.checkpoint import Checkpoint
from shared.dsse import b64

router = APIRouter()
_TILE: Final = re.compile(
    r"(?P<level>entries|[0-7])/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)
_FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
DAY_S: Final = 86_400
_NEVER: Final = {"Cache-Control": "no-store"}


@router.get("/log/checkpoint")
async def get_checkpoint(services: GivenServices) -> Response:
    """The newest checkpoint whose tree can be fetched here: a signed note; where witnesses are asked, one that they cosigned."""
    published, cosigned = _published(services), services.witnesses.newest
    return Response(
        cosigned.note if cosigned else published.note, media_type="text/plain; charset=utf-8", headers=_NEVER
    )


@router.get("/log/past/{name}/checkpoint")
async def get_past_checkpoint(name: str, services: GivenServices) -> Response:
    """The last checkpoint of a log that this one has followed."""
    found = next((one for one in services.logs if one.old.name == name), None)
    if found is None:
        raise NotFound("this is no log that was followed by the one here")
    return Response(found.last, media_type="text/plain; charset=utf-8", headers=_FOREVER)


@router.get("/log/past/{name}/tile/{path:path}")
async def get_past_tile(name: str, path: str, services: GivenServices) -> Response:
    """A tile of such a log."""
    return await _served(_past(services, name)[0], path)


@router.get("/log/tile/{path:path}")
async def get_tile(path: str, services: GivenServices) -> Response:
    """A tile of hashes or of entries; one that is not full under `.p/` and its width."""
    return await _served(services.publisher.files, path)


async def _served(files: LogFiles, path: str) -> Response:
    found = _TILE.fullmatch(path)
    if found is None:
        raise NotFound(
            "a tile is LEVEL/NNN or entries/NNN, its number in groups of three digits as C2SP tlog-tiles has it"
        )
    index, width = int(re.sub("[x/]", "", found["index"])), int(found["width"] or TILE_WIDTH)
    if found["index"].startswith("x000") or width > TILE_WIDTH or (found["width"] and width == TILE_WIDTH):
        raise NotFound("this tile has another name")
    level = None if found["level"] == "entries" else int(found["level"])
    tile = await asyncio.to_thread(_tile, files, level, index, width)
    return Response(tile, media_type="application/octet-stream", headers=_FOREVER)


@router.get("/v1/log")
async def get_log(
    services: GivenServices, since: int | None = None, at: int | None = None, log: str | None = None
) -> Response:
    """Who the log is and its newest checkpoint; with `since` also the proof that its tree begins with that of so many leaves.

    With `at` the proof is for the tree of so many leaves instead; with `log` it is of a log that this one has followed.
    """
    if log is not None:
        return await _past_proof(services, log, since or 0, at)
    witnesses: list[strictjson.Json] = [one.key.vkey for one in services.config.witness]
    told: strictjson.JsonObject = {"vkey": services.log_key.public.vkey, "witnesses": witnesses}
    if services.logs:
        told["history"] = [strictjson.decode(one.line) for one in services.logs]
    cosigned = None if services.publisher.wrong else services.witnesses.newest
    if cosigned is not None:
        told["cosigned"] = cosigned.note.decode()
        first = services.witnesses.first_since(cosigned.time_s // DAY_S * DAY_S)
        told["first"] = (first or cosigned).note.decode()
    if since is None and at is None:
        published = services.publisher.published
        if published is not None and services.publisher.wrong is None:
            told["checkpoint"] = published.note.decode()
    else:
        found = await asyncio.to_thread(services.publisher.consistent, since or 0, at)
        if found is None:
            size = _published(services).checkpoint.size
            raise BadRequest(f"0 < since <= at <= {size}, the size of the newest tree that is published")
        told["checkpoint"] = found[0].note.decode()
        told["proof"] = [b64(one) for one in found[1]]
    return Response(strictjson.encode(told), media_type="application/json", headers=_NEVER)


async def _past_proof(services: Services, name: str, since: int, at: int | None) -> Response:
    files, last = _past(services, name)
    new = last.size if at is None else at
    if not 0 < since <= new <= last.size:
        raise BadRequest(f"0 < since <= at <= {last.size}, the size of this log")
    proof = await asyncio.to_thread(tree.consistency, files.node, since, new)
    return Response(
        strictjson.encode({"proof": [b64(one) for one in proof]}), media_type="application/json", headers=_NEVER
    )


def _past(services: Services, name: str) -> tuple[LogFiles, Checkpoint]:
    try:
        return services.publisher.past(name if name in {one.old.name for one in services.logs} else "")
    except KeyError as error:
        raise NotFound("this is no log that was followed by the one here, or it is made again just now") from error


def _published(services: Services) -> Published:
    if services.publisher.wrong is not None:
        raise NotFound(f"no checkpoint is given out: {services.publisher.wrong}")
    if services.publisher.published is None:
        raise NotFound("nothing is published yet; try again in a moment")
    return services.publisher.published


def _tile(files: LogFiles, level: int | None, index: int, width: int) -> bytes:
    try:
        return files.entries_tile(index, width) if level is None else files.hash_tile(level, index, width)
    except IndexError as error:
        raise NotFound(str(error)) from error
