"""The engines that can stand behind the store port, by name: each test of the port runs over every one of them.

A further engine is one more row here.
"""

import atexit
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from fakes import postgres
from fakes.memory_store import MemoryStore

from collector.store import lake_engine
from collector.store.address import LakeAddress
from collector.store.duck import DuckStore
from collector.store.engine import settings_of
from collector.store.lake import LakeStore
from collector.store.limits import Limits
from collector.store.port import Store
from shared.grade import NOBODY, Peers


@dataclass(frozen=True, slots=True)
class Engine:
    """How a store is opened over a folder; with `lasts`, one opened there later knows what the one before knew."""

    open: Callable[[Path, Peers, int], Store]
    lasts: bool


def _plain(folder: Path, peers: Peers, run_rows: int) -> Store:
    del folder
    return MemoryStore(peers, run_rows)


def _limits(run_rows: int) -> Limits:
    """Bounds for a few rows: to share them among threads costs more than it saves."""
    return Limits(threads=1, run_rows=run_rows, sort_rows=max(1, run_rows // 3))


def _duck(folder: Path, peers: Peers, run_rows: int) -> Store:
    return DuckStore(folder / "index.duckdb", peers, limits=_limits(run_rows))


@functools.cache
def _empty_lake() -> tuple[str, Path]:
    """A lake with its tables and nothing in them, to be copied, which takes less than to make it: its database, its files."""
    folder = Path(tempfile.mkdtemp(prefix="speedproof-lake-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    catalog = postgres.shared().database()
    LakeStore(LakeAddress(catalog, str(folder / "files")), folder, 2**19).close()
    # The engine has checked the signatures of its extensions now, for which it reads all of them: once in a process is enough.
    lake_engine.settings_of = lambda limits: settings_of(limits) | {"allow_unsigned_extensions": "true"}  # type: ignore[attr-defined]
    return urlsplit(catalog).path[1:], folder / "files"


def lake_of(folder: Path) -> LakeAddress:
    """The address of a lake of this folder's own; skips the test if there is no PostgreSQL."""
    kept, files = folder / "catalog", folder / "files"
    if not kept.exists():
        like, empty = _empty_lake() if postgres.missing() is None else ("", files)
        catalog = postgres.shared().database(like)
        shutil.copytree(empty, files)
        with contextlib.closing(import_module("psycopg").connect(catalog, autocommit=True)) as connection:
            connection.execute("UPDATE ducklake_metadata SET value = %s WHERE key = 'data_path'", [f"{files}/"])
        kept.write_text(catalog)
    return LakeAddress(kept.read_text(), str(files))


def _lake(folder: Path, peers: Peers, run_rows: int) -> Store:
    return LakeStore(lake_of(folder), folder, 0, peers, limits=_limits(run_rows))


LAKE = "DuckLake"
ENGINES = {
    "plain Python": Engine(_plain, lasts=False),
    "DuckDB": Engine(_duck, lasts=True),
    LAKE: Engine(_lake, lasts=True),
}


def open_engine(name: str, folder: Path, peers: Peers = NOBODY, run_rows: int = 10) -> Store:
    """A store of this kind over a folder of its own."""
    return ENGINES[name].open(folder, peers, run_rows)
