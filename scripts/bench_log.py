"""What the log costs, and how fast it proves: in the ledger's group commit, from a large log, and for whoever checks evidence.

    append     the ledger's writer with and without a log, the same groups in the same run: processor time a batch
    proofs     inclusion and consistency proofs from the files of a log of --leaves leaves
    evidence   90 days of one line, a batch for each of 8,640 slots: making the file, and checking it

    python scripts/bench_log.py [--leaves 10000000] [--sections append,proofs,evidence]

What the log costs of all ingest, HTTP and devices included, `bench_ingest.py` shows beside the figures of the version before it.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

if __name__ == "__main__":  # started as a file: the repository is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.cosigner import Cosigner, cosigning

from collector.clock import SystemClock
from collector.config import Config
from collector.enrol import Portal
from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import check_evidence
from collector.evidence.logged import Trust
from collector.evidence.report import check_report
from collector.ingest import Ingest
from collector.ledger.book import Book
from collector.ledger.chains import Standing
from collector.ledger.frame import Draft, EntryKind, Link, Sheet, Spot, sheet_of
from collector.lines import add_subscriber
from collector.log.files import LogFiles
from collector.log.key import LogKey, Witness
from collector.log.signed import Signed
from collector.report.make import make_report
from collector.services import Services
from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.beacon import Beacon
from shared.chain import START
from shared.checkpoint import read_checkpoint
from shared.enrolment import NONCE_BYTES, make_request
from shared.keys import FileKey
from shared.note import read_note, sign
from shared.record import write_record
from shared.strictjson import JsonObject
from shared.tree import check_consistency, check_inclusion, consistency, inclusion, leaf_hash

GROUP, GROUPS = 32, 400
SLOTS, SLOT_S, WALL_US = 8640, 900, 1_790_000_000_000_000
ASKED = 2000
EVERY = 17


def say(name: str, found: float, unit: str, asked: str = "", *, ok: bool = True) -> bool:
    """One figure."""
    verdict = "" if not asked else "ok" if ok else "MISS"
    sys.stdout.write(f"{verdict:4} {name:58} {found:14,.2f} {unit:16} {asked}\n")
    sys.stdout.flush()
    return ok


def sheets(spki: bytes) -> Iterator[list[Sheet]]:
    """Groups of devices' next batches, about as long as real ones."""
    devs = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(GROUP)]
    heads, body = dict.fromkeys(devs, START.pae_sha256), b"x" * 11_000 + b"\n"
    for number in range(GROUPS):
        group = []
        for dev in devs:
            pae = hashlib.sha256(f"{dev} {number}".encode()).hexdigest()
            link = Link(dev, number, heads[dev], 24 * number, 24 * number + 23, pae)
            meta: JsonObject = {
                "batch": number,
                "dev": dev,
                "head": pae,
                "last_seq": link.last_seq,
                "receipt": {"p": "x" * 800},
            }
            group.append(sheet_of(Draft(EntryKind.BATCH, meta, body, link, signed=Signed(pae, b"s" * 71, spki))))
            heads[dev] = pae
        yield group


def commit(folder: Path, groups: list[list[Sheet]], key: LogKey | None) -> float:
    """Processor time (µs) of the ledger's writer for a batch."""
    with contextlib.closing(Book(folder, SystemClock(), log_key=key)) as book:
        book.chains.standings |= {sheet.link.dev: Standing(b"key") for sheet in groups[0] if sheet.link}
        begun_s = time.process_time()
        for group in groups:
            if not all(isinstance(outcome, Spot) for outcome in book.commit(group)):
                raise SystemExit("not every batch was kept")
        return 1e6 * (time.process_time() - begun_s) / (GROUP * len(groups))


def append(folder: Path) -> bool:
    """The ledger's writer with and without a log, in turns."""
    groups, key = list(sheets(FileKey.generate().public.spki)), LogKey.generate()
    without, with_log = [], []
    for turn in range(4):
        without.append(commit(folder / f"without-{turn}", groups, None))
        with_log.append(commit(folder / f"with-{turn}", groups, key))
    one, other = sorted(without)[1], sorted(with_log)[1]
    say(f"writer without a log, groups of {GROUP}", one, "µs a batch")
    say("writer with a log: tree, checkpoint, a proof each", other, "µs a batch")
    return say("the log", other - one, "µs a batch")


def proofs(folder: Path, leaves: int) -> bool:
    """Proofs from the files of a large log."""
    begun_s, chance = time.monotonic(), random.Random(1)
    with LogFiles(folder / "log", 0) as files:
        for begin in range(0, leaves, 100_000):
            files.append([b"%d" % number for number in range(begin, min(leaves, begin + 100_000))])
        files.sync()
        say(f"leaves written, of {leaves:,}", leaves / (time.monotonic() - begun_s), "a second")
        size, root = files.size, files.root()

        def prove() -> None:
            index = chance.randrange(size)
            check_inclusion(leaf_hash(b"%d" % index), index, size, inclusion(files.node, index, size), root)

        def link() -> None:
            old = chance.randrange(1, size)
            check_consistency(old, size, consistency(files.node, old, size), files.root(old), root)

        each = timed(lambda: inclusion(files.node, chance.randrange(size), size))
        say("inclusion proof, p50", each[len(each) // 2], "ms")
        ok = say("inclusion proof, p99", each[len(each) * 99 // 100], "ms", "<= 5", ok=each[len(each) * 99 // 100] <= 5)
        for name, ask in (
            ("inclusion proof, made and checked, p99", prove),
            ("consistency proof, made and checked, p99", link),
        ):
            each = timed(ask)
            say(name, each[len(each) * 99 // 100], "ms")
        drop(folder)
        say(
            "the first inclusion proof from cold files",
            timed(lambda: inclusion(files.node, size // 3, size), 1)[0],
            "ms",
        )
    return ok


def timed(ask: Callable[[], object], times: int = ASKED) -> list[float]:
    """How long each of so many took, ms, in order of length."""
    found = []
    for _ in range(times):
        begun_s = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - begun_s))
    return sorted(found)


def drop(folder: Path) -> None:
    """Let the system forget the files."""
    for file in (folder / "log").iterdir():
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def evidence(folder: Path) -> bool:
    """90 days of one line, a batch a slot, each naming a cosignature of its own, the log cosigned every few hours."""
    with contextlib.ExitStack() as opened:
        witness, clock = opened.enter_context(cosigning(WALL_US // 1_000_000)), Hands(WALL_US)
        config = Config(folder / "data", witness=(Witness(witness.url, witness.public),))
        services = opened.enter_context(contextlib.closing(Services.over_folder(config, clock)))
        add_subscriber(
            services,
            {
                "id": "line",
                "time_zone": "Europe/Prague",
                "criterion": "cz-mobile-cert",
                "contract": {"down": {"advertised_bps": 40_000_000}},
            },
        )
        key, portal = FileKey.generate(), Portal(services)
        code, _ = portal.give_code("line")
        portal.enrol(code, make_request(code, bytes(NONCE_BYTES), key))
        asyncio.run(fill(services, key, witness, clock))
        services.indexer.catch_up()
        begun_s = time.monotonic()
        made = make_evidence(services, "line")
        say(f"evidence of {SLOTS:,} slots made", time.monotonic() - begun_s, "s")
        say("its length", len(made) / 1e6, "MB")
        trust = Trust(services.collector_key.public.key_id, services.log_key.public.vkey, (witness.public.vkey,))
        ok = report(services, trust)
    files = read_archive(made)
    begun_s = time.process_time()
    steps = check_evidence(files, trust)
    took_s = time.process_time() - begun_s
    if not all(step.holds for step in steps):
        raise SystemExit(f"it does not hold: {steps[-1]}")
    return ok & say("evidence checked, processor time", took_s, "s", "<= 3", ok=took_s <= 3)


def report(services: Services, trust: Trust) -> bool:
    """The same case as a signed PDF."""
    make_report(services, "line")  # its libraries are loaded
    begun_s, begun_cpu_s = time.monotonic(), time.process_time()
    made = make_report(services, "line")
    took_s = time.monotonic() - begun_s
    say("report of the same made, processor time", time.process_time() - begun_cpu_s, "s")
    ok = say("report of the same made", took_s, "s", "<= 5", ok=took_s <= 5)
    ok &= say("its length", len(made.pdf) / 1e6, "MB", "<= 2", ok=len(made.pdf) <= 2_000_000)
    begun_s = time.process_time()
    found = check_report(made.pdf, trust)
    say("report checked, processor time", time.process_time() - begun_s, "s")
    if not found.holds:
        raise SystemExit(f"it does not hold: {found.steps[-1]}")
    return ok


class Hands(SystemClock):
    """A wall clock that is put on from slot to slot."""

    def __init__(self, wall_us: int) -> None:
        """Begin there."""
        self.now_us = wall_us

    def wall_us(self) -> int:
        """Where it was put."""
        return self.now_us


async def fill(services: Services, key: FileKey, witness: Cosigner, clock: Hands) -> None:
    """A batch of one download for each slot."""
    ingest, prev, text, beacon = Ingest(services), FIRST_PREV, "", None
    for number in range(SLOTS):
        wall_us = clock.now_us = WALL_US + number * SLOT_S * 1_000_000
        mono_us = wall_us - WALL_US
        record = write_record(
            {
                "dur_us": 10_000_000, "end": "ok", "method": "download", "received_bytes": 25_000_000 + number, "seq": number,
                "slot": wall_us // (SLOT_S * 1_000_000), "ver": 2, "wall_us": wall_us, "mono_us": mono_us, "drawn": "beacon",
            }
        )  # fmt: skip
        sealing = Sealing("bench/0", number, "boot", prev, number, number, mono_us, wall_us, beacon)
        body = seal_batch([record], sealing, key)
        await ingest.take(body)
        prev, witness.now_s = pae_sha256_of(body), wall_us // 1_000_000 + 60
        if number % EVERY == 0 or number == SLOTS - 1:  # as many checkpoints as a file of 90 days keeps
            services.indexer.catch_up()
            services.publisher.holds(services.publisher.files.size - 1, 10)
            cosigned = services.witnesses.go_round()
            if cosigned is None:
                raise SystemExit("the witness did not cosign")
            text = read_note(cosigned.note).text
        cosig = sign(text, witness, witness.now_s).blob
        beacon = Beacon(read_checkpoint(text), witness.now_s, cosig, mono_us + 60_000_000).fields


def main() -> int:
    """Run the sections; 1 if a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--leaves", type=int, default=10_000_000)
    parser.add_argument("--sections", default="append,proofs,evidence")
    options = parser.parse_args()
    sys.stdout.write(f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}\n")
    wanted, ok = options.sections.split(","), True
    with tempfile.TemporaryDirectory(prefix="speedproof-bench-") as name:
        if "append" in wanted:
            ok &= append(Path(name))
        if "proofs" in wanted:
            ok &= proofs(Path(name), options.leaves)
        if "evidence" in wanted:
            ok &= evidence(Path(name))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
