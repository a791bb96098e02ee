"""Records per second through the collector's HTTP entrance on one core, beside the same process's own ceiling.

The collector (uvicorn and the whole application) runs in one process pinned to one core; the devices run in this one,
pinned to another, over loopback, each on a connection of its own, with batches sealed beforehand. The ceiling is the
same process doing the same work without HTTP: open and verify, parse, receipt, ledger with group commit. Every batch is
really on disk before it is answered. Nothing is kept: the data folder is temporary.

    python scripts/bench_ingest.py [--seconds 8] [--connections 8] [--records 24] [--gzip] [--profile]
"""

import argparse
import asyncio
import contextlib
import cProfile
import gzip
import multiprocessing
import os
import pstats
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn

from collector.app import create_app
from collector.config import Config
from collector.enrol import Portal
from collector.ingest import Ingest
from collector.lines import add_subscriber
from collector.services import Services
from shared import batch
from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.enrolment import NONCE_BYTES, make_request
from shared.keys import FileKey
from shared.record import write_record
from shared.strictjson import JsonObject

WALL_US = 1_800_000_000_000_000
FASTEST_PER_S = 1500  # batches; sealed beforehand for this rate, so that no device runs dry
LINE = {
    "id": "bench",
    "time_zone": "UTC",
    "criterion": "cz-mobile-cert",
    "contract": {"down": {"advertised_bps": 40_000_000}},
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run did: batches acknowledged, wall and CPU seconds of the collector's process."""

    name: str
    batches: int
    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent."""

    seconds: float
    connections: int
    records: int
    packed: bool
    profile: bool


def record(seq: int) -> bytes:
    """A latency train, a download or an object fetch, with the raw samples such a record holds."""
    at_us = WALL_US + seq * 900_000_000
    members: JsonObject = {
        "ctx": {
            "cpu_pm": 112,
            "interface": "wwan0",
            "network_type": "mobile",
            "rx_bytes": 12_583_211,
            "tx_bytes": 262_144,
        },
        "end": "ok",
        "mono_us": 88_111_000_000 + seq * 900_000_000,
        "seq": seq,
        "slot": at_us // 900_000_000,
        "wall_us": at_us,
    }
    match seq % 3:
        case 0:
            members |= {"method": "latency", "rtt_us": [35_000 + 137 * number % 9000 for number in range(20)]}
        case 1:
            members |= {
                "bytes": [number * 1_310_720 for number in range(1, 21)],
                "dur_us": 10_000_000,
                "method": "download",
                "received_bytes": 26_214_400,
                "t_us": [number * 500_000 for number in range(1, 21)],
                "warm_us": 1_000_000,
            }
        case _:
            members |= {
                "dur_us": 412_345,
                "expected_bytes": 1_048_576,
                "method": "fetch",
                "received_bytes": 1_048_576,
                "stages": {"body_us": 301_222, "connect_us": 36_120, "dns_us": 0, "request_us": 75_003},
                "status": 200,
            }
    return write_record(members)


def sealed(key: FileKey, batches: int, records: int) -> Iterator[bytes]:
    """A device's batches, one after another."""
    prev = FIRST_PREV
    for number in range(batches):
        first = number * records
        lines = [record(first + place) for place in range(records)]
        body = seal_batch(lines, Sealing("bench/0", number, "boot", prev, first, first + records - 1, 1, WALL_US), key)
        prev = pae_sha256_of(body)
        yield body


def pinned(core: int) -> None:
    """Stay on this core, where the system can do that and there is more than one."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {core})


def enrolled(services: Services, keys: Sequence[FileKey]) -> None:
    """Enrol these keys for one line."""
    add_subscriber(services, LINE)
    portal = Portal(services)
    for key in keys:
        code, _ = portal.give_code("bench")
        portal.enrol(code, make_request(code, bytes(NONCE_BYTES), key))


class Server(uvicorn.Server):
    """uvicorn, that says when it answers and ends when it is told to."""

    def __init__(self, config: uvicorn.Config, pipe: Connection, port: int) -> None:
        """Tell the port through this pipe."""
        super().__init__(config)
        self._pipe = pipe
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._stop)
        self._pipe.send(self._port)

    def _stop(self) -> None:
        self._pipe.recv()
        self.should_exit = True


def serve(pipe: Connection, keys: Sequence[bytes], plan: Plan, *, with_index: bool) -> None:
    """The collector's process: pinned, over a folder of its own; tells its port, at the end the CPU seconds it took."""
    pinned(0)
    with _services(keys) as services:
        if with_index:
            services.indexer.start()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            config = uvicorn.Config(create_app(services, "bench"), log_level="error", access_log=False, ws="none")
            server = Server(config, pipe, listener.getsockname()[1])
            before_s = time.process_time()
            with _profiled(wanted=plan.profile and not with_index):
                server.run(sockets=[listener])
            pipe.send(time.process_time() - before_s)


def ceiling(pipe: Connection, keys: Sequence[bytes], plan: Plan, bodies: Sequence[Sequence[bytes]]) -> None:
    """The same process without HTTP: each device hands over its next batch as soon as the last one is acknowledged."""
    pinned(0)
    with _services(keys) as services:
        ingest = Ingest(services)
        before_s = time.process_time()
        with _profiled(wanted=plan.profile):
            batches, wall_s = asyncio.run(devices(bodies, plan.seconds, lambda _: ingest.take))
        pipe.send(Measured("without HTTP", batches, wall_s, time.process_time() - before_s))


@contextlib.contextmanager
def _services(keys: Sequence[bytes]) -> Iterator[Services]:
    """A collector's parts over a temporary folder, with these devices enrolled."""
    with (
        tempfile.TemporaryDirectory(prefix="speedproof-bench-") as folder,
        contextlib.closing(Services.over_folder(Config(data=Path(folder)))) as services,
    ):
        enrolled(services, [FileKey.from_pem(key) for key in keys])
        yield services


@contextlib.contextmanager
def _profiled(*, wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    with cProfile.Profile() as found:
        yield
    pstats.Stats(found, stream=sys.stderr).sort_stats("tottime").print_stats(25)


async def devices(
    bodies: Sequence[Sequence[bytes]], seconds: float, sender: Callable[[int], Callable[[bytes], Awaitable[object]]]
) -> tuple[int, float]:
    """All devices at once, each one batch after another until time is up; batches acknowledged, seconds taken."""
    start_s = time.monotonic()

    async def device(number: int) -> int:
        send = sender(number)
        for count, body in enumerate(bodies[number]):
            if time.monotonic() - start_s >= seconds:
                return count
            await send(body)
        raise SystemExit("a device ran out of sealed batches; raise FASTEST_PER_S")

    counts = await asyncio.gather(*(device(number) for number in range(len(bodies))))
    return sum(counts), time.monotonic() - start_s


class Sender:
    """A device's keep-alive connection: one request, one answer, no HTTP library in the way."""

    def __init__(self, port: int, *, packed: bool) -> None:
        """Connect with the first request."""
        self._port = port
        coding = "Content-Encoding: gzip\r\n" if packed else ""
        self._head = (
            f"POST /v1/batches HTTP/1.1\r\nHost: bench\r\nContent-Type: {batch.MEDIA_TYPE}\r\n{coding}Content-Length: "
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, body: bytes) -> None:
        """Hand over a batch and wait for its receipt."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 201 "):
            raise SystemExit(f"the collector answered {head[:40]!r} {answer[:200]!r}")

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()


def over_http(
    keys: Sequence[bytes], bodies: Sequence[Sequence[bytes]], plan: Plan, name: str, *, with_index: bool
) -> Measured:
    """One run through the entrance."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, keys, plan), kwargs={"with_index": with_index})
    process.start()
    theirs.close()  # so that a process that dies is seen here
    try:
        port: int = ours.recv()

        async def run() -> tuple[int, float]:
            senders = [Sender(port, packed=plan.packed) for _ in bodies]
            try:
                return await devices(bodies, plan.seconds, lambda number: senders[number].send)
            finally:
                for sender in senders:
                    sender.close()
                await asyncio.sleep(0)

        batches, wall_s = asyncio.run(run())
        ours.send("stop")
        return Measured(name, batches, wall_s, ours.recv())
    finally:
        process.join(20)
        process.kill()


def without_http(keys: Sequence[bytes], bodies: Sequence[Sequence[bytes]], plan: Plan) -> Measured:
    """One run beside the entrance."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=ceiling, args=(theirs, keys, plan, bodies))
    process.start()
    theirs.close()
    try:
        result: Measured = ours.recv()
    finally:
        process.join(20)
        process.kill()
    return result


def table(runs: Sequence[Measured], plan: Plan) -> str:
    """The result, ready to be pasted."""
    top = runs[0]
    lines = ["| run | records/s | records/CPU-s | batches/s | of the ceiling (per CPU-s) |", "|-|-|-|-|-|"]
    for run in runs:
        per_s, per_cpu_s = run.batches * plan.records / run.wall_s, run.batches * plan.records / run.cpu_s
        ratio = per_cpu_s / (top.batches * plan.records / top.cpu_s)
        lines.append(
            f"| {run.name} | {per_s:,.0f} | {per_cpu_s:,.0f} | {run.batches / run.wall_s:,.0f} | {ratio:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Seal, run, print one table."""
    parser = argparse.ArgumentParser(
        description="Records per second through the collector's HTTP entrance, on one core."
    )
    parser.add_argument("--seconds", type=float, default=6, help="length of each of the three runs (default 6)")
    parser.add_argument("--connections", type=int, default=8, help="devices, each on its own connection (default 8)")
    parser.add_argument("--records", type=int, default=24, help="records in a batch (default 24)")
    parser.add_argument("--gzip", action="store_true", help="send batches gzipped, as probes do")
    parser.add_argument("--profile", action="store_true", help="print where the collector's process spends its time")
    options = parser.parse_args()
    plan = Plan(options.seconds, options.connections, options.records, options.gzip, options.profile)
    keys = [FileKey.generate() for _ in range(plan.connections)]
    pems = [key.to_pem() for key in keys]
    pinned(1)
    wanted = int(plan.seconds * FASTEST_PER_S) // plan.connections + 1
    bodies = [list(sealed(key, wanted, plan.records)) for key in keys]
    sent = [[gzip.compress(body, 6, mtime=0) for body in some] for some in bodies] if plan.packed else bodies
    runs = [
        without_http(pems, bodies, plan),
        over_http(pems, sent, plan, "over HTTP", with_index=False),
        over_http(pems, sent, plan, "over HTTP, index following", with_index=True),
    ]
    size = sum(map(len, bodies[0][:10])) // 10
    packed = ", gzipped" if plan.packed else ""
    sys.stdout.write(
        f"batches of {plan.records} records, {size} bytes{packed}; {plan.connections} connections; one core\n\n"
        f"{table(runs, plan)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
