"""The collector as the probe sees it: three requests, each answer read strictly. Interprets nothing it need not."""

import gzip
import json
import re
import ssl
from dataclasses import dataclass

import aiohttp

from probe.errors import CollectorSilent, EnrolRefused
from probe.home import Enrolled
from shared import batch, strictjson
from shared.errors import Malformed

_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=15)
_MOST_BYTES = 1 << 20
_MOST_CHARACTERS = 500
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its status, its JSON object (empty if it is none), and how long it asks to wait (µs)."""

    status: int
    fields: strictjson.JsonObject
    retry_after_us: int = 0

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
        try:
            self._context = ssl.create_default_context(cafile=ca)
        except OSError as error:  # an SSLError is one too
            raise Malformed(f"{ca} cannot be read as certificates (PEM): {error.strerror or error}") from error

    @classmethod
    def of(cls, enrolled: Enrolled) -> "Collector":
        """The collector this device is enrolled at."""
        return cls(enrolled.collector_url, str(enrolled.ca) if enrolled.ca else None)

    async def post_batch(self, body: bytes) -> Told:
        """Hand over a sealed batch."""
        headers = {"Content-Type": batch.MEDIA_TYPE, "Content-Encoding": "gzip"}
        return await self._post("/v1/batches", gzip.compress(body, 6, mtime=0), headers)

    async def post_complaint(self, line: bytes) -> Told:
        """Hand over a complaint."""
        return await self._post("/v1/complaints", line, {"Content-Type": "application/json"})

    async def enrol(self, code: str, request: bytes) -> strictjson.JsonObject:
        """Ask for enrolment; raises EnrolRefused with the collector's reason."""
        body = strictjson.encode({"code": code, "request": strictjson.decode(request)})
        told = await self._post("/v1/enrolments", body, {"Content-Type": "application/json"})
        if told.status != 201:  # noqa: PLR2004 - HTTP: created
            raise EnrolRefused(told.words("detail") or f"the collector answered {told.status}")
        return told.fields

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> Told:
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, connector=aiohttp.TCPConnector(ssl=self._context)) as session,
                session.post(self._url + path, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                data = b""
                async for part in answer.content.iter_any():
                    data += part
                    if len(data) > _MOST_BYTES:
                        raise CollectorSilent(f"{self._url} sends an answer without end")
                wait = answer.headers.get("Retry-After", "")
                return Told(answer.status, _fields(data), int(wait) * 1_000_000 if _SECONDS.fullmatch(wait) else 0)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise CollectorSilent(f"{self._url} does not answer: {str(error) or type(error).__name__}") from error


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
