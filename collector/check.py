"""Whether all still agree: seals with segments, entries with each other, batches with their keys, the index with the ledger.

Reads and changes nothing, also while a collector runs: what is looked at is the ledger up to its newest entry at the beginning.

    1  seals      each sealed segment is what was sealed, or has this collector's tombstone, whole, and named by an entry of the
                  ledger; each seal follows the one before it
    2  entries    every frame reads back, its body has its digest, numbers have no gap
    3  batches    each is signed by its enrolled key, follows the one before it, and its receipt is this collector's for it, by
                  the key that it used then; so is each enrolment the portal's; each key that took another's place is named by
                  that one, once;
                  of one whose records were removed by a rule that is still so, and nothing can be said of the records;
                  of collectors that share their chains the one before may be in another's ledger
    4  log        leaves are numbered without a gap, each signed by the key that its entry names, and their tree is that of the
                  checkpoint that was published; so are the trees that witnesses or an authority have seen, and its tokens
    5  index      it has every batch, under its identity, at its place, with all its records, and none besides; and none of
                  those that were removed
    6  rows       of all entries, or of some chosen by chance, every column of every row is what the ledger's entry becomes
                  (`checked_rows`)
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from collector import quickjson
from collector.checked_rows import RowCheck
from collector.errors import CollectorError, LedgerDamaged
from collector.ledger.changed import CHANGES, revoked_in
from collector.ledger.enrolled import enrolled_spki
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.inforce import InForce
from collector.ledger.names import seal_file, segments
from collector.ledger.removals import Removals, dev_of, sealed_batch
from collector.ledger.seals import NO_SEAL, Seal, seal_beside
from collector.ledger.segments import check_sealed, read_entries
from collector.log.checked import LeafCheck
from shared import statement, strictjson
from shared.batch import BatchStatement, open_batch
from shared.chain import START, Head, follow
from shared.dsse import read_envelope
from shared.errors import Malformed, Refused, UnknownKey
from shared.keys import PublicKey
from shared.receipt import read_receipt
from shared.revocation import read_revocation
from shared.rotation import Whose, read_rotation
from shared.statement import Kind
from shared.strictjson import MAX_INTEGER

STRETCH: Final = 20_000  # entries that are compared with the index at a time
Held = Callable[
    [int, int], Iterable[dict[str, Any]]
]  # what the index has of the entries after one number up to another
Elsewhere = Callable[[str], tuple[PublicKey, str] | None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """Something that does not agree, and where."""

    where: str
    what: str


@dataclass(slots=True)
class Check:
    """One check of one data folder."""

    ledger: Path
    keys: InForce
    last_no: int = MAX_INTEGER  # the newest entry to look at
    loaded_no: int = 0  # the newest one that is in the index
    held: Held = lambda _after_no, _up_to_no: ()
    elsewhere: Elsewhere | None = None  # of a ledger that is one of several: the keys enrolled at the others
    leaves: LeafCheck = field(default_factory=LeafCheck)
    rows: RowCheck = field(default_factory=RowCheck)
    segments: int = 0
    entries: int = 0
    batches: int = 0
    removals: Removals = field(default_factory=Removals)
    found: list[Found] = field(default_factory=list)
    _keys: dict[str, PublicKey] = field(default_factory=dict)
    _heads: dict[str, Head] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)  # of keys that took another's place: the device's first key
    _ended: dict[str, str] = field(default_factory=dict)  # of keys that may sign no more: why

    def run(self, progress: Progress) -> None:
        """Look at all of it; what does not agree is in `found`."""
        self._seals(progress)
        stretch: dict[int, Entry] = {}
        begun = 0
        for entry in self._entries():
            self.entries += 1
            self._leaf(entry)
            self.rows.entry(entry)
            if entry.kind is EntryKind.ENROLMENT:
                self._enrolment(entry)
            if entry.kind in CHANGES:
                self._changed(entry)
            if entry.kind is EntryKind.RETENTION:
                self._retention(entry)
            if entry.kind is EntryKind.SERVER_KEY:
                self._rotation(entry)
            if entry.kind is EntryKind.BATCH:
                self.batches += 1
                self._batch(entry)
                stretch[entry.no] = entry
            if entry.no - begun >= STRETCH:
                self._index(stretch, begun, entry.no)
                stretch, begun = {}, entry.no
                progress(entry.no, self.last_no, "entries")
        self._index(stretch, begun, self.last_no)
        self.found += [
            Found(name, "no entry of the ledger says that records were removed") for name in self.removals.unnamed()
        ]
        if self.last_no == self.entries:  # or what is missing may stand where nothing could be read
            self.found += [Found("keys", words) for words in self.keys.missing()]
        if (words := self.leaves.differs()) is not None:
            self.found.append(Found("log", words))
        progress(self.entries, self.entries, "entries")

    def _leaf(self, entry: Entry) -> None:
        try:
            self.leaves.entry(entry)
        except Malformed as error:
            self.found.append(Found(f"entry {entry.no}", f"a leaf of the log: {error}"))

    def _seals(self, progress: Progress) -> None:
        before = NO_SEAL
        try:
            sealed = [path for path in segments(self.ledger) if seal_file(self.ledger, int(path.stem)).exists()]
        except LedgerDamaged as error:
            self.found.append(Found("ledger", str(error)))
            return
        for number, path in enumerate(sealed, start=1):
            progress(number, len(sealed), path.name)
            try:
                seal = self._sealed(path)
            except CollectorError as error:
                self.found.append(Found(path.name, str(error)))
                continue
            if (seal.first_no, seal.prev) != (before.last_no + 1, before.identity):
                self.found.append(Found(f"{path.stem}.seal", "does not follow the seal before it"))
            before = seal
            self.segments += 1

    def _sealed(self, path: Path) -> Seal:
        seal = seal_beside(path)
        if seal is not None and self.removals.tomb(path, seal, self.keys.lines[Whose.COLLECTOR]):
            return seal
        return check_sealed(self.ledger, int(path.stem))

    def _retention(self, entry: Entry) -> None:
        try:
            self.removals.entry(entry)
        except Malformed as error:
            self.found.append(Found(f"entry {entry.no}", f"tells of no removal: {error}"))

    def _rotation(self, entry: Entry) -> None:
        try:
            self.keys.entry(entry)
        except Malformed as error:
            self.found.append(Found(f"entry {entry.no}", f"a rotation of a key: {error}"))

    def _entries(self) -> Iterator[Entry]:
        """All entries up to the newest; what cannot be read ends it, and is found."""
        try:
            for entry in read_entries(self.ledger):
                if entry.no > self.last_no:
                    return
                yield entry
        except CollectorError as error:
            self.found.append(Found("ledger", str(error)))

    def _enrolment(self, entry: Entry) -> None:
        try:
            envelope, portal = read_envelope(entry.body[:-1]), self.keys.key(Whose.PORTAL)
            payload = envelope.payload if portal is None else envelope.verified_by(portal)
            key = PublicKey.from_spki(enrolled_spki(statement.read_statement(payload, Kind.ENROL)))
        except Malformed as error:
            self.found.append(Found(f"entry {entry.no}", f"an enrolment that is none: {error}"))
            return
        self._keys[key.key_id] = key

    def _changed(self, entry: Entry) -> None:
        """A key took another's place, or was revoked: no batch of the old one may follow."""
        try:
            line = entry.body[:-1]
            if entry.kind is EntryKind.ROTATION:
                old = read_envelope(line).key_id
                rotation = read_rotation(line, Whose.DEVICE, self._key_of(old))
                new = rotation.new.key_id
                self._keys[new], self._names[new] = rotation.new, self._names.get(old, old)
                self._heads[new] = self._heads.get(old, START)
                self._ended[old] = "another key took its place"
            else:
                portal = self.keys.key(Whose.PORTAL)
                dev = revoked_in(entry.body) if portal is None else read_revocation(line, portal).dev
                self._ended[dev] = "it was revoked"
        except (Refused, Malformed) as error:
            self.found.append(Found(f"entry {entry.no}", f"a change of keys that is none: {error}"))

    def _batch(self, entry: Entry) -> None:
        try:
            said, pae_sha256 = self._said(entry)
            if said.dev in self._ended:
                raise Malformed(f"signed by a key of which this ledger says before that {self._ended[said.dev]}")
            self._heads[said.dev] = self._follow(said, pae_sha256)
            told = (said.dev, said.batch, said.last_seq, pae_sha256)
            if told != tuple(entry.meta.get(name) for name in ("dev", "batch", "last_seq", "head")):
                raise Malformed("its header says something else than it does")
            receipt = entry.meta.get("receipt")
            if not isinstance(receipt, dict):
                raise Malformed("it has no receipt")
            read_receipt(strictjson.encode(receipt), self.keys.collector, pae_sha256)
        except (Refused, Malformed) as error:
            self.found.append(Found(f"entry {entry.no} ({entry.segment} at byte {entry.offset})", f"a batch: {error}"))

    def _said(self, entry: Entry) -> tuple[BatchStatement, str]:
        """What the device signed, and its identity; with the records if they are there."""
        if entry.gone:
            return sealed_batch(entry, self._key_of(dev_of(entry)))
        opened = open_batch(entry.body, self._key_of, quickjson.decode, quickjson.records_in)
        return opened.said, opened.pae_sha256

    def _follow(self, said: BatchStatement, pae_sha256: str) -> Head:
        """The head after a batch; those in between may be in other ledgers. Raises ChainFork or ChainGap."""
        head = self._heads.get(said.dev, START)
        is_over_others = self.elsewhere is not None and said.batch > head.batch and said.first_seq >= head.seq
        return follow(Head(said.batch, said.first_seq, said.prev) if is_over_others else head, said, pae_sha256)

    def _key_of(self, dev: str) -> PublicKey:
        if dev not in self._keys and self.elsewhere is not None and (told := self.elsewhere(dev)) is not None:
            self._keys[dev], self._names[dev] = told
        if dev not in self._keys:
            raise UnknownKey(3, f"no device with key {dev[:16]}… was enrolled before it")
        return self._keys[dev]

    def _index(self, stretch: dict[int, Entry], after_no: int, up_to_no: int) -> None:
        self.found += [Found(where, what) for where, what in self.rows.differs(self.loaded_no)]
        up_to_no = min(up_to_no, self.loaded_no)
        if up_to_no <= after_no:
            return
        held = {int(row["entry_no"]): row for row in self.held(after_no, up_to_no)}
        for no, entry in stretch.items():
            row = held.pop(no, None)
            if no > up_to_no:
                continue
            if row is None:
                self.found.append(Found(f"entry {no}", "is not in the index"))
                continue
            dev = str(entry.meta.get("dev"))
            wanted = (
                self._names.get(dev, dev),
                entry.meta.get("batch"),
                entry.meta.get("head"),
                entry.segment,
                entry.offset,
            )
            if wanted != tuple(row[name] for name in ("dev", "batch", "pae_sha256", "segment", "offset")):
                self.found.append(Found(f"entry {no}", "is in the index as something else"))
            records = entry.body.count(b"\n") - 1
            if entry.gone:
                if row["found"] and entry.segment not in self.removals.unfinished:
                    self.found.append(Found(f"entry {no}", f"lost its records by a rule, the index has {row['found']}"))
            elif not row["n"] == row["found"] == records:
                self.found.append(
                    Found(f"entry {no}", f"has {records} records, the index {row['found']} of {row['n']}")
                )
        for no in held:
            self.found.append(Found(f"entry {no}", "is a batch in the index and none in the ledger"))
