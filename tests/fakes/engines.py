"""The engines that can stand behind the store port, by name: each test of the port runs over every one of them.

A further engine is one more row here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakes.memory_store import MemoryStore

from collector.store.duck import DuckStore
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


ENGINES = {"plain Python": Engine(_plain, lasts=False), "DuckDB": Engine(_duck, lasts=True)}


def open_engine(name: str, folder: Path, peers: Peers = NOBODY, run_rows: int = 10) -> Store:
    """A store of this kind over a folder of its own."""
    return ENGINES[name].open(folder, peers, run_rows)
