"""Where every device's chain stands: what decides, at the moment of writing, whether a batch may be written.

Pure: a fold over the ledger's entries in order. Only the one who writes the ledger has it, so a chain stays one line
however many processes take in batches. The steps are those of FORMAT.md:

     3     the key is enrolled, not replaced, not revoked and not frozen, asked once more: that may have changed since it
           was looked up
     9     a repeat of the newest batch; one of an older batch only the index can tell from a fork
    11-13  the chain                            `shared.chain.follow`

A key that takes another's place goes on with its chain. What a rotation or a revocation changes holds from the next entry on,
also within one group.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from collector.ledger.changed import CHANGES, keys_in, revoked_in, rotated_in
from collector.ledger.enrolled import enrolled_spki
from collector.ledger.frame import OF_THE_INDEX, Entry, EntryKind, Link
from collector.log.leaves import leaf_in
from shared import statement
from shared.chain import START, Head, follow
from shared.dsse import read_envelope
from shared.errors import ChainFork, FrozenKey, Malformed, RevokedKey, UnknownKey
from shared.statement import Kind
from shared.tree import Edge, leaf_hash

_NOWHERE: Final = ("", 0)
WAS_REVOKED: Final = "this key was revoked; enrol the device anew with a new code"
WAS_REPLACED: Final = "another key took this one's place"


@dataclass(frozen=True, slots=True)
class Standing:
    """One key (SPKI DER): its chain's head, where that batch stands in the ledger, and why it may sign no more.

    It was frozen, or revoked, or another one took its place.
    """

    spki: bytes
    head: Head = START
    newest_at: tuple[str, int] = _NOWHERE  # segment, offset
    frozen: bool = False
    revoked: bool = False
    successor: str = ""  # the id of the key that took its place


@dataclass(frozen=True, slots=True)
class Repeat:
    """The newest batch of its chain once more: it was written here, with the receipt that was given for it.

    With a `receipt` it may have been written by another collector.
    """

    segment: str
    offset: int
    receipt: bytes = field(default=b"", compare=False)


@dataclass(frozen=True, slots=True)
class Older:
    """A batch below the newest but one: a repeat or a fork, which only the index can tell."""

    head: Head

    @property
    def as_fork(self) -> ChainFork:
        """What it is once the index has told that another one was accepted under its number (step 11)."""
        return ChainFork(11, "another batch of this number was accepted before", self.head.expected)


@dataclass(slots=True)
class Chains:
    """The state after the entries applied so far.

    `is_part`: other ledgers hold batches and enrolments of these devices too. It is then no state to decide by.
    """

    standings: dict[str, Standing] = field(default_factory=dict)
    refused: set[tuple[str, int, bool]] = field(default_factory=set)  # batches kept aside; whether that froze the key
    others: list[tuple[str, int]] = field(
        default_factory=list
    )  # where every entry stands that not only the index knows, in order
    is_part: bool = False
    edge: Edge = field(default_factory=Edge)  # of the log's tree

    def admit(self, link: Link) -> Standing | Repeat | Older:
        """What the device's standing will be with this batch, but for the batch's own spot; or what it is instead.

        Raises UnknownKey, RevokedKey, FrozenKey, ChainFork or ChainGap.
        """
        standing = self.standing_of(link.dev)
        head = standing.head
        if link.batch == head.batch - 1 and link.pae_sha256 == head.pae_sha256:
            return Repeat(*standing.newest_at)
        if link.batch < head.batch - 1:
            return Older(head)
        return replace(standing, head=follow(head, link, link.pae_sha256))

    def standing_of(self, dev: str) -> Standing:
        """A key that may be taken from; raises UnknownKey, RevokedKey or FrozenKey (step 3)."""
        standing = self.standings.get(dev)
        if standing is None:
            raise UnknownKey(3, f"no device with key {dev[:16]}… is enrolled here")
        if standing.revoked:
            raise RevokedKey(3, WAS_REVOKED)
        if standing.successor:
            raise RevokedKey(3, WAS_REPLACED)
        if standing.frozen:
            raise FrozenKey(3, "this key signed two different batches of one number; enrol the device anew")
        return standing

    def check(self, entry: Entry) -> None:
        """See that `apply` will take an entry that is no batch; raises Malformed or KeyError.

        A rotation by a key that may sign no more raises RevokedKey, FrozenKey or UnknownKey; a revocation of one that was
        replaced RevokedKey: it is the key in force that has to be named.
        """
        if entry.kind is EntryKind.ENROLMENT:
            _enrolled(entry)
        elif entry.kind is EntryKind.REFUSED:
            statement.integer(entry.meta, "batch")
            if entry.meta.get("freeze"):
                self.standings[statement.sha256_hex(entry.meta, "dev")]
        elif entry.kind is EntryKind.ROTATION:
            old, new = rotated_in(entry.body)
            self.standing_of(old)
            if new.key_id in self.standings:
                raise Malformed("a key takes another's place that is known already")
        elif entry.kind is EntryKind.REVOCATION and self.standings[revoked_in(entry.body)].successor:
            raise RevokedKey(3, WAS_REPLACED)

    def grow(self, entry: Entry) -> None:
        """Take in an entry as a leaf of the log, if it is one; raises Malformed."""
        leaf = leaf_in(entry)
        if leaf is None:
            return
        if entry.kind is EntryKind.NEXT_LOG:  # its first leaf
            self.edge = Edge()
        if entry.tree != self.edge.size:
            raise Malformed(f"leaf {entry.tree} of the log where {self.edge.size} has to come")
        self.edge.append(leaf_hash(leaf))

    def apply(self, entry: Entry) -> None:
        """Take in one entry; raises Malformed or KeyError if it says what cannot be."""
        spot = (entry.segment, entry.offset)
        if entry.kind not in OF_THE_INDEX:
            self.others.append(spot)
        match entry.kind:
            case EntryKind.ENROLMENT:
                dev, spki = _enrolled(entry)
                known = self.standings.setdefault(dev, Standing(spki))  # enrolled twice, its chain goes on
                if not known.spki:
                    self.standings[dev] = replace(known, spki=spki)
            case EntryKind.BATCH:
                dev = statement.sha256_hex(entry.meta, "dev")
                head = Head(
                    statement.integer(entry.meta, "batch") + 1,
                    statement.integer(entry.meta, "last_seq") + 1,
                    statement.sha256_hex(entry.meta, "head"),
                )
                self.standings[dev] = replace(self._known(dev), head=head, newest_at=spot)
            case EntryKind.REFUSED:
                dev, freezes = statement.sha256_hex(entry.meta, "dev"), bool(entry.meta.get("freeze"))
                self.refused.add((dev, statement.integer(entry.meta, "batch"), freezes))
                if freezes:
                    self.standings[dev] = replace(self._known(dev), frozen=True)
            case _ if entry.kind in CHANGES:
                self.change(entry)
            case _:
                pass

    def touched(self, entry: Entry) -> Iterator[str]:
        """The keys whose standing a rotation or a revocation changes; raises Malformed."""
        if entry.kind is EntryKind.ROTATION:
            yield from keys_in(entry)
            return
        dev = revoked_in(entry.body)
        yield dev
        while (standing := self.standings.get(dev)) is not None and standing.successor in self.standings:
            dev = standing.successor
            yield dev

    def change(self, entry: Entry) -> None:
        """What a rotation or a revocation changes; a second time nothing. Raises Malformed or KeyError."""
        if entry.kind is EntryKind.REVOCATION:
            self._revoke(revoked_in(entry.body))
            return
        old, new = rotated_in(entry.body)
        before = self._known(old)
        if before.successor != new.key_id:
            self.standings[old] = replace(before, successor=new.key_id)
            self.standings[new.key_id] = replace(before, spki=new.spki)

    def _revoke(self, dev: str) -> None:
        """Nothing is taken any more from a key, nor from those that took its place."""
        standing: Standing | None = self._known(dev)
        while standing is not None and not standing.revoked:
            self.standings[dev] = replace(standing, revoked=True)
            dev = standing.successor
            standing = self.standings.get(dev)

    def _known(self, dev: str) -> Standing:
        """A device's standing; one that was enrolled elsewhere has no key here. Raises KeyError."""
        return self.standings.setdefault(dev, Standing(b"")) if self.is_part else self.standings[dev]


def _enrolled(entry: Entry) -> tuple[str, bytes]:
    """The device of an enrolment, and its key."""
    told = statement.read_statement(read_envelope(entry.body[:-1]).payload, Kind.ENROL)
    return told.subject_sha256, enrolled_spki(told)
