"""Download and upload over real sockets: a whole one, each failure by its name, and nothing left behind."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fakes.peer import FakePeer, free_port, mute_port, running

from probe.clock import SystemClock
from probe.measure.outcome import CouldNotRun, Measured, Progress
from probe.measure.transfer import TransferPlan
from probe.net import download, upload
from probe.net.address import PeerAddress
from probe.net.scene import Scene

PLAN = TransferPlan("test", 500_000, 2_000_000_000, warm_us=100_000, patience_us=600_000)
CLOCK = SystemClock()
Run = Callable[..., Coroutine[Any, Any, Measured]]
BOTH = pytest.mark.parametrize("run", [download.run, upload.run], ids=["download", "upload"])


def chance(n_bytes: int) -> bytes:
    """Give bytes of which nobody asks to be random here."""
    return bytes(n_bytes)


async def measure(
    run: Run, peer: PeerAddress, watch: Callable[[Progress], None] | None = None, plan: TransferPlan = PLAN
) -> Measured:
    """Run one transfer and look for what it left behind."""
    before = asyncio.all_tasks()
    outcome = await run(plan, Scene(peer, CLOCK, chance, watch))
    ours = {task for task in asyncio.all_tasks() - before if "probe" in repr(task.get_coro())}
    assert not ours
    return outcome


def address_of(port: int) -> PeerAddress:
    """Say where a port of loopback is."""
    return PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", 9, "nobody")


@BOTH
async def test_a_peer_that_never_answers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that is never answered is a timeout of its stage."""
    monkeypatch.setattr("probe.measure.flow.HANDSHAKE_US", 300_000)
    async with mute_port() as port:
        outcome = await measure(run, address_of(port))
    assert (outcome.members["failure"], outcome.members["stage"]) == ("generic_timeout_error", "request")


@BOTH
async def test_a_whole_transfer(run: Run) -> None:
    """A good peer gives an ok, with the peer's count, samples in order, and a moving progress bar."""
    seen: list[Progress] = []
    async with running(FakePeer()) as peer:
        outcome = await measure(run, peer.address(), seen.append)
        assert len(peer.requests) == 1
    members = outcome.members
    assert outcome.end == "ok", members
    assert isinstance(members["received_bytes"], int)
    assert isinstance(members["dur_us"], int)
    assert isinstance(members["bytes"], list)
    assert members["received_bytes"] == members["bytes"][-1] > 100_000
    assert 400_000 <= members["dur_us"] <= 1_100_000
    assert members["flows"] == 1
    assert members["peer_bytes"]
    if run is upload.run:
        assert members["received_bytes"] == members["peer_bytes"]
        assert members["received_bytes"] <= peer.got_bytes
    assert seen[-1].moved_bytes > 0
    assert seen[-1].expected_us == PLAN.duration_us


@BOTH
@pytest.mark.parametrize(
    ("fault", "failure", "stage"),
    [
        ("stall", "generic_timeout_error", "body"),
        ("reset", "connection_reset", "body"),
        ("eof", "eof_error", "body"),
        ("close", "eof_error", "body"),
        ("no subprotocol", "http_request_failed", "request"),
        ("503", "http_unexpected_status_code", "request"),
        ("redirect", "http_unexpected_redirect_url", "request"),
    ],
)
async def test_each_fault_has_its_name(run: Run, fault: str, failure: str, stage: str) -> None:
    """Whatever the peer does, the record names it, keeps what came, and was one attempt."""
    async with running(FakePeer(fault=fault)) as peer:
        begun = time.monotonic()
        outcome = await measure(run, peer.address())
        assert time.monotonic() - begun < 5
        assert len(peer.requests) == 1
    members = outcome.members
    if run is upload.run and fault == "eof":
        failure = "connection_reset"  # a kernel that closes with our bytes unread resets
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", failure, stage), members
    if run is download.run and stage == "body":
        assert members["received_bytes"] == peer.after_bytes
    if failure == "eof_error" and fault == "eof":
        assert members["closed"] == "eof"
    if fault in {"503", "redirect"}:
        assert members["status"] == {"503": 503, "redirect": 302}[fault]


@pytest.mark.parametrize("fault", ["silence", "stall"])
async def test_an_upload_nobody_counted_is_failed(fault: str) -> None:
    """However much was given to the socket, without the peer's count there is no result."""
    async with running(FakePeer(fault=fault, after_bytes=0)) as peer:
        outcome = await measure(upload.run, peer.address())
    assert outcome.end == "failed"
    assert outcome.members["failure"] == "generic_timeout_error"
    assert outcome.members["received_bytes"] == 0
    assert isinstance(outcome.members["sent_bytes"], int)
    assert outcome.members["sent_bytes"] > 0


async def test_a_peer_that_closes_and_does_not_listen() -> None:
    """What a deaf peer will never read is dropped, not left to be sent for ever."""
    async with running(FakePeer(fault="deaf")) as peer:
        begun = time.monotonic()
        outcome = await measure(upload.run, peer.address())
        assert time.monotonic() - begun < 3
    assert outcome.members["failure"] == "eof_error"


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b'{"AppInfo":{"NumBytes":99999999999,"ElapsedTime":1}}'])
async def test_a_lying_peer_ends_an_upload(text: bytes) -> None:
    """A claim that cannot be true, or cannot be read, is a failure at once."""
    async with running(FakePeer(fault="say", text=text)) as peer:
        outcome = await measure(upload.run, peer.address())
    assert outcome.members["failure"] == "json_parse_error"
    assert outcome.members["peer_inconsistent"] is True


async def test_the_cap_ends_a_transfer_against_the_peers_will() -> None:
    """A peer that ignores what was asked of it is cut off at the cap."""
    plan = TransferPlan("capped", 5_000_000, 200_000, warm_us=0, patience_us=600_000)
    async with running(FakePeer()) as peer:
        outcome = await measure(download.run, peer.address(), plan=plan)
    assert outcome.end == "ok"
    assert outcome.members["received_bytes"] == 204_800


@BOTH
async def test_nobody_listens(run: Run) -> None:
    """A refused connection is named so, in the stage of connecting."""
    outcome = await measure(run, address_of(free_port()))
    assert (outcome.members["failure"], outcome.members["stage"]) == ("connection_refused", "connect")
    assert outcome.members["received_bytes"] == 0
    assert "connect_us" not in outcome.members


async def test_a_name_that_does_not_exist() -> None:
    """A peer whose name cannot be looked up is a failure of the lookup."""
    outcome = await measure(download.run, PeerAddress("http://no-such-host.invalid", "x.invalid", 9, "none"))
    assert outcome.members["stage"] == "dns"
    assert str(outcome.members["failure"]).startswith("dns_")


@BOTH
async def test_cancelling_leaves_nothing(run: Run) -> None:
    """A transfer that is cancelled in the middle is gone at once, with its task and its socket."""
    async with running(FakePeer()) as peer:
        before = asyncio.all_tasks()
        task = asyncio.create_task(run(PLAN, Scene(peer.address(), CLOCK, chance)))
        await asyncio.sleep(0.2)
        task.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 2
        ours = {other for other in asyncio.all_tasks() - before if "probe" in repr(other.get_coro())}
        assert not ours


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "nonsense", "http://", "http://[::1"])
async def test_an_address_that_is_none_cannot_run(url: str) -> None:
    """A peer's address that is no URL says nothing about the line, so it raises."""
    with pytest.raises(CouldNotRun):
        await measure(download.run, PeerAddress(url, "127.0.0.1", 9, "none"))
