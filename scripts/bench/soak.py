"""A collector under load whose processes are killed at random moments, and what must hold of it afterwards.

Every device sends its next batch until it is acknowledged, whatever stands in between. After each kill, and in the end:

    every acknowledged batch is in the ledger, once, in its place in its chain
    the ledger reads back, its seals hold, a rebuilt index equals the one that grew
    no record is in the index twice
"""

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from collector.config import Config
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.names import segments
from collector.ledger.segments import check_sealed, read_entries
from collector.services import Services
from shared import batch
from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.enrolment import NONCE_BYTES, make_request
from shared.keys import FileKey
from shared.record import write_record

PATIENCE_S: Final = 60
PARENT, CLERK, WORKER, PEER = "collector", "collector.ledger.clerk", "collector.worker", "collector.peer"
WALL_US: Final = 1_800_000_000_000_000


class Broken(AssertionError):
    """Something that must hold does not."""


@dataclass(slots=True)
class Collector:
    """A collector's process, ready, and those below it."""

    process: "subprocess.Popen[bytes]"
    port: int
    token: str
    desk_url: str

    def pids(self) -> dict[str, list[int]]:
        """Its processes by the module they run."""
        found = {PARENT: [self.process.pid]}
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                for pid in (task / "children").read_text().split():
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if b"-m" in words:
                        found.setdefault(words[words.index(b"-m") + 1].decode(), []).append(int(pid))
        return found

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """One request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def desk(self, command: str, told: dict[str, object]) -> dict[str, object]:
        """One command of the desk."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        status, body = self.post(f"/v1/desk/{command}", json.dumps(told).encode(), headers)
        if status != http.HTTPStatus.OK:
            raise Broken(f"{command}: {status} {body!r}")
        result: dict[str, object] = json.loads(body)
        return result

    def end(self) -> None:
        """Wait until all of its processes are gone, killing the first."""
        below = [pid for pids in self.pids().values() for pid in pids]
        self.process.kill()
        self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        until_s = time.monotonic() + PATIENCE_S
        while any(map(_runs, below)):
            if time.monotonic() > until_s:
                raise Broken("a process outlives its collector")
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def started(data: Path, workers: int) -> Collector:
    """A collector over a folder, ready."""
    command = [
        sys.executable,
        "-m",
        "collector",
        "up",
        "--data",
        str(data),
        "--port",
        "0",
        "--peer-port",
        "0",
        "--json",
    ]
    with (data.parent / "collector.log").open("ab") as log:
        process = subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.PIPE, stderr=log)
    line = process.stdout.readline() if process.stdout is not None else b""
    if not line:
        raise Broken(f"the collector did not come up: {(data.parent / 'collector.log').read_text()[-2000:]}")
    told = json.loads(line)
    desk = json.loads((data / "desk.json").read_text())
    return Collector(process, int(told["url"].rpartition(":")[2]), desk["token"], desk["at"])


@dataclass(slots=True)
class Uploader:
    """One device. What is acknowledged is noted before the next is sealed."""

    key: FileKey = field(default_factory=FileKey.generate)
    number: int = 0
    seq: int = 0
    prev: str = FIRST_PREV
    acknowledged: list[str] = field(default_factory=list)
    refused: list[tuple[int, bytes]] = field(default_factory=list)

    def next(self, records: int) -> bytes:
        """Its next batch."""
        lines = [
            write_record(
                {
                    "dur_us": 1_000_000, "end": "ok", "method": "download", "received_bytes": 1_250_000,
                    "seq": self.seq + place, "slot": self.seq + place, "wall_us": WALL_US + (self.seq + place) * 1_000_000,
                }
            )
            for place in range(records)
        ]  # fmt: skip
        last = self.seq + records - 1
        return seal_batch(
            lines, Sealing("soak/0", self.number, "boot", self.prev, self.seq, last, 1, WALL_US), self.key
        )

    def send(self, collector: Collector, stop: threading.Event, records: int) -> None:
        """Upload until told to stop or until the collector is gone; whatever was not acknowledged is sent again."""
        while not stop.is_set():
            body = self.next(records)
            try:
                status, told = collector.post("/v1/batches", body, {"Content-Type": batch.MEDIA_TYPE})
            except (OSError, http.client.HTTPException):
                if stop.wait(0.02):
                    return
                continue
            if status in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
                self.prev = pae_sha256_of(body)
                self.acknowledged.append(self.prev)
                self.number, self.seq = self.number + 1, self.seq + records
            elif status != http.HTTPStatus.SERVICE_UNAVAILABLE:
                self.refused.append((status, told))
                return
            elif stop.wait(0.02):
                return


@dataclass(slots=True)
class Soak:
    """A folder, devices that send, and chance."""

    data: Path
    chance: random.Random
    workers: int = 2
    records: int = 3
    uploaders: list[Uploader] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    _collector: Collector | None = None

    def enrol(self, devices: int) -> None:
        """Enrol so many devices, each for a line of its own. Segments are short, so that many are sealed."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "collector.toml").write_text("segment_mb = 1\n", encoding="utf-8")
        with self.running() as collector:
            for number in range(devices):
                line = f"line-{number}"
                contract = {"down": {"advertised_bps": 40_000_000}}
                told: dict[str, object] = {"id": line, "time_zone": "UTC", "criterion": "cz-mobile-cert"}
                collector.desk("subscriber_add", told | {"contract": contract})
                code = str(collector.desk("code", {"subscriber": line})["code"])
                one = Uploader()
                asked = json.loads(make_request(code.replace("-", ""), bytes(NONCE_BYTES), one.key))
                body = json.dumps({"code": code, "request": asked}, sort_keys=True, separators=(",", ":")).encode()
                status, answer = collector.post("/v1/enrolments", body, {"Content-Type": "application/json"})
                if status != http.HTTPStatus.CREATED:
                    raise Broken(f"enrolment: {status} {answer!r}")
                self.uploaders.append(one)

    @contextlib.contextmanager
    def running(self) -> Iterator[Collector]:
        """A collector, the one that runs already if one does; left running."""
        if self._collector is None or self._collector.process.poll() is not None:
            self._collector = started(self.data, self.workers)
        yield self._collector

    def end(self) -> None:
        """Kill what runs."""
        if self._collector is not None:
            self._collector.end()
            self._collector = None

    def kill_once(self, most_s: float = 0.5) -> str:
        """Let all devices send, kill one process at a random moment; which."""
        with self.running() as collector:
            stop = threading.Event()
            threads = [
                threading.Thread(target=one.send, args=(collector, stop, self.records)) for one in self.uploaders
            ]
            for thread in threads:
                thread.start()
            time.sleep(self.chance.uniform(0, most_s))
            victim = self.chance.choice([PARENT, PARENT, CLERK, WORKER] if self.workers else [PARENT])
            if victim == PARENT:
                collector.end()
                self._collector = None
            elif pids := collector.pids().get(victim):
                os.kill(self.chance.choice(pids), signal.SIGKILL)
                time.sleep(self.chance.uniform(0, most_s))
            stop.set()
            for thread in threads:
                thread.join(PATIENCE_S)
        self.killed[victim] += 1
        self.check_ledger()
        return victim

    def check_ledger(self) -> None:
        """What must hold of the ledger at any moment; raises Broken."""
        for one in self.uploaders:
            if one.refused:
                raise Broken(f"an honest batch was refused: {one.refused[0]}")
        kept = kept_chains(read_entries(self.data / "ledger"))
        for one in self.uploaders:
            chain = kept.get(one.key.public.key_id, [])
            if chain[: len(one.acknowledged)] != one.acknowledged:
                raise Broken(f"acknowledged batches are missing or out of place: {one.acknowledged} in {chain}")
            if len(chain) > len(one.acknowledged) + 1 or len(set(chain)) != len(chain):
                raise Broken(f"batches nobody sent, or one twice: {chain} for {one.acknowledged}")

    def check_all(self) -> int:
        """What must hold in the end, seals and index too; how many batches there are."""
        with self.running() as collector:  # whatever was kept and not acknowledged is acknowledged now
            for one in self.uploaders:
                stop = threading.Event()
                thread = threading.Thread(target=one.send, args=(collector, stop, self.records))
                wanted = len(one.acknowledged) + 1
                thread.start()
                until_s = time.monotonic() + PATIENCE_S
                while len(one.acknowledged) < wanted and time.monotonic() < until_s and not one.refused:
                    time.sleep(0.01)
                stop.set()
                thread.join()
            for number, one in enumerate(self.uploaders):
                counts = collector.desk("case_show", {"subscriber": f"line-{number}"})["counts"]
                if counts["signed"]["ok"] != self.records * len(one.acknowledged):  # type: ignore[index]
                    raise Broken(f"line-{number}: {counts} of {len(one.acknowledged)} batches")
        self.end()
        self.check_ledger()
        sealed = len(segments(self.data / "ledger")) - 1
        with contextlib.closing(Services.over_folder(Config(self.data))) as services:
            services.indexer.catch_up()
        for number in range(1, sealed + 1):
            check_sealed(self.data / "ledger", number)
        done = subprocess.run(
            [sys.executable, "-m", "collector", "rebuild", "--data", str(self.data), "--json"],
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode != 0 or json.loads(done.stdout)["same_as_before"] is not True:
            raise Broken(f"the rebuilt index is another: {done.stdout!r} {done.stderr!r}")
        return sum(len(one.acknowledged) for one in self.uploaders)


def kept_chains(entries: Iterator[Entry] | Sequence[Entry]) -> dict[str, list[str]]:
    """The batches in a ledger, by device, in its order; raises Broken if one does not follow the one before it."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.kind is EntryKind.BATCH:
            chain = found.setdefault(str(entry.meta["dev"]), [])
            if entry.meta["batch"] != len(chain):
                raise Broken(f"entry {entry.no} is batch {entry.meta['batch']} after {len(chain)} batches")
            chain.append(pae_sha256_of(entry.body))
    return found
