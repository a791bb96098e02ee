"""The index follows the ledger: one thread loads what was committed, readers wait until it has caught up.

A second one puts in order what has arrived (`Store.compact`), which neither the first nor any reader has to wait for.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collector.errors import IndexLags
from collector.ledger.frame import Entry
from collector.ledger.port import LedgerPort
from collector.ledger.tail import Tail
from collector.store.port import Store
from shared.errors import SpeedproofError

_RETRY_S = 1.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much becomes one load: what comes in `gather_s`, less if `enough` entries wait or somebody does, at most `most`.

    A load is a transaction: a quarter second's entries cost little more than one.
    """

    gather_s: float = 0.25
    most: int = 512
    enough: int | None = None


LAKE_PACE = Pace(2.0, 2048, 512)  # of about 24 records: a lake's commit costs the same whatever is in it


class Indexer:
    """Loads ledger entries into a store, in order, exactly once, for ever trying again."""

    def __init__(
        self,
        ledger: LedgerPort,
        store: Store,
        stream: int = 0,
        pace: Pace | None = None,
        follow: Callable[[Sequence[Entry]], None] = lambda _entries: None,
    ) -> None:
        """Follow `ledger`, a stream of `store`, from where that stands; nothing runs before `start` or `catch_up`.

        `follow` is given what was loaded, and nothing at the start.
        """
        self._follow = follow
        self._ledger = ledger
        self._store = store
        self._stream, self._pace = stream, pace or Pace()
        self._loaded_no = store.loaded_no(stream)
        self._tail = Tail(ledger.folder, self._loaded_no)
        self._loaded_at_us = 0  # when the newest entry that is loaded was kept
        self._wanted_no = 0
        self._changed = threading.Condition()
        self.niceness = 0  # of its threads, where the system has one for each
        self._stopping = False
        self._loading = threading.RLock()
        self._thread: threading.Thread | None = None
        self._ordering: threading.Thread | None = None

    def start(self) -> None:
        """Load in the background from now on."""
        self._thread = threading.Thread(target=self._run, name="index", daemon=True)
        self._thread.start()
        self._ordering = threading.Thread(target=self._order, name="index order", daemon=True)
        self._ordering.start()

    def wake(self) -> None:
        """Say that the ledger has grown."""
        with self._changed:
            self._changed.notify_all()

    def catch_up(self) -> None:
        """Load everything there is, now, in this thread."""
        self._follow(())
        while self._loaded_no < self._ledger.last_no:
            self._load()

    def caught_up(self, no: int, timeout_s: float = 10.0) -> None:
        """Return once entry `no` is in the index; raises IndexLags after `timeout_s`."""
        if not self.comes_to(no, timeout_s):
            raise IndexLags(f"the index holds entries up to {self._loaded_no}, {no} was asked for; try again")

    def comes_to(self, no: int, timeout_s: float) -> bool:
        """Wait until entry `no` is in the index, but no longer than that; whether it is."""
        if self._thread is None:
            self.catch_up()
            return True
        with self._changed:
            self._wanted_no = max(self._wanted_no, no)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._loaded_no >= no, timeout_s)

    def behind(self, newest_no: int, now_us: int) -> tuple[int, float]:
        """How many entries up to this one are not in the index, and how old (s) the newest one in it is, if there are any."""
        behind = max(0, newest_no - self._loaded_no)
        return behind, max(0, now_us - self._loaded_at_us) / 1e6 if behind else 0.0

    def close(self) -> None:
        """Stop loading; what is left is loaded at the next start."""
        self._stopping = True
        self.wake()
        for thread in (self._thread, self._ordering):
            if thread:
                thread.join()

    def _load(self) -> None:
        entries = self._tail.read(self._ledger.last_no, self._pace.most)
        with self._loading:
            self._store.load(entries, self._stream)
        self._follow(entries)
        with self._changed:
            self._loaded_no += len(entries)
            self._loaded_at_us = entries[-1].at_us if entries else self._loaded_at_us
            self._changed.notify_all()

    def _step_back(self) -> None:
        """Let others have the processor first: what is acknowledged is in the ledger, and the index can come after."""
        if self.niceness and hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self.niceness)

    def _is_time(self) -> bool:
        """Whether to gather no longer."""
        enough = self._pace.enough
        is_enough = enough is not None and self._ledger.last_no - self._loaded_no >= enough
        return self._stopping or self._loaded_no < self._wanted_no or is_enough

    def _run(self) -> None:
        self._step_back()
        self._follow(())
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._loaded_no < self._ledger.last_no, 60)
                self._changed.wait_for(self._is_time, self._pace.gather_s)
            last_no = self._ledger.last_no
            try:
                while not self._stopping and self._loaded_no < last_no:
                    self._load()
            except (SpeedproofError, OSError):
                log.exception("the index could not be brought up to date; the ledger is not affected")
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, _RETRY_S)
                self._start_over()

    def _order(self) -> None:
        """Compact whenever something was loaded; whether it is enough for a run the store knows."""
        self._step_back()
        seen_no = -1
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda seen=seen_no: self._stopping or self._loaded_no != seen, 60)  # type: ignore[misc]
                seen_no = self._loaded_no
            try:
                if not self._stopping:
                    self._store.compact()
            except (SpeedproofError, OSError):
                log.exception("the index could not be put in order; nothing is lost by that, it is tried again")
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, _RETRY_S)

    def _start_over(self) -> None:
        """Find the place in the ledger again; a store that cannot even be asked stays for the next try."""
        with contextlib.suppress(SpeedproofError, OSError), self._loading:
            self._store.reopen()
            self._loaded_no = self._store.loaded_no(self._stream)
            self._tail = Tail(self._ledger.folder, self._loaded_no)
