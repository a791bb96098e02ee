"""A book whose chains other ledgers share: the catalog decides, and nothing is in the ledger that it has not confirmed.

A group takes a turn in the catalog (`ledger.shared`): its devices are locked, its sheets are decided by what stands there, and
written and fsynced; then the catalog is told, in one transaction, and only after that is anybody else. So:

    cut off before the fsync                 a torn end, or nothing
    between it and the catalog's commit      entries that nobody was told of. At the next start they are behind what the catalog
                                             and the mark (`ledger.mark`) say is confirmed, and are taken back
    the commit was not answered              nobody is told, and nothing more is written, until the catalog has said what became
                                             of it; by then whoever held the devices has let go of them
    between the commit and the answer        confirmed: sent again, here or elsewhere, it is a repeat

A catalog that knows less than the mark has forgotten (an older backup, an empty one): it is told again what this ledger holds.
One that knows more shows that the ledger has lost what was acknowledged, and stops the start.
"""

import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from collector import quickjson
from collector.clock import Clock
from collector.errors import ArchiveAway, CatalogAway, LedgerDamaged, Misdirected, Outrun, StorageFull
from collector.ledger.book import Book
from collector.ledger.chains import Chains, Repeat, Standing
from collector.ledger.frame import OF_THE_INDEX, Entry, EntryKind, Sheet
from collector.ledger.group import Group, Outcome
from collector.ledger.mark import NO_FIRST, Mark, first_of, read_mark, take_back
from collector.ledger.segments import SEGMENT_BYTES, Place, mend, read_at
from collector.ledger.shared import Change, SharedChains, Stood, Turn, devs_of, locks_of, room_of
from collector.ledger.snapshot import GROWN_BYTES
from collector.log.key import LogKey
from shared.strictjson import JsonObject

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Deciding:
    """What a group is decided by: a turn, and the receipts of what it has already written itself."""

    turn: Turn
    receipts: dict[str, bytes]
    rooms: set[frozenset[EntryKind]]  # in which it has written something


def open_book(
    folder: Path,
    clock: Clock,
    shared: SharedChains | None,
    segment_bytes: int = SEGMENT_BYTES,
    *,
    reserve_bytes: int = 0,
    measured: Callable[[int, float], None] = lambda _entries, _seconds: None,
    log_key: LogKey | None = None,
) -> Book:
    """The book of a collector alone, or of one that shares its chains; raises what they do."""
    if shared is None:
        return Book(folder, clock, segment_bytes, reserve_bytes=reserve_bytes, measured=measured, log_key=log_key)
    return SharedBook(
        folder, clock, shared, segment_bytes, reserve_bytes=reserve_bytes, measured=measured, log_key=log_key
    )


class SharedBook(Book):
    """A ledger folder, open for its one writer, as one of several that share a catalog."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        shared: SharedChains,
        segment_bytes: int = SEGMENT_BYTES,
        snapshot_every: int = GROWN_BYTES,
        *,
        reserve_bytes: int = 0,
        measured: Callable[[int, float], None] = lambda _entries, _seconds: None,
        log_key: LogKey | None = None,
    ) -> None:
        """Open the folder, take back what was never confirmed, tell the catalog what it has forgotten.

        Raises what `Book` does, AlreadyRunning if another process has the stream, CatalogAway.
        """
        self._shared = shared
        self._doubt: tuple[Group, Chains] | None = None  # written, and not known whether confirmed
        self._deciding: _Deciding | None = None
        self._confirmed_no, self._first = 0, NO_FIRST
        try:
            super().__init__(
                folder,
                clock,
                segment_bytes,
                snapshot_every,
                reserve_bytes=reserve_bytes,
                measured=measured,
                log_key=log_key,
            )
        except BaseException:
            shared.close()
            raise
        try:
            self._mark = Mark(folder, self.last_no, self._first)
            self.chains.is_part = True
            self._mark.put(self.last_no, self._first)
            if self._confirmed_no < self.last_no:
                self._fill()
        except BaseException:
            super().close()
            shared.close()
            raise

    @property
    def is_in_doubt(self) -> bool:
        """Whether the catalog has not said what became of the last group."""
        return self._doubt is not None

    def close(self) -> None:
        """Let go of the files and of the stream; a group in doubt is asked for once more, since others may rest on it."""
        if self.is_in_doubt:
            with contextlib.suppress(LedgerDamaged):  # the next start tells
                self._commit([])
        super().close()
        self._mark.close()
        self._shared.close()

    def key_of(self, dev: str) -> bytes:
        """The key (SPKI DER) of a device that may be taken from; raises UnknownKey, FrozenKey or CatalogAway."""
        stood = self._shared.stood(dev)
        known = {} if stood is None else {dev: stood.standing}
        return Chains(known).standing_of(dev).spki

    def _mended(self) -> tuple[Place, int]:
        place, torn_bytes = mend(self.folder)
        mark_no, self._first = read_mark(self.folder) or (place.no - 1, NO_FIRST)
        if self._first == NO_FIRST and place.no > 1:
            self._first = first_of(self.folder)
        confirmed_no = self._shared.begin(self._first)
        kept_no = max(confirmed_no, mark_no)
        if kept_no > place.no - 1:
            raise LedgerDamaged(
                f"the ledger ends with entry {place.no - 1}, and up to {kept_no} was confirmed and perhaps acknowledged: "
                "restore the newest backup of this folder; if what is missing is lost, begin a new folder with another stream"
            )
        self._confirmed_no = confirmed_no
        back = take_back(self.folder, place, kept_no)
        if back.no == 1:
            self._first = NO_FIRST
        if back.offset < place.offset:
            log.warning("took back %d entries that were never confirmed or acknowledged", place.no - back.no)
        return back, torn_bytes + place.offset - back.offset

    def _commit(self, sheets: Sequence[Sheet]) -> list[Outcome]:
        try:
            if self._confirmed_no < self.last_no:
                self._fill()
            devs, control = locks_of(sheets)
            with self._shared.turn(devs, control=control) as turn:
                self._settle(turn)
                return self._decided(turn, sheets)
        except CatalogAway as error:
            return [error] * len(sheets)

    def _settle(self, turn: Turn) -> None:
        """See what became of the group before, if that is not known, and that the catalog stands where this ledger does."""
        if self._doubt is not None:
            group, chains = self._doubt
            self._doubt = None
            if turn.no == group.ends.no - 1:
                self._confirmed(group, chains)
            else:
                self._undo(group)
        if turn.no > self.last_no:
            raise LedgerDamaged(f"the catalog has confirmed entry {turn.no}, this ledger ends with {self.last_no}")
        if turn.no < self.last_no:
            self._confirmed_no = turn.no
            raise CatalogAway("the catalog has forgotten what it knew of this ledger and is told again; send it again")

    def _decided(self, turn: Turn, sheets: Sequence[Sheet]) -> list[Outcome]:
        chains = Chains({dev: stood.standing for dev, stood in turn.stood.items()})
        self._deciding = _Deciding(turn, {}, set())
        group = self._written(sheets, chains)
        if isinstance(group, StorageFull):
            return [group] * len(sheets)
        if not group.placed:
            return group.in_order()
        self._doubt = group, chains  # from here on, whatever goes wrong: it is on disk
        turn.confirm(self._change(group, turn))
        self._doubt = None
        self._confirmed(group, chains)
        return group.in_order()

    def _instead(self, sheet: Sheet, at: tuple[str, int], group: Group) -> Outcome | None:
        deciding, link = self._deciding, sheet.link
        if deciding is None:
            raise AssertionError
        if link is None:
            return super()._instead(sheet, at, group) if sheet.kind in OF_THE_INDEX else _outrun(sheet, deciding)
        stood = deciding.turn.stood.get(link.dev)
        if stood is not None and stood.signer != self._shared.signer:
            return Misdirected(
                f"device {link.dev[:16]}… was enrolled at a collector that signs its receipts with key {stood.signer[:16]}…, "
                "and would not believe one from here; collectors that take the same devices have the same keys"
            )
        instead = super()._instead(sheet, at, group)
        if instead is None:
            deciding.receipts[link.dev] = quickjson.encode(_receipt(sheet.meta))
        elif isinstance(instead, Repeat):
            return self._repeated(instead, deciding.receipts.get(link.dev), stood)
        return instead

    def _repeated(self, repeat: Repeat, receipt: bytes | None, stood: Stood | None) -> Outcome:
        """A repeat with the receipt that was given; of a batch of this ledger it need not be there."""
        told = receipt or (b"" if stood is None else stood.receipt)
        if not told and stood is not None and stood.stream != self._shared.stream:
            return ArchiveAway(
                f"the receipt for this batch is in the ledger of another collector, stream {stood.stream}"
            )
        return Repeat(repeat.segment, repeat.offset, told)

    def _change(self, group: Group, turn: Turn) -> Change:
        """What the catalog is to be told of a group."""
        deciding = self._deciding
        if deciding is None:
            raise AssertionError
        heads: dict[str, Stood] = {}
        others = [one.entry for one in group.placed if one.sheet.kind not in OF_THE_INDEX]
        after = Chains(dict(group.chains.standings))
        for entry in others:
            after.apply(entry)
        places = {one.successor: dev for dev, one in after.standings.items() if one.successor}
        for dev in {*group.undo, *chain.from_iterable(map(devs_of, others))}:
            before = turn.stood.get(dev, turn.stood.get(places.get(dev, "")))
            if dev in deciding.receipts:
                heads[dev] = Stood(
                    after.standings[dev], self._shared.signer, self._shared.stream, deciding.receipts[dev]
                )
            elif before is None:
                heads[dev] = Stood(after.standings[dev], self._shared.signer, self._shared.stream)
            else:
                heads[dev] = Stood(after.standings[dev], before.signer, before.stream, before.receipt)
        first = group.placed[0]
        if first.spot.no == 1:
            self._first = hashlib.sha256(first.sheet.frame(1, first.spot.at_us, first.tree)).hexdigest()
        return Change(heads, others, group.ends.no - 1, self._first)

    def _confirmed(self, group: Group, chains: Chains) -> None:
        """Go on behind a group that the catalog has confirmed."""
        self.chains.standings |= {dev: chains.standings[dev] for dev in group.undo}
        self._keep(group)
        self._confirmed_no = self.last_no
        self._mark.put(self.last_no, self._first)

    def _fill(self) -> None:
        """Tell the catalog what it does not know of this ledger; raises CatalogAway."""
        log.warning("the catalog knows entries up to %d of %d: it is told the rest", self._confirmed_no, self.last_no)
        heads = ((dev, self._stood(standing)) for dev, standing in self.chains.standings.items())
        forks = self._shared.fill(heads, self._others_after(self._confirmed_no), self.last_no, self._first)
        if forks:
            log.error("%d chains have another batch at another collector under a number that is taken here", forks)
        self._confirmed_no = self.last_no
        self._mark.put(self.last_no, self._first)

    def _stood(self, standing: Standing) -> Stood:
        """Where a device stands by this ledger alone; of an archived batch the receipt is not fetched."""
        segment, offset = standing.newest_at
        if not segment or not (self.folder / segment).exists():
            return Stood(standing, self._shared.signer, self._shared.stream)
        receipt = _receipt(read_at(self.folder, segment, offset).meta)
        return Stood(standing, self._shared.signer, self._shared.stream, quickjson.encode(receipt))

    def _others_after(self, no: int) -> list[Entry]:
        """Entries of this ledger after a number that are no batches, in order."""
        found: list[Entry] = []
        for place in reversed(self.chains.others):
            entry = read_at(self.folder, *place)
            if entry.no <= no:
                break
            found.append(entry)
        return found[::-1]


def _receipt(meta: JsonObject) -> JsonObject:
    receipt = meta.get("receipt")
    return receipt if isinstance(receipt, dict) else {}


def _outrun(sheet: Sheet, deciding: _Deciding) -> Outrun | None:
    """What comes of an entry that is no batch, if another of its room has come since it was made."""
    room = room_of(sheet.kind)
    if sheet.seen is not None and (room in deciding.rooms or deciding.turn.newest(sheet.kind) > sheet.seen):
        return Outrun("another collector was faster again and again; send it again")
    deciding.rooms.add(room)
    return None
