"""Sending what waits: oldest first, and nothing is let go before its receipt was checked and stored.

What an answer means is decided here, purely; the sending is `probe.net.collector`.

    200, 201 with a receipt for these very bytes   kept there: the body may go here
    409, 403, 4xx                                  refused: kept, said loudly, tried again only now and then
    408, 425, 429, 5xx, silence, a receipt that    later, with growing waits
    is not one, and what no collector answers
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from probe.errors import CollectorSilent
from probe.net.collector import Collector, Told
from probe.outbox import Outbox, Waiting
from shared import strictjson
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.receipt import Receipt, read_receipt

_KEPT = (200, 201)
_REFUSED = range(400, 500)
_AGAIN = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Kept:
    """The collector keeps the batch; the receipt was checked."""

    line: bytes
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Later:
    """Not now."""

    why: str
    wait_us: int = 0


@dataclass(frozen=True, slots=True)
class Blocked:
    """The collector will not take this batch as it is; a person has to look."""

    why: str


Outcome = Kept | Later | Blocked


def understand(told: Told, waiting: Waiting, collector: PublicKey) -> Outcome:
    """What an answer to a batch means."""
    if told.status in _KEPT:
        receipt = told.fields.get("receipt")
        if not isinstance(receipt, dict):
            return Later("the answer holds no receipt")
        line = strictjson.encode(receipt)
        try:
            return Kept(line, read_receipt(line, collector, waiting.pae_sha256))
        except Malformed as error:
            return Later(f"the receipt is not one: {error}")
    why = _why(told)
    if not _is_refusal(told):
        return Later(why, told.retry_after_us)
    expected = told.fields.get("expect_batch")
    more = f" (it waits for batch {expected}, we hold {waiting.batch})" if isinstance(expected, int) else ""
    return Blocked(f"the collector refused batch {waiting.batch}: {told.words('error') or told.status}: {why}{more}")


def _why(told: Told) -> str:
    return told.words("detail") or f"answer {told.status}"


def _is_refusal(told: Told) -> bool:
    """Whether the collector itself said no; a redirect, say, is some portal's on the way."""
    return told.status in _REFUSED and told.status not in _AGAIN


class Uploader:
    """Sends batches and complaints of one outbox to one collector."""

    def __init__(self, outbox: Outbox, collector: Collector, key: PublicKey, kept: Callable[[Receipt], None]) -> None:
        """`key` is the collector's, from enrolment; `kept` hears of every receipt."""
        self._outbox = outbox
        self._collector = collector
        self._key = key
        self._kept = kept

    async def send_all(self, line: AbstractAsyncContextManager[object] | None = None) -> Later | Blocked | None:
        """Send until nothing waits (None) or something is in the way (Later or Blocked).

        `line` is held while one batch is on its way, so that sending and measuring take turns.
        """
        trouble = await self._send_batches(line or nullcontext())
        if isinstance(trouble, Later):
            return trouble
        words = await self.send_complaints()  # what a person says is not held back by a batch that is refused
        return trouble or words

    async def _send_batches(self, line: AbstractAsyncContextManager[object]) -> Later | Blocked | None:
        while waiting := self._outbox.oldest_unsent():
            async with line:
                outcome = await self._send(waiting)
            if not isinstance(outcome, Kept):
                return outcome
            self._outbox.receipted(waiting.batch, outcome.line, outcome.receipt.received_us)
            self._kept(outcome.receipt)
        return None

    async def _send(self, waiting: Waiting) -> Outcome:
        try:
            told = await self._collector.post_batch(waiting.body)
        except CollectorSilent as error:
            return Later(str(error))
        return understand(told, waiting, self._key)

    async def send_complaints(self) -> Later | Blocked | None:
        """Send the complaints that wait; one that is refused does not hold back the others."""
        refused: Blocked | None = None
        for number, line in self._outbox.unsent_complaints():
            try:
                told = await self._collector.post_complaint(line)
            except CollectorSilent as error:
                return Later(str(error))
            if told.status not in _KEPT:
                why = _why(told)
                if not _is_refusal(told):
                    return Later(why, told.retry_after_us)
                refused = Blocked(f"the complaint was refused: {why}")
                continue
            self._outbox.complaint_sent(number)
        return refused
