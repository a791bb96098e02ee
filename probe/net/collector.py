"""The collector as the probe sees it: a few requests, each answer read strictly. Interprets nothing it need not."""

import asyncio
import json
import re
import ssl
from dataclasses import dataclass

from probe.errors import CollectorSilent, EnrolRefused, RotationRefused
from probe.home import Enrolled
from probe.measure.outcome import CouldNotRun
from probe.net.connect import Origin
from probe.net.exchange import NAMED_ERRORS, Request, exchange
from probe.net.http import read_url
from probe.packed import Packed
from shared import batch, strictjson
from shared.errors import Malformed
from shared.failure import Stage

_PATIENCE_S = 60  # for the whole
_CONNECT_S = 15
_MOST_BYTES = 1 << 20
_MOST_CHARACTERS = 500
_REFUSALS = (400, 403, 409, 422)  # FORMAT.md, section 5; others are a busy collector's, or some portal's on the way
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its status, its JSON object (empty if it is none), and how long it asks to wait (µs)."""

    status: int
    fields: strictjson.JsonObject
    retry_after_us: int = 0
    sent_bytes: int = 0  # of the request's body

    def words(self, name: str) -> str:
        """A text member without what a terminal would obey and of a length people read; empty if there is none."""
        value = self.fields.get(name)
        text = value[:_MOST_CHARACTERS] if isinstance(value, str) else ""
        return "".join(letter if letter.isprintable() else "?" for letter in text)


class Collector:
    """A collector at an address."""

    def __init__(self, url: str, ca: str | None = None) -> None:
        """Talk to this address; `ca` is a file of certificates to believe. Raises Malformed if it is none."""
        self._url = url.rstrip("/")
        self._context: ssl.SSLContext | None = None
        try:
            if ca is not None or not self._url.lower().startswith("http:"):
                self._context = ssl.create_default_context(cafile=ca)
        except OSError as error:  # an SSLError is one too
            raise Malformed(f"{ca} cannot be read as certificates (PEM): {error.strerror or error}") from error

    @classmethod
    def of(cls, enrolled: Enrolled) -> "Collector":
        """The collector this device is enrolled at."""
        return cls(enrolled.collector_url, str(enrolled.ca) if enrolled.ca else None)

    async def post_batch(self, packed: Packed) -> Told:
        """Hand over a sealed batch, as it was packed."""
        headers = {"Content-Type": batch.MEDIA_TYPE, "Content-Encoding": "gzip"}
        return await self._post("/v1/batches", packed.gzip, headers)

    async def post_complaint(self, line: bytes) -> Told:
        """Hand over a complaint."""
        return await self._post("/v1/complaints", line, {"Content-Type": "application/json"})

    async def get_log(self, since: int | None = None, at: int | None = None, log: str | None = None) -> Told:
        """Ask who its log is; with sizes, for the proof that the tree of `at` leaves begins with that of `since`.

        `log` is the name of one that this has followed, whose trees they are.
        """
        asked = "" if since is None else f"?since={since}&at={at}" + ("" if log is None else f"&log={log}")
        return await self._ask("GET", f"/v1/log{asked}", b"", {})

    async def get_collector(self) -> Told:
        """Ask who it is, and by which rotations its keys came to be in use."""
        return await self._ask("GET", "/v1/collector", b"", {})

    async def enrol(self, code: str, request: bytes) -> strictjson.JsonObject:
        """Ask for enrolment; raises EnrolRefused with the collector's reason, CollectorSilent if it was no collector's no."""
        body = strictjson.encode({"code": code, "request": strictjson.decode(request)})
        told = await self._post("/v1/enrolments", body, {"Content-Type": "application/json"})
        if told.status == 201:  # noqa: PLR2004 - HTTP: created
            return told.fields
        why = told.words("detail") or f"it answered {told.status}, as no collector does"
        if told.status in _REFUSALS and told.words("error"):
            raise EnrolRefused(why)
        raise CollectorSilent(f"{self._url} does not enrol now: {why}")

    async def rotate(self, line: bytes, new: str) -> None:
        """Ask that another key take this device's place; returns once it has.

        Raises RotationRefused with the collector's reason, CollectorSilent if it was no collector's no, or yes.
        """
        body = strictjson.encode({"rotation": strictjson.decode(line)})
        told = await self._post("/v1/rotations", body, {"Content-Type": "application/json"})
        if told.status in (200, 201) and told.fields.get("key") == new:
            return
        why = told.words("detail") or f"it answered {told.status}, as no collector does"
        if told.status in _REFUSALS and told.words("error"):
            raise RotationRefused(f"the collector does not take the new key: {why}")
        raise CollectorSilent(f"{self._url} takes no new key now: {why}")

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Told:
        return await self._ask("POST", path, body, headers)

    async def _ask(self, verb: str, path: str, body: bytes, headers: dict[str, str]) -> Told:
        sent_bytes = 0

        def entered(stage: Stage) -> None:
            nonlocal sent_bytes
            _limit(connecting, stage)
            sent_bytes = len(body) if stage is Stage.REQUEST else 0

        try:
            url = read_url(self._url).below(path)
            origin = Origin(url, self._context if url.scheme == "https" else None)
            request = Request(verb, url.target, tuple(headers.items()), body)
            async with (
                asyncio.timeout(_PATIENCE_S),
                asyncio.timeout(None) as connecting,
                exchange(origin, request, entered) as answer,
            ):
                data = await answer.body(_MOST_BYTES)
        except (*NAMED_ERRORS, CouldNotRun, ValueError) as error:
            words = f"{self._url} does not answer: {str(error) or type(error).__name__}"
            raise CollectorSilent(words, sent_bytes) from error
        if len(data) > _MOST_BYTES:
            raise CollectorSilent(f"{self._url} sends an answer without end", sent_bytes)
        wait = answer.header("Retry-After")
        wait_us = int(wait) * 1_000_000 if _SECONDS.fullmatch(wait) else 0
        return Told(answer.status, _fields(data), wait_us, sent_bytes)


def _limit(connecting: asyncio.Timeout, stage: Stage) -> None:
    """Whoever does not even take a connection is not waited for as long as an answer."""
    now_s = asyncio.get_running_loop().time()
    connecting.reschedule(now_s + _CONNECT_S if stage is Stage.CONNECT else None)


def _fields(data: bytes) -> strictjson.JsonObject:
    """The answer's object. Problems are plain JSON, so only receipts and enrolments must be in the strict profile."""
    try:
        return strictjson.decode(data)
    except Malformed:
        return _problem(data)


def _problem(data: bytes) -> strictjson.JsonObject:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {str(name): value for name, value in told.items() if isinstance(value, str | int)}
