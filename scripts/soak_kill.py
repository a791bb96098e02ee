"""Kill a collector's processes again and again while devices upload, and check that nothing acknowledged is lost.

The collector is the real one. Each kill is a SIGKILL in one of the situations of `bench/moments.py`: at random, or on purpose
in the middle of a compaction, a checkpoint, a migration, a backup, an archiving, a rebuild. All situations have their turn; the
table says how many kills were seen to fall inside. Only processes this script started are killed. Nothing is kept.

    python scripts/soak_kill.py [--kills 200] [--minutes M] [--workers 2] [--devices 8] [--only WORD] [--no-lake] [--seed N]

`migrate-store` needs PostgreSQL's initdb and pg_ctl in PATH; without them it is left out, and said so.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

if __name__ == "__main__":  # started as a file: the repository is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.bench.moments import situations, table, timed
from scripts.bench.soak import Broken, Soak
from scripts.store_bench.lake import postgres
from scripts.store_bench.peers import Missing


@contextlib.contextmanager
def databases(folder: Path) -> Iterator[Callable[[], str] | None]:
    """What gives new databases, None where PostgreSQL is not there."""
    with contextlib.ExitStack() as opened:
        try:
            address = opened.enter_context(postgres(folder))
        except Missing as error:
            sys.stdout.write(f"migrate-store is left out: {error}\n")
            yield None
            return
        made = 0

        def another() -> str:
            nonlocal made
            import psycopg  # noqa: PLC0415 - only where there is a database

            made += 1
            with contextlib.closing(psycopg.connect(address, autocommit=True)) as connection:
                connection.execute(f"CREATE DATABASE lake{made}".encode())
            return urlunsplit(urlsplit(address)._replace(path=f"/lake{made}"))

        yield another


def soak_for(soak: Soak, options: argparse.Namespace) -> Counter[str]:
    """Kill so often, all situations in turn but in random order; how long each took."""
    names = situations(lake=soak.lake is not None, workers=bool(options.workers))
    chosen = {name: one for name, one in names.items() if options.only in name}
    took_s: Counter[str] = Counter()
    bag: list[str] = []
    until_s = time.monotonic() + 60 * (options.minutes or 60 * 24)
    try:
        soak.enrol(options.devices)
        for number in range(1, options.kills + 1):
            if time.monotonic() > until_s:
                sys.stdout.write(f"time is up after {number - 1} kills\n")
                break
            if not bag:
                bag = list(chosen)
                soak.chance.shuffle(bag)
            name = bag.pop()
            is_inside = timed(soak, name, chosen[name], took_s)
            kept = sum(len(one.acknowledged) for one in soak.uploaders)
            word = "inside" if is_inside else "beside"
            sys.stdout.write(f"{number} of {options.kills}: {name:<36} {word}, {kept} batches acknowledged\n")
            sys.stdout.flush()
    finally:
        sys.stdout.write(table(soak, chosen, took_s))
    return took_s


def faults(soak: Soak) -> str:
    """What the collector's processes said last of faults of their own, or said last at all."""
    told = {log: log.read_text(errors="replace") for log in (soak.log, *soak.data.glob("*.log")) if log.exists()}
    traced = {log: text[max(0, text.rindex("Traceback") - 500) :] for log, text in told.items() if "Traceback" in text}
    return "".join(f"{log.name}: …{text[-6000:]}\n" for log, text in sorted((traced or told).items()))


def main() -> int:
    """Kill, check, say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how often (default 200)")
    parser.add_argument(
        "--minutes", type=float, help="kill no more after so long, and check (default: as long as it takes)"
    )
    parser.add_argument("--workers", type=int, default=2, help="worker processes; 0: one process alone (default 2)")
    parser.add_argument("--devices", type=int, default=8, help="devices that upload at once (default 8)")
    parser.add_argument("--only", default="", metavar="WORD", help="only situations with this in their name")
    parser.add_argument("--no-lake", action="store_true", help="without migrate-store, which needs PostgreSQL")
    parser.add_argument("--seed", type=int, help="to repeat a run's choices")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 2**31)
    sys.stdout.write(f"{options.kills} kills, {options.workers} workers, {options.devices} devices, seed {seed}\n")
    begun_s = time.monotonic()
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="speedproof-soak-")))
        lake = None if options.no_lake else opened.enter_context(databases(folder / "postgres"))
        soak = Soak(folder / "run" / "data", random.Random(seed), options.workers, lake=lake)
        try:
            soak_for(soak, options)
            batches = soak.check_all()
        except Broken as error:
            sys.stdout.write(f"BROKEN: {error}\n{faults(soak)}")
            return 1
        finally:
            soak.end()
    sys.stdout.write(
        f"ok: {batches} batches, {batches * soak.records} records acknowledged in {time.monotonic() - begun_s:.0f} s; none "
        f"missing, none twice; chains and seals hold; {soak.restored} backups restored and checked; the rebuilt index is the same\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
