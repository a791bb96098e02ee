"""The ladder over real sockets of this machine: what answers, what does not, and how soon it is over."""

import asyncio
import socket
import threading
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from fakes.certificate import certificate
from fakes.peer import FakePeer, free_port, mute_port, running
from fakes.resolver import FakeResolver, resolving

from probe.clock import SystemClock
from probe.measure.outcome import Measured
from probe.measure.reach import ReachPlan
from probe.net import gateway, reach
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from probe.platform.links import Ground
from probe.settings import Settings

PLAN = ReachPlan("test", near_us=3_000_000, far_us=3_000_000)  # for whoever answers
SOON = ReachPlan("soon", near_us=300_000, far_us=300_000)  # for whoever does not
HERE = Ground("eth9", "up", has_carrier=True, families=(4,), ways=(4,), gateway=ip_address("127.0.0.1"))


@pytest.fixture(autouse=True)
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand on a link of which only the loopback answers."""
    monkeypatch.setattr(reach, "ground", lambda _pinned: HERE)


def chance(n_bytes: int) -> bytes:
    """Give bytes that differ."""
    return bytes(range(n_bytes))


async def measure(
    peer: PeerAddress, plan: ReachPlan = PLAN, *, collector_url: str | None = None, settings: Settings | None = None
) -> Measured:
    """Climb once."""
    return await reach.run(plan, Scene(peer, SystemClock(), chance, None, settings or Settings(), collector_url))


def told(outcome: Measured) -> dict[str, str]:
    """Each rung with its failure, empty if it held."""
    rungs, failures = (str(outcome.members[name]).split(",") for name in ("rungs", "failures"))
    return dict(zip(rungs, failures, strict=True))


async def test_nothing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a link, an address or a way each rung says so, and nobody is reached."""
    monkeypatch.setattr(
        reach, "ground", lambda _pinned: Ground("wwan0", "down", has_carrier=False, families=(), ways=())
    )

    def no_way(*_args: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "no resolver")

    monkeypatch.setattr(socket, "getaddrinfo", no_way)
    outcome = await measure(PeerAddress("http://peer.example", "peer.example", 9, "x"))
    assert told(outcome) == {
        "link": "network_down",
        "address": "network_unreachable",
        "route": "network_unreachable",
        "dns": "dns_temporary_failure",
        "peer": "dns_temporary_failure",
    }
    members = outcome.members
    assert (outcome.end, members["failure"], members["interface"], members["carrier"]) == (
        "failed",
        "network_down",
        "wwan0",
        False,
    )
    assert "reached" not in members


async def test_everything_answers() -> None:
    """With collector, peer and another host up the whole ladder holds."""
    async with running(FakePeer()) as peer, resolving(FakeResolver()) as resolver:
        settings = Settings(
            names=("www.example.net",), resolver=resolver.address, urls=(f"http://127.0.0.1:{peer.port}/",)
        )
        outcome = await measure(peer.address(), collector_url=f"http://127.0.0.1:{peer.port}", settings=settings)
        requests = list(peer.requests)
    assert set(told(outcome).values()) == {""}, outcome.members
    assert list(told(outcome)) == [
        *("link", "address", "route", "gateway", "resolver"),
        *("collector", "peer", "object", "independent"),
    ]
    assert (outcome.end, outcome.members["reached"]) == ("ok", "independent")
    assert outcome.members["gateway_by"] in {"icmp", "tcp", "udp"}
    assert requests == ["/object/64"]


async def test_peer_and_collector_refuse() -> None:
    """Hosts that refuse were reached, and the failure is that of the lower rung."""
    outcome = await measure(
        PeerAddress(f"http://127.0.0.1:{free_port()}", "127.0.0.1", 9, "gone"),
        collector_url=f"http://127.0.0.1:{free_port()}",
    )
    assert told(outcome)["collector"] == told(outcome)["peer"] == "connection_refused"
    assert (outcome.members["reached"], outcome.members["failure"]) == ("peer", "connection_refused")
    assert "object" not in told(outcome)


@pytest.mark.parametrize(("fault", "failure", "portal"), [("redirect", "http_unexpected_redirect_url", "redirect")])
async def test_a_portal_answers(fault: str, failure: str, portal: str) -> None:
    """Whoever redirects in the peer's name is told apart from the peer."""
    async with running(FakePeer(fault=fault)) as peer:
        outcome = await measure(peer.address())
    assert (told(outcome)["peer"], told(outcome)["object"]) == ("", failure)
    assert outcome.members["portal"] == portal


async def test_a_peer_that_says_nothing() -> None:
    """A connection that opens and stays mute holds one rung and times out on the next."""
    async with mute_port() as port:
        outcome = await measure(PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", 9, "mute"), SOON)
    assert (told(outcome)["peer"], told(outcome)["object"]) == ("", "generic_timeout_error")
    assert outcome.members["stage"] == "request"


async def test_another_certificate_is_named(tmp_path: Path) -> None:
    """A certificate that is not the peer's hints at a portal."""
    context, _ = certificate(tmp_path)
    async with running(FakePeer(), context) as peer:
        outcome = await measure(peer.address(scheme="https"))
    assert told(outcome)["object"] == "ssl_unknown_authority"
    assert outcome.members["portal"] == "certificate"


async def test_an_authority_that_cannot_be_read(tmp_path: Path) -> None:
    """A peer whose authority cannot be read is not tried, and the rest is."""
    outcome = await measure(
        PeerAddress("https://127.0.0.1:1", "127.0.0.1", 9, "x", tmp_path / "none.pem"),
        collector_url="http://127.0.0.1:1",
    )
    assert list(told(outcome)) == ["link", "address", "route", "gateway", "collector"]


async def test_a_stuck_resolver_takes_no_time_from_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's lookup may hang: its rung times out and the hosts that need none are still asked."""
    go_on = threading.Event()
    real = socket.getaddrinfo

    def stuck(host: str, *args: object, **more: object) -> object:
        if host == "www.example.net":
            go_on.wait(20)
        return real(host, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    async with running(FakePeer()) as peer:
        outcome = await measure(peer.address(), SOON, collector_url="http://www.example.net")
    go_on.set()
    assert told(outcome)["dns"] == told(outcome)["collector"] == "generic_timeout_error"
    assert (told(outcome)["peer"], outcome.members["stage"]) == ("", "dns")


async def test_it_can_be_stopped_at_once() -> None:
    """A climb that is cancelled is over within a second and leaves no task."""
    async with mute_port() as port:
        plan = replace(PLAN, far_us=20_000_000)
        peer = PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", 9, "mute")
        task = asyncio.create_task(reach.run(plan, Scene(peer, SystemClock(), chance)))
        await asyncio.sleep(0.2)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=1)
        assert done == {task}
        assert task.cancelled()
        assert asyncio.all_tasks() - {asyncio.current_task()} == set() or port


async def test_a_gateway_nobody_may_ask_is_a_failure() -> None:
    """If every way is refused by this device the last refusal is the reason, and permission is never one."""

    def refuse(_sock: socket.socket) -> None:
        raise OSError(100, "network is down")

    with pytest.raises(OSError, match="network is down"):
        await gateway.answer_of(ip_address("127.0.0.1"), chance(gateway.CHANCE_BYTES), refuse)

    def forbid(_sock: socket.socket) -> None:
        raise PermissionError(1, "not you")

    with pytest.raises(OSError, match="nobody could be asked"):
        await gateway.answer_of(ip_address("127.0.0.1"), chance(gateway.CHANCE_BYTES), forbid)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_each_way_shows_a_gateway(address: str) -> None:
    """A connection or a datagram that is refused shows that somebody is there."""
    here = ip_address(address)
    assert await gateway._by_connection(here, lambda _sock: None) == "tcp"
    assert await gateway._by_datagram(here, chance(gateway.CHANCE_BYTES), lambda _sock: None) == "udp"
