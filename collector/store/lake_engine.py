"""DuckDB over a lake: a DuckLake whose catalog is a PostgreSQL database and whose files lie in a shared folder or a bucket.

The settings are those that were measured (facts/storage.md, section 10). The extensions come from the packages of the extra
`lake`; none is ever fetched. Credentials for a bucket come the usual ways of its client, a password for the catalog those of
PostgreSQL's (PGPASSFILE, a service, the address itself).

A turn is a lock in the catalog's database, held by a connection of its own: whoever dies loses it at once, and whoever is cut
off from the network loses it within half a minute. It saves the work of commits that would be refused; that no two commits
overlap does not rest on it (collector/store/lake.py).
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb

from collector.errors import IndexUnusable
from collector.store import queries
from collector.store.address import LakeAddress
from collector.store.engine import settings_of
from collector.store.limits import Limits

if TYPE_CHECKING:
    import psycopg

_EXTENSIONS = (
    "ducklake",
    "postgres_scanner",
)  # of each the signature is checked, a tenth of a second for every instance
_OF_BUCKETS = "httpfs"
_SETTINGS = {
    "ducklake_max_retry_count": "100",
    "ducklake_retry_wait_ms": "5",
    "ducklake_retry_backoff": "1.1",
    "parquet_metadata_cache": "true",
}
_TURNS = 0x5350_4C4B  # tells our locks from those of others in one database
LOADING, ORDERING = 1, 2
_PATIENCE_S = 60  # longer than any load or move takes
_CUT_OFF = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
_CUT_OFF_VALUE = 5  # s, s, probes: gone after 30 s


def open_lake(address: LakeAddress, limits: Limits, spill: Path) -> duckdb.DuckDBPyConnection:
    """An instance with the lake attached as `lake`, made if it is not there; raises duckdb.Error or IndexUnusable."""
    bucket = address.bucket
    extensions = _EXTENSIONS if bucket is None else (*_EXTENSIONS, _OF_BUCKETS)
    _import_extensions(extensions)
    engine = duckdb.connect(":memory:", config=settings_of(limits) | {"temp_directory": str(spill)})  # type: ignore[arg-type]
    try:
        for name in extensions:
            engine.execute(f"LOAD {name}")
        for name, value in _SETTINGS.items():
            engine.execute(f"SET {name} = {value}")
        if bucket is not None:
            engine.execute(_secret(*bucket))
        files = address.files.rstrip("/") + "/" if bucket is None else bucket[0]
        engine.execute(
            f"ATTACH {_text('ducklake:postgres:' + address.catalog)} AS lake "
            f"(DATA_PATH {_text(files)}, DATA_INLINING_ROW_LIMIT 0)"
        )
        engine.execute("USE lake")
        _see_that_it_is_alone(engine, files)
    except BaseException:
        engine.close()
        raise
    return engine


def _see_that_it_is_alone(engine: duckdb.DuckDBPyConnection, files: str) -> None:
    """A new lake gets a folder of its own: whatever else is in there would be cleared away as nobody's."""
    if engine.execute(queries.LAKE_NEW).fetchall() == [(True,)]:
        found = engine.execute(queries.LAKE_STRANGERS, {"pattern": files + "**/*.parquet"}).fetchall()
        if found:
            raise IndexUnusable(f"a new lake needs a place of its own, and in {files} there is {found[0][0]}")


def lake_cursor(engine: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """One more connection of this instance, at the lake."""
    cursor = engine.cursor()
    try:
        cursor.execute("USE lake")
    except BaseException:
        cursor.close()
        raise
    return cursor


def _import_extensions(names: Iterable[str]) -> None:
    try:
        extensions = import_module("duckdb_extensions")
    except ImportError as error:
        raise IndexUnusable("a lake needs more packages: install the extra `lake`") from error
    for name in names:
        extensions.import_extension(name)


def _text(value: str) -> str:
    """A value where the engine takes no parameter."""
    return "'" + value.replace("'", "''") + "'"


def _secret(where: str, endpoint: str) -> str:
    """How the engine reaches a bucket: with the credentials that the archive's client would take too."""
    session: Any = import_module("boto3").Session()
    found = session.get_credentials()
    if found is None:
        raise IndexUnusable(f"there are no credentials for {where}")
    keys, parts = found.get_frozen_credentials(), urlsplit(endpoint)
    told = {"TYPE": "s3", "SCOPE": _text(where), "REGION": _text(session.region_name or "us-east-1")}
    told |= {"KEY_ID": _text(keys.access_key), "SECRET": _text(keys.secret_key)}
    if keys.token:
        told["SESSION_TOKEN"] = _text(keys.token)
    if endpoint:
        is_safe = "true" if parts.scheme == "https" else "false"
        told |= {"ENDPOINT": _text(parts.netloc), "URL_STYLE": "'path'", "USE_SSL": is_safe}
    return f"CREATE OR REPLACE SECRET lake_files ({', '.join(f'{name} {value}' for name, value in told.items())})"


class Catalog:
    """The catalog's database: whose turn it is, and what the lake's own tables say of files."""

    def __init__(self, address: LakeAddress) -> None:
        """Nothing is connected before it is asked."""
        self._address = address.catalog
        self._asking = threading.Lock()
        self._asked: psycopg.Connection | None = None

    @contextlib.contextmanager
    def _connected(self) -> "Iterator[psycopg.Connection]":
        import psycopg  # noqa: PLC0415 - an optional part

        try:
            with contextlib.closing(psycopg.connect(self._address, autocommit=True, connect_timeout=10)) as connection:
                for name in _CUT_OFF:
                    connection.execute("SELECT set_config(%s, %s, false)", [name, str(_CUT_OFF_VALUE)])
                yield connection
        except psycopg.Error as error:
            raise IndexUnusable(f"the catalog does not answer: {error}") from error

    def ask(self, sql: str, values: Mapping[str, int | str] | None = None) -> list[tuple[Any, ...]]:
        """Rows of the catalog's own tables; raises IndexUnusable."""
        import psycopg  # noqa: PLC0415 - an optional part

        with self._asking:
            for is_last in (self._asked is None, True):
                try:
                    if self._asked is None:
                        self._asked = psycopg.connect(self._address, autocommit=True, connect_timeout=10)
                    return self._asked.execute(sql.encode(), values).fetchall()
                except psycopg.Error as error:
                    self._let_go()
                    if is_last:  # not only a connection that was lost since it was used last
                        raise IndexUnusable(f"the catalog does not answer: {error}") from error
            raise AssertionError

    def _let_go(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self._asked = None

    def close(self) -> None:
        """Let go of the database."""
        with self._asking:
            self._let_go()

    @contextlib.contextmanager
    def turn(self, what: int) -> Iterator[None]:
        """Wait until nobody else is at it; raises IndexUnusable if that takes too long."""
        with self._connected() as connection:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{_PATIENCE_S}s"])
            connection.execute("SELECT pg_advisory_lock(%s, %s)", [_TURNS, what])
            yield

    @contextlib.contextmanager
    def only_one(self, what: int) -> Iterator[bool]:
        """Whether nobody else is at it; then nobody else will be until this is left."""
        with self._connected() as connection:
            row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [_TURNS, what]).fetchone()
            yield row is not None and bool(row[0])


class Changed(Exception):
    """Somebody else has loaded meanwhile what these rows do not know of."""


def is_beaten(error: BaseException) -> bool:
    """Whether a load failed because somebody else was faster: then the next try may do."""
    cause = error.__cause__
    return isinstance(cause, duckdb.TransactionException) and "conflict" in str(cause)
