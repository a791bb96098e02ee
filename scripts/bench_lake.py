"""Many collectors' loaders into one lake, beside the one loader of the index in a file: same rows, same questions, same run.

Makes so many measurements over a year, deals them out in loads to N processes that load them into one lake (DuckLake, a
PostgreSQL of its own that writes every commit out, files in a folder) while one of them at a time puts it in order; then
asks for the last 90 days of random lines. A load's time is from having its rows to its commit, with the wait for its turn.

Then the ledgers: collectors that write groups of batches, each alone, beside as many that share their chains by one catalog.

    python scripts/bench_lake.py [--records 1000000] [--loaders 1,3] [--rows 12000] [--times 200] [--folder DIR]
                                 [--groups 300] [--sizes 1,16,64] [--sections index,chains]
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":  # started as a file: the repository is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collector.store.address import LakeAddress
from scripts.store_bench.data import DAY_US, Size
from scripts.store_bench.lake import Site, load, postgres, prepare, staged
from scripts.store_bench.peers import Missing
from scripts.store_bench.report import quantile
from scripts.store_bench.together import write

WINDOW_DAYS = 90
HEAD = "| index | loaders | records/s | load p50 / p99, ms | loads/s | 90-day timeline p50 / p95, ms | rows of the answers |"
CHAINS_HEAD = "| collectors | batches in a group | batches/s | group p50 / p99, ms | of as many alone |"


def measured(name: str, site: Site, size: Size, loaders: int, times: int) -> str:
    """Load, ask; one line of the table."""
    prepare(site, size)
    found = load(site, staged(site.folder, size, loaders))
    took_s = max(one.to_s for one in found) - min(one.from_s for one in found)
    loads = [s * 1000 for one in found for s in one.load_s]
    chance, since_us, asked, rows = random.Random(1), size.until_us - WINDOW_DAYS * DAY_US, [], 0
    with contextlib.closing(site.open(0)) as store:
        while store.compact():
            pass
        for number in range(times + 20):
            line = f"line-{chance.randint(1, size.lines)}"
            start_s = time.perf_counter()
            answer = store.timeline(line, since_us)
            if number >= 20:  # the first ones warm it up
                asked.append((time.perf_counter() - start_s) * 1000)
                rows += len(answer)
        if store.digest()["record"][0] != size.records:
            raise SystemExit(f"{name}: not every record is there once")
    return (
        f"| {name} | {loaders} | {size.records / took_s:,.0f} | {quantile(loads, 500):.0f} / {quantile(loads, 990):.0f} | "
        f"{len(loads) / took_s:.1f} | {quantile(asked, 500):.1f} / {quantile(asked, 950):.1f} | {rows} |"
    )


def chains(folder: Path, groups: int, sizes: Sequence[int]) -> None:
    """Write ledgers alone and with a shared catalog; a table."""
    sys.stdout.write(
        f"\n{groups} groups of batches of 24 records (11.6 kB) by each collector\n\n{CHAINS_HEAD}\n|-|-|-|-|-|\n"
    )
    with postgres(folder / "pg-chains") as catalog:
        for number, (size, writers) in enumerate((size, writers) for size in sizes for writers in (1, 2)):
            alone = 0.0
            for name, address in (("alone", None), ("one catalog", catalog)):
                if address is not None:
                    with contextlib.closing(import_module("psycopg").connect(address, autocommit=True)) as connection:
                        connection.execute("DROP SCHEMA IF EXISTS speedproof CASCADE")
                found = write(folder / f"chains-{number}-{name}", address, writers, groups, size)
                took_s = max(one.to_s for one in found) - min(one.from_s for one in found)
                rate = writers * groups * size / took_s
                alone = alone or rate
                ms = [s * 1000 for one in found for s in one.group_s]
                sys.stdout.write(
                    f"| {writers} {name} | {size} | {rate:,.0f} | {quantile(ms, 500):.1f} / {quantile(ms, 990):.1f} | {rate / alone:.2f} |\n"
                )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print one table."""
    parser = argparse.ArgumentParser(description="Many collectors' loaders into one lake, beside the index in a file.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--lines", type=int, default=0, help="default: one for 500 records")
    parser.add_argument("--loaders", default="1,3", help="numbers of processes that load into the lake (default 1,3)")
    parser.add_argument("--rows", type=int, default=12_000, help="records in a load (default 12,000)")
    parser.add_argument("--times", type=int, default=200, help="timelines (default 200)")
    parser.add_argument("--folder", type=Path, help="where the data goes for the time of the run")
    parser.add_argument("--groups", type=int, default=300, help="groups that each collector writes (default 300)")
    parser.add_argument("--sizes", default="1,16,64", help="batches in a group (default 1,16,64)")
    parser.add_argument("--sections", default="index,chains", help="index, chains, or both")
    options = parser.parse_args(arguments)
    if "chains" in options.sections.split(","):
        with tempfile.TemporaryDirectory(prefix="speedproof-chains-", dir=options.folder) as name:
            try:
                chains(Path(name), options.groups, [int(one) for one in options.sizes.split(",")])
            except Missing as missing:
                sys.stdout.write(f"left out, {missing}\n")
        sys.stdout.write(f"\nload average of the machine at the end: {os.getloadavg()[0]:.1f}\n\n")
    if "index" not in options.sections.split(","):
        return 0
    lines = options.lines or max(1, options.records // 500)
    size = Size(options.records, lines, 365, options.rows)
    with tempfile.TemporaryDirectory(prefix="speedproof-lake-", dir=options.folder) as name:
        folder = Path(name)
        sys.stdout.write(
            f"{size.records:,} records of {lines:,} lines, {options.rows:,} in a load\n\n{HEAD}\n|-|-|-|-|-|-|-|\n"
        )
        (folder / "file").mkdir()
        sys.stdout.write(measured("DuckDB, a file", Site(folder / "file", None), size, 1, options.times) + "\n")
        for loaders in (int(one) for one in options.loaders.split(",")):
            site = folder / f"lake-{loaders}"
            site.mkdir()
            try:
                with postgres(folder / f"pg-{loaders}") as catalog:
                    address = LakeAddress(catalog, str(site / "files"))
                    told = measured("DuckLake on PostgreSQL", Site(site, address), size, loaders, options.times)
            except Missing as missing:
                told = f"left out, {missing}"
            sys.stdout.write(told + "\n")
        sys.stdout.write(f"\nload average of the machine at the end: {os.getloadavg()[0]:.1f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
