"""What the resident probe costs: memory, processor, bytes on the air, bytes on the disk; beside what was asked for.

Collector (behind a TLS proxy), peer (by TLS) and the probe's daemon run as users run them, at the two ends of an emulated
link of 20 Mbit/s and 30 ms: everything is found by name, and the link's counters hold this probe's packets and nothing
else, both directions, IP headers included. Before the watch begins the daemon does one heavy slot. The certificate chain is
one link shorter than a public one (about 1 kB for each handshake); the link is a tunnel, hence the flaw `vpn`. Needs root,
and the emulator in the folder `shared` beside the repository (SPEEDPROOF_SHARED names another). Everything is temporary.

    python scripts/bench_probe.py [--minutes 10] [--slot-s 63] [--keep DIR]
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.hall import HALL, NAME, Rooms, certificates, rooms, run_in_the_hall, serving
from bench.lab import NotHere

from probe.budget import Books, Budget, Month
from probe.catalogue import METHODS
from probe.outbox.looks import recent
from probe.outbox.replay import Replay
from probe.settings import Settings
from shared.record import Record, read_record

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024
TICKS = os.sysconf("SC_CLK_TCK")
MEMORY = Path("/dev/shm")  # for the daemon's log, which a service manager keeps elsewhere
LINK_MBPS, LINK_RTT_MS = 20, 30
TLS_PORT, PLAIN_PORT = 8443, 8440
SPREAD_S = (
    2  # of the starts within a slot: so slots are further apart than a look round is shared (60 s), as they are in life
)
USUAL_SLOT_S, HEAVY_EVERY = 900, 16
MONTH = Month.at(1_799_000_000_000_000, 0, 1)  # one of 31 days
LINE_S = 0.8  # of the line's rate, each way: what the light plan took, by bench_methods
RATES_MBPS = (5, 20, 100)
SLOT_S = 8.0  # of a slot's start: tests, sealing and sending are over by then


@dataclass(frozen=True, slots=True)
class Reading:
    """The daemon at one moment."""

    wall_us: int
    cpu_s: float
    rss_kib: int
    written_bytes: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A stretch of the daemon's life: readings about once a second, and what it did meanwhile."""

    readings: list[Reading]
    air_bytes: int
    records: int  # numbers used
    tests: list[Record]

    @property
    def slots(self) -> dict[int, int]:
        """The slots that began meanwhile, and when."""
        begun: dict[int, int] = {}
        for one in self.tests:
            slot, at_us = one.integer("slot"), one.integer("wall_us") or 0
            if slot is not None:
                begun[slot] = min(at_us, begun.get(slot, at_us))
        return begun

    @property
    def watched_s(self) -> float:
        """For how long."""
        return (self.readings[-1].wall_us - self.readings[0].wall_us) / 1e6

    @property
    def cpu_s(self) -> float:
        """Processor time in all."""
        return self.readings[-1].cpu_s - self.readings[0].cpu_s

    def cpu_at_work(self) -> tuple[float, float]:
        """Processor time around the slots, and the length of these stretches."""
        cpu_s = length_s = 0.0
        for one, other in zip(self.readings, self.readings[1:], strict=False):
            if any(
                one.wall_us < at_us + SLOT_S * 1e6 and at_us - SLOT_S * 1e6 < other.wall_us
                for at_us in self.slots.values()
            ):
                cpu_s += other.cpu_s - one.cpu_s
                length_s += (other.wall_us - one.wall_us) / 1e6
        return cpu_s, length_s


def main() -> int:
    """Run it between two rooms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--light-only", action="store_true", help="without the heavy slot before the watch")
    parser.add_argument("--minutes", type=float, default=10, help="how long to watch the daemon at least (default 10)")
    parser.add_argument("--slot-s", type=int, default=63, help="how long a light slot is (default 63 s)")
    parser.add_argument("--keep", type=Path, help="keep the state here, not in a temporary folder")
    options = parser.parse_args()
    here = rooms()
    if here is None:
        try:
            return run_in_the_hall(LINK_MBPS, LINK_RTT_MS, sys.argv)
        except NotHere as error:
            sys.exit(str(error))
    with tempfile.TemporaryDirectory() as folder:
        return _bench(options, here, options.keep or Path(folder))


def _bench(options: argparse.Namespace, here: Rooms, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "probe"
    os.environ["SPEEDPROOF_DATA"], os.environ["SPEEDPROOF_STATE"] = str(folder / "collector"), str(state)
    ca, cert, key = certificates(folder)
    slots = ["--slot-s", str(options.slot_s), "--guard-s", str(options.slot_s - SPREAD_S)]
    peer = ["--peer-host", NAME, "--peer-tls-cert", str(cert), "--peer-tls-key", str(key)]
    up = ["up", "--host", HALL, "--port", str(PLAIN_PORT), *peer, *slots, "--json"]
    with _started("collector", *up), serving(cert, key, TLS_PORT, PLAIN_PORT):
        line = ["subscriber", "add", "bench", "--time-zone", "UTC", "--criterion", "si-2019", "--down", "normal=20M"]
        _told(["-m", "collector", *line])
        code = _told(["-m", "collector", "code", "bench"])["code"]
        probe = here.at_home(sys.executable)
        _told(["-m", "probe", "enrol", f"https://{NAME}:{TLS_PORT}", str(code), "--ca", str(ca)], probe[:-1])
        device = str(_told(["-m", "probe", "status"], probe[:-1])["device"])
        heavy_slot, heavy_every = _soon_heavy(device, options.slot_s)
        if options.light_only:
            heavy_every = 10**9
        command = [*probe, "-m", "probe", "run", "--heavy-every", str(heavy_every)]
        with (MEMORY / f"{here.home}.log").open("wb") as log, subprocess.Popen(command, stderr=log) as daemon:
            try:
                watched = _watch(daemon, here, state / "outbox", options, heavy_slot)
            finally:
                daemon.terminate()
                daemon.wait(10)
                Path(log.name).unlink()
        heavy = {one.method: one.text("end") for one in _records(state / "outbox") if one.integer("slot") == heavy_slot}
    print(f"before the watch: {heavy}")
    return _say(watched, options.slot_s, light_only=options.light_only)


def _soon_heavy(device: str, slot_s: int) -> tuple[int, int]:
    """The next slot, and a rhythm by which it is heavy and none after it for years."""
    slot = int(time.time() + 5) // slot_s + 1
    return slot, abs(slot - int(device[:8], 16)) or 10**9


def _watch(
    daemon: "subprocess.Popen[bytes]", here: Rooms, outbox: Path, options: argparse.Namespace, heavy_slot: int
) -> Watched:
    """From the middle of the heavy slot on, for so many whole slots: each is in it from its start to its end."""
    _sleep_until(heavy_slot * options.slot_s - 1)
    _sleep_until((heavy_slot + 0.6) * options.slot_s)
    lasts_s = -(-60 * options.minutes // options.slot_s) * options.slot_s
    ends_s, air_bytes, seq = time.time() + lasts_s, here.link_bytes(), _next_seq(outbox)
    readings = [_read(daemon.pid)]
    while time.time() < ends_s:
        time.sleep(1)
        readings.append(_read(daemon.pid))
    air_bytes, seq = here.link_bytes() - air_bytes, _next_seq(outbox) - seq
    begun_us, ended_us = readings[0].wall_us, readings[-1].wall_us
    tests = [one for one in _records(outbox) if begun_us <= (one.integer("wall_us") or 0) < ended_us]
    return Watched(readings, air_bytes, seq, tests)


def _say(watched: Watched, slot_s: int, *, light_only: bool) -> int:
    slots, per_kb = len(watched.slots), watched.air_bytes / max(1, len(watched.slots)) / 1000
    ends = sorted({f"{one.method} {one.text('end')}" for one in watched.tests})
    work_s, length_s = watched.cpu_at_work()
    idle = (watched.cpu_s - work_s) / max(1.0, watched.watched_s - length_s)
    work_s = (work_s - idle * length_s) / max(1, slots)
    written = watched.readings[-1].written_bytes - watched.readings[0].written_bytes
    print(f"{watched.watched_s:.0f} s, {slots} light slots of {slot_s} s, {watched.records} records: {', '.join(ends)}")
    print(f"flaws: {sorted({flaw for one in watched.tests for flaw in one.texts('flaws')}) or 'none'}")
    print(f"processor: {1000 * work_s:.0f} ms a slot, {100 * idle:.3f} % of a core between slots, "
          f"{100 * watched.cpu_s / watched.watched_s:.2f} % in this rhythm")  # fmt: skip
    figures = [
        (
            f"resident memory {'with light slots' if light_only else 'after a heavy slot'}, the most",
            max(one.rss_kib for one in watched.readings) / 1024,
            45 if light_only else 50,
            "MiB",
        ),
        (f"processor, of one core, with slots of {USUAL_SLOT_S} s", 100 * (idle + work_s / USUAL_SLOT_S), 0.2, "%"),
        ("written to disk for a record", written / max(1, watched.records) / 1000, 10, "kB"),
        ("on the air for a light slot, upload included", per_kb, 100, "kB"),
    ]
    for mbps in RATES_MBPS:
        heavy, whole_bytes = a_month(mbps, round(per_kb * 1000))
        name = f"a month at {mbps} Mbit/s, {heavy} of {MONTH.days * 96 // HEAVY_EVERY} heavy slots allowed"
        figures.append((name, whole_bytes / 1e6, 1000, "MB"))
    missed = sum(found > limit for _, found, limit, _ in figures) + (slots < 10)
    for name, found, limit, unit in figures:
        print(f"{'ok  ' if found <= limit else 'MISS'} {name:<58} {found:8.2f} {unit:<4} (asked: <= {limit} {unit})")
    print(f"{'ok  ' if slots >= 10 else 'MISS'} {'light slots watched':<58} {slots:8d}      (asked: >= 10)")
    return 1 if missed else 0


def a_month(mbps: int, light_bytes: int) -> tuple[int, int]:
    """How many heavy slots of a month the default budget allows on a line, and what the whole month then takes."""
    budget, books, heavy = Budget.of(Settings()), Books(), 0
    each_bytes = round(mbps * 1e6 / 8 * LINE_S)
    costs = {
        "download": each_bytes,
        "upload": each_bytes,
        "path": METHODS["path"].cost_bytes(METHODS["path"].plan_beside("light")),
    }
    for day in range(MONTH.days):
        month = Month(MONTH.begins, MONTH.days, day)
        for number in range(96):
            books = books.book(month, "light", light_bytes)
            if number % HEAVY_EVERY:
                continue
            ran = 0
            for name, cost_bytes in costs.items():
                method = METHODS[name]
                if budget.allows("heavy", method.cost_bytes(method.plan_beside("light")), books.of(month), month):
                    books, ran = books.book(month, "heavy", cost_bytes), ran + 1
            heavy += ran == len(costs)
    return heavy, books.of(MONTH).total_bytes


def _read(pid: int) -> Reading:
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    rss_kib = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_KIB
    io = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines())
    cpu_s = (int(stat[11]) + int(stat[12])) / TICKS
    return Reading(time.time_ns() // 1000, cpu_s, rss_kib, int(io["write_bytes"]))


def _next_seq(outbox: Path) -> int:
    return max(one.seq for one in _all(outbox)) + 1


def _records(outbox: Path) -> Sequence[Record]:
    """Every record that is still in the outbox, of tests only."""
    return [one for one in _all(outbox) if one.method in METHODS]


def _all(outbox: Path) -> list[Record]:
    log = Replay(outbox)
    log.load()
    return [read_record(line.rstrip(b"\n")) for line in recent(log, 10_000)]


def _sleep_until(wall_s: float) -> None:
    time.sleep(max(0.0, wall_s - time.time()))


@contextlib.contextmanager
def _started(*words: str) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("no stdout")
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(20)


def _told(words: Sequence[str], where: Sequence[str] = ()) -> dict[str, object]:
    done = subprocess.run([*where, sys.executable, *words, "--json"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words[1:3])}: {done.stderr}")
    told: dict[str, object] = json.loads(done.stdout)
    return told


if __name__ == "__main__":
    sys.exit(main())
