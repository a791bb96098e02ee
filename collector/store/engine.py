"""One DuckDB instance: how it is opened and bounded, migrated, asked; its errors as ours."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb

from collector.errors import IndexUnusable
from collector.store import queries
from collector.store.limits import Limits

log = logging.getLogger(__name__)
# The engine looks for pandas with every value it is given, and does not remember that there is none: it looks in every folder
# of the path, a tenth of a millisecond for each item of a list. So it is told at once.
if "pandas" not in sys.modules and find_spec("pandas") is None:
    sys.modules["pandas"] = None  # type: ignore[assignment] # what Python has for "there is none"


def open_engine(path: Path | None, limits: Limits) -> duckdb.DuckDBPyConnection:
    """Open or make the file and bring it to the newest migration; raises duckdb.Error."""
    settings = settings_of(limits)
    if path is not None:
        settings["temp_directory"] = str(path.with_name(path.name + ".tmp"))
    engine = duckdb.connect(str(path) if path else ":memory:", config=settings)  # type: ignore[arg-type]
    try:
        migrate(engine, queries.file_migrations())
    except BaseException:
        engine.close()
        raise
    return engine


def settings_of(limits: Limits) -> dict[str, str]:
    """The settings of an instance with these bounds; nothing is ever fetched from anywhere."""
    return {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "wal_autocheckpoint": "1GB",  # not by whoever loads: `compact` does it before, beside him
        "threads": str(limits.threads),
        "memory_limit": limits.memory,
    }


def migrate(engine: duckdb.DuckDBPyConnection, migrations: Iterable[tuple[int, str]]) -> None:
    """Apply the migrations that are not applied yet, each with its mark."""
    engine.execute("CREATE TABLE IF NOT EXISTS migration (no INTEGER NOT NULL)")
    applied = {row[0] for row in engine.execute("SELECT no FROM migration").fetchall()}
    for no, sql in migrations:
        if no not in applied:
            log.info("migration %d begins", no)
            with transaction(engine):
                engine.execute(sql)
                engine.execute("INSERT INTO migration VALUES (?)", [no])
            log.info("migration %d ended", no)


@contextlib.contextmanager
def named_errors() -> Iterator[None]:
    """The engine's errors as ours."""
    try:
        yield
    except duckdb.Error as error:
        raise IndexUnusable(f"the index does not answer: {error}") from error


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """BEGIN, then COMMIT, or ROLLBACK if anything was raised."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # an instance that was given up cannot even do this
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
