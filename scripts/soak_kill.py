"""Kill a collector's processes again and again while devices upload, and check that nothing acknowledged is lost.

The collector is the real one; each time one of its processes (the first, the one that writes the ledger, or a worker) gets
SIGKILL at a random moment under load. Only processes this script started are killed. Nothing is kept.

    python scripts/soak_kill.py [--kills 200] [--workers 2] [--devices 8] [--seed N]
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from bench.soak import Broken, Soak


def main() -> int:
    """Kill, check, say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how often (default 200)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes; 0: one process alone (default 2)")
    parser.add_argument("--devices", type=int, default=8, help="devices that upload at once (default 8)")
    parser.add_argument("--seed", type=int, help="to repeat a run's choices")
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 2**31)
    sys.stdout.write(f"{options.kills} kills, {options.workers} workers, {options.devices} devices, seed {seed}\n")
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="speedproof-soak-") as name:
        soak = Soak(Path(name) / "data", random.Random(seed), options.workers)
        try:
            soak.enrol(options.devices)
            for number in range(1, options.kills + 1):
                victim = soak.kill_once()
                kept = sum(len(one.acknowledged) for one in soak.uploaders)
                sys.stdout.write(f"\r{number} of {options.kills}: {victim:<24} {kept} batches acknowledged ")
                sys.stdout.flush()
            batches = soak.check_all()
        except Broken as error:
            sys.stdout.write(f"\nBROKEN: {error}\n")
            return 1
        finally:
            soak.end()
    killed = ", ".join(f"{name} {count}" for name, count in sorted(soak.killed.items()))
    sys.stdout.write(
        f"\nok: {batches} batches acknowledged in {time.monotonic() - begun_s:.0f} s, none missing, none twice, chains "
        f"and seals hold, the rebuilt index is the same ({killed})\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
