"""The route that takes in batches, as plain ASGI: it is used a thousand times as often as all others together."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from collector.api.intake import Intake
from collector.api.problems import problem
from collector.entrance import Answer
from collector.metrics import Metrics, Tally
from shared import batch
from shared.errors import Refused, SpeedproofError

log = logging.getLogger(__name__)
PATH: Final = "/v1/batches"
RECEIPT_MEDIA_TYPE: Final = "application/vnd.speedproof.receipt+json"
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Passed:
    """The answer another process gave."""

    status: int
    media_type: str
    body: bytes


Take = Callable[[bytes], Awaitable[Answer | Passed]]


class Door:
    """Keep a signed batch: 201 with its receipt; 200 with the first receipt if it was kept before."""

    def __init__(self, take: Take, intake: Intake, metrics: Metrics) -> None:
        """Hand batches to `take`, and count."""
        self._take = take
        self._intake = intake
        self._metrics = metrics
        self._kept, self._repeated = (Tally(metrics.batches.labels(answer)) for answer in ("kept", "repeat"))
        self._records = Tally(metrics.records)
        metrics.held_bytes.set_function(lambda: intake.held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            async with self._intake.body(request, batch.MEDIA_TYPE, batch.MAX_BODY_BYTES) as body:
                told = await self._take(body)
        except SpeedproofError as error:
            name = await refuse(send, error)
            self._metrics.refused.labels(name).inc()
            whose = error.whose if isinstance(error, Refused) else {}
            what = f"batch {whose['batch']}" if whose else "a batch"
            log.info("refused %s: %s", what, error, extra={"reason": name, **whose})
            return
        if isinstance(told, Passed):
            await _answer(send, told.status, [(b"content-type", told.media_type.encode())], told.body)
            return
        (self._kept if told.is_new else self._repeated).add(1)
        self._records.add(told.records)
        bundle = b"" if told.bundle is None else b'"bundle":%b,' % told.bundle
        kept = b'{%b"receipt":%b}' % (bundle, told.receipt)
        await _answer(send, 201 if told.is_new else 200, [(b"content-type", RECEIPT_MEDIA_TYPE.encode())], kept)


async def refuse(send: Send, error: SpeedproofError) -> str:
    """Answer an error from the table; its name."""
    status, headers, words = problem(error)
    spelt = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await _answer(send, status, spelt, json.dumps(words).encode())
    return str(words["error"])


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
