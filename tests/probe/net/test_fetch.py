"""The fetch over real sockets, in the clear and over TLS: each failure by its name."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest
from fakes.certificate import certificate
from fakes.peer import FakePeer, free_port, mute_port, running

from probe.clock import SystemClock
from probe.measure.fetch import FetchPlan
from probe.measure.outcome import CouldNotRun, Measured
from probe.net import fetch
from probe.net.address import PeerAddress
from probe.net.scene import Scene

PLAN = FetchPlan("test", 100_000, patience_us=500_000, limit_us=2_000_000)


async def measure(peer: PeerAddress) -> Measured:
    """Fetch once."""
    return await fetch.run(PLAN, Scene(peer, SystemClock(), bytes))


async def test_a_peer_that_never_answers() -> None:
    """A request that is never answered is a timeout of the request."""
    async with mute_port() as port:
        outcome = await measure(PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", 9, "mute"))
    members = outcome.members
    assert (members["failure"], members["stage"]) == ("generic_timeout_error", "request")
    assert "connect_us" in members
    assert "first_byte_us" not in members


async def test_a_whole_object() -> None:
    """A good peer gives the whole object, with each stage that was passed and no other."""
    async with running(FakePeer()) as peer:
        outcome = await measure(peer.address())
    members = outcome.members
    assert outcome.end == "ok", members
    assert (members["received_bytes"], members["expected_bytes"], members["status"]) == (
        100_000,
        100_000,
        200,
    )
    assert isinstance(members["connect_us"], int)
    assert isinstance(members["first_byte_us"], int)
    assert isinstance(members["dur_us"], int)
    assert 0 < members["connect_us"] < members["first_byte_us"] <= members["dur_us"]
    assert "tls_us" not in members
    assert "dns_us" not in members


@pytest.mark.parametrize(
    ("fault", "failure", "stage"),
    [
        ("silent", "generic_timeout_error", "request"),
        ("hang up", "eof_error", "request"),
        ("stall", "generic_timeout_error", "body"),
        ("truncate", "eof_error", "body"),
        ("reset", "connection_reset", "body"),
        ("503", "http_unexpected_status_code", "request"),
        ("redirect", "http_unexpected_redirect_url", "request"),
    ],
)
async def test_each_fault_has_its_name(fault: str, failure: str, stage: str) -> None:
    """Whatever the peer does is named, with what came before, and was tried once only."""
    async with running(FakePeer(fault=fault)) as peer:
        outcome = await measure(peer.address())
        assert len(peer.requests) == 1
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", failure, stage), members
    assert members["received_bytes"] == (16_384 if stage == "body" else 0)


async def test_nobody_listens() -> None:
    """A refused connection is named so."""
    outcome = await measure(PeerAddress(f"http://127.0.0.1:{free_port()}", "127.0.0.1", 9, "nobody"))
    assert (outcome.members["failure"], outcome.members["stage"]) == ("connection_refused", "connect")


async def test_a_name_that_does_not_exist() -> None:
    """A name that is not found is a failure of the lookup."""
    outcome = await measure(PeerAddress("http://no-such-host.invalid", "127.0.0.1", 9, "none"))
    assert outcome.members["stage"] == "dns"
    assert str(outcome.members["failure"]).startswith("dns_")


async def test_a_name_takes_time_to_look_up() -> None:
    """A name that is found has a time of looking it up."""
    async with running(FakePeer()) as peer:
        outcome = await measure(peer.address(host="localhost"))
    assert outcome.end == "ok"
    assert outcome.members["dns_us"]


async def test_a_private_authority_is_trusted_when_named(tmp_path: Path) -> None:
    """Over TLS with the peer's own authority the fetch succeeds, and the handshake has a time of its own."""
    context, authority = certificate(tmp_path)
    async with running(FakePeer(), context) as peer:
        outcome = await measure(peer.address(scheme="https", ca=authority))
    assert outcome.end == "ok", outcome.members
    assert isinstance(outcome.members["tls_us"], int)
    assert outcome.members["tls_us"] > 0


@pytest.mark.parametrize(
    ("host", "days", "trusted", "failure"),
    [
        ("127.0.0.1", 1, False, "ssl_unknown_authority"),
        ("127.0.0.2", 1, True, "ssl_invalid_hostname"),
        ("other.example", 1, True, "ssl_invalid_hostname"),
        ("127.0.0.1", -1, True, "ssl_invalid_certificate"),
    ],
)
async def test_certificates_fail_by_name(tmp_path: Path, host: str, days: int, *, trusted: bool, failure: str) -> None:
    """An unknown authority, another host's certificate and an expired one are three different failures."""
    context, authority = certificate(tmp_path, host=host, days=days)
    async with running(FakePeer(), context) as peer:
        outcome = await measure(peer.address(scheme="https", ca=authority if trusted else None))
        assert peer.requests == []
    assert (outcome.members["failure"], outcome.members["stage"]) == (failure, "tls")


async def test_no_tls_at_all() -> None:
    """A peer that speaks no TLS fails the handshake; one that says nothing is a timeout of it."""
    async with running(FakePeer()) as peer:
        plain = await measure(peer.address(scheme="https"))
    async with mute_port() as port:
        mute = await measure(PeerAddress(f"https://127.0.0.1:{port}", "127.0.0.1", 9, "mute"))
    assert (plain.members["failure"], plain.members["stage"]) == ("ssl_failed_handshake", "tls")
    assert (mute.members["failure"], mute.members["stage"]) == ("generic_timeout_error", "tls")


async def test_a_stuck_resolver_is_a_timeout_of_the_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose lookup never ends fails at the end of patience, and the fetch does not wait for the lookup."""
    go_on = threading.Event()

    def stuck(*_args: object, **_more: object) -> None:
        go_on.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    outcome = await measure(PeerAddress("http://www.example.net", "127.0.0.1", 9, "stuck"))
    go_on.set()
    assert (outcome.members["failure"], outcome.members["stage"]) == ("generic_timeout_error", "dns")
    assert outcome.members["received_bytes"] == 0


async def test_an_authority_that_is_no_file_cannot_run(tmp_path: Path) -> None:
    """A certificate authority that cannot be read says nothing about the line."""
    with pytest.raises(CouldNotRun):
        await measure(PeerAddress("https://127.0.0.1", "127.0.0.1", 9, "none", tmp_path / "missing.pem"))


async def test_cancelling_leaves_nothing() -> None:
    """A fetch that is cancelled leaves no task of its own."""
    async with mute_port() as port:
        before = asyncio.all_tasks()
        task = asyncio.create_task(measure(PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", 9, "mute")))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ours = {other for other in asyncio.all_tasks() - before if "probe" in repr(other.get_coro())}
        assert not ours
