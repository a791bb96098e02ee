"""Batches per second through `speedproof-collector up --workers N`, and how late its answers and its index are.

The collector is the real one, with its processes; the devices run in this process, on the same cores, over loopback, each on
a kept connection of its own, with batches sealed beforehand. Every batch is on disk (fsync) before it is answered. The ceiling
is what the same workers and the same writer of the ledger do with batches fed to them from memory, without HTTP and
without the devices' own work. Nothing is kept: the data folder is temporary.

    python scripts/bench_ingest.py [--workers 2] [--connections 96] [--seconds 8] [--records 24] [--gzip]
"""

import argparse
import asyncio
import contextlib
import gzip
import http.client
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from bench.devices import Device, Sent, enrolled, requests, send_all
from bench.soak import PARENT, Collector, started

from collector.clock import SystemClock
from collector.config import Config
from collector.crew import Crew
from collector.ledger.line import LedgerLine
from collector.log.key import log_key
from collector.passing import Desk
from collector.services import Services
from collector.worker import Worker
from shared.keys import FileKey

FASTEST_S = 120_000  # records: as many are sealed beforehand, so that no device runs dry
FASTEST_SINGLE_S = 9_000
ASKED_RECORDS_S, ASKED_SHARE, ASKED_SINGLE_S, ASKED_P99_MS, ASKED_LAG_S = 60_000, 0.8, 4_500, 150, 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run."""

    seconds: float
    connections: int
    records: int
    workers: int
    packed: bool


def cpu_s(one: Collector) -> Counter[str]:
    """Processor time by now, of each kind of process."""
    found: Counter[str] = Counter()
    for name, pids in one.pids().items():
        found["index and desk" if name == PARENT else name.rpartition(".")[2]] += sum(map(_cpu_s, pids))
    return found


def _cpu_s(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def collector(data: Path, workers: int) -> Iterator[Collector]:
    """The real thing over a folder."""
    one = started(data, workers)
    try:
        yield one
    finally:
        one.end()


def health(port: int) -> dict[str, int]:
    """How far ledger and index are."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/health")
        told: dict[str, int] = json.loads(connection.getresponse().read())
    return told


def lag_s(port: int) -> float:
    """How long it takes until everything that is in the ledger now is in the index."""
    begun_s = time.monotonic()
    wanted = health(port)["ledger_no"]
    while health(port)["index_no"] < wanted:
        time.sleep(0.02)
    return time.monotonic() - begun_s


async def watched_lag(port: int, seconds: float) -> list[float]:
    """The lag, again and again, while others send."""
    until_s, found = time.monotonic() + seconds, list[float]()
    while time.monotonic() < until_s:
        found.append(await asyncio.to_thread(lag_s, port))
        await asyncio.sleep(0.3)
    return found


@contextlib.contextmanager
def folder_of(devices: Sequence[Device]) -> Iterator[Path]:
    """A data folder in which these devices are enrolled."""
    with tempfile.TemporaryDirectory(prefix="speedproof-bench-") as name:
        data = Path(name) / "data"
        with contextlib.closing(Services.over_folder(Config(data=data))) as services:
            enrolled(services, devices)
        yield data


def feed(pipe: Connection, data: Path, ledger: str, each: Sequence[Sequence[bytes]], seconds: float) -> None:
    """One worker without its HTTP: every device hands over its next batch when the last one was kept."""

    async def run() -> tuple[int, float]:
        signer = FileKey.from_pem((data / "keys" / "collector.pem").read_bytes())
        log_id = log_key(data / "keys").public.whole_id
        worker = Worker(LedgerLine(ledger), Desk("nowhere"), signer, log_id)
        begun_s = time.monotonic()

        async def device(bodies: Sequence[bytes]) -> int:
            for count, body in enumerate(bodies):
                if time.monotonic() - begun_s >= seconds:
                    return count
                await worker.take(body)
            raise SystemExit("a device ran out of sealed batches")

        counts = await asyncio.gather(*map(device, each))
        wall_s = time.monotonic() - begun_s
        await worker.close()
        return sum(counts), wall_s

    pipe.recv()
    pipe.send(uvloop.run(run()))


def from_memory(plan: Plan, devices: Sequence[Device], bodies: Sequence[Sequence[bytes]]) -> float:
    """Batches a second without HTTP."""
    context = multiprocessing.get_context("fork")
    with folder_of(devices) as data, Crew(Config(data), SystemClock()) as crew:
        client = crew.open_ledger(data / "ledger", lambda: None)
        client.close()
        pipes, processes = [], []
        for number in range(plan.workers):
            ours, theirs = context.Pipe()
            some = bodies[number :: plan.workers]
            process = context.Process(target=feed, args=(theirs, data, crew.ledger, some, plan.seconds))
            process.start()
            pipes.append(ours)
            processes.append(process)
        for pipe in pipes:
            pipe.send("go")
        done = [pipe.recv() for pipe in pipes]
        for process in processes:
            process.join()
    return sum(count / wall_s for count, wall_s in done)


def packed(bodies: Sequence[bytes]) -> list[bytes]:
    """As probes send them."""
    return [gzip.compress(body, 6, mtime=0) for body in bodies]


def over_http(
    plan: Plan, devices: Sequence[Device], each: Sequence[Sequence[bytes]]
) -> tuple[Sent, float, dict[str, float]]:
    """All they can, then how long the index still takes; and microseconds of a processor for each batch."""
    with folder_of(devices) as data, collector(data, plan.workers) as one:
        before, own_s = cpu_s(one), time.process_time()
        sent = uvloop.run(send_all(one.port, each, plan.seconds))
        used = cpu_s(one)
        used.subtract(before)
        used["the devices"] = time.process_time() - own_s
        return sent, lag_s(one.port), {name: 1e6 * used_s / sent.kept for name, used_s in used.items()}


def at_half_load(
    plan: Plan, devices: Sequence[Device], each: Sequence[Sequence[bytes]], rate_s: float
) -> tuple[Sent, list[float]]:
    """Half as many, and how late answers and the index then are."""

    async def run(port: int) -> tuple[Sent, list[float]]:
        return await asyncio.gather(  # type: ignore[return-value]
            send_all(port, each, plan.seconds, rate_s), watched_lag(port, plan.seconds)
        )

    with folder_of(devices) as data, collector(data, plan.workers) as one:
        return uvloop.run(run(one.port))


def sealed(plan: Plan, records: int, most_s: float) -> tuple[list[Device], list[list[bytes]]]:
    """Fresh devices, each with so many batches that none runs dry."""
    devices = [Device(FileKey.generate()) for _ in range(plan.connections)]
    wanted = int(plan.seconds * most_s / records / plan.connections * 1.5) + 5
    return devices, [list(device.sealed(wanted, records)) for device in devices]


def say(name: str, found: float, unit: str, asked: str = "", *, ok: bool = True) -> bool:
    """One line of the result."""
    sys.stdout.write(
        f"{('ok  ' if ok else 'MISS') if asked else '    '} {name:<62} {found:>10,.2f} {unit:<12} {asked}\n"
    )
    sys.stdout.flush()
    return ok


def main() -> int:
    """Seal, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8, help="length of each run (default 8)")
    parser.add_argument("--connections", type=int, default=96, help="devices, each on its own connection (default 96)")
    parser.add_argument("--records", type=int, default=24, help="records in a batch (default 24)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--gzip", action="store_true", help="send batches gzipped, as probes do")
    options = parser.parse_args()
    plan = Plan(options.seconds, options.connections, options.records, options.workers, options.gzip)
    load = os.getloadavg()[0]
    devices, bodies = sealed(plan, plan.records, FASTEST_S)
    each = [requests(packed(some) if plan.packed else some, packed=plan.packed) for some in bodies]
    size = sum(map(len, bodies[0][:10])) // 10
    sys.stdout.write(
        f"{os.cpu_count()} cores (load before {load:.1f}), {plan.workers} workers, {plan.connections} connections, "
        f"{plan.seconds:.0f} s; batches of {plan.records} records, {size} bytes{', gzipped' if plan.packed else ''}\n"
    )
    top_s = from_memory(plan, devices, bodies) * plan.records
    say("from memory, without HTTP", top_s, "records/s")
    sent, drained_s, used = over_http(plan, devices, each)
    rate_s = sent.kept / sent.wall_s
    got = [
        say("over HTTP, durable before the answer", rate_s * plan.records, "records/s", f">= {ASKED_RECORDS_S:,}",
            ok=rate_s * plan.records >= ASKED_RECORDS_S),
        say("of what the same processes do from memory", rate_s * plan.records / top_s, "", f">= {ASKED_SHARE}",
            ok=rate_s * plan.records >= ASKED_SHARE * top_s),
        say("p50 of the answer", sent.delay_ms(0.5), "ms"),
        say("p99 of the answer", sent.delay_ms(0.99), "ms"),
        say("then the index was complete after", drained_s, "s"),
    ]  # fmt: skip
    for name, cpu_us in sorted(used.items()):
        say(f"processor time of {name}", cpu_us, "µs a batch")
    half, lags = at_half_load(plan, devices, each, rate_s / 2)
    got += [
        say("at half load", half.kept / half.wall_s * plan.records, "records/s"),
        say("p99 of the answer", half.delay_ms(0.99), "ms", f"<= {ASKED_P99_MS}", ok=half.delay_ms(0.99) <= ASKED_P99_MS),
        say("index behind the ledger, the most", max(lags), "s", f"<= {ASKED_LAG_S}", ok=max(lags) <= ASKED_LAG_S),
    ]  # fmt: skip
    devices, bodies = sealed(plan, 1, FASTEST_SINGLE_S)
    single, _, single_used = over_http(plan, devices, [requests(some) for some in bodies])
    got.append(
        say("batches of one record", single.kept / single.wall_s, "batches/s", f">= {ASKED_SINGLE_S:,}",
            ok=single.kept / single.wall_s >= ASKED_SINGLE_S)
    )  # fmt: skip
    for name, cpu_us in sorted(single_used.items()):
        say(f"processor time of {name}", cpu_us, "µs a batch")
    away = sum(itertools.chain(one.sent_away for one in (sent, half, single)))
    say("sent away with 503", away, "")
    return 0 if all(got) else 1


if __name__ == "__main__":
    sys.exit(main())
