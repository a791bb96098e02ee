"""`ledger.shared` over PostgreSQL. Locks are taken in one order (stream, control, devices), so nobody waits in a circle."""

import contextlib
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import psycopg

from collector import quickjson
from collector.catalog import statements
from collector.catalog.session import Session, lock_control, named_errors
from collector.clock import Clock
from collector.errors import BadRequest, CatalogAway
from collector.ledger.chains import Standing
from collector.ledger.changed import CHANGES
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.mark import NO_FIRST
from collector.ledger.shared import Change, Stood, Turn, known_name, room_of
from shared.chain import Head

_AT_ONCE: Final = 1000  # devices that a forgetful catalog is told of in one transaction
_BODY_NEEDED: Final = frozenset(
    {
        EntryKind.SUBSCRIBER,
        EntryKind.ENROLMENT,
        EntryKind.COMPLAINT,
        EntryKind.RETENTION,
        EntryKind.SERVER_KEY,
        EntryKind.NEXT_LOG,
        *CHANGES,
    }
)


class CatalogChains:
    """The catalog for the writer of one ledger."""

    def __init__(self, address: str, stream: int, signer: str, clock: Clock) -> None:
        """For this stream, whose receipts are signed with the key `signer`; connects when first asked."""
        self.stream, self.signer = stream, signer
        self._session = Session(address, stream, signer, clock)

    def begin(self, first: str) -> int:
        """Take the stream for a ledger; what is confirmed of it. Raises AlreadyRunning, BadRequest or CatalogAway."""
        with self._transaction() as connection:
            known, no = _stream(connection, self.stream)
        if known is not None and first not in (known, NO_FIRST):
            raise BadRequest(
                f"stream {self.stream} of the catalog is another collector's ledger: each has a number of its own"
            )
        return no

    @contextlib.contextmanager
    def turn(self, devs: Collection[str], *, control: bool) -> Iterator[Turn]:
        """Lock these devices, and for `control` the order of what is no batch."""
        with self._transaction() as connection:
            with named_errors(), connection.pipeline():
                stream = connection.execute(statements.LOCK_STREAM, {"stream": self.stream})
                if control:
                    lock_control(connection)
                heads = connection.execute(statements.LOCK_HEADS, {"devs": sorted(devs)})
            with named_errors():
                found = stream.fetchone()
                stood = dict(_stood(row) for row in heads.fetchall())
            if found is None:
                raise CatalogAway("the catalog has lost this stream; it is told again")
            yield _Turn(connection, self.stream, int(found[1]), stood)

    def stood(self, dev: str) -> Stood | None:
        """Where a device stands just now, None if it is not enrolled."""
        with self._transaction() as connection:
            row = connection.execute(statements.HEAD, {"dev": dev}).fetchone()
        found = None if row is None else _stood(row)[1]
        return found if found is not None and found.standing.spki else None

    def fill(self, heads: Iterable[tuple[str, Stood]], others: Iterable[Entry], no: int, first: str) -> int:
        """Tell what a ledger holds up to `no`; how many chains have another batch under the newest one's number."""
        forks, rest = 0, sorted(heads, key=lambda one: one[0])
        for begins in range(0, len(rest), _AT_ONCE):
            with self._transaction() as connection:
                forks += _fill(connection, rest[begins : begins + _AT_ONCE])
        with self._transaction() as connection:
            lock_control(connection)
            _tell(connection, others, self.stream)
            connection.execute(statements.CONFIRM, {"stream": self.stream, "no": no, "first": first})
        return forks

    def close(self) -> None:
        """Let go of the stream."""
        self._session.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        """A transaction; whatever goes wrong, the connection is dropped, and with it whatever was begun."""
        connection = self._session.connection()
        try:
            with named_errors():
                yield connection
                if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    connection.commit()
        except BaseException:
            self._session.close()
            raise


class _Turn:
    """A transaction that has its locks."""

    def __init__(self, connection: psycopg.Connection, stream: int, no: int, stood: Mapping[str, Stood]) -> None:
        self._connection, self._stream, self.no = connection, stream, no
        self.stood = {dev: one for dev, one in stood.items() if one.standing.spki}

    def newest(self, kind: EntryKind) -> int:
        """The newest entry, of all collectors, in the room of this kind."""
        with named_errors():
            kinds = sorted(one.value for one in room_of(kind))
            row = self._connection.execute(statements.NEWEST, {"kinds": kinds}).fetchone()
            return 0 if row is None else int(row[0])

    def confirm(self, change: Change) -> None:
        """Make it so; raises CatalogAway if it is not known whether it is."""
        going = [(dev, stood) for dev, stood in change.heads.items() if dev in self.stood]
        with named_errors(), self._connection.pipeline():
            if going:
                self._connection.execute(statements.GO_ON, _columns(going))
            for dev, stood in change.heads.items():
                if dev not in self.stood:
                    self._connection.execute(statements.ENROL, _values(dev, stood))
            _tell(self._connection, change.others, self._stream)
            told = {"stream": self._stream, "no": change.no, "first": change.first}
            self._connection.execute(statements.CONFIRM, told)
            self._connection.commit()


def _stream(connection: psycopg.Connection, stream: int) -> tuple[str | None, int]:
    row = connection.execute(statements.LOCK_STREAM, {"stream": stream}).fetchone()
    return (None, 0) if row is None else (row[0], int(row[1]))


def _fill(connection: psycopg.Connection, heads: Sequence[tuple[str, Stood]]) -> int:
    """Tell of some devices; how many of them have forked."""
    with connection.cursor() as cursor:
        cursor.executemany(statements.FILL_HEAD, [_values(dev, stood) for dev, stood in heads])
    columns = _columns(heads)
    told = {name: columns[name] for name in ("dev", "batch", "pae_sha256")}
    row = connection.execute(statements.FILL_FORKS, told).fetchone()
    return 0 if row is None else int(row[0])


def _tell(connection: psycopg.Connection, others: Iterable[Entry], stream: int) -> None:
    for entry in others:
        connection.execute(
            statements.TELL,
            {
                "stream": stream,
                "no": entry.no,
                "kind": entry.kind.value,
                "name": known_name(entry),
                "at_us": entry.at_us,
                "meta": quickjson.encode(entry.meta),
                "body": entry.body if entry.kind in _BODY_NEEDED else b"",
                "body_sha256": hashlib.sha256(entry.body).hexdigest(),
                "segment": entry.segment,
                "offset": entry.offset,
            },
        )


def _stood(row: tuple[Any, ...]) -> tuple[str, Stood]:
    dev, spki, batch, seq, pae_sha256, frozen, revoked, successor, signer, stream, segment, offset, receipt = row
    standing = Standing(bytes(spki), Head(batch, seq, pae_sha256), (segment, offset), frozen, revoked, successor)
    return dev, Stood(standing, signer, stream, bytes(receipt))


def _values(dev: str, stood: Stood) -> dict[str, Any]:
    standing = stood.standing
    return {
        "dev": dev,
        "spki": standing.spki,
        "batch": standing.head.batch,
        "seq": standing.head.seq,
        "pae_sha256": standing.head.pae_sha256,
        "frozen": standing.frozen,
        "revoked": standing.revoked,
        "successor": standing.successor,
        "signer": stood.signer,
        "stream": stood.stream,
        "segment": standing.newest_at[0],
        "offset": standing.newest_at[1],
        "receipt": stood.receipt,
    }


def _columns(heads: Sequence[tuple[str, Stood]]) -> dict[str, list[Any]]:
    rows = [_values(dev, stood) for dev, stood in heads]
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
