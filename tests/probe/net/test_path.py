"""The path over real sockets: loopback for everybody, a chain of network namespaces for root."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from probe.clock import SystemClock
from probe.measure.icmp import Reply
from probe.measure.outcome import CouldNotRun, Measured, Progress
from probe.measure.path import PathPlan
from probe.net import errqueue, path
from probe.net.address import PeerAddress
from probe.net.errqueue import AGE_LIMIT_US, EXTENDED_ERR, IPV4, IPV6, SO_TIMESTAMPNS, TIMESPEC
from probe.net.scene import Scene

PLAN = PathPlan("test", 8, 3, 2, 1_000, 10_000, patience_us=300_000, limit_us=5_000_000)
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the error queue is Linux's")


async def measure(host: str, seen: list[Progress] | None = None) -> Measured:
    """Find the path to a host."""
    watch = None if seen is None else seen.append
    return await path.run(PLAN, Scene(PeerAddress("http://peer", host, 9, "peer"), SystemClock(), os.urandom, watch))


@pytest.fixture
def closed_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let probes go to a UDP port where certainly nobody listens."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("", 0))
        port = sock.getsockname()[1]
    monkeypatch.setattr(path, "PORT", port)


@linux_only
@pytest.mark.usefixtures("closed_port")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_this_machine_is_one_hop_away(host: str) -> None:
    """Without privileges the path to loopback is one hop, reached, and in no segment but the device."""
    seen: list[Progress] = []
    outcome = await measure(host, seen)
    members = outcome.members
    assert outcome.end == "ok"
    assert (members["reached"], members["ends"], members["via"]) == (True, "target", "udp_errqueue")
    assert (members["hops"], members["segments"], members["hop_sent"]) == (host, "host", [PLAN.rounds])
    assert seen


@linux_only
async def test_a_target_that_talks_is_not_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Datagrams instead of ICMP errors are dropped, wake nobody again and again, and are no hops."""
    wakes = 0
    real = errqueue._waiting

    def counted(*args: Any) -> Iterator[tuple[Reply, int]]:
        nonlocal wakes
        wakes += 1
        return real(*args)

    monkeypatch.setattr(errqueue, "_waiting", counted)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talker:
        talker.setblocking(False)
        talker.bind(("127.0.0.1", 0))
        monkeypatch.setattr(path, "PORT", talker.getsockname()[1])

        def talk() -> None:
            data, sender = talker.recvfrom(100)
            for _ in range(3):
                talker.sendto(data, sender)

        asyncio.get_running_loop().add_reader(talker, talk)
        outcome = await measure("127.0.0.1")
        asyncio.get_running_loop().remove_reader(talker)
    assert outcome.members["failure"] == "generic_timeout_error"
    assert outcome.members["hops"] == ""
    assert 1 <= wakes <= 3 * PLAN.silent_limit


async def test_a_name_that_does_not_exist() -> None:
    """Without an address there are no hops, and the failure is the lookup's."""
    outcome = await measure("no-such-host.invalid")
    assert (outcome.end, outcome.members["stage"]) == ("failed", "dns")
    assert set(outcome.members) == {"plan", "ver", "dur_us", "failure", "stage"}


@linux_only
async def test_a_system_that_refuses_to_send() -> None:
    """A target that this system will not send to is a failure and no exception."""
    outcome = await measure("255.255.255.255")
    assert (outcome.end, outcome.members["stage"], outcome.members["hop_sent"]) == ("failed", "connect", [])


@linux_only
async def test_a_send_that_fails_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal of the system ends the run with its name; a queue that is full only loses the probe."""
    for number, failure in ((101, "network_unreachable"), (105, "generic_timeout_error")):

        def refuse(*_args: object, number: int = number) -> None:
            raise OSError(number, "refused")

        class Refusing(socket.socket):
            send = refuse  # type: ignore[assignment]

        monkeypatch.setattr(errqueue.socket, "socket", Refusing)
        outcome = await measure("127.0.0.1")
        assert outcome.members["failure"] == failure


@pytest.mark.parametrize("refusal", [NotImplementedError(), PermissionError(1, "no")])
async def test_a_system_without_error_queue_and_scapy_could_not_run(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    """Where neither way is open nothing is said of the line."""

    def refuse(_target: object, _interface: str | None) -> None:
        raise refusal

    monkeypatch.setattr(errqueue, "open_socket", refuse)
    monkeypatch.setattr(sys, "executable", str(Path(sys.executable).parent / "no-such-python"))
    with pytest.raises(CouldNotRun, match="no error queue"):
        await measure("127.0.0.1")


def test_other_systems_have_no_error_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither macOS nor Windows is tried."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(NotImplementedError):
        errqueue.open_socket(ip_address("127.0.0.1"))


@linux_only
def test_a_socket_that_cannot_be_set_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without the option leaves no socket behind."""

    class Poor(socket.socket):
        def setsockopt(self, *_args: Any) -> None:
            raise OSError(92, "no such option")

    monkeypatch.setattr(errqueue.socket, "socket", Poor)
    with pytest.raises(OSError, match="no such option"):
        errqueue.open_socket(ip_address("::1"))


@linux_only
async def test_cancelling_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that is cancelled leaves no task, no reader and no socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        monkeypatch.setattr(path, "PORT", mute.getsockname()[1])
        await measure("127.0.0.1")  # whatever the first run of all opens for good
        tasks, files = asyncio.all_tasks(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        task = asyncio.create_task(measure("127.0.0.1"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == tasks
        assert len(os.listdir("/proc/self/fd")) == files  # noqa: PTH208


def told(origin: int, offender: bytes, icmp_type: int = 11) -> bytes:
    """Lay out what the kernel says of an error."""
    return EXTENDED_ERR.pack(113, origin, icmp_type, 0, 0, 0, 0) + offender


def test_what_the_kernel_says() -> None:
    """Type, code and sender are read where the kernel puts them; the system's own errors are not the network's."""
    sender = bytes(4) + bytes([10, 0, 0, 1]) + bytes(8)
    assert errqueue.reply_of(b"x", [(0, 11, told(2, sender))], IPV4) == Reply(b"x", ip_address("10.0.0.1"), 11, 0)
    sender = bytes(8) + ip_address("fd00::1").packed + bytes(4)
    assert errqueue.reply_of(b"", [(1, 35, b""), (41, 25, told(3, sender, 3))], IPV6) == Reply(
        b"", ip_address("fd00::1"), 3, 0
    )
    assert errqueue.reply_of(b"", [(41, 25, told(1, sender))], IPV6) is None
    assert errqueue.reply_of(b"", [(41, 25, told(3, sender)[:20])], IPV6) is None
    assert errqueue.reply_of(b"", [], IPV4) is None


@pytest.mark.parametrize(("waited_us", "age_us"), [(700, 700), (0, 0), (-1, 0), (AGE_LIMIT_US + 1, 0)])
def test_only_a_possible_age_is_believed(waited_us: int, age_us: int) -> None:
    """A stamp from the future or from long ago is a clock that was set, and no stamp is no age."""
    now_us = 1_800_000_000_000_000
    seconds, rest_us = divmod(now_us - waited_us, 1_000_000)
    stamp = TIMESPEC.pack(seconds, rest_us * 1000)
    assert errqueue.age_us([(0, 1, b""), (socket.SOL_SOCKET, SO_TIMESTAMPNS, stamp)], now_us) == age_us
    assert errqueue.age_us([(socket.SOL_SOCKET, SO_TIMESTAMPNS, b"")], now_us) == 0


RUN = """
import asyncio, json, os, sys
from probe.clock import SystemClock
from probe.measure.path import PathPlan
from probe.net import path
from probe.net.address import PeerAddress
from probe.net.scene import Scene
rounds, silent, patience_us = map(int, sys.argv[2:5])
plan = PathPlan("test", 8, rounds, silent, 1_000, 100_000, patience_us=patience_us, limit_us=20_000_000)
scene = Scene(PeerAddress("http://peer", sys.argv[1], 9, "peer"), SystemClock(), os.urandom)
outcome = asyncio.run(path.run(plan, scene))
print(json.dumps({**outcome.members, "end": outcome.end}))
"""
ADDRESSES = (
    ("c", "va", "192.168.71.2/24", "fd71:1::2/64"),
    ("r1", "vb", "192.168.71.1/24", "fd71:1::1/64"),
    ("r1", "vd", "100.64.71.1/24", "fd71:2::1/64"),
    ("r2", "ve", "100.64.71.2/24", "fd71:2::2/64"),
    ("r2", "vf", "198.18.71.1/24", "2001:db8:71::1/64"),
    ("t", "vg", "198.18.71.2/24", "2001:db8:71::2/64"),
)
ROUTES = (
    ("c", "default", "192.168.71.1", "fd71:1::1"),
    ("r1", "default", "100.64.71.2", "fd71:2::2"),
    ("r2", "192.168.71.0/24 fd71:1::/64", "100.64.71.1", "fd71:2::1"),
    ("t", "default", "198.18.71.1", "2001:db8:71::1"),
)


class Chain:
    """Four network namespaces in a row: customer, gateway, operator's router, target."""

    def __init__(self) -> None:
        """Build it, or leave nothing."""
        self._prefix = f"sp{os.getpid()}-{time.monotonic_ns() % 10**6}-"
        self._made: list[str] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def ip(self, room: str, words: str) -> None:
        """Run `ip` in a namespace."""
        subprocess.run(["ip", "-n", self._prefix + room, *words.split()], check=True, capture_output=True)

    def sysctl(self, room: str, settings: str) -> None:
        """Set values below net of a namespace."""
        script = "; ".join("echo {1} > /proc/sys/net/{0}".format(*one.split("=")) for one in settings.split())
        subprocess.run(["ip", "netns", "exec", self._prefix + room, "sh", "-c", script], check=True)

    def start(self, target: str, rounds: int = 3, silent: int = 3, patience_us: int = 400_000) -> subprocess.Popen[str]:
        """Start a search for a path from the customer's end, without any capability where that can be had."""
        bare = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if shutil.which("setpriv") else []
        words = [target, str(rounds), str(silent), str(patience_us)]
        return subprocess.Popen(
            ["ip", "netns", "exec", self._prefix + "c", *bare, sys.executable, "-c", RUN, *words],
            cwd=Path(__file__).resolve().parents[3], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def trace(self, target: str, *numbers: int) -> dict[str, Any]:
        """Find a path from the customer's end."""
        return ended(self.start(target, *numbers))

    def close(self) -> None:
        """Take everything down."""
        for room in self._made:
            subprocess.run(["ip", "netns", "del", room], check=False, capture_output=True)

    def _build(self) -> None:
        for room in ("c", "r1", "r2", "t"):
            subprocess.run(["ip", "netns", "add", self._prefix + room], check=True)
            self._made.append(self._prefix + room)
            self.ip(room, "link set lo up")
            # Answers as often as asked, so that only the test's own limits limit.
            self.sysctl(
                room, "ipv4/ip_forward=1 ipv4/icmp_ratelimit=0 ipv6/icmp/ratelimit=0 ipv6/conf/all/forwarding=1"
            )
            self.sysctl(room, "ipv6/conf/all/accept_dad=0 ipv6/conf/default/accept_dad=0")
        for (one, here, *_), (other, there, *_) in zip(ADDRESSES[::2], ADDRESSES[1::2], strict=True):
            words = f"link add name {here} netns {self._prefix}{one} type veth peer name {there} netns {self._prefix}{other}"
            subprocess.run(["ip", *words.split()], check=True, capture_output=True)
        for room, device, ipv4, ipv6 in ADDRESSES:
            self.ip(room, f"addr add {ipv4} dev {device}")
            self.ip(room, f"addr add {ipv6} dev {device} nodad")
            self.ip(room, f"link set dev {device} up")
        for room, networks, ipv4, ipv6 in ROUTES:
            networks4, _, networks6 = networks.partition(" ")
            self.ip(room, f"route add {networks4} via {ipv4}")
            self.ip(room, f"-6 route add {networks6 or networks4} via {ipv6}")


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a search; its members."""
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    members: dict[str, Any] = json.loads(out)
    return members


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A chain of namespaces, or a skip that says why there is none."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need iproute2")
    made = Chain()
    yield made
    made.close()


HOPS = {
    "198.18.71.2": "192.168.71.1,100.64.71.2,198.18.71.2",
    "2001:db8:71::2": "fd71:1::1,fd71:2::2,2001:db8:71::2",
}


@pytest.mark.root
@pytest.mark.parametrize("target", HOPS)
def test_every_router_of_a_chain_is_found(chain: Chain, target: str) -> None:
    """By IPv4 and by IPv6 the hops have their addresses and their segments, and nothing is lost or late."""
    members = chain.trace(target)
    assert members["end"] == "ok"
    assert (members["reached"], members["hops"]) == (True, HOPS[target])
    assert members["segments"] == "local,operator,beyond"
    assert members["hop_sent"] == [3, 3, 3]


@pytest.mark.root
def test_a_router_that_limits_its_answers(chain: Chain) -> None:
    """A router that answers a few times a minute loses probes, and the path does not."""
    chain.sysctl("r2", "ipv4/icmp_ratelimit=60000")
    members = chain.trace("198.18.71.2", 10)
    assert members["reached"] is True
    assert members["hop_lost"][1] > 0
    assert "loss_from" not in members


@pytest.mark.root
@pytest.mark.parametrize(
    ("kind", "end", "ends", "failure"),
    [
        ("prohibit", "ok", "refusal", None),
        ("unreachable", "failed", "unreachable", "host_unreachable"),
        ("blackhole", "ok", "silence", None),
    ],
)
def test_a_router_that_does_not_let_through(chain: Chain, kind: str, end: str, ends: str, failure: str | None) -> None:
    """What a router does with the way to the target is told by its name, and the hops before it are kept."""
    chain.ip("r2", f"route add {kind} 198.18.50.1")
    members = chain.trace("198.18.50.1")
    assert (members["end"], members["ends"], members.get("failure"), members["reached"]) == (end, ends, failure, False)
    assert members["hops"].startswith("192.168.71.1")


@pytest.mark.root
def test_no_way_anywhere(chain: Chain) -> None:
    """A network that no router knows, and a device without a link, are network_unreachable."""
    chain.ip("r2", "route add throw 203.0.113.0/24")
    assert chain.trace("203.0.113.1")["failure"] == "network_unreachable"
    chain.ip("c", "link set dev va down")
    assert chain.trace("198.18.71.2")["failure"] == "network_unreachable"


@pytest.mark.root
def test_a_host_that_is_not_there(chain: Chain) -> None:
    """The last router looks for the host for three seconds, and what it says then is heard."""
    members = chain.trace("198.18.71.9", 3, 5, 1_000_000)
    assert (members["failure"], members["ends"]) == ("host_unreachable", "unreachable")
    assert members["hops"].startswith("192.168.71.1,100.64.71.2")


@pytest.mark.root
@pytest.mark.parametrize(
    "cut", [lambda chain: chain.ip("r2", "link set dev vf down"), lambda chain: chain.ip("r1", "link set vb down")]
)
def test_a_link_that_is_cut(chain: Chain, cut: Callable[[Chain], None]) -> None:
    """A link that dies while it is looked at leaves a failure with a name, in time."""
    process = chain.start("198.18.71.2", 30, 3, 150_000)
    time.sleep(2)
    cut(chain)
    members = ended(process)
    assert members["end"] == "failed"
    assert members["failure"] in {"network_unreachable", "host_unreachable", "generic_timeout_error"}
    assert members["hops"].startswith("192.168.71.1")
