"""A connection to the catalog for whoever writes one ledger: the stream is his as long as it lasts, the tables are there.

It is cut off by the server if it holds a lock and says nothing for a while, and by both ends if the network is gone, so a
collector that vanished does not hold up the others. After it was lost it is made anew, not more often than once a second.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

import psycopg

from collector.catalog import statements
from collector.clock import Clock
from collector.errors import AlreadyRunning, BadRequest, CatalogAway

_STREAMS: Final = (
    0x5350_4C53  # tells our locks from those of others in one database; with a stream: who writes its ledger
)
_ORDER: Final = 0x5350_4C43  # with the numbers below
_CONTROL, _MIGRATING = 0, 1
_SETTINGS: Final = {
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",  # an fsync that takes longer is refused
    "synchronous_commit": "on",  # whatever the server thinks is good enough
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "client_min_messages": "warning",
}
_PATIENCE_S: Final = 5
_LET_GO_S: Final = 2
_PAUSE_US: Final = 1_000_000


class Session:
    """The connection of one stream's writer."""

    def __init__(self, address: str, stream: int, signer: str, clock: Clock) -> None:
        """Nothing is connected before it is asked for."""
        self._address, self._stream, self._signer, self._clock = address, stream, signer, clock
        self._open: psycopg.Connection | None = None
        self._was_open, self._not_before_us = False, 0

    def connection(self) -> psycopg.Connection:
        """The connection, outside of any transaction; raises CatalogAway, AlreadyRunning or BadRequest."""
        if self._open is not None:
            return self._open
        if self._clock.mono_us() < self._not_before_us:
            raise CatalogAway("the catalog does not answer; it is asked again in a moment")
        try:
            with named_errors(), contextlib.ExitStack() as failed:
                opened = psycopg.connect(
                    self._address,
                    connect_timeout=_PATIENCE_S,
                    keepalives_idle=5,
                    keepalives_interval=5,
                    keepalives_count=3,
                    tcp_user_timeout=20_000,
                )
                failed.callback(opened.close)
                for name, value in _SETTINGS.items():
                    opened.execute("SELECT set_config(%s, %s, false)", [name, value])
                if not _took(opened, self._stream):
                    raise (
                        CatalogAway(
                            "the catalog still has this collector's last connection; it is asked again in a moment"
                        )
                        if self._was_open
                        else AlreadyRunning(
                            f"another collector writes stream {self._stream}; each has a number of its own"
                        )
                    )
                opened.commit()
                _migrate(opened)
                told = {"stream": self._stream, "owner": self._signer}
                opened.execute(statements.BEGIN_STREAM, told)
                opened.execute(statements.OWN_STREAM, told)
                opened.commit()
                failed.pop_all()
        except BaseException:
            self._not_before_us = self._clock.mono_us() + _PAUSE_US
            raise
        self._open, self._was_open = opened, True
        return opened

    def close(self) -> None:
        """Let go, also of what was begun and not committed."""
        if self._open is not None:
            self._open.close()
            self._open = None


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """The client's errors as ours."""
    try:
        yield
    except psycopg.Error as error:
        raise CatalogAway(f"the catalog does not answer: {str(error).strip() or type(error).__name__}") from error


def _took(connection: psycopg.Connection, stream: int) -> bool:
    """Whether the stream is this connection's now; of one that ended a moment ago the server may hear a little later."""
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{_LET_GO_S}s'")
            connection.execute("SELECT pg_advisory_lock(%s, %s)", [_STREAMS, stream])
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def lock_control(connection: psycopg.Connection) -> None:
    """Be the only one to write what is no batch, until the transaction is over: so ids become visible in their order."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_ORDER, _CONTROL])


def _migrate(connection: psycopg.Connection) -> None:
    """Apply the migrations that are not applied yet; raises BadRequest for tables of a newer version."""
    wanted = statements.migrations()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_ORDER, _MIGRATING])
        connection.execute("CREATE SCHEMA IF NOT EXISTS speedproof")
        connection.execute("SET LOCAL search_path TO speedproof")
        connection.execute("CREATE TABLE IF NOT EXISTS migration (no INTEGER NOT NULL)")
        applied = {row[0] for row in connection.execute("SELECT no FROM migration").fetchall()}
        if applied and max(applied) > wanted[-1][0]:
            raise BadRequest("the catalog's tables are those of a newer speedproof: bring this one to the same version")
        for no, sql in wanted:
            if no not in applied:
                connection.execute(sql)
                connection.execute("INSERT INTO migration VALUES (%s)", [no])
