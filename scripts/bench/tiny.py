"""A hundred thousand batches of one record of one device in a row, and what they leave behind in memory and on disk."""

import http
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from collector.ledger.segments import read_entries
from shared.batch import pae_sha256_of
from shared.keys import FileKey

from .devices import Device, requests
from .soak import PEER, Broken, Collector, kept_chains

LOOK_S: Final = 30.0
MIB: Final = 1 << 20
CATCH_UP_S: Final = 600


@dataclass(slots=True)
class Row:
    """One look at a collector: batches acknowledged, memory by process, bytes on disk."""

    at_s: float
    batches: int
    rss_mib: dict[str, float]
    index_bytes: int
    ledger_bytes: int


@dataclass(slots=True)
class Tiny:
    """One device that sends, and what was seen meanwhile."""

    data: Path
    key: FileKey
    say: Callable[[str], None]
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    def send(self, collector: Collector, batches: int) -> list[str]:
        """Send so many, each as soon as the one before it is answered; their identities. Raises Broken for another answer."""
        device, sent = Device(self.key), list[str]()
        bodies = device.sealed(batches, 1)
        begun_s = looked_s = time.monotonic()
        self._look(collector, 0.0, 0)
        with socket.create_connection(("127.0.0.1", collector.port), timeout=60) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            body = next(bodies, None)
            while body is not None:
                connection.sendall(requests([body])[0])
                following = next(bodies, None)  # sealed while the collector is at work
                _expect_created(connection)
                sent.append(pae_sha256_of(body))
                body = following
                if time.monotonic() - looked_s > LOOK_S:
                    looked_s = time.monotonic()
                    self._look(collector, looked_s - begun_s, len(sent))
        self.seconds = time.monotonic() - begun_s
        self._catch_up(collector)
        self._look(collector, time.monotonic() - begun_s, len(sent))
        return sent

    def _look(self, collector: Collector, at_s: float, batches: int) -> None:
        rss = {}
        for name, pids in collector.pids().items():
            for number, pid in enumerate(pids if name != PEER else ()):
                rss[f"{name.rpartition('.')[2]} {number + 1}"] = psutil.Process(pid).memory_info().rss / MIB
        index = sum(path.stat().st_size for path in self.data.glob("index.duckdb*") if path.is_file())
        ledger = sum(path.stat().st_size for path in (self.data / "ledger").glob("*.ndjson"))
        if not self.rows:
            self.say(f"{'s':>6} {'batches':>9} " + " ".join(f"{name:>12}" for name in rss) + "  index MB  ledger MB")
        memory = " ".join(f"{mib:>8.0f} MiB" for mib in rss.values())
        self.say(f"{at_s:>6.0f} {batches:>9} {memory} {index / 1e6:>9.1f} {ledger / 1e6:>10.1f}")
        self.rows.append(Row(at_s, batches, rss, index, ledger))

    def _catch_up(self, collector: Collector) -> None:
        until_s = time.monotonic() + CATCH_UP_S
        while (told := collector.desk("position", {}))["index_no"] != told["ledger_no"]:
            if time.monotonic() > until_s:
                raise Broken("the index does not catch up")
            time.sleep(0.5)

    def check(self, sent: list[str]) -> None:
        """See that all of it is in the ledger, once, in order; raises Broken."""
        if kept_chains(read_entries(self.data / "ledger")) != {self.key.public.key_id: sent}:
            raise Broken("what was acknowledged is not what is in the ledger")

    def told(self) -> str:
        """The figures in one object."""
        first, last = self.rows[0], self.rows[-1]
        found = {
            "batches": last.batches,
            "seconds": round(self.seconds, 1),
            "batches_s": round(last.batches / self.seconds),
            "most_mib": {name: round(max(row.rss_mib.get(name, 0) for row in self.rows)) for name in first.rss_mib},
            "grown_mib": {name: round(last.rss_mib[name] - first.rss_mib[name]) for name in first.rss_mib},
            "index_bytes_a_record": round((last.index_bytes - first.index_bytes) / last.batches, 1),
            "ledger_bytes_a_batch": round((last.ledger_bytes - first.ledger_bytes) / last.batches, 1),
        }
        return json.dumps(found, indent=1)


def _expect_created(connection: socket.socket) -> None:
    """Read one answer; raises Broken unless it is 201."""
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0 or len(answer) < end + 4 + _length(answer[:end]):
        part = connection.recv(65_536)
        if not part:
            raise Broken("the collector hung up")
        answer += part
    if int(answer[9:12]) != http.HTTPStatus.CREATED:
        raise Broken(f"a batch was answered {answer[:300]!r}")


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
