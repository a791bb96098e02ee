"""Devices that send batches sealed beforehand, as fast as they are answered or at a given rate, with little work of their own."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from collector.enrol import Portal
from collector.lines import add_subscriber
from collector.services import Services
from shared import batch
from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.enrolment import NONCE_BYTES, make_request
from shared.keys import FileKey
from shared.record import write_record
from shared.strictjson import JsonObject

WALL_US = 1_800_000_000_000_000
LINE = {
    "id": "bench",
    "time_zone": "UTC",
    "criterion": "cz-mobile-cert",
    "contract": {"down": {"advertised_bps": 40_000_000}},
}


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


@dataclass(slots=True)
class Device:
    """One device: its key and where its chain stands, as it seals."""

    key: FileKey
    batch: int = 0
    seq: int = 0
    prev: str = FIRST_PREV

    def sealed(self, batches: int, records: int) -> Iterator[bytes]:
        """Its next batches."""
        lines = [record(self.seq + number) for number in range(records)]
        for _ in range(batches):
            last = self.seq + records - 1
            lines = [record(number) for number in range(self.seq, last + 1)]
            body = seal_batch(
                lines, Sealing("bench/0", self.batch, "boot", self.prev, self.seq, last, 1, WALL_US), self.key
            )
            self.batch, self.seq, self.prev = self.batch + 1, last + 1, pae_sha256_of(body)
            yield body


def enrolled(services: Services, devices: Sequence[Device]) -> None:
    """Enrol these devices for one line."""
    add_subscriber(services, LINE)
    portal = Portal(services)
    for device in devices:
        code, _ = portal.give_code("bench")
        portal.enrol(code, make_request(code, bytes(NONCE_BYTES), device.key))


@dataclass(slots=True)
class Sent:
    """What came of a run: batches acknowledged, those sent away with 503, how long it took, each answer's delay."""

    kept: int = 0
    sent_away: int = 0
    wall_s: float = 0.0
    delays_s: list[float] = field(default_factory=list)

    def delay_ms(self, share: float) -> float:
        """A quantile of the delays."""
        ordered = sorted(self.delays_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Line(asyncio.Protocol):
    """One device's kept connection: a request, its answer, the next request; no HTTP library in the way."""

    def __init__(self, requests: Sequence[bytes], sent: Sent, until_s: float, interval_s: float) -> None:
        """Send these in turn until then; at least `interval_s` from one to the next."""
        self._requests = iter(requests)
        self._sent = sent
        self._until_s = until_s
        self._interval_s = interval_s
        self._due_s = 0.0
        self._begun_s = 0.0
        self._head = b""
        self._transport: asyncio.WriteTransport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self._transport = transport  # type: ignore[assignment]
        self._due_s = time.monotonic()
        self._next()

    def _next(self) -> None:
        if self._transport is None or self.done.done():
            return
        request = next(self._requests, None)
        now_s = time.monotonic()
        if now_s >= self._until_s or request is None:
            if request is None and now_s < self._until_s:
                self.done.set_exception(SystemExit("a device ran out of sealed batches"))
            else:
                self.done.set_result(None)
            return
        self._begun_s = max(self._due_s, 0.0) if self._interval_s else now_s
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the answer; send the next when it is due."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        place = self._head.find(b"content-length: ")
        length = int(self._head[place + 16 : self._head.find(b"\r", place)])
        if len(self._head) < end + 4 + length:
            return
        status, self._head = self._head[9:12], b""
        now_s = time.monotonic()
        if status == b"201":
            self._sent.kept += 1
            self._sent.delays_s.append(now_s - self._begun_s)
        elif status == b"503":
            self._sent.sent_away += 1
        elif not self.done.done():
            self.done.set_exception(SystemExit(f"the collector answered {data[:300]!r}"))
            return
        if not self._interval_s:
            self._next()
            return
        self._due_s += self._interval_s
        if self._due_s <= now_s:
            self._next()
        else:
            asyncio.get_running_loop().call_later(self._due_s - now_s, self._next)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop."""
        if not self.done.done():
            self.done.set_exception(exc or SystemExit("the collector hung up"))


def requests(bodies: Sequence[bytes], *, packed: bool = False) -> list[bytes]:
    """Batches as whole HTTP requests."""
    coding = "Content-Encoding: gzip\r\n" if packed else ""
    head = f"POST /v1/batches HTTP/1.1\r\nHost: bench\r\nContent-Type: {batch.MEDIA_TYPE}\r\n{coding}Content-Length: "
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]


async def send_all(port: int, each: Sequence[Sequence[bytes]], seconds: float, rate_s: float = 0.0) -> Sent:
    """All devices at once, each one request after another until time is up, all together at most `rate_s` a second."""
    sent, loop = Sent(), asyncio.get_running_loop()
    begun_s = time.monotonic()
    interval_s = len(each) / rate_s if rate_s else 0.0
    lines = []
    for number, some in enumerate(each):
        if interval_s:
            await asyncio.sleep(max(0.0, begun_s + interval_s * number / len(each) - time.monotonic()))
        _, line = await loop.create_connection(
            lambda some=some: Line(some, sent, begun_s + seconds, interval_s),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        lines.append(line)
    await asyncio.gather(*(line.done for line in lines))
    sent.wall_s = time.monotonic() - begun_s
    for line in lines:
        if line._transport is not None:  # noqa: SLF001 - our own
            line._transport.abort()  # noqa: SLF001
    return sent
