"""Our index: filled through its own tables and its own compaction, asked through the store port."""

import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from collector.store import queries
from collector.store.duck import DuckStore
from collector.store.limits import Limits
from collector.store.staging import Staged

from .data import START_US, Size

RATE = 20_000  # records per second that arrive while questions are asked
LOAD_S = 0.25
FORGETTING = "1MB"


class Ours:
    """The index in a file."""

    name = "ours (DuckDB)"

    def __init__(self, folder: Path, size: Size, limits: Limits) -> None:
        """Make the lines and devices that the measurements are of."""
        self._path, self._size, self._limits, self._folder = folder / "index.duckdb", size, limits, folder
        DuckStore(self._path, limits=limits).close()
        with duckdb.connect(str(self._path)) as connection:
            connection.execute(
                "INSERT INTO line SELECT range, 'line-' || range, 0, range FROM range(1, ? + 1)", [size.lines]
            )
            connection.execute(
                "INSERT INTO device SELECT 1000000000 + range, range, sha256(range::VARCHAR), ?, 900, 60, 0, range, '000001.ndjson', range * 900 "
                "FROM range(1, ? + 1)",
                [START_US, size.lines],
            )
        self.store = DuckStore(self._path, limits=limits)
        self.compact_s: list[float] = []
        self._loaded, self._held = threading.Event(), threading.Event()

    def take(self, file: Path) -> None:
        """Take in a piece: the one before is put in order, so that the last one stays hot and as much as there can be is in no run."""
        start_s = time.perf_counter()
        if self.store.compact():
            self.compact_s.append(time.perf_counter() - start_s)
        self.store._writer.execute(f"INSERT INTO hot BY NAME SELECT * FROM read_parquet('{file}')")  # noqa: SLF001 - past the projection

    def ready(self) -> None:
        """The batches that so many measurements come in, and a checkpoint."""
        writer = self.store._writer  # noqa: SLF001 - past the port
        batches = self._size.records // 24
        writer.execute(
            f"INSERT INTO batch SELECT 1000000001 + (hash(range) % {self._size.lines})::BIGINT, range // {self._size.lines}, unhex(sha256(range::VARCHAR)), "
            f"range % 1000 * 24, range % 1000 * 24 + 23, 24, 0, {START_US} + range * 1000, {START_US} + range * 1000 + (hash(range) % 1000000)::BIGINT, "
            f"0, range, printf('%06d.ndjson', range // 4000), range % 4000 * 16000, NULL, {START_US} + range * 1000 - 900000000 FROM range(1, {batches} + 1)"
        )
        writer.execute("CHECKPOINT")

    def bytes(self) -> int:
        """What is on disk."""
        self.store.close()
        total = sum(file.stat().st_size for file in self._path.parent.glob(self._path.name + "*") if file.is_file())
        self.open()
        return total

    def open(self) -> None:
        """Open the file anew."""
        self.store = DuckStore(self._path, limits=self._limits)

    def cool(self) -> None:
        """Forget what was read of the files; what is known of their layout stays, as with the others."""
        writer = self.store._writer  # noqa: SLF001 - past the port
        for limit in (FORGETTING, self._limits.memory):
            writer.execute(f"SET memory_limit = '{limit}'")

    def restart(self) -> None:
        """Begin anew, as a collector that was started just now."""
        self.store.close()
        self.open()

    def timeline(self, line: int, since_us: int) -> list[tuple[object, ...]]:
        """A line's measurements, what of them is compared between the engines."""
        rows = self.store.timeline(f"line-{line}", since_us)
        return [(row.at_us, row.method, row.end, row.rate_bps, row.rtt_us) for row in rows]

    def cell_hours(self, since_us: int, until_us: int) -> list[tuple[object, ...]]:
        """The worst hours of cells."""
        return [
            (row.operator, row.cell, row.hour_us, row.n, row.ok, row.failed, row.rate_mean_bps)
            for row in self.store.cell_hours(since_us, until_us)
        ]

    def staged(self, seconds: float) -> list[Staged]:
        """What would arrive in so many seconds, as rows on their way into the index."""
        each, made = int(RATE * LOAD_S), []
        with duckdb.connect() as connection:
            for number in range(int(seconds / LOAD_S)):
                first = self._size.records + number * each
                file = self._folder / f"late{number}.ndjson"
                connection.execute(f"COPY ({self._size.select(first, first + each)}) TO '{file}' (FORMAT json)")
                made.append(Staged(0, first + each, each, {"record": file}))
        return made

    def arriving(self, staged: Sequence[Staged], stop: threading.Event) -> list[float]:
        """Load on the beat; how long each load took in seconds."""
        took, due_s = [], time.perf_counter()
        for one in staged:
            if stop.is_set():
                break
            start_s = time.perf_counter()
            self.store.load_staged(one)
            took.append(time.perf_counter() - start_s)
            self._loaded.set()
            due_s += LOAD_S
            time.sleep(max(0.0, due_s - time.perf_counter()))
        return took

    def hold_runs(self, *, is_held: bool) -> None:
        """Beside the loads, write checkpoints and sort pieces as the owner does, but make no run."""
        if not is_held:
            self._held.clear()
            self._loaded.set()
            self._keeper.join()
            return
        self._held.set()
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def _keep(self) -> None:
        limits = self.store._limits  # noqa: SLF001 - the run is to be made later, at a known moment
        self.store._limits = replace(limits, run_rows=10**12)  # noqa: SLF001
        while self._held.is_set():
            self._loaded.wait()
            self._loaded.clear()
            self.store.compact()
        self.store._limits = limits  # noqa: SLF001

    def waiting(self) -> int:
        """Measurements in no run."""
        return int(sum(self.store._ask(queries.FILE_WAITING)[0]))  # noqa: SLF001 - past the port

    def close(self) -> None:
        """Let go."""
        self.store.close()


def peak_bytes() -> int:
    """The most memory this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
