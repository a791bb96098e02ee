"""The index at a size, beside PostgreSQL and ClickHouse: same measurements, same questions, same run.

Makes so many measurements of so many lines over a year, slower in the evening, with failures, flaws, cells and signals; puts them
into the index (through its hot table and its own compaction), into PostgreSQL (a cluster of its own, btree on line and time) and
into chdb (ordered by line and time); asks each the same. The index is also asked while 20,000 records per second arrive, and
while a run is made. `--rebuild N` instead makes a ledger of N records and times making the index anew from it.

    python scripts/bench_store.py [--records 2000000] [--lines 200000] [--peers postgres,chdb] [--folder DIR]
    python scripts/bench_store.py --rebuild 2000000
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

if __name__ == "__main__":  # started as a file: the repository is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collector.store.limits import RUN_ROWS, SORT_ROWS, Limits
from scripts.store_bench.data import DAY_US, Size, pieces
from scripts.store_bench.ours import Ours, peak_bytes
from scripts.store_bench.peers import Chdb, Missing, Postgres
from scripts.store_bench.rebuilt import rebuild_speed
from scripts.store_bench.report import Found, table

PEERS = {"postgres": Postgres, "chdb": Chdb}
WINDOW_DAYS = 90
HOURS_DAYS = 7
RESTARTS = 5
Engine = Ours | Postgres | Chdb


def milliseconds(ask: Callable[[], object]) -> float:
    """How long one question takes."""
    start_s = time.perf_counter()
    ask()
    return (time.perf_counter() - start_s) * 1000


def drop_caches(folder: Path) -> None:
    """Let the system forget the files: all of them as root, ours by advice otherwise."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    except OSError:
        for file in folder.rglob("*"):
            if file.is_file():
                with file.open("rb") as opened:
                    os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def schema_of() -> list[tuple[str, str]]:
    """The columns of the measurements as they are made."""
    with duckdb.connect() as connection:
        told = connection.execute("DESCRIBE " + Size(30, 5, 1, 30).select(0, 3)).fetchall()
    return [(row[0], row[1]) for row in told]


@contextmanager
def engines(folder: Path, size: Size, limits: Limits, wanted: Sequence[str]) -> Iterator[list[Engine]]:
    """Ours, and those of the peers that are here; one that is not is named with its reason."""
    opened: list[Engine] = [Ours(folder, size, limits)]
    for name in wanted:
        try:
            opened.append(PEERS[name](folder, schema_of()))
        except Missing as missing:
            sys.stdout.write(f"left out, {missing}\n")
    try:
        yield opened
    finally:
        for engine in opened:
            engine.close()


def asked(engine: Engine, size: Size, folder: Path, times: int, cold: int) -> Found:
    """All questions to one engine."""
    chance = random.Random(1)
    since_us, until_us = size.until_us - WINDOW_DAYS * DAY_US, size.until_us
    lines = [chance.randint(1, size.lines) for _ in range(times + cold + 20)]
    found = Found(engine.name, engine.bytes() / size.records)
    for line in lines[times + cold :]:
        engine.timeline(line, since_us)
    for line in lines[:times]:
        found.warm_ms.append(milliseconds(lambda line=line: engine.timeline(line, since_us)))  # type: ignore[misc]
    week_us = until_us - HOURS_DAYS * DAY_US
    found.hours_ms = sorted(milliseconds(lambda: engine.cell_hours(week_us, until_us)) for _ in range(3))[1]
    for line in lines[times : times + cold]:
        engine.cool()
        drop_caches(folder)
        found.cold_ms.append(milliseconds(lambda line=line: engine.timeline(line, since_us)))  # type: ignore[misc]
    if isinstance(engine, Ours):
        for line in lines[:RESTARTS]:
            engine.restart()
            drop_caches(folder)
            found.restart_ms.append(milliseconds(lambda line=line: engine.timeline(line, since_us)))  # type: ignore[misc]
    return found


def while_ingesting(ours: Ours, size: Size, seconds: float, found: Found) -> None:
    """Questions while records arrive, and in the middle of that a run."""
    staged, stop = ours.staged(max(seconds * 2, seconds + 6)), threading.Event()  # a run is to find some, however slow
    loads: list[list[float]] = []
    thread = threading.Thread(target=lambda: loads.append(ours.arriving(staged, stop)))
    chance, since_us = random.Random(2), size.until_us - WINDOW_DAYS * DAY_US
    thread.start()
    begun_s = time.perf_counter()

    def ask(into: list[float]) -> None:
        into.append(milliseconds(lambda: ours.timeline(chance.randint(1, size.lines), since_us)))
        time.sleep(0.05)

    ours.hold_runs(is_held=True)
    while time.perf_counter() - begun_s < seconds:
        ask(found.ingest_ms)
    ours.hold_runs(is_held=False)
    runs: list[int] = []
    before = time.perf_counter() - begun_s
    run = threading.Thread(target=lambda: runs.append(ours.store.compact()))
    start_s = time.perf_counter()
    run.start()
    while run.is_alive():
        ask(found.run_ms)
    found.load_average = os.getloadavg()[0]
    found.run_s, found.run_rows = time.perf_counter() - start_s, 0
    run.join()
    stop.set()
    thread.join()
    found.run_rows = sum(runs)
    took = loads[0]
    split = int(before / 0.25)
    found.load_ms = [s * 1000 for s in took[:split]]
    found.run_load_ms = [s * 1000 for s in took[split:]]


def compare(options: argparse.Namespace, folder: Path) -> list[Found]:
    """Fill, ask, compare."""
    size = Size(options.records, options.lines, options.days, options.piece)
    limits = Limits(options.memory, options.threads, options.run_rows, sort_rows=size.piece)
    wanted = [name for name in options.peers.split(",") if name in PEERS]
    with engines(folder, size, limits, wanted) as opened:
        fill_s = [0.0] * len(opened)
        for file in pieces(size, folder):
            for place, engine in enumerate(opened):
                fill_s[place] += milliseconds(lambda engine=engine: engine.take(file)) / 1000  # type: ignore[misc] # noqa: B023
        for place, engine in enumerate(opened):
            fill_s[place] += milliseconds(engine.ready) / 1000
        since_us, until_us = size.until_us - WINDOW_DAYS * DAY_US, size.until_us
        answers = []
        for engine in opened:
            some = [engine.timeline(line, since_us) for line in range(1, min(size.lines, 20) + 1)]
            answers.append((some, engine.cell_hours(until_us - HOURS_DAYS * DAY_US, until_us)))
        for engine, answer in zip(opened, answers, strict=True):
            if answer != answers[0]:
                raise SystemExit(f"{engine.name} answers otherwise than {opened[0].name}")
        found = [asked(engine, size, folder, options.times, options.cold) for engine in opened]
        for one, seconds in zip(found, fill_s, strict=True):
            one.fill_s = seconds
        ours = opened[0]
        if isinstance(ours, Ours) and options.seconds:
            while_ingesting(ours, size, options.seconds, found[0])
        found[0].peak_bytes = peak_bytes()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print one table."""
    parser = argparse.ArgumentParser(description="The index at a size, beside PostgreSQL and ClickHouse.")
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--lines", type=int, default=0, help="default: one for 500 records")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument(
        "--piece",
        type=int,
        default=SORT_ROWS,
        help=f"records made at once, each a sorted piece (default {SORT_ROWS:,})",
    )
    parser.add_argument("--run-rows", type=int, default=RUN_ROWS, help=f"records of a run (default {RUN_ROWS:,})")
    parser.add_argument("--peers", default="postgres,chdb", help="postgres, chdb, both (default) or none")
    parser.add_argument("--times", type=int, default=300, help="warm timelines (default 300)")
    parser.add_argument("--cold", type=int, default=15, help="timelines from cold files (default 15)")
    parser.add_argument("--seconds", type=float, default=10, help="how long records arrive beside questions (0: not)")
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, help="where the data goes for the time of the run (default: a temporary one)"
    )
    parser.add_argument("--rebuild", type=int, default=0, metavar="N", help="only make an index of N records anew")
    options = parser.parse_args(arguments)
    options.lines = options.lines or max(1, options.records // 500)
    with tempfile.TemporaryDirectory(prefix="speedproof-bench-", dir=options.folder) as folder:
        if options.rebuild:
            sys.stdout.write(rebuild_speed(Path(folder), options.rebuild) + "\n")
            return 0
        sys.stdout.write(table(compare(options, Path(folder)), options.records, options.lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
