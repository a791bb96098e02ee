"""A catalog in memory that several ledgers share, with the faults a real one has: away, or away in the middle of a commit."""

import contextlib
import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace

from collector.errors import AlreadyRunning, BadRequest, CatalogAway
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.mark import NO_FIRST
from collector.ledger.shared import Change, Control, Stood, Turn, room_of


def nothing() -> None:
    """No fault."""


@dataclass
class FakeCatalog:
    """What is in it. `before_commit` and `after_commit` are called around a commit, and may raise."""

    heads: dict[str, Stood] = field(default_factory=dict)
    streams: dict[int, tuple[str, int]] = field(default_factory=dict)  # first entry, newest confirmed
    control: list[Control] = field(default_factory=list)
    writing: set[int] = field(default_factory=set)
    away: bool = False
    before_commit: Callable[[], None] = nothing
    after_commit: Callable[[], None] = nothing
    lock: threading.RLock = field(default_factory=threading.RLock)

    def ask(self) -> None:
        """Be there."""
        if self.away:
            raise CatalogAway("the catalog does not answer")

    def empty(self) -> None:
        """Forget everything."""
        self.heads.clear()
        self.streams.clear()
        self.control.clear()

    def tell(self, stream: int, entry: Entry) -> None:
        """One more entry that is no batch, unless it is there."""
        if all((one.stream, one.entry.no) != (stream, entry.no) for one in self.control):
            digest = hashlib.sha256(entry.body).hexdigest()
            self.control.append(Control(len(self.control) + 1, stream, entry, digest))


@dataclass
class FakeChains:
    """It, for the writer of one ledger."""

    catalog: FakeCatalog
    stream: int = 0
    signer: str = "5" * 64
    is_open: bool = False

    def begin(self, first: str) -> int:
        """Take the stream."""
        self.catalog.ask()
        if not self.is_open and self.stream in self.catalog.writing:
            raise AlreadyRunning("another collector writes this stream")
        self.is_open = True
        self.catalog.writing.add(self.stream)
        known, no = self.catalog.streams.setdefault(self.stream, (NO_FIRST, 0))
        if NO_FIRST not in (known, first) and known != first:
            raise BadRequest("this stream is another collector's ledger")
        return no

    @contextlib.contextmanager
    def turn(self, devs: Collection[str], *, control: bool) -> Iterator[Turn]:
        """Be alone."""
        with self.catalog.lock:
            self.catalog.ask()
            _, no = self.catalog.streams.setdefault(self.stream, (NO_FIRST, 0))
            stood = {dev: one for dev in devs if (one := self.stood(dev)) is not None}
            yield _Turn(self, no, stood, control)

    def stood(self, dev: str) -> Stood | None:
        """Where a device stands."""
        self.catalog.ask()
        found = self.catalog.heads.get(dev)
        return found if found is not None and found.standing.spki else None

    def fill(self, heads: Iterable[tuple[str, Stood]], others: Iterable[Entry], no: int, first: str) -> int:
        """Add what is not there."""
        with self.catalog.lock:
            self.catalog.ask()
            forks = 0
            for dev, told in heads:
                known = self.catalog.heads.get(dev, told)
                newer = told if known.standing.head.batch < told.standing.head.batch else known
                frozen = known.standing.frozen or told.standing.frozen
                standing = replace(
                    newer.standing,
                    spki=known.standing.spki or told.standing.spki,
                    frozen=frozen,
                    revoked=known.standing.revoked or told.standing.revoked,
                    successor=known.standing.successor or told.standing.successor,
                )
                self.catalog.heads[dev] = replace(newer, standing=standing, signer=known.signer)
                forks += (
                    known.standing.head.batch == told.standing.head.batch and known.standing.head != told.standing.head
                )
            for entry in others:
                self.catalog.tell(self.stream, entry)
            self.catalog.streams[self.stream] = first, no
            return forks

    def close(self) -> None:
        """Let go."""
        self.is_open = False
        self.catalog.writing.discard(self.stream)


@dataclass
class _Turn:
    chains: FakeChains
    no: int
    stood: dict[str, Stood]
    control: bool

    def newest(self, kind: EntryKind) -> int:
        """The newest entry of the room."""
        assert self.control
        return max((one.id for one in self.chains.catalog.control if one.entry.kind in room_of(kind)), default=0)

    def confirm(self, change: Change) -> None:
        """Make it so."""
        catalog = self.chains.catalog
        assert self.control or not change.others
        catalog.ask()
        catalog.before_commit()
        for dev, told in change.heads.items():
            known = catalog.heads.get(dev)
            if known is not None and not known.standing.spki:  # enrolled, and only its batches were known
                catalog.heads[dev] = replace(
                    known, standing=replace(known.standing, spki=told.standing.spki), signer=told.signer
                )
            else:
                catalog.heads[dev] = told
        for entry in change.others:
            catalog.tell(self.chains.stream, entry)
        catalog.streams[self.chains.stream] = change.first, change.no
        catalog.after_commit()
