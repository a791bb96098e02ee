"""The engines that can stand behind the store port, by name: each test of the port runs over every one of them.

A further engine is one more row here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakes import postgres
from fakes.memory_store import MemoryStore

from collector.store.address import LakeAddress
from collector.store.duck import DuckStore
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


def _duck(folder: Path, peers: Peers, run_rows: int) -> Store:
    return DuckStore(folder / "index.duckdb", peers, limits=Limits(run_rows=run_rows))


def lake_of(folder: Path) -> LakeAddress:
    """The address of a lake of this folder's own; skips the test if there is no PostgreSQL."""
    kept = folder / "catalog"
    if not kept.exists():
        kept.write_text(postgres.shared().database())
    return LakeAddress(kept.read_text(), str(folder / "files"))


def _lake(folder: Path, peers: Peers, run_rows: int) -> Store:
    return LakeStore(lake_of(folder), folder, 0, peers, limits=Limits(run_rows=run_rows))


LAKE = "DuckLake"
ENGINES = {
    "plain Python": Engine(_plain, lasts=False),
    "DuckDB": Engine(_duck, lasts=True),
    LAKE: Engine(_lake, lasts=True),
}


def open_engine(name: str, folder: Path, peers: Peers = NOBODY, run_rows: int = 10) -> Store:
    """A store of this kind over a folder of its own."""
    return ENGINES[name].open(folder, peers, run_rows)
