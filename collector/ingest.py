"""Taking in a batch: verify, append to the ledger, answer with the receipt. Nothing is acknowledged that is not on disk."""

import asyncio
from dataclasses import dataclass
from weakref import WeakValueDictionary

from collector.errors import IndexUnusable
from collector.ledger.frame import Draft, EntryKind
from collector.services import Services
from collector.verify import Accepted, Repeated, Verified, verify
from shared import strictjson
from shared.batch import OpenedBatch, open_batch
from shared.errors import ChainFork, Refused
from shared.receipt import make_receipt


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe is told of a batch that is kept: its receipt, and whether it was kept just now."""

    receipt: bytes
    is_new: bool


class Ingest:
    """The entrance for batches. One batch of a device at a time; devices do not wait for each other."""

    def __init__(self, services: Services) -> None:
        """Take in batches for these services, from one event loop."""
        self._services = services
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def take(self, body: bytes) -> Answer:
        """Keep a batch and give its receipt; raises a Refused naming the step, or StorageFull."""
        opened = open_batch(body, self._services.registry.key_of)
        lock = self._locks.setdefault(opened.said.dev, asyncio.Lock())
        async with lock:
            self._services.registry.key_of(opened.said.dev)  # another batch may have frozen the key meanwhile
            try:
                verified = verify(
                    opened, self._services.registry.devices[opened.said.dev].head, await self._earlier(opened)
                )
            except ChainFork as refusal:
                await self._keep_aside(opened, refusal)
                raise
            if isinstance(verified, Repeated):
                return Answer(verified.receipt, is_new=False)
            return Answer(await self._keep(verified), is_new=True)

    async def _earlier(self, opened: OpenedBatch) -> Accepted | None:
        """The batch accepted before under this number, if there is one."""
        services, said = self._services, opened.said
        if said.batch >= services.registry.devices[said.dev].head.batch:
            return None
        await asyncio.to_thread(services.indexer.caught_up, services.registry.applied_no)
        earlier = await asyncio.to_thread(services.store.accepted, said.dev, said.batch)
        if earlier is None:  # the ledger has it: an index that lost a row must not pass for a forked chain
            raise IndexUnusable(f"batch {said.batch} of this device is in the ledger and not in the index; rebuild it")
        entry = await asyncio.to_thread(services.entry_at, earlier.place)
        return Accepted(earlier.pae_sha256, strictjson.encode(entry.meta["receipt"]))

    async def _keep(self, verified: Verified) -> bytes:
        opened, services = verified.opened, self._services
        receipt = make_receipt(opened, services.clock.wall_us(), services.collector_key)
        meta: strictjson.JsonObject = {
            "batch": opened.said.batch,
            "dev": opened.said.dev,
            "head": opened.pae_sha256,
            "last_seq": opened.said.last_seq,
            "receipt": strictjson.decode(receipt),
        }
        entry = await asyncio.wrap_future(services.ledger.append(Draft(EntryKind.BATCH, meta, opened.body)))
        services.registry.apply(entry)
        return receipt

    async def _keep_aside(self, opened: OpenedBatch, refusal: Refused) -> None:
        """Keep a forking batch as evidence, one of a kind; a second batch of one number (step 11) also freezes the key."""
        said, services = opened.said, self._services
        freezes = refusal.step == 11  # noqa: PLR2004 - the step's number in FORMAT.md
        if (said.dev, said.batch, freezes) in services.registry.refused:
            return
        meta: strictjson.JsonObject = {
            "batch": said.batch,
            "dev": said.dev,
            "error": refusal.error,
            "freeze": freezes,
        }
        entry = await asyncio.wrap_future(services.ledger.append(Draft(EntryKind.REFUSED, meta, opened.body)))
        services.registry.apply(entry)
