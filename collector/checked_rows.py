"""Whether rows of the index are what the ledger's entries become: each column of each, for all entries or some of them.

The rows are made again from the entry, as the index makes them, and compared with what it holds. So a figure that somebody
changed in the database by hand is named with its line, device, number and column. What an index cannot be held to is left
out: whether a session was used before (grade, its reason, `limited`) is compared only as far as entries were looked at, and
where several collectors share an index, to whom a line or device belongs. Changes of keys have rows that hang on
earlier ones and are not compared here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from collector.errors import NotLoaded
from collector.ledger.frame import Entry, EntryKind
from collector.store.project import Known, rows_of
from collector.store.rows import Rows
from shared.grade import NOBODY, Peers, Reason

Row = Mapping[str, Any]
RowsHeld = Callable[
    [str, Sequence[int]], Iterable[Row]
]  # what a table of the index has of some entries, in their order
AT_ONCE: Final = 256  # entries whose rows are asked for together
SAMPLE: Final = 2_000  # entries whose rows are compared if nothing else was asked for, on average
TABLES: Final = ("line", "device", "batch", "refused", "complaint", "imported", "record", "transfer")
_MADE_BY: Final = {EntryKind.SUBSCRIBER, EntryKind.ENROLMENT, EntryKind.ROTATION}
_OWNERS: Final = frozenset({"line", "device"})
_GRADED: Final = ("grade", "grade_reason", "limited")


@dataclass(slots=True)
class RowCheck:
    """One comparison; entries are shown to it in their order, and `differs` gives what it found since the last time."""

    held: RowsHeld = lambda _table, _numbers: ()
    wanted: Callable[[int], bool] = lambda _no: False  # which entries' rows are compared
    stream: int = 0
    peers: Peers = field(default_factory=lambda: NOBODY)
    is_shared: bool = False
    is_whole: bool = False  # every entry is wanted
    entries: int = 0
    rows: int = 0
    _known: Known = field(default_factory=Known)
    _waiting: list[tuple[int, Entry | Rows]] = field(default_factory=list)
    _borne: set[tuple[int, int]] = field(default_factory=set)  # sessions that a record bore, by device and number

    def entry(self, entry: Entry) -> None:
        """Take in one more entry."""
        made = self._made_by(entry) if entry.kind in _MADE_BY else entry
        if made is None or not self.wanted(entry.no):
            return
        if entry.gone:  # by a rule, perhaps just now: what the index still has of it is looked at with its batch
            rows = self._rows(made)
            self._borne |= set() if rows is None else {(one.device, one.session) for one in rows.spent}
        else:
            self._waiting.append((entry.no, made))

    def _made_by(self, entry: Entry) -> Rows | None:
        try:
            return rows_of([entry], self._known, self.peers, self.stream)
        except NotLoaded:  # of a line that another stream has made
            return None

    def differs(self, loaded_no: int) -> Iterator[tuple[str, str]]:
        """Where rows of the waiting entries differ, and how; those that are not in the index yet are passed over."""
        waiting, self._waiting = [(no, made) for no, made in self._waiting if no <= loaded_no], []
        for start in range(0, len(waiting), AT_ONCE):
            made = {no: self._rows(some) for no, some in waiting[start : start + AT_ONCE]}
            yield from self._compare({no: rows for no, rows in made.items() if rows is not None})

    def _rows(self, made: Entry | Rows) -> Rows | None:
        if isinstance(made, Rows):
            return made
        try:
            return rows_of([made], self._known, self.peers, self.stream)
        except NotLoaded:  # of a device that another stream has enrolled
            return None

    def _compare(self, made: Mapping[int, Rows]) -> Iterator[tuple[str, str]]:
        self.entries += len(made)
        there: dict[str, dict[int, list[Row]]] = {table: defaultdict(list) for table in TABLES}
        for table in TABLES if made else ():
            for row in self.held(table, tuple(made)):
                there[table][row["entry_no"]].append(row)
        for no, rows in made.items():
            self._borne |= {(one.device, one.session) for one in rows.spent}
            for table in TABLES:
                if not (self.is_shared and table in _OWNERS):
                    ours = [msgspec.structs.asdict(row) for row in getattr(rows, table)]
                    yield from self._entry(table, no, ours, there[table][no])

    def _entry(self, table: str, no: int, made: Sequence[Row], there: Sequence[Row]) -> Iterator[tuple[str, str]]:
        if len(made) != len(there):
            yield f"entry {no}", f"makes {len(made)} rows of {table}, the index has {len(there)}"
            return
        for ours, theirs in zip(sorted(made, key=_seq), sorted(there, key=_seq), strict=True):
            self.rows += 1
            if other := [name for name in ours if not self._agrees(name, ours, theirs)]:
                values = "; ".join(
                    f"{name} is {theirs.get(name)!r}, the ledger says {ours[name]!r}" for name in sorted(other)
                )
                yield f"entry {no}{self._whose(ours)}", f"a row of {table}: {values}"
            if table == "record" and ours["session"] is not None:
                self._borne.add((ours["device"], ours["session"]))

    def _agrees(self, name: str, ours: Row, theirs: Row) -> bool:
        if (self.is_shared and name in _OWNERS) or ours[name] == theirs.get(name):
            return True
        if name not in _GRADED or ours["session"] is None:
            return False
        is_used = not self.is_whole or (ours["device"], ours["session"]) in self._borne
        return is_used and theirs.get("grade_reason") == Reason.SESSION_REUSED and theirs.get("limited") is None

    def _whose(self, row: Row) -> str:
        """Line, device and number of a row, in words."""
        lines = {number: name for name, number in self._known.lines.items()}
        devices = {number: dev for dev, (number, _) in self._known.devices.items()}
        told = [f"line {lines[row['line']]!r}"] if row.get("line") in lines else []
        told += [f"device {devices[row['device']]}"] if row.get("device") in devices else []
        told += [f"seq {row['seq']}"] if "seq" in row else []
        return f" ({', '.join(told)})" if told else ""


def _seq(row: Row) -> int:
    return int(row.get("seq") or 0)
