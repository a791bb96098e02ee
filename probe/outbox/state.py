"""What replaying the frames in order gives: the tables as they stand. Pure; a change can be taken back until it is on disk."""

from dataclasses import dataclass, field
from typing import Any

from probe.outbox.frames import Change
from probe.outbox.tables import (
    NAMES,
    NONE,
    Again,
    Chain,
    Complaint,
    Ended,
    Intent,
    Kept,
    Key,
    Received,
    Row,
    Sealed,
)

ROW_BYTES = 100  # what a row takes beside its bytes


@dataclass(slots=True)
class State:
    """The tables, by key; `alive_bytes` is about what they take on disk when nothing else is there."""

    chains: dict[int, Chain] = field(default_factory=dict)
    intents: dict[int, Intent] = field(default_factory=dict)
    records: dict[int, Ended] = field(default_factory=dict)
    sealed: dict[int, Sealed] = field(default_factory=dict)
    receipts: dict[int, Received] = field(default_factory=dict)
    again: dict[int, Again] = field(default_factory=dict)
    complaints: dict[int, Complaint] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    alive_bytes: int = 0

    def table(self, name: str) -> dict[Any, Any]:
        """A table by its name in a frame."""
        tables: dict[str, dict[Any, Any]] = {
            "chain": self.chains,
            "intent": self.intents,
            "record": self.records,
            "sealed": self.sealed,
            "receipt": self.receipts,
            "again": self.again,
            "complaint": self.complaints,
            "kept": self.kept,
        }
        return tables[name]

    @property
    def chain(self) -> Chain:
        """The one row of the chain."""
        return self.chains[0]

    @property
    def next_seq(self) -> int:
        """The number the next start gets: a start moves it by being there."""
        return max(
            self.chain.next_seq,
            *(seq + 1 for table in (self.intents, self.records) for seq in (max(table, default=-1),)),
        )

    def unsent(self) -> list[Sealed]:
        """The batches without a receipt, oldest first."""
        return [self.sealed[batch] for batch in sorted(self.sealed.keys() - self.receipts.keys())]

    def rows(self) -> list[Row]:
        """Every row there is, the chain's first."""
        return [row for name in NAMES.values() for row in self.table(name).values()]

    def put(self, row: Row) -> Row | None:
        """Put a row; the one it replaces."""
        return self._set(NAMES[type(row)], row[0], row)

    def drop(self, table: str, key: Key) -> Row | None:
        """Drop a row; it, if it was there."""
        return self._set(table, key, None)

    def apply(self, change: Change) -> None:
        """Do what a frame says."""
        if change.is_anew:
            for name in NAMES.values():
                self.table(name).clear()
            self.alive_bytes = 0
        for row in change.puts.values():
            self.put(row)
        for table, key in change.drops:
            self.drop(table, key)

    def restore(self, table: str, key: Key, row: Row | None) -> None:
        """Take a change of one row back."""
        self._set(table, key, row)

    def _set(self, name: str, key: Key, row: Row | None) -> Row | None:
        table = self.table(name)
        before: Row | None = table.pop(key, None)
        if before is not None:
            self.alive_bytes -= ROW_BYTES + before[-1].length
        if row is not None:
            table[key] = row
            self.alive_bytes += ROW_BYTES + row[-1].length
        return before


__all__ = ["NONE", "State"]
