"""What a process asks of the ledger, whether it writes it itself or hands over to the one that does."""

from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from collector.ledger.chains import Older, Repeat
from collector.ledger.frame import Draft, Entry

Kept = Entry | Repeat | Older  # what came of a draft


class LedgerPort(Protocol):
    """A way to write a ledger; reading goes by the folder. Safe to use from any thread."""

    @property
    def folder(self) -> Path:
        """Where its segments are."""

    @property
    def last_no(self) -> int:
        """The newest entry on disk that is known here, 0 if there is none."""

    @property
    def torn_bytes(self) -> int:
        """How many bytes were cut off its end when it was opened."""

    @property
    def newest(self) -> tuple[int, bytes]:
        """The newest entry on disk that is known here, and the signed checkpoint of the log up to there; b"" without a log."""

    def newest_no(self) -> int:
        """The newest entry on disk, asked for now: nothing acknowledged before has a higher number."""

    def others(self) -> list[tuple[str, int]]:
        """Where every entry that not only the index knows stands (segment, offset), in order."""

    def append(self, draft: Draft) -> "Future[Kept]":
        """Hand over an entry. The future holds it once it is on disk; or what it is instead, if that is written already.

        Or it raises: StorageFull if the entry is not on disk and never will be; CatalogAway if that is not known; of a batch a
        Refused or Misdirected if its link does not hold; Outrun if more has been `seen` since. Raises Malformed at once for
        what can be no entry.
        """

    def keep(self, draft: Draft) -> Entry:
        """Append an entry that no chain has a say in, and wait for it; raises StorageFull or Malformed."""

    def close(self) -> None:
        """Write what waits, then stop."""


def entry_of(kept: Kept) -> Entry:
    """The entry that a draft without a link has become; nothing else can come of one."""
    if not isinstance(kept, Entry):
        raise TypeError(f"not an entry: {kept}")
    return kept
