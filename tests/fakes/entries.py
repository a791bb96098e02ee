"""Ledger entries with nothing behind them, and ledgers to put them into."""

from collections.abc import Sequence

from collector.ledger.frame import Draft, Entry, EntryKind
from collector.ledger.writer import Ledger

PATIENCE_S = 10


def draft(text: str = "", size: int = 0) -> Draft:
    """An entry that holds a text, or so many bytes."""
    return Draft(EntryKind.IMPORT, {"text": text}, b"x" * size + b"\n")


def kept(ledger: Ledger, drafts: Sequence[Draft]) -> list[Entry]:
    """The entries, once they are on disk; each in a group of its own."""
    return [ledger.append(one).result(PATIENCE_S) for one in drafts]
