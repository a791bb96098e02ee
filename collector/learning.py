"""Keeping the registry up with what is no batch: from the own ledger alone, or from all ledgers that share a catalog.

Shared, the registry is a fold over the catalog's one order, so it is the same at every collector, but for what was removed from
the own ledger: whatever is kept here is learnt from there too. It is looked at every second, and at once when something is
asked for that is not known.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from collector.catalog.control import MOST, Ask, control_after
from collector.errors import IndexUnusable, Outrun
from collector.ledger.frame import Draft, Entry, EntryKind
from collector.ledger.port import LedgerPort
from collector.ledger.segments import read_at
from collector.registry import Registry
from shared.errors import SpeedproofError

_LOOK_S: Final = 1.0
_TRIES: Final = 16
# What others have of these is not heard of.
_OF_ONE_LEDGER: Final = frozenset({EntryKind.RETENTION, EntryKind.SERVER_KEY, EntryKind.NEXT_LOG})
T = TypeVar("T")
log = logging.getLogger(__name__)


class Learning(Protocol):
    """How a registry hears of entries. Safe to use from any thread."""

    @property
    def seen(self) -> int | None:
        """The newest entry of all collectors that the registry knows; None for a collector alone, who knows all there is."""

    def learn(self) -> None:
        """Take in whatever has come."""

    def kept(self, entry: Entry) -> None:
        """Take in an entry that was kept here just now, and whatever came before it."""

    def start(self) -> None:
        """Go on learning in the background."""

    def close(self) -> None:
        """Stop that."""


class Alone:
    """One collector: what is in its ledger is all there is."""

    seen = None

    def __init__(self, registry: Registry, ledger: LedgerPort) -> None:
        """Learn what the ledger holds."""
        self._registry = registry
        for segment, offset in ledger.others():
            registry.apply(read_at(ledger.folder, segment, offset))

    def learn(self) -> None:
        """Nothing can have come."""

    def kept(self, entry: Entry) -> None:
        """Take it in."""
        self._registry.apply(entry)

    def start(self) -> None:
        """Nothing can come."""

    def close(self) -> None:
        """Nothing was begun."""


class Together:
    """One of several collectors."""

    def __init__(
        self, registry: Registry, ask: Ask, let_go: Callable[[], None] = lambda: None, stream: int = 0
    ) -> None:
        """Learn what the catalog holds; raises IndexUnusable. `let_go` is called in the end; `stream` is the own ledger."""
        self._registry, self._ask, self._let_go, self._stream = registry, ask, let_go, stream
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._seen, registry.of_many = 0, True
        self.learn()

    @property
    def seen(self) -> int | None:
        """The newest entry of all collectors that the registry knows."""
        return self._seen

    def learn(self) -> None:
        """Take in whatever has come; raises IndexUnusable."""
        with self._lock:
            while True:
                found = control_after(self._ask, self._seen)
                for control in found:
                    if control.entry.kind not in _OF_ONE_LEDGER or control.stream == self._stream:
                        self._registry.apply(control.entry, control.body_sha256)
                    self._seen = control.id
                if len(found) < MOST:
                    return

    def kept(self, entry: Entry) -> None:
        """The same: it was confirmed, so it is among what has come."""
        del entry
        self.learn()

    def start(self) -> None:
        """Go on learning in the background."""
        self._thread = threading.Thread(target=self._run, name="learning", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop that."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._let_go()

    def _run(self) -> None:
        is_away = False
        while not self._stopping.wait(_LOOK_S):
            try:
                self.learn()
                is_away = False
            except IndexUnusable as error:
                if not is_away:
                    log.warning("what other collectors keep is not heard of: %s", error)
                is_away = True
            except SpeedproofError:
                log.exception("an entry of another collector cannot be understood")


def keep(ledger: LedgerPort, learning: Learning, make: Callable[[], Draft | None]) -> Entry | None:
    """Keep what `make` makes of the registry as it is, None if that is nothing; made again when another came first.

    Raises what `make` and `LedgerPort.keep` raise, and Outrun if others are faster every time.
    """
    for _ in range(_TRIES):
        seen = learning.seen
        draft = make()
        if draft is None:
            return None
        try:
            entry = ledger.keep(replace(draft, seen=seen))
        except Outrun:
            learning.learn()
            continue
        learning.kept(entry)
        return entry
    raise Outrun("other collectors were faster again and again; try again")


def found(learning: Learning, look: Callable[[], T | None]) -> T | None:
    """What is looked for; if it is not there, once more after learning what has come."""
    there = look()
    if there is None and learning.seen is not None:
        learning.learn()
        there = look()
    return there
