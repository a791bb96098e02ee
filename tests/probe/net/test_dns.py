"""The lookups over real sockets: each failure of a resolver by its name, and of the system's own way."""

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.peer import free_port
from fakes.resolver import FakeResolver, resolving

from probe.clock import SystemClock
from probe.measure.dns import DnsPlan
from probe.measure.outcome import CouldNotRun, Measured, Progress
from probe.net import dns
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from probe.settings import ResolverAddress, Settings

PLAN = DnsPlan("test", patience_us=400_000)
NAMELESS = PeerAddress("http://127.0.0.1:80", "127.0.0.1", 9, "fake")
NAMED = ("www.example.net",)


def chance(n_bytes: int) -> bytes:
    """Give bytes that differ."""
    return bytes(range(n_bytes))


async def measure(
    resolver: ResolverAddress | None,
    *,
    names: tuple[str, ...] = NAMED,
    peer: PeerAddress = NAMELESS,
    collector_url: str | None = None,
    seen: list[Progress] | None = None,
) -> Measured:
    """Look up once."""
    settings = Settings(names=names, resolver=resolver)
    watch = None if seen is None else seen.append
    return await dns.run(PLAN, Scene(peer, SystemClock(), chance, watch, settings, collector_url))


def answering(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    """Make a system that knows these addresses for every name."""

    def getaddrinfo(*_args: object, **_more: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]

    return getaddrinfo


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep these tests off the real system's resolver."""
    monkeypatch.setattr(socket, "getaddrinfo", answering("192.0.2.1"))


async def test_no_answer_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stuck system and a silent resolver the measurement fails by timeouts, and does not wait for the system."""
    go_on = threading.Event()

    def stuck(*_args: object, **_more: object) -> None:
        go_on.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    async with resolving(FakeResolver("silent")) as resolver:
        outcome = await measure(resolver.address)
        assert len(resolver.asked) == 2
    go_on.set()
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "generic_timeout_error", "dns")
    assert members["failures"] == "generic_timeout_error,generic_timeout_error"
    assert (members["lookup_us"], members["tries"]) == ([-1, -1], [-1, 2])


async def test_both_ways_answer() -> None:
    """A name is looked up by both ways, each with its time, and the record says who was asked."""
    seen: list[Progress] = []
    async with resolving(FakeResolver()) as resolver:
        outcome = await measure(resolver.address, seen=seen)
    members = outcome.members
    assert outcome.end == "ok", members
    assert (members["names"], members["via"]) == ("www.example.net,www.example.net", "system,direct")
    assert (members["addresses"], members["answers"]) == ("192.0.2.1,192.0.2.7", [1, 1])
    assert (members["ttl_s"], members["tries"], members["failures"]) == ([-1, 300], [-1, 1], ",")
    assert members["resolver"] == str(resolver.address)
    assert isinstance(members["lookup_us"], list)
    assert isinstance(members["dur_us"], int)
    assert all(0 <= one <= members["dur_us"] < 2_000_000 for one in members["lookup_us"])
    assert seen


@pytest.mark.parametrize(
    ("fault", "failure", "tries"),
    [
        ("nxdomain", "dns_nxdomain_error", 1),
        ("servfail", "dns_servfail_error", 1),
        ("refused", "dns_refused_error", 1),
        ("no answer", "dns_no_answer", 2),
        ("bogon", "dns_bogon_error", 1),
        ("garbage", "dns_server_misbehaving", 2),
        ("wrong id", "dns_reply_with_wrong_query_id", 2),
        ("silent", "generic_timeout_error", 2),
        ("forged first", "", 1),
        ("only v6", "", 2),
        ("truncate", "", 2),
        ("truncate and hang up", "eof_error", 2),
        ("truncate and refuse", "connection_refused", 2),
        ("truncate for ever", "dns_server_misbehaving", 2),
        ("truncate and flood", "dns_server_misbehaving", 2),
    ],
)
async def test_each_fault_of_a_resolver_has_its_name(fault: str, failure: str, tries: int) -> None:
    """Whatever the resolver does is named; the system's answer beside it stays what it is."""
    async with resolving(FakeResolver(fault)) as resolver:
        outcome = await measure(resolver.address)
        assert resolver.streams == int(fault.startswith("truncate") and fault != "truncate and refuse")
    assert outcome.end == "ok"
    assert outcome.members["failures"] == f",{failure}", outcome.members
    assert outcome.members["tries"] == [-1, tries]


async def test_a_lost_question_is_asked_again() -> None:
    """One lost datagram costs half the patience and no more."""
    async with resolving(FakeResolver(drop=1)) as resolver:
        outcome = await measure(resolver.address)
        assert resolver.asked[0] == resolver.asked[1]
    assert outcome.members["failures"] == ","
    assert isinstance(outcome.members["lookup_us"], list)
    assert outcome.members["lookup_us"][1] >= PLAN.patience_us // 2


async def test_nobody_listens() -> None:
    """A port where no resolver is refuses, and that is the failure."""
    outcome = await measure(ResolverAddress("127.0.0.1", free_port()))
    assert outcome.members["failures"] == ",connection_refused"


async def test_a_resolver_that_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is not there is a failure of the lookup."""

    async def refuse(*_args: object, **_more: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_datagram_endpoint", refuse, raising=False)
    outcome = await measure(ResolverAddress("192.0.2.53"))
    assert outcome.members["failures"] == ",network_unreachable"


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (socket.EAI_NONAME, "dns_nxdomain_error"),
        (socket.EAI_AGAIN, "dns_temporary_failure"),
        (socket.EAI_FAIL, "dns_non_recoverable_failure"),
        (socket.EAI_NODATA, "dns_no_answer"),
        (socket.EAI_SERVICE, "dns_server_misbehaving"),
    ],
)
async def test_each_failure_of_the_system_has_its_name(
    monkeypatch: pytest.MonkeyPatch, code: int, failure: str
) -> None:
    """What the system's resolver says is named, and with no other way it is the measurement's failure."""

    def fail(*_args: object, **_more: object) -> None:
        raise socket.gaierror(code, "x")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    outcome = await measure(None)
    assert (outcome.end, outcome.members["failure"]) == ("failed", failure)
    assert outcome.members["via"] == "system"


async def test_a_bogon_from_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A private address for a public name is a failure; for a name without a dot it is an answer."""
    monkeypatch.setattr(socket, "getaddrinfo", answering("192.0.2.1", "10.0.0.1"))
    outcome = await measure(None, names=("www.example.net", "router"))
    assert outcome.members["failures"] == "dns_bogon_error,"
    assert outcome.members["addresses"] == "10.0.0.1,192.0.2.1"


async def test_the_peer_and_the_collector_are_looked_up_too() -> None:
    """Peer, collector and the names that are set, each once and in this order."""
    peer = PeerAddress("http://Peer.example:80", "peer.example", 9, "fake")
    outcome = await measure(
        None, peer=peer, collector_url="https://proof.example:8443/", names=("peer.example", *NAMED)
    )
    assert outcome.members["names"] == "peer.example,proof.example,www.example.net"


@pytest.mark.parametrize("collector_url", [None, "http://[::1]:80", "http://192.0.2.1", "nonsense"])
async def test_without_a_name_there_is_nothing_to_look_up(collector_url: str | None) -> None:
    """Where everything has an address, nothing can be said of lookups."""
    with pytest.raises(CouldNotRun, match="nothing to look up"):
        await measure(None, names=(), collector_url=collector_url)


async def test_a_device_without_threads_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that cannot ask its own system says nothing about the line."""

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError

    async with resolving(FakeResolver()) as resolver:
        monkeypatch.setattr(threading.Thread, "start", none)
        with pytest.raises(CouldNotRun, match="thread"):
            await measure(resolver.address)


async def test_the_systems_resolvers_are_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What resolv.conf names is written down, and where there is none nothing is."""
    monkeypatch.setattr(dns, "RESOLV_CONF", tmp_path / "resolv.conf")
    assert "system_resolvers" not in (await measure(None)).members
    (tmp_path / "resolv.conf").write_bytes(b"nameserver 192.0.2.53\n\xff\n")
    assert (await measure(None)).members["system_resolvers"] == "192.0.2.53"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_a_resolver_by_ipv6() -> None:
    """A resolver with an IPv6 address is asked, or refuses, like any other."""
    outcome = await measure(ResolverAddress("::1", free_port()))
    assert outcome.members["failures"] in {",connection_refused", ",network_unreachable", ",unknown_failure"}


@pytest.mark.parametrize("fault", ["silent", "truncate and stall"])
async def test_cancelling_leaves_nothing(fault: str) -> None:
    """A measurement that is cancelled leaves no task and no socket, whatever it was waiting for."""
    before = asyncio.all_tasks()
    async with resolving(FakeResolver(fault)) as resolver:
        task = asyncio.create_task(measure(resolver.address))
        async with asyncio.timeout(5):
            await resolver.heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.all_tasks() == before


async def test_a_stalled_stream_ends_with_patience() -> None:
    """A resolver that takes the question by TCP and says no more is a timeout."""
    async with resolving(FakeResolver("truncate and stall")) as resolver:
        outcome = await measure(resolver.address)
    assert outcome.members["failures"] == ",generic_timeout_error"
