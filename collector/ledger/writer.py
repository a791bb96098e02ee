"""Appending from this process: whatever waits is written and fsynced together, before anything is acknowledged."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from collector.clock import Clock
from collector.ledger.chains import Older, Repeat
from collector.ledger.frame import Draft, Entry, Sheet, Spot, sheet_of
from collector.ledger.port import Kept, entry_of
from collector.ledger.segments import SEGMENT_BYTES
from collector.ledger.shared import SharedChains
from collector.ledger.shared_book import open_book
from collector.log.key import LogKey

GROUP_BYTES = 8 * 1024 * 1024
SETTLE_S = 1.0  # so often is asked what became of a group in doubt, if nobody has anything to write


@dataclass(frozen=True, slots=True)
class _Waiting:
    draft: Draft
    sheet: Sheet
    future: "Future[Kept]"


class Ledger:
    """The one writer of a ledger folder, in a thread. `append` returns at once; reading goes by the folder."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        committed: Callable[[], None] = lambda: None,
        segment_bytes: int = SEGMENT_BYTES,
        *,
        reserve_bytes: int = 0,
        measured: Callable[[int, float], None] = lambda _entries, _seconds: None,
        shared: SharedChains | None = None,
        log_key: LogKey | None = None,
    ) -> None:
        """Open the folder, cut off a torn end, start the writing thread. `committed` is called after each group.

        With a `log_key` what is signed becomes leaves of its log.
        With `shared` its chains are those of all ledgers that share a catalog; it is closed with the ledger.
        """
        self._book = open_book(
            folder, clock, shared, segment_bytes, reserve_bytes=reserve_bytes, measured=measured, log_key=log_key
        )
        self.folder = folder
        self.torn_bytes = self._book.torn_bytes
        self._committed = committed
        self._newest = self._book.last_no, self._book.note
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    @property
    def last_no(self) -> int:
        """The number of the newest entry on disk, 0 if there is none."""
        return self._newest[0]

    @property
    def newest(self) -> tuple[int, bytes]:
        """The number of the newest entry on disk, and the checkpoint of the log up to there."""
        return self._newest

    def newest_no(self) -> int:
        """The same number: nobody else writes here."""
        return self._newest[0]

    def others(self) -> list[tuple[str, int]]:
        """Where every entry that is no batch stands, in order."""
        return list(self._book.chains.others)

    def keep(self, draft: Draft) -> Entry:
        """Append an entry that no chain has a say in, and wait for it; raises StorageFull or Malformed."""
        return entry_of(self.append(draft).result())

    def append(self, draft: Draft) -> "Future[Kept]":
        """Hand over an entry. The future holds it once it is on disk; or what it is instead, if that is written already.

        Or it raises: StorageFull if the entry is not on disk and never will be; CatalogAway if that is not known; of a batch a
        Refused or Misdirected if its link does not hold; Outrun if more has been `seen` since. Raises Malformed at once for
        what can be no entry.
        """
        future: Future[Kept] = Future()
        future.set_running_or_notify_cancel()  # what is handed over cannot be taken back
        self._waiting.put(_Waiting(draft, sheet_of(draft), future))
        return future

    def close(self) -> None:
        """Write what waits, then stop."""
        self._waiting.put(None)
        self._thread.join()
        self._book.close()

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._group()
            if group or self._book.is_in_doubt:
                self._commit(group)
                self._committed()

    def _group(self) -> tuple[list[_Waiting], bool]:
        """Everything that waits, at least one unless a group is in doubt; False beside it when it is time to stop."""
        group: list[_Waiting] = []
        size = 0
        while True:
            try:
                item = self._waiting.get(block=not group, timeout=SETTLE_S if self._book.is_in_doubt else None)
            except queue.Empty:
                return group, True
            if item is None:
                return group, False
            group.append(item)
            size += len(item.sheet.body)
            if size >= GROUP_BYTES:
                return group, True

    def _commit(self, group: list[_Waiting]) -> None:
        """Write a group and tell every waiter."""
        try:
            outcomes = self._book.commit([one.sheet for one in group])
        except Exception as error:  # noqa: BLE001 - the top of this thread: every waiter must hear of it
            for one in group:
                one.future.set_exception(error)
            return
        self._newest = self._book.last_no, self._book.note
        for one, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Exception):
                one.future.set_exception(outcome)
            else:
                one.future.set_result(kept_of(one.draft, outcome))


def kept_of(draft: Draft, outcome: Spot | Repeat | Older) -> Kept:
    """What came of a draft: the entry it has become, or what it is instead."""
    if not isinstance(outcome, Spot):
        return outcome
    signed, proven = draft.signed, outcome.proven
    logged = (signed.spki, proven.index, proven) if signed is not None and proven is not None else (b"", None, None)
    return Entry(
        outcome.no, draft.kind, outcome.at_us, draft.meta, draft.body, outcome.segment, outcome.offset, None, *logged
    )
