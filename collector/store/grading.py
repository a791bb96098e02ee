"""The grades of records as columns of their rows. Pure: the trusted peers and the sessions used before are arguments.

Beside the grade a row gains the flaw `receiver_limited` where the peer saw it, as if the device had said so itself.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.grade import RECEIVER_LIMITED, VERSION, Graded, Peers, grade, unless_used
from shared.record import Record, reread_record

Row: TypeAlias = dict[str, object]
UsedOf: TypeAlias = Callable[[Collection[str]], set[str]]  # which of these sessions did earlier records bear?


def basis_of(peers: Peers) -> str:
    """What grades rest on: the version of the rules, and who is trusted."""
    return " ".join([str(VERSION), *sorted(key.key_id for key in peers.values())])


@dataclass(slots=True)
class Grader:
    """Grades the rows of signed records, in the ledger's order; what hangs on earlier records is settled at the end."""

    peers: Peers
    _borne: list[tuple[Row, tuple[str, ...], Graded, str]] = field(default_factory=list)

    def add(self, row: Row, record: Record, dev: str) -> None:
        """Grade a record by itself; the row of one that is no transfer gains nothing."""
        graded = grade(record, dev, self.peers)
        if graded is None:
            return
        flaws = record.texts("flaws")
        row.update(_columns(flaws, graded))
        if graded.session is not None:
            self._borne.append((row, flaws, graded, graded.session))

    def settle(self, used_of: UsedOf) -> None:
        """Let each session count for the first record that bears it, and for no other."""
        if not self._borne:
            return
        used = used_of([session for _, _, _, session in self._borne])
        for row, flaws, graded, session in self._borne:
            row.update(_columns(flaws, unless_used(graded, used)))
            used.add(session)


def regraded(transfers: Iterable[tuple[int, str, int, str]], peers: Peers, used: set[str]) -> list[Row]:
    """New grades for records given as entry, device, number and line, in the ledger's order; `used` gains their sessions."""
    grader, rows = Grader(peers), list[Row]()
    for entry_no, dev, seq, line in transfers:
        record = reread_record(line.encode())
        rows.append({"entry_no": entry_no, "seq": seq} | _columns(record.texts("flaws"), None))
        grader.add(rows[-1], record, dev)
    grader.settle(lambda _: used)
    return rows


def _columns(flaws: tuple[str, ...], graded: Graded | None) -> Row:
    if graded is None:
        return {"grade": None, "grade_reason": None, "session": None, "flaws": [*flaws]}
    seen = (RECEIVER_LIMITED,) if graded.receiver_limited and RECEIVER_LIMITED not in flaws else ()
    return {
        "grade": graded.grade.value,
        "grade_reason": None if graded.reason is None else graded.reason.value,
        "session": graded.session,
        "flaws": [*flaws, *seen],
    }
