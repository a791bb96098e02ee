"""The entrance of the process that has the index: it can tell an older repeat from a fork, and keeps forks aside."""

import asyncio

from collector.entrance import Answer, Entrance, receipt_of
from collector.errors import IndexLags, IndexUnusable
from collector.ledger.chains import Older, Repeat
from collector.ledger.frame import Draft, Entry
from collector.ledger.port import Kept
from collector.ledger.segments import read_at
from collector.log.proofs import bundle_of
from collector.services import Services
from collector.verify import Verified
from shared.dsse import read_envelope
from shared.errors import ChainFork, UnknownKey

_TWO_OF_ONE_NUMBER = 11  # the step in FORMAT.md
_PROOF_S = 2.0


class Ingest:
    """Takes in batches for these services, from one event loop."""

    def __init__(self, services: Services) -> None:
        """Take in batches for these services."""
        self._services = services
        self._one_aside = asyncio.Lock()  # so that a fork is kept once, however often it comes
        self._entrance = Entrance(
            services.registry.key_of,
            self._append,
            services.clock,
            services.collector_key,
            services.log_key.public.whole_id,
            [one.key for one in services.config.witness],
        )

    async def _append(self, draft: Draft) -> Kept:
        return await asyncio.wrap_future(self._services.ledger.append(draft))

    async def take(self, body: bytes) -> Answer:
        """Keep a batch and give its receipt; raises a Refused naming the step, or StorageFull."""
        services, verified = self._services, await self._verified(body)
        try:
            answer = await self._entrance.keep(verified)
            match answer:
                case Answer():
                    return answer
                case Repeat(receipt=receipt) if receipt:  # perhaps another collector's, who has it in his log
                    return Answer(receipt, is_new=False)
                case Repeat(segment, offset):
                    entry = await asyncio.to_thread(read_at, services.ledger.folder, segment, offset)
                    return await self._again(entry, is_own=True)
                case Older():
                    return await self._earlier(verified, answer)
        except ChainFork as refusal:
            await self._keep_aside(verified, refusal)
            raise

    async def _verified(self, body: bytes) -> Verified:
        """A batch that holds by itself, by a key that may have been enrolled elsewhere just now."""
        try:
            return self._entrance.verified(body)
        except UnknownKey:
            if self._services.learning.seen is None:
                raise
            await asyncio.to_thread(self._services.learning.learn)
            return self._entrance.verified(body)

    async def _earlier(self, verified: Verified, older: Older) -> Answer:
        """The answer to a batch of a number that has long been taken: its receipt if it is that batch; raises ChainFork."""
        services, said = self._services, verified.opened.said
        newest_no = await asyncio.to_thread(services.ledger.newest_no)
        await asyncio.to_thread(services.indexer.caught_up, newest_no)
        earlier = await asyncio.to_thread(services.store.accepted, said.dev, said.batch)
        if earlier is None and services.learning.seen is not None:
            raise IndexLags(
                f"batch {said.batch} of this device is perhaps in a ledger that is not loaded yet; try again"
            )
        if earlier is None:  # the ledger has it: an index that lost a row must not pass for a forked chain
            raise IndexUnusable(f"batch {said.batch} of this device is in the ledger and not in the index; rebuild it")
        if earlier.pae_sha256 != verified.opened.pae_sha256:
            raise older.as_fork
        entry = await asyncio.to_thread(services.entry_at, earlier.place)
        return await self._again(entry, is_own=earlier.place.stream == services.config.stream)

    async def _again(self, entry: Entry, *, is_own: bool) -> Answer:
        """The first receipt for a batch that is kept, and the proof that it is in the log now, if that is at hand.

        The proof is of the envelope as it was kept: what was sent again may bear the other signature that fits.
        """
        services, bundle = self._services, None
        if entry.tree is not None and is_own and services.is_in_this_log(entry):
            proven = await asyncio.to_thread(services.witnesses.proven, entry.tree, _PROOF_S)
            if proven is not None:
                envelope = read_envelope(entry.body.partition(b"\n")[0])
                token = services.stamps.of_leaf(entry.tree)
                tokens = () if token is None else (token,)
                bundle = bundle_of(envelope, entry.signer, proven, services.log_key.public.whole_id, tokens)
        return Answer(receipt_of(entry), is_new=False, bundle=bundle)

    async def _keep_aside(self, verified: Verified, refusal: ChainFork) -> None:
        """Keep a forking batch as evidence, one of a kind; a second batch of one number also freezes the key."""
        said, services = verified.opened.said, self._services
        freezes = refusal.step == _TWO_OF_ONE_NUMBER

        def make() -> Draft | None:
            is_kept = (said.dev, said.batch, freezes) in services.registry.refused
            return None if is_kept else verified.kept_aside(refusal, freezes=freezes)

        async with self._one_aside:
            await asyncio.to_thread(services.keep, make)
