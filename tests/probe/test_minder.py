"""Presence: the start and the stop of a run, sleep, steps of the clock, links that go and come back; and what is told of it."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes.collector import FakeCollector
from fakes.days import HOUR, MINUTE, Days, S, of
from fakes.disk import Disk

from probe import marks
from probe.marks import Mark, with_mark
from probe.presence import NAME, STOPPED, Alive
from probe.settings import Settings
from probe.surroundings import Link
from shared.record import Record

GONE = Link(None, "other", has_way=False)


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Days:
    """Give a device whose line is well."""
    return Days(tmp_path).put(monkeypatch)


def events(records: list[Record]) -> list[str | None]:
    """Tell what the presence records say."""
    return [one.text("event") for one in of(records, "presence")]


def test_two_runs(days: Days) -> None:
    """The second says that the first was stopped, and for how long nothing ran."""
    days.run(HOUR)
    days.clock.advance(10 * MINUTE)
    started = of(days.run(HOUR), "presence")[0]
    assert (started.text("after"), started.text("off_by")) == ("stop", "mono")
    assert abs((started.integer("off_us") or 0) - 10 * MINUTE) < 5 * S


def test_asleep_with_the_lid_closed(days: Days) -> None:
    """A night in a drawer is told as such when the device wakes up, and its slots are missing, not measured late."""
    records = days.run(10 * HOUR, (HOUR, lambda: days.clock.advance(7 * HOUR, asleep=True)))
    assert events(records) == ["started", "resumed", "stopped"]
    slept_us = of(records, "presence")[1].integer("slept_us") or 0
    assert abs(slept_us - 7 * HOUR) < 20 * S
    slots = [one.integer("slot") or 0 for one in of(records, "latency")]
    assert 26 <= max(later - one for one, later in itertools.pairwise(slots)) <= 30


@pytest.mark.parametrize("step_us", [-3 * HOUR, -90 * S, 90 * S, 3 * HOUR])
def test_a_clock_that_is_set(days: Days, step_us: int) -> None:
    """By how much the wall clock jumped is recorded; no slot is measured twice, and measuring goes on."""
    step = (2 * HOUR, lambda: days.clock.set_wall(days.clock.wall_us() + step_us))
    records = days.run(5 * HOUR, step)
    assert [one for one in events(records) if one != "alive"] == ["started", "clock_stepped", "stopped"]
    assert abs((of(records, "presence")[1].integer("step_us") or 0) - step_us) < 6 * S
    slots = [one.integer("slot") for one in of(records, "latency")]
    assert len(slots) == len(set(slots))
    assert len(slots) >= 7


def test_a_link_that_is_gone_for_an_hour(days: Days) -> None:
    """It is recorded when it goes and when it comes back, and what waits is tried at once then."""

    def goes() -> None:
        days.link = GONE

    def comes_back() -> None:
        days.link = Link("wwan0", "cellular")
        days.tried_us.clear()

    records = days.run(4 * HOUR, (HOUR, goes), (2 * HOUR, comes_back))
    assert events(records) == ["started", "link_lost", "link_back", "stopped"]
    back_us = of(records, "presence")[2].integer("mono_us") or 0
    assert any(0 <= at_us - back_us < 2 * S for at_us in days.tried_us)
    lost = [one for one in of(records, "latency") if "no_link" in one.texts("flaws")]
    assert 3 <= len(lost) <= 5


def test_hours_without_a_test_have_their_signs_of_life(days: Days) -> None:
    """A clock set back by three hours leaves nothing to measure for so long; the probe still says that it is there."""
    records = days.run(6 * HOUR, (3 * HOUR, lambda: days.clock.set_wall(days.clock.wall_us() - 3 * HOUR)))
    assert events(records).count("alive") >= 2
    alive = Alive.read(days.outbox().kept(NAME) or b"")
    assert alive.state == STOPPED


def test_what_is_told_of_an_upload_that_is_stuck(days: Days) -> None:
    """After a day in which nothing could be sent, once; and only to who wants to hear it."""
    days.settings = Settings(notify=frozenset({"stuck"}))
    days.run(30 * HOUR)
    assert [notice.kind for notice in days.notices] == ["stuck"]


def test_a_disk_that_takes_nothing_ends_nothing(days: Days, disk: Disk) -> None:
    """While the outbox cannot be written the agent stays; what a person marked and what the link did is told afterwards."""

    def fills() -> None:
        other = days.outbox()
        said = Mark(days.clock.wall_us(), days.clock.mono_us(), "boot", "")
        other.keep(marks.WAITING, with_mark(None, None, said))
        other.close()
        disk.fill()

    def link_goes() -> None:
        days.link = GONE

    records = days.run(5 * HOUR, (HOUR, fills), (HOUR + 10 * MINUTE, link_goes), (2 * HOUR, disk.has_room))
    assert len(of(records, "latency")) >= 14
    assert len(of(records, "mark")) == 1
    assert "link_lost" in events(records)


def test_a_stop_on_a_full_disk_is_a_clean_one(days: Days, disk: Disk) -> None:
    """Nothing can be written any more, and nothing is raised; the next start says how it ended."""
    assert events(days.run(HOUR, (30 * MINUTE, disk.fill)))[0] == "started"
    with contextlib.closing(days.outbox()) as outbox:
        assert not any(b"stopped" in line for line in outbox.recent())
    disk.has_room()
    assert of(days.run(HOUR), "presence")[0].text("after") == "cut_off"


# with a real process: signals, the service manager, a folder that cannot be written


def test_the_service_manager_is_told(there: FakeCollector, state: Path, tmp_path: Path) -> None:
    """READY when measuring begins, a sign of life from the loop that measures, words for people, STOPPING at the end."""
    del there
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        words = [sys.executable, "-m", "probe", "run", "--state", str(state)]
        surroundings = os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with subprocess.Popen(words, env=surroundings, stderr=subprocess.DEVNULL) as process:
            told = [manager.recv(1000).decode()]
            while not any(one.startswith("WATCHDOG=1") for one in told):
                told.append(manager.recv(1000).decode())
            begun_s = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert time.monotonic() - begun_s < 5  # two seconds, and room for a machine that is busy
            with contextlib.suppress(TimeoutError):
                manager.settimeout(0.5)
                while True:
                    told.append(manager.recv(1000).decode())
    assert told.index("READY=1") < told.index("WATCHDOG=1")
    assert any(one.startswith("STATUS=") and "next" in one for one in told)
    assert "STOPPING=1" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a file system")
def test_a_disk_that_is_read_only(there: FakeCollector, state: Path) -> None:
    """The agent does not start on a disk that takes nothing, and says so in one line."""
    del there
    subprocess.run(["mount", "--bind", state, state], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", state], check=True)
        words = [sys.executable, "-m", "probe", "run", "--state", str(state)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    finally:
        subprocess.run(["umount", state], check=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be" in done.stderr


def test_a_key_that_is_gone(there: FakeCollector, state: Path) -> None:
    """Without its key the agent does not start, and says what to do."""
    del there
    (state / "device.pem").unlink()
    words = [sys.executable, "-m", "probe", "run", "--state", str(state)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "--new-key" in done.stderr
