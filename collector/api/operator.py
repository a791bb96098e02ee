"""The routes for whoever runs the collector: is it well, and what does it do."""

import asyncio
import json
import os

from fastapi import APIRouter
from fastapi.responses import Response

from collector.api.given import DeskCommand, GivenServices
from collector.errors import CollectorError
from collector.metrics import MEDIA_TYPE, exposition
from collector.services import Services

router = APIRouter()


@router.get("/health")
async def get_health(services: GivenServices) -> Response:
    """Say only what was looked at: the ledger's newest entry, how far index and published log are, what is free on the disk.

    503 if the ledger's writer or the index does not answer, or the log is wrong; what is said of it is in its place.
    """
    told, is_well = await asyncio.to_thread(_looked_at, services)
    return Response(json.dumps(told), status_code=200 if is_well else 503, media_type="application/json")


def _looked_at(services: Services) -> tuple[dict[str, object], bool]:
    told: dict[str, object] = {}
    is_well = True

    def loaded_no() -> int:
        return services.store.loaded_no(services.config.stream)

    for name, look in (("ledger_no", services.ledger.newest_no), ("index_no", loaded_no)):
        try:
            told[name] = look()
        except CollectorError as error:
            told[name], is_well = str(error), False
    if services.publisher.wrong is not None:
        told["log"], is_well = services.publisher.wrong, False
    else:
        told["log_size"] = _log_size(services)
    if services.witnesses.contradictions:
        told["witnesses"] = dict(services.witnesses.contradictions)
    if services.stamps.wrong is not None:
        told["tsa"] = services.stamps.wrong
    told["free_bytes"] = _free_bytes(services)
    return told, is_well


@router.get("/metrics")
async def get_metrics(services: GivenServices, _: DeskCommand) -> Response:
    """Every process's figures, for Prometheus; with the desk's token, since they tell how much a competitor measures."""
    return Response(await asyncio.to_thread(_figures, services), media_type=MEDIA_TYPE)


def _figures(services: Services) -> bytes:
    behind, late_s = services.indexer.behind(services.ledger.newest_no(), services.clock.wall_us())
    now = {
        "ledger_entries": ("Entries in the ledger", float(services.ledger.last_no)),
        "index_behind_entries": ("Ledger entries that are not in the index yet", float(behind)),
        "index_behind_seconds": ("Age of the newest entry in the index while there are newer ones", late_s),
        "log_leaves": ("Leaves of the log in its newest published checkpoint", float(_log_size(services))),
        "log_stamped_leaves": (
            "Leaves under the newest time-stamp of an authority",
            float(services.stamps.stamped_size),
        ),
        "free_bytes": ("Room on the disk of the ledger", float(_free_bytes(services))),
    }
    return exposition(services.metrics, now, services.figures)


def _log_size(services: Services) -> int:
    published = services.publisher.published
    return 0 if published is None else published.checkpoint.size


def _free_bytes(services: Services) -> int:
    disk = os.statvfs(services.ledger.folder)
    return disk.f_bavail * disk.f_frsize
