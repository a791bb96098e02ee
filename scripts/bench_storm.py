"""A storm: thousands of probes that come back at once after an outage, each with what it kept, while support asks.

Every probe has a connection of its own, opened in the same moment, and one batch of a day. Who is sent away (503) comes again
after what Retry-After says, shortened by --hurry so that the run ends; who is not answered connects again. Beside them the
desk is asked for a case again and again. In the end every acknowledged batch is looked for in the ledger.

    python scripts/bench_storm.py [--probes 10000] [--workers 2] [--records 96] [--hurry 10]
    python scripts/bench_storm.py --tiny 200000 [--workers 2]

The second is another kind of too much: so many batches of one record of one device in a row, with a look at each process's
memory and at index and ledger every half minute.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from bench.devices import LINE, Device, requests
from bench.soak import Collector, kept_chains, started
from bench.tiny import Tiny

from collector.clock import SystemClock
from collector.keyfiles import load_or_create
from collector.ledger.frame import Draft, EntryKind
from collector.ledger.segments import read_entries
from collector.ledger.writer import Ledger
from shared import strictjson
from shared.batch import pae_sha256_of
from shared.enrolment import NONCE_BYTES, make_code, make_enrolment, make_request, read_request
from shared.keys import FileKey

PATIENCE_S = 60


@dataclass(slots=True)
class Storm:
    """What became of it."""

    kept: dict[int, float] = field(default_factory=dict)  # by probe: when it was acknowledged (s after the beginning)
    sent_away: int = 0
    hung_up: int = 0
    other: list[bytes] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)  # how long each question of the desk took


def enrol(data: Path, devices: Sequence[Device]) -> None:
    """Put a line and all enrolments into a new ledger, as the portal would, without its deliberate slowness."""
    portal = load_or_create(data / "keys" / "portal.pem")
    ledger = Ledger(data / "ledger", SystemClock())
    for line_id in ("bench", "quiet"):
        body = strictjson.encode({**LINE, "area_class": "urban", "id": line_id})
        ledger.keep(Draft(EntryKind.SUBSCRIBER, {}, body + b"\n"))
    waiting = []
    for number, device in enumerate(devices):
        code = make_code(number.to_bytes(7, "big"))
        line = make_enrolment(
            read_request(make_request(code, bytes(NONCE_BYTES), device.key)), "0" * 64, 1, "file", portal
        )
        meta: strictjson.JsonObject = {
            "guard_s": 60, "handle": f"{number:04d}", "salt": "", "slot_s": 900, "subscriber": "bench",
        }  # fmt: skip
        waiting.append(ledger.append(Draft(EntryKind.ENROLMENT, meta, line + b"\n")))
    for one in waiting:
        one.result()
    ledger.close()


async def probe(storm: Storm, number: int, port: int, request: bytes, begun_s: float, hurry: float) -> None:
    """One probe, until its batch is acknowledged."""
    while number not in storm.kept:
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(request)
                    head = await reader.readuntil(b"\r\n\r\n")
                finally:
                    writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            storm.hung_up += 1
            await asyncio.sleep(1)
            continue
        status = head[9:12]
        if status in (b"200", b"201"):
            storm.kept[number] = time.monotonic() - begun_s
        elif status == b"503":
            storm.sent_away += 1
            after = head.lower().partition(b"retry-after: ")[2].partition(b"\r\n")[0]
            await asyncio.sleep(int(after or 30) / hurry)
        else:
            storm.other.append(head)
            return


def ask(url: str, token: str, pipe: Connection) -> None:
    """Support, in a process of its own, asking for a page again and again until told to stop."""
    request = urllib.request.Request(f"{url}/subscriber/quiet", headers={"Cookie": f"speedproof_desk={token}"})
    took_s: list[float] = []
    while not pipe.poll(0.2):
        begun_s = time.monotonic()
        urllib.request.urlopen(request, timeout=PATIENCE_S).close()
        took_s.append(time.monotonic() - begun_s)
    pipe.send(took_s)


async def rage(collector: Collector, bodies: Sequence[bytes], hurry: float) -> tuple[Storm, float]:
    """All of it; what became of it, and how long it took."""
    storm = Storm()
    ours, theirs = multiprocessing.Pipe()
    asking = multiprocessing.get_context("spawn").Process(
        target=ask, args=(collector.desk_url, collector.token, theirs)
    )
    asking.start()
    sent = requests(bodies)
    await asyncio.sleep(1)
    begun_s = time.monotonic()
    await asyncio.gather(
        *(probe(storm, number, collector.port, one, begun_s, hurry) for number, one in enumerate(sent))
    )
    wall_s = time.monotonic() - begun_s
    ours.send("stop")
    storm.asked_s = ours.recv()
    asking.join()
    return storm, wall_s


def most_mib(collector: Collector) -> dict[str, float]:
    """The most memory each kind of process had (VmHWM)."""
    found: dict[str, float] = {}
    for name, pids in collector.pids().items():
        for pid in pids:
            status = Path(f"/proc/{pid}/status").read_text()
            kib = int(status.partition("VmHWM:")[2].split()[0])
            found[name] = max(found.get(name, 0.0), kib / 1024)
    return found


def tiny(batches: int, workers: int) -> int:
    """One device's batches in a row; says what they cost."""
    with tempfile.TemporaryDirectory(prefix="speedproof-tiny-") as name:
        one = Tiny(Path(name) / "data", FileKey.generate(), lambda line: print(line, flush=True))
        enrol(one.data, [Device(one.key)])
        collector = started(one.data, workers)
        try:
            sent = one.send(collector, batches)
        finally:
            collector.end()
        one.check(sent)
    print(one.told())
    return 0


def main() -> int:
    """Enrol, seal, let it loose, look."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probes", type=int, default=10_000, help="how many come at once (default 10000)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--records", type=int, default=96, help="records in each one's batch (default 96, a day)")
    parser.add_argument(
        "--hurry", type=float, default=10, help="how much sooner than told they come again (default 10)"
    )
    parser.add_argument("--tiny", type=int, metavar="N", help="instead: N batches of one record of one device in a row")
    options = parser.parse_args()
    if options.tiny is not None:
        return tiny(options.tiny, options.workers)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    devices = [Device(FileKey.generate()) for _ in range(options.probes)]
    bodies = [next(device.sealed(1, options.records)) for device in devices]
    with tempfile.TemporaryDirectory(prefix="speedproof-storm-") as name:
        data = Path(name) / "data"
        enrol(data, devices)
        collector = started(data, options.workers)
        try:
            storm, wall_s = uvloop.run(rage(collector, bodies, options.hurry))
            memory = most_mib(collector)
        finally:
            collector.end()
        chains = kept_chains(read_entries(data / "ledger"))
    missing = [
        number
        for number in storm.kept
        if chains.get(devices[number].key.public.key_id) != [pae_sha256_of(bodies[number])]
    ]
    times, asked = sorted(storm.kept.values()), sorted(storm.asked_s)
    told = {
        "probes": options.probes, "records": options.records, "workers": options.workers, "cores": os.cpu_count(),
        "bytes_each": len(bodies[0]), "acknowledged": len(storm.kept), "missing_in_the_ledger": len(missing),
        "sent_away_503": storm.sent_away, "hung_up": storm.hung_up, "other_answers": len(storm.other),
        "seconds": round(wall_s, 1), "half_after_s": round(times[len(times) // 2], 1) if times else None,
        "desk_p50_ms": round(1000 * asked[len(asked) // 2]), "desk_p95_ms": round(1000 * asked[int(0.95 * len(asked))]),
        "most_mib": {name: round(mib) for name, mib in memory.items()},
    }  # fmt: skip
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    for head in storm.other[:3]:
        sys.stdout.write(f"answered: {head!r}\n")
    return 0 if len(storm.kept) == options.probes and not missing and not storm.other else 1


if __name__ == "__main__":
    sys.exit(main())
