"""The grades of records as columns of their rows. Pure: the trusted peers, and what earlier records bore, are arguments.

A session counts for the first record that bears its statement: first by when it was received, then by stream, entry and
number, so that it does not matter in which order ledgers are loaded. Within one load that is settled here; against what is
in the index already by `corrections`, which may also take a session away from a record that was thought to be the first.

A session is kept as a number: the milliseconds that its name (a ULID) begins with and 10 bits of a digest, so that the
sessions of one time stand together and a look for new ones passes over old rows. Any other name is a negative digest.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.store.rows import Bearing, FactRow, GradeRow, Order
from collector.store.said import Said
from shared.grade import DIRECTION, VERSION, Grade, Graded, Peers, Reason, grade
from shared.record import End, reread_record

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(f"[0-7][{_CROCKFORD}]{{25}}")
_DIGEST_BITS = 10
_UNGRADED = None, None, None, None
_BARE = Grade.ONE_SIDED.value, Reason.NO_COUNTER_SIGNATURE.value, None, None
_REUSED = Grade.ONE_SIDED.value, Reason.SESSION_REUSED.value
Columns = tuple[str | None, str | None, int | None, bool | None]  # grade, grade_reason, session, limited


def basis_of(peers: Peers) -> str:
    """What grades rest on: the version of the rules, and who is trusted."""
    return " ".join([str(VERSION), *sorted(key.key_id for key in peers.values())])


def session_no(session: str) -> int:
    """A session's number; of two sessions of one device they are as good as never the same."""
    name, digest = session.rpartition("/")[2], hashlib.sha256(session.encode()).digest()
    if _ULID.fullmatch(name):
        ms = sum(_CROCKFORD.index(symbol) << 5 * (9 - place) for place, symbol in enumerate(name[:10]))
        return ms << _DIGEST_BITS | int.from_bytes(digest[:8], "big") >> (64 - _DIGEST_BITS)
    return -1 - (int.from_bytes(digest[:8], "big") >> 1)


def columns_of(said: Said, line: bytes, dev: str, peers: Peers) -> Columns:
    """The grade of a record by itself, as columns; all none for what is no transfer that was started."""
    if said.method not in DIRECTION or said.end == End.NOT_STARTED:
        return _UNGRADED
    if not bytes(said.co):
        return _BARE
    graded = grade(reread_record(line), dev, peers)
    return _UNGRADED if graded is None else _columns(graded)


def _columns(graded: Graded) -> Columns:
    return (
        graded.grade.value,
        None if graded.reason is None else graded.reason.value,
        None if graded.session is None else session_no(graded.session),
        graded.receiver_limited or None,
    )


@dataclass(slots=True)
class Settling:
    """Records that bear sessions, until it is clear which of them was the first."""

    _borne: list[tuple[Order, Bearing, FactRow | None]] = field(default_factory=list)

    def add(self, order: Order, bearing: Bearing, row: FactRow) -> None:
        """Take in a record that bears a session."""
        self._borne.append((order, bearing, row))

    def spend(self, order: Order, bearing: Bearing) -> None:
        """Take in a record that bore a session and was removed: it has no row."""
        self._borne.append((order, bearing, None))

    def settle(self) -> dict[Bearing, Order]:
        """Let each session count for the first of these records; which one that was."""
        first: dict[Bearing, Order] = {}
        for order, bearing, row in sorted(self._borne, key=lambda one: one[0]):
            if first.setdefault(bearing, order) != order and row is not None:
                (row.grade, row.grade_reason), row.limited = _REUSED, None
        return first


def corrections(borne: Mapping[Bearing, Order], there: Iterable[tuple[Bearing, Order]]) -> list[GradeRow]:
    """The records that bear a session too late: the new one, or the one that is in the index and was taken for the first."""
    earliest: dict[Bearing, Order] = {}
    for bearing, order in there:
        earliest[bearing] = min(order, earliest.get(bearing, order))
    late = {bearing: max(order, borne[bearing]) for bearing, order in earliest.items() if bearing in borne}
    return [GradeRow(device, *order, *_REUSED, session) for (device, session), order in late.items()]
