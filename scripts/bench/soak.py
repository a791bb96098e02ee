"""A collector under load whose processes are killed, and what must hold of it afterwards.

Every device sends its next batch until it is acknowledged, whatever stands in between, from the beginning to the end. When a
kill comes is the business of `moments`. After each, and in the end:

    every acknowledged batch is in the ledger, once, in its place in its chain
    the ledger reads back, its seals hold, a rebuilt index equals the one that grew
    no record is in the index twice, and `check` finds nothing
"""

import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

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
T_US: Final = [1_000_000 + number for number in range(400)]  # so that segments are full soon
ROOT: Final = Path(__file__).resolve().parents[2]
SOAKED: Final = "scripts.bench.soaked"
SETTINGS: Final = "segment_mb = 1\n"  # short ones, so that many are sealed


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
                try:
                    below = (task / "children").read_text().split()
                except FileNotFoundError:  # a thread that has just ended
                    continue
                for pid in below:
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
        end(self.process)


def end(process: "subprocess.Popen[bytes]") -> int:
    """Kill a process and wait until all that it started are gone, too; its exit code, -9 if it was still running."""
    below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    code = process.wait(PATIENCE_S)
    if process.stdout is not None:
        process.stdout.close()
    until_s = time.monotonic() + PATIENCE_S
    while any(_runs(one.pid) for one in below):
        if time.monotonic() > until_s:
            raise Broken("a process outlives its collector")
        time.sleep(0.01)
    return code


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def spawned(data: Path, workers: int, log: Path, module: str = "collector") -> "subprocess.Popen[bytes]":
    """A collector's process over a folder, on its way."""
    command = [sys.executable, "-m", module, "up", "--data", str(data), "--workers", str(workers)]
    command += ["--port", "0", "--peer-port", "0", "--json", "--log-level", "info" if module == SOAKED else "warning"]
    with log.open("ab") as errors:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT)


def ready(process: "subprocess.Popen[bytes]", data: Path, log: Path) -> Collector:
    """The collector when it answers; raises Broken if it does not come up."""
    line = process.stdout.readline() if process.stdout is not None else b""
    if not line:
        raise Broken(f"the collector did not come up: {log.read_text()[-2000:]}")
    told = json.loads(line)
    desk = json.loads((data / "desk.json").read_text())
    return Collector(process, int(told["url"].rpartition(":")[2]), desk["token"], desk["at"])


def started(data: Path, workers: int) -> Collector:
    """A collector over a folder, ready."""
    log = data.parent / "collector.log"
    return ready(spawned(data, workers, log), data, log)


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
                    "seq": self.seq + place, "slot": self.seq + place, "t_us": T_US, "wall_us": WALL_US + (self.seq + place) * 1_000_000,
                }
            )
            for place in range(records)
        ]  # fmt: skip
        last = self.seq + records - 1
        return seal_batch(
            lines, Sealing("soak/0", self.number, "boot", self.prev, self.seq, last, 1, WALL_US), self.key
        )

    def send(self, where: Callable[[], Collector | None], stop: threading.Event, records: int, pace_s: float) -> None:
        """Upload until told to stop, to whichever collector there is; whatever was not acknowledged is sent again."""
        while not stop.is_set():
            body, collector = self.next(records), where()
            status, told = 0, b""
            if collector is not None:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    status, told = collector.post("/v1/batches", body, {"Content-Type": batch.MEDIA_TYPE})
            if status in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
                self.prev = pae_sha256_of(body)
                self.acknowledged.append(self.prev)
                self.number, self.seq = self.number + 1, self.seq + records
            elif status not in (0, http.HTTPStatus.SERVICE_UNAVAILABLE):
                self.refused.append((status, told))
                return
            stop.wait(pace_s)


@dataclass(slots=True)
class Soak:
    """A folder, devices that send, and chance. `lake` gives the address of a new database, where there are any."""

    data: Path
    chance: random.Random
    workers: int = 2
    records: int = 3
    pace_s: float = 0.15  # from one batch of a device to its next
    lake: Callable[[], str] | None = None
    uploaders: list[Uploader] = field(default_factory=list)
    inside: Counter[str] = field(default_factory=Counter)  # kills by situation, those seen to fall into it
    beside: Counter[str] = field(default_factory=Counter)  # those that came when it was over
    restored: int = 0  # backups that were restored, read and checked
    _collector: Collector | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _chains: dict[str, list[str]] = field(default_factory=dict)
    _read: Entry | None = None  # how far the ledger was looked at

    @property
    def log(self) -> Path:
        """What the collectors say."""
        return self.data.parent / "collector.log"

    def enrol(self, devices: int) -> None:
        """Enrol so many devices, each for a line of its own, and let them send from now on."""
        self.data.mkdir(parents=True, exist_ok=True)
        (self.data / "collector.toml").write_text(SETTINGS, encoding="utf-8")
        collector = self.running()
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
        self._send()

    def _send(self) -> None:
        self._stop = threading.Event()
        for one in self.uploaders:
            what = (lambda: self._collector, self._stop, self.records, self.pace_s)
            self._threads.append(threading.Thread(target=one.send, args=what))
            self._threads[-1].start()

    def _quiet(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._threads.clear()

    def running(self) -> Collector:
        """A collector that answers, the one that runs already if one does."""
        if self._collector is None or self._collector.process.poll() is not None:
            process = self.spawned()
            try:
                self._collector = ready(process, self.data, self.log)
            except BaseException:
                end(process)
                raise
        return self._collector

    def spawned(self) -> "subprocess.Popen[bytes]":
        """A collector on its way."""
        return spawned(self.data, self.workers, self.log, SOAKED)

    def kill(self) -> int:
        """Kill the collector, if one runs; its exit code."""
        collector, self._collector = self._collector, None
        return 0 if collector is None else end(collector.process)

    def end(self) -> None:
        """Stop sending, and kill what runs."""
        self._quiet()
        self.kill()

    def begun(self, *words: str) -> "subprocess.Popen[bytes]":
        """One command over the folder, on its way."""
        command = [sys.executable, "-m", SOAKED, words[0], "--data", str(self.data), "--json", *words[1:]]
        with (self.data.parent / "commands.log").open("ab") as errors:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=ROOT)

    def command(self, *words: str) -> dict[str, Any]:
        """One command over the folder; what it says. Raises Broken if it fails."""
        process = self.begun(*words)
        said, _ = process.communicate()
        if process.returncode != 0:
            log = (self.data.parent / "commands.log").read_text()[-2000:]
            raise Broken(f"{' '.join(words)}: exit code {process.returncode}: {said.decode()} {log}")
        told: dict[str, Any] = json.loads(said)
        return told

    def until(self, true: Callable[[], bool], most_s: float, process: "subprocess.Popen[bytes] | None" = None) -> bool:
        """Wait for something that is seen from outside, closely; False if it does not come, or the process ends before."""
        until_s = time.monotonic() + most_s
        while not true():
            if time.monotonic() > until_s or (process is not None and process.poll() is not None):
                return False
            time.sleep(0.0005)
        return True

    def a_moment(self, most_s: float) -> None:
        """Wait for a random time."""
        time.sleep(self.chance.uniform(0, most_s))

    def acknowledged(self) -> dict[str, list[str]]:
        """What every device was told is kept, until now."""
        return {one.key.public.key_id: list(one.acknowledged) for one in self.uploaders}

    def kill_in(self, name: str, situation: "Callable[[Soak], bool]") -> bool:
        """One kill in this situation, and a look at the ledger; whether it was seen to fall inside."""
        is_inside = situation(self)
        (self.inside if is_inside else self.beside)[name] += 1
        self.check_ledger()
        return is_inside

    def check_ledger(self) -> None:
        """What must hold of the ledger at any moment, read from where it was looked at last; raises Broken."""
        known = self.acknowledged()
        before, again = self._read, list[Entry]()
        for entry in read_entries(self.data / "ledger", 0 if before is None else before.no - 1):
            again.append(entry)
        if before is not None and (not again or again[0] != before):
            raise Broken(f"entry {before.no} was in the ledger, and is not any more")
        self._chains = kept_chains(again[0 if before is None else 1 :], self._chains)
        self._read = again[-1] if again else before
        check_chains(self._chains, known, self.acknowledged(), self.refused())

    def refused(self) -> list[tuple[int, bytes]]:
        """Answers that no honest batch may get."""
        return [told for one in self.uploaders for told in one.refused]

    def check_all(self) -> int:
        """What must hold in the end, of all of it from the beginning, seals and index too; how many batches there are."""
        self._quiet()
        collector = self.running()
        for one in self.uploaders:  # whatever was kept and not acknowledged is acknowledged now
            self._finish(one)
        for number, one in enumerate(self.uploaders):
            self._is_shown(collector, f"line-{number}", self.records * len(one.acknowledged))
        self.kill()
        self._chains, self._read = {}, None
        self.check_ledger()
        sealed = len(segments(self.data / "ledger")) - 1
        with contextlib.closing(Services.over_folder(Config(self.data))) as services:
            services.indexer.catch_up()
        for number in range(1, sealed + 1):
            check_sealed(self.data / "ledger", number)
        if self.command("rebuild")["same_as_before"] is not True:
            raise Broken("the rebuilt index is another")
        if found := self.command("check")["found"]:
            raise Broken(f"check finds {found[:3]}")
        return sum(len(one.acknowledged) for one in self.uploaders)

    def _is_shown(self, collector: Collector, line: str, records: int) -> None:
        """See that the desk shows so many, as soon as the index has caught up."""
        until_s = time.monotonic() + PATIENCE_S
        while True:
            case: Any = collector.desk("case_show", {"subscriber": line})
            shown = case["counts"].get("signed", {"ok": 0})["ok"]
            if shown == records:
                return
            if shown > records or time.monotonic() > until_s:
                raise Broken(f"{line}: {case['counts']} of {records} records")
            time.sleep(0.1)

    def _finish(self, one: Uploader) -> None:
        wanted, stop = len(one.acknowledged) + 1, threading.Event()
        thread = threading.Thread(target=one.send, args=(lambda: self._collector, stop, self.records, 0.01))
        thread.start()
        self.until(lambda: len(one.acknowledged) >= wanted or bool(one.refused), PATIENCE_S)
        stop.set()
        thread.join()


def check_chains(
    kept: dict[str, list[str]],
    known: dict[str, list[str]],
    later: dict[str, list[str]],
    refused: Sequence[tuple[int, bytes]] = (),
) -> None:
    """See that chains hold what was `known` to be kept before they were read, and nothing beyond what was sent later."""
    if refused:
        raise Broken(f"an honest batch was refused: {refused[0]}")
    for dev, acknowledged in known.items():
        chain = kept.get(dev, [])
        if chain[: len(acknowledged)] != acknowledged:
            raise Broken(f"acknowledged batches are missing or out of place: {acknowledged[-3:]} in {chain[-3:]}")
        if len(chain) > len(later[dev]) + 1 or len(set(chain)) != len(chain):
            raise Broken(f"batches nobody sent, or one twice: {chain[-3:]} for {later[dev][-3:]}")


def kept_chains(
    entries: Iterator[Entry] | Sequence[Entry], before: dict[str, list[str]] | None = None
) -> dict[str, list[str]]:
    """The batches in a ledger, by device, in its order, behind those `before`; raises Broken if one does not follow."""
    found = {dev: list(chain) for dev, chain in (before or {}).items()}
    for entry in entries:
        if entry.kind is EntryKind.BATCH:
            chain = found.setdefault(str(entry.meta["dev"]), [])
            if entry.meta["batch"] != len(chain):
                raise Broken(f"entry {entry.no} is batch {entry.meta['batch']} after {len(chain)} batches")
            chain.append(pae_sha256_of(entry.body))
    return found
