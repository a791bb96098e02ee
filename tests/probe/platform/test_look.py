"""Looking round with all readers at once: none spoils it, none holds it up."""

import asyncio
import itertools
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
from fakes import virtual
from fakes.clock import FakeClock
from fakes.tools import HANGS, toolbox

from probe import lookout
from probe.facts import HostFacts
from probe.lookout import Lookout
from probe.net.address import PeerAddress
from probe.platform import firmware, interface, look, power, system_bus, termux, timekeeping, tools
from probe.platform.glimpse import Glimpse
from probe.platform.look import gathered, look_around, readers
from probe.platform.system_bus import Silent
from probe.settings import Settings
from probe.surroundings import Link, Surroundings

PEER = PeerAddress("http://peer.example.net:8441", "peer.example.net", 8441, "peer")
LOOKS_US = (
    31_000_000  # twice a resolver's 5 s, a bus's 1 s, all readers' 7.5 s and their ends' 0.5 s; 3 s of the line itself
)


async def test_readers_that_fail_or_are_slow_spoil_nothing() -> None:
    """What the others saw is told, and who failed or was too slow is named."""

    async def sees() -> Glimpse:
        return Glimpse(metered=True)

    async def fails() -> Glimpse:
        raise ZeroDivisionError

    async def hangs() -> Glimpse:
        await asyncio.sleep(60)
        return Glimpse()

    seen = await gathered({"a": sees, "b": fails, "c": hangs}, 0.05)
    assert seen == [
        Glimpse(metered=True),
        Glimpse(troubles=("b: failed: ZeroDivisionError",)),
        Glimpse(troubles=("c: no answer within 0.05 s",)),
    ]
    assert await gathered({}, 0.05) == []


async def test_who_stops_looking_leaves_nothing() -> None:
    """A cancelled look ends its readers."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hangs() -> Glimpse:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Glimpse()

    looking = asyncio.create_task(gathered({"a": hangs}, 60))
    await begun.wait()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert ended.is_set()


def test_each_system_has_its_readers() -> None:
    """A stick is asked only if its address was set, and a phone's place only with consent; an unknown system has none."""
    clock = FakeClock()
    with_stick = Settings(hilink="192.168.8.1")
    assert "hilink" not in readers("linux", "eth1", Settings(), None, clock)
    assert list(readers("sunos5", "net0", with_stick, None, clock)) == ["hilink"]
    assert list(readers("android", "wlan0", Settings(), None, clock)) == ["termux-api", "interfaces"]
    assert "mmcli" in readers("linux", "eth1", Settings(), None, clock)
    assert list(readers("darwin", "en0", Settings(), None, clock)) == ["networksetup", "pmset", "battery"]
    assert list(readers("win32", "Ethernet", Settings(), None, clock)) == ["powershell", "battery"]


def test_without_the_library_tools_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a bus and nothing to speak to it with, the tools that can are asked; without a bus none of them."""
    tools = {"mmcli", "nmcli", "powerprofilesctl"}
    for there, asked in ((True, tools), (False, {"mmcli"})):
        monkeypatch.setattr(look, "there_is_one", lambda there=there: there)
        assert tools & set(readers("linux", "eth1", Settings(), None, FakeClock())) == asked


async def test_a_bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any tool, bus or file is looked at without a trouble, and nothing is made up."""
    toolbox(tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(look.sys, "platform", "linux")
    monkeypatch.setattr(look, "FILES", interface.Files(tmp_path, tmp_path))
    monkeypatch.setattr(power, "SYS", tmp_path)
    monkeypatch.setattr(firmware, "MODEL", tmp_path / "model")
    monkeypatch.setattr(timekeeping, "MARK", tmp_path / "mark")
    monkeypatch.delenv(system_bus.ADDRESS, raising=False)
    monkeypatch.setattr(system_bus, "SOCKETS", ())
    assert await look_around(None, False, Settings(), android=False) == Surroundings(Link(has_way=False))
    seen = await look_around("wlan0", True, Settings(), android=False)
    assert seen == Surroundings(Link("wlan0", "wifi", vpn=False))


async def test_a_bus_that_does_not_answer_is_a_trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system bus that cannot be spoken to is named, and the rest is looked at."""
    pytest.importorskip("dbus_fast", reason="dbus-fast is not installed")
    monkeypatch.setattr(look.sys, "platform", "linux")
    monkeypatch.setenv(system_bus.ADDRESS, f"unix:path={tmp_path}/gone")
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = await look_around("lo", True, Settings(), android=False)
    assert seen.troubles == ("d-bus: no connection: FileNotFoundError",)


async def test_a_phone_whose_app_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen app costs its limit, once, and leaves no program running; the link is known all the same."""
    box = toolbox(tmp_path, monkeypatch)
    box.plant("termux-battery-status", HANGS)
    monkeypatch.setattr(termux, "FIRST_S", 0.1)
    seen = await look_around("rmnet_data0", True, Settings(location=True), android=True)
    assert seen.troubles == ("termux-api: no answer within 0.1 s",)
    assert seen.link.kind == "cellular"


def test_whatever_hangs_a_test_begins_and_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a resolver, a bus and every reader that hang, on a busy line, the looks around one test take 31 s, no more."""
    held, clock, names = threading.Event(), FakeClock(), look.readers("linux", "wwan0", Settings(), None, FakeClock())
    traffic = itertools.count(0, 1_000_000)

    async def hangs() -> Glimpse:
        try:
            await asyncio.sleep(10_000)
        finally:
            await asyncio.sleep(tools.FAREWELL_S)  # as a program takes to be ended
        return Glimpse()

    def looked_up(*_peer: object) -> HostFacts:
        held.wait()
        return HostFacts(None, "other")

    monkeypatch.setattr(look.sys, "platform", "linux")
    monkeypatch.setattr(look, "readers", lambda *_: dict.fromkeys(names, hangs))
    monkeypatch.setenv(system_bus.ADDRESS, f"unix:path={tmp_path}/bus")
    monkeypatch.setattr(lookout, "facts_on_the_way_to", looked_up)
    monkeypatch.setattr(lookout, "facts_on_any_way", lambda _pinned: HostFacts("wwan0", "cellular"))
    monkeypatch.setattr(
        lookout, "snapshot", lambda _interface: HostFacts("wwan0", "cellular", rx_bytes=next(traffic), tx_bytes=0)
    )

    async def looks() -> Surroundings:
        out = Lookout(PEER, clock, look=lambda name, has_way: look_around(name, has_way, Settings(), android=False))
        await out.before(loads=True)
        return (await out.after(loads=True)).around

    with closing(socket.socket(socket.AF_UNIX)) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()  # and never a word
        around = virtual.run(looks(), clock)
    held.set()
    assert {one.partition(":")[0] for one in around.troubles} >= set(names)
    assert LOOKS_US // 2 < clock.mono_us() <= LOOKS_US


async def test_the_mark_of_timesyncd(tmp_path: Path) -> None:
    """Its file says that the clock is set, and its absence says nothing."""
    mark = tmp_path / "synchronized"
    assert await timekeeping.read(None, mark) == Glimpse()
    mark.touch()
    assert await timekeeping.read(None, mark) == Glimpse(synced=True)


async def test_a_timedated_that_fails_is_a_trouble_beside_the_mark(tmp_path: Path) -> None:
    """A service that fails is named, one that is absent is not; the mark counts in either case."""

    class Failing:
        def __init__(self, *, absent: bool) -> None:
            self.absent = absent

        async def get(self, *_: str, wake: bool) -> object:
            assert wake
            raise Silent("TimedOut", absent=self.absent)

    mark = tmp_path / "synchronized"
    failing: system_bus.Bus = Failing(absent=False)  # type: ignore[assignment]
    absent: system_bus.Bus = Failing(absent=True)  # type: ignore[assignment]
    assert await timekeeping.read(failing, mark) == Glimpse(troubles=("timedate1: TimedOut",))
    assert await timekeeping.read(absent, mark) == Glimpse()
    mark.touch()
    assert await timekeeping.read(failing, mark) == Glimpse(synced=True, troubles=("timedate1: TimedOut",))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo yes", Glimpse(synced=True)),
        ("echo no", Glimpse(synced=False)),
        ("echo", Glimpse()),
        ("exit 1", Glimpse(troubles=("timedatectl: ended with 1",))),
    ],
)
async def test_timedatectl(script: str, told: Glimpse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool says yes or no; where it says nothing the mark of timesyncd may."""
    box, mark = toolbox(tmp_path, monkeypatch), tmp_path / "synchronized"
    box.plant("timedatectl", script)
    assert await timekeeping.read_by_tool(mark) == told
    assert box.calls() == ["timedatectl show -p NTPSynchronized --value"]
    mark.touch()
    seen = await timekeeping.read_by_tool(mark)
    assert seen.synced is (True if told.synced is None else told.synced)
