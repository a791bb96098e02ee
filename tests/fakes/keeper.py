"""A collector in memory for the outbox's tests: keeps a chain and freezes a forked key, as the real one does. No socket.

It speaks as `probe.net.collector.Collector` does; `drive` runs what waits for nothing, without an event loop.
"""

import copy
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from strategies import COLLECTOR, DEVICE, ring

from probe.errors import CollectorSilent
from probe.net.collector import Told
from probe.packed import Packed
from shared import strictjson
from shared.batch import OpenedBatch, open_batch
from shared.chain import START, Head, follow
from shared.errors import ChainFork, ChainGap
from shared.receipt import make_receipt

T = TypeVar("T")


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits; what it returns."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("it waited")


@dataclass
class Keeper:
    """What it keeps, in order, and how it behaves: `is_away` hears nothing, `is_mute` keeps but does not say so."""

    head: Head = START
    kept: list[OpenedBatch] = field(default_factory=list)
    receipts: dict[str, strictjson.JsonObject] = field(default_factory=dict)
    complaints: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    is_frozen: bool = False
    is_away: bool = False
    is_mute: bool = False

    def copy(self) -> "Keeper":
        """Give another that knows the same."""
        return copy.deepcopy(self)

    @property
    def seqs(self) -> list[int]:
        """The number of every record it keeps, in order of arrival."""
        return [record.seq for one in self.kept for record in one.records]

    @property
    def lost(self) -> int:
        """How many numbers were said to be lost."""
        return sum(one.said.lost for one in self.kept)

    async def post_batch(self, packed: Packed) -> Told:
        """Take a batch, or say what is waited for."""
        if self.is_away:
            raise CollectorSilent("nobody there")
        told = self._take(open_batch(packed.body, ring(DEVICE)), len(packed.gzip))
        if self.is_mute:
            raise CollectorSilent("the answer was lost", len(packed.gzip))
        return told

    def _take(self, opened: OpenedBatch, sent_bytes: int) -> Told:
        if self.is_frozen:
            return Told(403, {"error": "frozen_key"}, 0, sent_bytes)
        if opened.pae_sha256 in self.receipts:
            return Told(200, {"receipt": self.receipts[opened.pae_sha256]}, 0, sent_bytes)
        try:
            self.head = follow(self.head, opened.said, opened.pae_sha256)
        except (ChainFork, ChainGap) as error:
            self.refused.append(error.error)
            self.is_frozen = isinstance(error, ChainFork) and error.step == 11
            waits = {"expect_batch": self.head.batch, "expect_seq": self.head.seq, "head": self.head.pae_sha256}
            return Told(409, {"error": error.error, "detail": error.detail, **waits}, 0, sent_bytes)
        self.kept.append(opened)
        receipt = strictjson.decode(make_receipt(opened, 5, COLLECTOR))
        self.receipts[opened.pae_sha256] = receipt
        return Told(201, {"receipt": receipt}, 0, sent_bytes)

    async def post_complaint(self, line: bytes) -> Told:
        """Take a complaint, once."""
        if self.is_away:
            raise CollectorSilent("nobody there")
        is_new = line not in self.complaints
        self.complaints += [line] if is_new else []
        return Told(201 if is_new else 200, {})
