"""Pinning: every socket of every method leaves by the interface that is set, or nothing runs at all."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fakes.peer import FakePeer, free_port, running

from probe.catalogue import METHODS
from probe.clock import SystemClock
from probe.measure.download import PLANS
from probe.measure.loaded_plan import DOWNLOAD_LIGHT
from probe.measure.outcome import CouldNotRun
from probe.measure.path import PathPlan
from probe.measure.transfer import Protocol
from probe.net import bind as tested
from probe.net import icmp, ookla, path
from probe.net.address import PeerAddress
from probe.net.bind import bind, bindable
from probe.net.failures import name_of
from probe.net.scene import Scene
from probe.net.tickets import NoTicket, Tickets
from probe.settings import ResolverAddress, Settings
from shared.failure import Failure, Stage
from shared.keys import FileKey
from shared.transfer import Direction

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds sockets to interfaces")
CLOCK = SystemClock()
LO = Settings(interface="lo", names=("www.example.net",), resolver=ResolverAddress("127.0.0.1", 9))
BRIEF_PATH = PathPlan("test", 3, 1, 1, 1_000, 100_000, patience_us=200_000, limit_us=3_000_000)
BRIEF = replace(PLANS["tiny"], duration_us=300_000, warm_us=50_000)


class Noting(socket.socket):
    """A socket that says by which interface it was bound when it was connected to somebody."""

    connected: ClassVar[list[str]] = []

    def connect(self, address: Any) -> None:
        """Connect, and note it."""
        self.connected.append(self.getsockopt(socket.SOL_SOCKET, 25, 16).rstrip(b"\0").decode())
        super().connect(address)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect by which interface each socket was bound that was connected."""
    monkeypatch.setattr(socket, "socket", Noting)
    monkeypatch.setattr(Noting, "connected", [])
    return Noting.connected


def scene_at(port: int, settings: Settings = LO, udp_port: int | None = None) -> Scene:
    """Give a scene whose peer is at a port of the loopback."""
    peer = PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", udp_port or port, "peer")
    return Scene(peer, CLOCK, os.urandom, None, settings, f"http://127.0.0.1:{port}")


async def test_without_a_name_nothing_is_bound(connected: list[str]) -> None:
    """A device on which nobody set an interface uses the one the system chooses."""
    assert bindable(None) is None
    await METHODS["fetch"].run(METHODS["fetch"].plans["small"], scene_at(free_port(), Settings()))
    assert connected == [""]


@pytest.mark.parametrize("name", [name for name in METHODS if name != "ookla"])
async def test_every_socket_of_every_method_is_bound(name: str, connected: list[str]) -> None:
    """Where nobody answers, each method has tried, and each of its sockets was bound before it was connected."""
    method = METHODS[name]
    plan = BRIEF_PATH if name == "path" else method.plans[method.plan_beside("quick")]
    await method.run(plan, scene_at(free_port()))
    assert connected
    assert set(connected) == {"lo"}


async def test_every_flow_and_probe_is_bound(connected: list[str]) -> None:
    """Beside a peer that answers, the later flows of a transfer and the probes beside it are bound as the first is."""
    flows = replace(BRIEF, protocol=Protocol.THROUGHPUT1, flows=3)
    loaded = replace(DOWNLOAD_LIGHT, load=replace(flows, name="light"))
    async with running(FakePeer()) as peer:
        there = scene_at(peer.port, udp_port=peer.udp_port)
        await METHODS["download"].run(flows, there)
        assert connected == ["lo"] * 3
        await METHODS["loaded_latency"].run(loaded, there)
    assert len(connected) > 3 + 1 + 3
    assert set(connected) == {"lo"}


async def test_the_questions_about_a_ticket_are_bound(connected: list[str]) -> None:
    """The peer is asked for its ticket by the link of the transfer."""
    there = scene_at(free_port())
    tickets = Tickets(there.peer, FileKey.generate(), b"{}", b"intent", 1, CLOCK, there.interface)
    assert (await tickets.ask(Direction.DOWN, 1, 1)).reason is NoTicket.SILENT
    assert connected == ["lo"]


@pytest.mark.parametrize("name", ["nosuch0", "a" * 15])
def test_an_interface_that_is_not_there(name: str) -> None:
    """A modem that fell off its port keeps no test from running: it fails as on a network that is down."""
    assert bindable(name) == name
    with socket.socket() as sock, pytest.raises(OSError, match="No such device"):
        bind(sock, name)


@pytest.mark.parametrize("name", ["lo" + "o" * 20, "", "lo\0"])
def test_what_is_no_name_of_an_interface(name: str) -> None:
    """What can never be pinned could not run, and says so; a long name is not cut to one that is there."""
    with pytest.raises(CouldNotRun, match="no name of an interface") as caught:
        bindable(name)
    assert caught.value.reason.isascii()
    with socket.socket() as sock, pytest.raises(OSError, match="No such device"):
        bind(sock, name)


@pytest.mark.parametrize(
    ("number", "why"),
    [(errno.EPERM, "only root"), (errno.EINVAL, "Invalid argument")],
)
def test_a_refusal_says_why(monkeypatch: pytest.MonkeyPatch, number: int, why: str) -> None:
    """Old kernels let only root pin; whatever the refusal is, a person can read it."""

    class Refusing(socket.socket):
        def setsockopt(self, *_args: object) -> None:  # type: ignore[override]
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(CouldNotRun, match=f"not pinned to 'wwan0': .*{why}"):
        bindable("wwan0")


def test_a_system_that_cannot_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS and Windows a pinned test is not run unpinned."""
    monkeypatch.setattr(tested, "BIND_TO_DEVICE", None)
    with pytest.raises(CouldNotRun, match="this system cannot pin"):
        bindable("lo")
    assert bindable(None) is None


def test_an_interface_that_goes_away_is_a_network_that_is_down() -> None:
    """A modem that vanishes in mid-test is a failure of the network by its name."""
    assert name_of(OSError(errno.ENODEV, "gone"), Stage.CONNECT) == (Failure.NETWORK_DOWN, Stage.CONNECT)


async def test_what_runs_in_another_process_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither speedtest-cli nor scapy can be pinned, so neither runs."""

    def refuse(*_args: object) -> None:
        raise PermissionError

    with pytest.raises(CouldNotRun, match="speedtest-cli cannot be pinned to lo"):
        await ookla.run(METHODS["ookla"].plans["metered"], scene_at(9))  # type: ignore[arg-type]
    monkeypatch.setattr("probe.net.errqueue.open_socket", refuse)
    with pytest.raises(CouldNotRun, match="scapy cannot be pinned to lo"):
        await path.run(METHODS["path"].plans["quick"], scene_at(9))  # type: ignore[arg-type]
    monkeypatch.setattr(icmp, "run_train", refuse)
    monkeypatch.setattr(icmp, "lab_is_possible", lambda: True)
    monkeypatch.setattr(icmp, "run_apart", refuse)
    members = (await METHODS["latency"].run(METHODS["latency"].plans["quick"], scene_at(free_port()))).members
    assert members["tried"] == "stamp"


async def test_the_systems_lookups_are_not_taken_for_pinned_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pinned, only the resolver that is set is asked; without one, and for local names, there is nothing to run."""
    monkeypatch.setattr(socket, "getaddrinfo", None)
    dns, plan = METHODS["dns"], METHODS["dns"].plans["standard"]
    members = (await dns.run(plan, scene_at(free_port()))).members
    assert members["via"] == "direct"
    for settings in (replace(LO, resolver=None), replace(LO, names=("printer.local",))):
        with pytest.raises(CouldNotRun, match="set a \\[dns\\] resolver"):
            await dns.run(plan, scene_at(9, settings))


WAYS = """
import asyncio, json, os, sys
from dataclasses import replace
from pathlib import Path
from probe.catalogue import METHODS
from probe.clock import SystemClock
from probe.measure.path import PathPlan
from probe.net.address import PeerAddress
from probe.net.bind import bindable
from probe.net.scene import Scene
from probe.platform.host import facts_on_the_way_to
from probe.settings import ResolverAddress, Settings
HOST, PORT = "198.18.72.1", 8441
BRIEF = {"path": PathPlan("test", 3, 1, 1, 1_000, 100_000, patience_us=200_000, limit_us=3_000_000)}

def sent():
    return {link: int(Path(f"/sys/class/net/{link}/statistics/tx_packets").read_text()) for link in ("lan0", "wwan0")}

async def told(interface):
    settings = Settings(interface=bindable(interface), names=("www.example.net",), resolver=ResolverAddress(HOST))
    scene = Scene(PeerAddress(f"http://{HOST}:{PORT}", HOST, PORT, "peer"), SystemClock(), os.urandom, None, settings)
    facts = facts_on_the_way_to(HOST, PORT, interface)
    ways = {"host": [facts.interface, facts.has_way]}
    for name, method in METHODS.items():
        if name in ("ookla", "reach", "loaded_latency"):
            continue
        before = sent()
        plan = BRIEF.get(name) or method.plans[method.plan_beside("quick")]
        await method.run(replace(plan, patience_us=300_000) if name == "dns" else plan, scene)
        ways[name] = [link for link, count in sent().items() if count > before[link]]
    return ways

print(json.dumps([asyncio.run(told(interface)) for interface in (None, "wwan0")]))
"""


@pytest.fixture
def rooms() -> Iterator[str]:
    """A customer with two links to one peer, the better one being the default; the name of his namespace."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    name = f"sp{os.getpid()}-{time.monotonic_ns() % 10**6}-"
    try:
        for room in ("c", "p"):
            ip(f"netns add {name}{room}")
            ip(f"-n {name}{room} link set lo up")
        ip(f"-n {name}p addr add 198.18.72.1/32 dev lo")
        for link, net, metric in (("lan0", "10.72.1", 100), ("wwan0", "10.72.2", 700)):
            ip(f"link add {link} netns {name}c type veth peer name {link} netns {name}p")
            for room, number in (("c", 2), ("p", 1)):
                ip(f"netns exec {name}{room} sysctl -qw net.ipv6.conf.{link}.disable_ipv6=1")
                ip(f"-n {name}{room} addr add {net}.{number}/24 dev {link}")
                ip(f"-n {name}{room} link set dev {link} up")
            ip(f"-n {name}c route add default via {net}.1 dev {link} metric {metric}")
        yield f"{name}c"
    finally:
        for room in ("c", "p"):
            subprocess.run(["ip", "netns", "del", f"{name}{room}"], check=False, capture_output=True)


def ip(words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words.split()], check=True, capture_output=True)


@pytest.mark.root
def test_pinned_methods_leave_by_the_link_that_is_set_and_by_no_other(rooms: str) -> None:
    """With two links to the peer, every method takes the default one, and pinned the other, without any capability."""
    bare = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if shutil.which("setpriv") else []
    done = subprocess.run(
        ["ip", "netns", "exec", rooms, *bare, sys.executable, "-c", WAYS],
        cwd=Path(__file__).resolve().parents[3], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    usual, pinned = json.loads(done.stdout)
    assert (usual.pop("host"), pinned.pop("host")) == (["lan0", True], ["wwan0", True])
    assert set(usual) >= {"latency", "download", "upload", "fetch", "dns", "path"}
    assert all(links == ["lan0"] for links in usual.values()), usual
    assert pinned.keys() == usual.keys()
    assert all(links == ["wwan0"] for links in pinned.values()), pinned
