"""Many loaders into one index: a lake on a PostgreSQL of its own, or the index in a file with its one loader."""

import contextlib
import multiprocessing
import os
import pwd
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from urllib.parse import quote

import duckdb

from collector.store.address import LakeAddress
from collector.store.duck import DuckStore
from collector.store.lake import LakeStore
from collector.store.limits import LAKE_RUN_ROWS, Limits
from collector.store.staging import Staged

from .data import START_US, Size
from .peers import Missing

SETTINGS = "listen_addresses=''\nunix_socket_directories='{}'\n"  # else as it comes: every commit is written out
LOOK_S = 0.5  # how often a collector looks whether there is something to put in order
_spawn = multiprocessing.get_context("spawn")


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The address of a database in a cluster of its own."""
    if shutil.which("initdb") is None:
        raise Missing("PostgreSQL: needs initdb and pg_ctl")
    folder.mkdir()
    user: dict[str, object] = {}
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        folder.parent.chmod(0o755)
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)  # type: ignore[call-overload]

    run("initdb", "-D", "data", "-A", "trust", "--locale=C", "-E", "UTF8", "-U", "postgres")
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write(SETTINGS.format(folder))
    run("pg_ctl", "-D", "data", "-l", "log", "-w", "start")
    try:
        yield f"postgresql://postgres@/postgres?host={quote(str(folder), safe='')}"
    finally:
        run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "stop")


@dataclass(frozen=True, slots=True)
class Site:
    """Where an index is; without an address it is a file."""

    folder: Path
    address: LakeAddress | None

    def open(self, stream: int) -> DuckStore:
        """One collector's end of it."""
        own = self.folder / f"collector-{stream}"
        own.mkdir(exist_ok=True)
        if self.address is None:
            return DuckStore(self.folder / "index.duckdb")
        return LakeStore(self.address, own, stream, limits=Limits(run_rows=LAKE_RUN_ROWS))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one loader did: how long each load took, and how long all of them."""

    load_s: list[float]
    from_s: float
    to_s: float


def prepare(site: Site, size: Size) -> None:
    """The lines and devices that the measurements are of."""
    with contextlib.closing(site.open(0)) as store:
        writer = store._writer  # noqa: SLF001 - past the projection
        writer.execute("INSERT INTO line SELECT range, 'line-' || range, 0, range FROM range(1, ? + 1)", [size.lines])
        writer.execute(
            "INSERT INTO device SELECT 1000000000 + range, range, sha256(range::VARCHAR), ?, 900, 60, 0, range, "
            "'000001.ndjson', range * 900 FROM range(1, ? + 1)",
            [START_US, size.lines],
        )


def staged(folder: Path, size: Size, loaders: int) -> list[list[Staged]]:
    """The measurements in loads of `size.piece`, dealt out to so many loaders, as rows on their way into the index."""
    dealt: list[list[Staged]] = [[] for _ in range(loaders)]
    with duckdb.connect(config={"threads": "2"}) as connection:
        for number, first in enumerate(range(0, size.records, size.piece)):
            stream, end = number % loaders, min(first + size.piece, size.records)
            file = folder / f"rows-{number:06d}.ndjson"
            select = f"SELECT * REPLACE ({stream} AS stream) FROM ({size.select(first, end)})"
            connection.execute(f"COPY ({select}) TO '{file}' (FORMAT json)")
            before = dealt[stream][-1].last_no if dealt[stream] else 0
            dealt[stream].append(Staged(stream, before + end - first, end - first, {"record": file}))
    return dealt


def load(site: Site, dealt: list[list[Staged]]) -> list[Loaded]:
    """Each loader a process of its own, all beginning at once."""
    begin, done = _spawn.Barrier(len(dealt)), _spawn.Queue()
    processes = [_spawn.Process(target=_loader, args=(site, n, some, begin, done)) for n, some in enumerate(dealt)]
    for process in processes:
        process.start()
    found = [done.get(timeout=3600) for _ in processes]
    for process in processes:
        process.join()
    return found


def _loader(
    site: Site, stream: int, dealt: list[Staged], begin: Barrier, done: "multiprocessing.Queue[Loaded]"
) -> None:
    stop, took = threading.Event(), []
    with contextlib.closing(site.open(stream)) as store:

        def order() -> None:
            while not stop.wait(LOOK_S):
                store.compact()

        ordering = threading.Thread(target=order)
        begin.wait(120)
        ordering.start()
        from_s = time.monotonic()
        for one in dealt:
            start_s = time.perf_counter()
            store.load_staged(one)
            took.append(time.perf_counter() - start_s)
        to_s = time.monotonic()
        stop.set()
        ordering.join()
    done.put(Loaded(took, from_s, to_s))
