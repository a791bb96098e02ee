"""Sending what waits: oldest first, and nothing is let go before its receipt was checked and stored (`probe.answers`).

An outbox that is in doubt about its place in the chain hands out nothing. The collector is asked first, with a batch it
cannot take (`probe.seal.question`), and what it says it waits for is where the chain goes on. At no other time is its word
about that believed.
"""

import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from probe.answers import KEPT, REVOKED, Blocked, Kept, Later, Outcome, expected_of, is_refusal, understand, why_of
from probe.clock import BUILT_US, Clock
from probe.delays import Delay, How
from probe.errors import CollectorSilent, ForeignChain, StateUnusable
from probe.keywatch import KeyWatch
from probe.logwatch import LogWatch, with_proof
from probe.net.collector import Collector
from probe.outbox import Outbox, Waiting
from probe.packed import Packed
from shared import strictjson
from shared.chain import Head
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import TwoSuccessors
from shared.receipt import Receipt

STUCK = "stuck_since_us"  # kept: the wall clock (µs) at the first failure since which nothing was taken


def stuck_since_us(outbox: Outbox) -> int | None:
    """Since when something waits and the collector took nothing, by this device's wall clock; None if it is not so."""
    told = outbox.kept(STUCK)
    return int(told) if told is not None and told.isdigit() else None


class Device(Protocol):
    """Whose batches they are, as far as sending has to know: `probe.agent.Agent` is one."""

    @property
    def clock(self) -> Clock:
        """Its clock."""

    @property
    def boot(self) -> str:
        """This boot's name in records."""

    def question(self) -> bytes:
        """A body that asks where its chain stands."""

    def seal_all(self) -> int:
        """Seal what can be sealed."""


class Uploader:
    """Sends batches and complaints of one outbox to one collector."""

    def __init__(
        self,
        outbox: Outbox,
        collector: Collector,
        key: PublicKey,
        kept: Callable[[Receipt], None],
        *,
        device: Device | None = None,
        own: PublicKey | None = None,
        on_sent: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`key` is the collector's, from enrolment; `kept` hears of every receipt, `on_sent` of the bytes of each body sent.

        Without a `device` nothing is asked, and nobody notes since when sending is stuck. With the device's `own` key the
        collector's log is watched: each batch is to be in it, and it is to be one log.
        """
        self._watched = None if own is None else LogWatch(outbox, collector, own, self._moment, lambda: self._keys.keys)
        self._own = None if own is None else own.key_id
        self._outbox = outbox
        self._collector = collector
        self._keys = KeyWatch(outbox, collector, key)
        self._kept = kept
        self._device = device
        self._on_sent = on_sent
        self._delay: Delay | None = None
        self.delayed: Callable[[strictjson.JsonObject], object] = lambda _: None  # hears of a long delay that has ended
        self.may_send: Callable[[], bool] = lambda: True  # asked before each batch, which may take a minute

    def _moment(self) -> tuple[str, int]:
        return ("", 0) if self._device is None else (self._device.boot, self._device.clock.mono_us())

    async def send_all(self, line: AbstractAsyncContextManager[object] | None = None) -> Later | Blocked | None:
        """Send until nothing waits (None) or something is in the way (Later or Blocked).

        `line` is held while one batch is on its way, so that sending and measuring take turns.
        """
        trouble = await self._send_batches(line or nullcontext())
        self._note(trouble)
        if isinstance(trouble, Later) or (trouble is not None and trouble.error == REVOKED):
            return trouble
        words = await self.send_complaints()  # what a person says is not held back by a batch that is refused
        return trouble or words

    async def _send_batches(self, line: AbstractAsyncContextManager[object]) -> Later | Blocked | None:
        asked = False
        while True:
            if self._outbox.must_ask:
                if asked:
                    return Later("a batch that waited cannot be read any more; the others are sent later")
                asked = True
                async with line:
                    trouble = await self._ask()
                if trouble is not None:
                    return trouble
            waiting = self._outbox.oldest_unsent()
            if waiting is None:
                if self._outbox.must_ask:
                    continue
                return None
            if not self.may_send():
                return None
            async with line:
                outcome = await self._send(waiting)
            if not isinstance(outcome, Kept):
                self._tried(outcome)
                return outcome
            proof = await self._watched.proof_of(outcome.bundle, waiting.pae_sha256) if self._watched else None
            self._outbox.receipted(waiting.batch, with_proof(outcome.line, proof), outcome.receipt.received_us)
            self._note(None)
            self._taken()
            self._kept(outcome.receipt)

    def _tried(self, outcome: Later | Blocked) -> None:
        """Count a try in vain, if the clock can tell since when."""
        clock = None if self._device is None else self._device.clock
        if clock is not None and clock.wall_us() > BUILT_US:
            begun = Delay.begun(stuck_since_us(self._outbox), clock.wall_us(), clock.mono_us())
            how: How = "refused" if isinstance(outcome, Blocked) else "silent" if outcome.silent else "put_off"
            self._delay = (self._delay or begun).tried(how)

    def _taken(self) -> None:
        """A delay is over, if there was one: whoever records hears of it, if it was long."""
        delay, self._delay = self._delay, None
        told = None if delay is None or self._device is None else delay.ended(self._device.clock.wall_us())
        if told is not None:
            self.delayed(told)

    async def _ask(self) -> Later | Blocked | None:
        """Ask where the chain stands, and go on from there."""
        if self._device is None:
            return Blocked("the collector has to be asked where the chain stands; use: speedproof-probe run")
        try:
            told = await self._collector.post_batch(Packed.of(self._device.question()))
        except CollectorSilent as error:
            self._on_sent(error.sent_bytes)
            return Later(str(error))
        self._on_sent(told.sent_bytes)
        expected = expected_of(told)
        if not isinstance(expected, Head):
            return expected
        try:
            self._outbox.resume(expected, self._own)
        except ForeignChain as error:
            return Blocked(str(error))
        self._device.seal_all()
        return None

    async def _send(self, waiting: Waiting) -> Outcome:
        try:
            told = await self._collector.post_batch(waiting.packed)
        except CollectorSilent as error:
            self._on_sent(error.sent_bytes)
            return Later(str(error), silent=True)
        self._on_sent(told.sent_bytes)
        if told.status in KEPT:
            try:
                await self._keys.look_at(told.fields.get("receipt"))
            except TwoSuccessors as error:
                return Blocked(f"the collector's receipt is not believed: it shows {error}; ask who runs it")
            except (CollectorSilent, Malformed) as error:
                return Later(
                    f"the receipt is not by the collector's key, and nothing leads to the one it is by: {error}"
                )
        return understand(told, waiting, self._keys.keys)

    def _note(self, trouble: Later | Blocked | None) -> None:
        """Keep since when nothing was taken; written only when that changes."""
        with contextlib.suppress(StateUnusable):  # a full disk is no news of the collector's
            since = self._outbox.kept(STUCK)
            if trouble is None and since is not None:
                self._outbox.drop(STUCK)
            is_revoked = isinstance(trouble, Blocked) and trouble.error == REVOKED
            if not isinstance(trouble, Later) and is_revoked != (self._outbox.kept(REVOKED) is not None):
                self._outbox.keep(REVOKED, b"1") if is_revoked else self._outbox.drop(REVOKED)
            now_us = 0 if self._device is None else self._device.clock.wall_us()
            if trouble is not None and since is None and now_us > BUILT_US:
                self._outbox.keep(STUCK, b"%d" % now_us)

    async def send_complaints(self) -> Later | Blocked | None:
        """Send the complaints that wait; one that is refused does not hold back the others."""
        refused: Blocked | None = None
        for number, line in self._outbox.unsent_complaints():
            try:
                told = await self._collector.post_complaint(line)
            except CollectorSilent as error:
                self._on_sent(error.sent_bytes)
                return Later(str(error))
            self._on_sent(told.sent_bytes)
            if told.status not in KEPT:
                why = why_of(told)
                if not is_refusal(told):
                    return Later(why, told.retry_after_us)
                refused = Blocked(f"the complaint was refused: {why}")
                continue
            self._outbox.complaint_sent(number)
        return refused
