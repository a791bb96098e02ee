"""The real, unmodified speedtest-cli against the real peer, and what stands between them."""

import asyncio
import importlib.util
import random
import secrets
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fakes.middlebox import Middlebox, meddling

from collector.clock import SystemClock as PeerClock
from collector.peer.app import PeerConfig, create_peer
from collector.peer.speedtest_profile import PROFILES
from probe.clock import SystemClock
from probe.measure.ookla import METERED, PLANS, PUBLIC
from probe.measure.ookla_judge import OoklaPlan
from probe.measure.outcome import CouldNotRun, Measured
from probe.net import ookla
from probe.net.address import PeerAddress
from probe.net.ookla import environment, proxy_of
from probe.net.scene import Scene
from shared.keys import FileKey

INSTALLED = importlib.util.find_spec("speedtest") is not None
pytestmark = pytest.mark.skipif(not INSTALLED, reason="speedtest-cli is not installed")
RUSHED = replace(METERED, client_us=1_500_000)
BRIEF = replace(METERED, tail_us=1_000_000)


@asynccontextmanager
async def a_peer(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, places: int = 64) -> AsyncIterator[int]:
    """Keep the real peer up, on TCP only; its port."""
    config = PeerConfig("p", FileKey.generate().public, PeerClock(), random.Random(1), lambda _: None, places)
    runner = web.AppRunner(create_peer(config), handle_signals=False, shutdown_timeout=0, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)


async def measure(url: str, plan: OoklaPlan = METERED, ca: Path | None = None) -> Measured:
    """Run once against a peer at a URL."""
    scene = Scene(PeerAddress(url, "127.0.0.1", 9, "p", ca), SystemClock(), secrets.token_bytes)
    return await ookla.run(plan, scene)


async def meddled(plan: OoklaPlan, fault: str, where: bytes, says: bytes = b"") -> tuple[Measured, list[bytes]]:
    """Run once with something between the client and its peer; also the requests it saw."""
    async with a_peer() as port, meddling(Middlebox(port, fault, where, says)) as box:
        return await measure(f"http://127.0.0.1:{box.port}", plan), box.seen


OTHERS: set[int] = set()


def children() -> set[int]:
    """The living children of this process."""
    every = psutil.Process().children(recursive=True)
    return {one.pid for one in every if one.is_running() and one.status() != psutil.STATUS_ZOMBIE}


@pytest.fixture(autouse=True)
def _others() -> None:
    """Children that other tests of this process keep are none of ours."""
    OTHERS.clear()
    OTHERS.update(children())


def no_child() -> bool:
    """Whether no child is left that was not there before."""
    return not children() - OTHERS


async def test_nothing_but_refusals() -> None:
    """With every image refused on the way the client ends well and reports zero, and the run failed."""
    outcome, seen = await meddled(METERED, "refuse", b".jpg")
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "http_request_failed", "request"), members
    assert members["claimed_down_bps"] == 0
    assert (members["down_bytes"], members["up_bytes"]) == (0, METERED.up_bytes)
    assert "down_bps" not in members
    assert sum(b".jpg" in line for line in seen) == 10
    assert seen[-1].startswith(b"DELETE /st/"), "the peer is told that the run is over"


async def test_every_image_cut() -> None:
    """Images cut after 20 kB, of which the client makes a rate, are a failure with what had arrived."""
    outcome, _ = await meddled(METERED, "cut", b".jpg")
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "eof_error", "body"), members
    assert isinstance(members["claimed_down_bps"], int)
    assert members["claimed_down_bps"] > 0
    assert members["cut"] == 10
    assert "down_bps" not in members


async def test_every_post_refused() -> None:
    """Posts refused on the way, which the client counts as sent, are a failure, and nothing was delivered."""
    outcome, _ = await meddled(METERED, "refuse", b"upload.php")
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "http_request_failed", "request"), members
    assert (members["down_bytes"], members["up_bytes"]) == (METERED.down_bytes, 0)
    assert "up_bps" not in members


async def test_every_post_cut() -> None:
    """Posts that break off are a failure, however fast the client believes they were."""
    outcome, _ = await meddled(METERED, "cut", b"upload.php")
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "eof_error", "body"), members
    assert members["cut"] == 4
    assert isinstance(members["up_bytes"], int)
    assert members["up_bytes"] <= 4 * 20_000


async def test_a_peer_without_places() -> None:
    """What the peer itself refuses for want of a place is a failure with the number of refusals."""
    async with a_peer(places=1) as port:
        outcome = await measure(f"http://127.0.0.1:{port}")
    members = outcome.members
    assert (outcome.end, members["failure"]) == ("failed", "http_unexpected_status_code"), members
    assert isinstance(members["refused"], int)
    assert members["refused"] > 0
    assert "status" not in members, "a status of 503 would say that nothing was started"


async def test_no_latency() -> None:
    """A client that got no latency at all has not measured."""
    outcome, _ = await meddled(METERED, "cut", b"latency.txt?")
    assert outcome.end == "ok", "within 20 kB the answer is whole"
    outcome, _ = await meddled(METERED, "refuse", b"latency.txt")
    assert (outcome.end, outcome.members["failure"]) == ("failed", "http_request_failed")
    assert outcome.members["ping_us"] == 1_800_000_000


async def test_no_configuration() -> None:
    """A client that does not get its configuration ends with code 1, and the run failed before any transfer."""
    outcome, _ = await meddled(METERED, "refuse", b"speedtest-config.php")
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "http_request_failed", "request"), members
    assert (members["requests"], "claimed_down_bps" in members) == (0, False)


async def test_a_log_that_cannot_be_read() -> None:
    """Without the peer's own count there is no rate, however well the client ended."""
    outcome, _ = await meddled(BRIEF, "say", b"/result", b'{"down":')
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "json_parse_error", "close"), members
    assert "down_bps" not in members
    outcome, _ = await meddled(BRIEF, "hush", b"/result")
    assert (outcome.members["failure"], outcome.members["stage"]) == ("generic_timeout_error", "close")


async def test_a_client_that_hangs_is_ended() -> None:
    """A client that does not come to an end is ended at its deadline, and no process is left."""
    outcome, _ = await meddled(RUSHED, "hush", b"speedtest-config.php")
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "generic_timeout_error", "request")
    assert isinstance(members["dur_us"], int)
    assert members["dur_us"] >= RUSHED.client_us
    assert no_child()


async def test_cancelling_leaves_nothing() -> None:
    """A run that is cancelled leaves neither the client nor a task behind."""
    async with a_peer() as port, meddling(Middlebox(port, "hush", b".php")) as box:
        before = asyncio.all_tasks()
        task = asyncio.create_task(measure(f"http://127.0.0.1:{box.port}"))
        async with asyncio.timeout(20):
            await box.hushed.wait()
        assert not no_child()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert no_child()
        ours = {other for other in asyncio.all_tasks() - before if "probe" in repr(other.get_coro())}
        assert not ours


async def test_both_rates_are_the_peers() -> None:
    """An undisturbed run moves what its profile holds, and both rates are counted by the peer."""
    async with a_peer() as port:
        outcome = await measure(f"http://127.0.0.1:{port}")
    members = outcome.members
    assert outcome.end == "ok", members
    assert (members["counted"], members["server"], members["plan"]) == ("peer", "peer", "metered")
    assert "speedtest" not in sys.modules, "the client is never imported here"
    assert (members["down_bytes"], members["up_bytes"]) == (METERED.down_bytes, METERED.up_bytes)
    assert (members["requests"], members["refused"], members["cut"], members["running"]) == (14, 0, 0, 0)
    for way in ("down", "up"):
        moved, dur_us = members[f"{way}_bytes"], members[f"{way}_us"]
        assert isinstance(moved, int)
        assert isinstance(dur_us, int)
        assert members[f"{way}_bps"] == 8_000_000 * moved // dur_us
    assert {"claimed_down_bps", "claimed_up_bps", "ping_us", "gap_pm", "dur_us"} <= members.keys()
    assert all(isinstance(value, int | str) for value in members.values())


async def test_over_ipv6() -> None:
    """A peer with an IPv6 address is named to the client in brackets, and the run is whole."""
    async with a_peer("::1") as port:
        outcome = await measure(f"http://[::1]:{port}")
    assert outcome.end == "ok", outcome.members
    assert outcome.members["requests"] == 14


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a certificate for loopback that is its own authority, and a server context with it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "cert.pem", folder / "key.pem"
    pem.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem


async def test_over_tls(tmp_path: Path) -> None:
    """With a peer over TLS everything goes over TLS, verified against the peer's own authority."""
    context, authority = certificate(tmp_path)
    async with a_peer(tls=context) as port:
        trusted = await measure(f"https://127.0.0.1:{port}", ca=authority)
        untrusted = await measure(f"https://127.0.0.1:{port}")
    assert trusted.end == "ok", trusted.members
    assert trusted.members["down_bytes"] == METERED.down_bytes
    assert untrusted.members["failure"] == "ssl_unknown_authority"


async def test_a_peer_that_is_not_there() -> None:
    """A peer that refuses the connection is named so, and the client is never started."""
    async with a_peer() as port:
        pass
    outcome = await measure(f"http://127.0.0.1:{port}")
    assert (outcome.members["failure"], outcome.members["stage"]) == ("connection_refused", "connect")


async def test_a_peer_of_another_kind() -> None:
    """A peer that offers no such runs answers 404, and that is what the record says."""
    outcome, _ = await meddled(METERED, "say", b"POST /st/", b"hello")
    assert (outcome.members["failure"], outcome.members["status"]) == ("http_unexpected_status_code", 200)


async def test_more_output_than_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever prints without end is ended and read no further."""
    monkeypatch.setattr(ookla, "CLIENT", ("-c", "while True: print('x' * 1000)"))
    async with a_peer() as port:
        outcome = await measure(f"http://127.0.0.1:{port}")
    assert (outcome.members["failure"], outcome.members["stage"]) == ("json_parse_error", "close")
    assert no_child()


async def test_a_public_server_carries_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a public server there are only the client's claims, and the record says so."""
    said = '{"download": 8.5, "upload": 2.25, "ping": 12.5, "server": {"name": "Bj\\u00f6rk"}}'
    monkeypatch.setattr(ookla, "CLIENT", ("-c", f"print('''{said}''')"))
    members = (await measure("http://127.0.0.1:9", PUBLIC)).members
    assert (members["counted"], members["server"], members["plan"]) == ("client", "Bj?rk", "public")
    assert (members["claimed_down_bps"], members["claimed_up_bps"], members["ping_us"]) == (8, 2, 12_500)
    assert not {"down_bps", "up_bps", "down_bytes", "gap_pm"} & members.keys()


@pytest.mark.parametrize("name", ["metered", "full"])
def test_both_sides_mean_the_same_run(name: str) -> None:
    """What the probe's plan counts on is what the peer's profile of that name makes the client do."""
    plan, profile = PLANS[name], PROFILES[name]
    assert (plan.test_us, plan.images, plan.posts) == (
        profile.test_s * 1_000_000,
        profile.images,
        len(profile.post_sizes),
    )
    assert (plan.down_bytes, plan.up_bytes) == (profile.down_bytes, profile.up_bytes)


async def test_without_the_client_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where speedtest-cli is missing nothing is measured, and the reason says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CouldNotRun, match=r"speedproof\[ookla\]"):
        await measure("http://127.0.0.1:9")


async def test_a_peer_below_a_path_cannot_run() -> None:
    """A peer that is not at the root of its host cannot be a proxy."""
    with pytest.raises(CouldNotRun, match="path"):
        await measure("http://127.0.0.1:9/below")


def test_the_clients_environment() -> None:
    """The client is given no proxy but the peer, and the peer without it; the rest of the environment is ours."""
    ours = {"PATH": "/bin", "HTTPS_PROXY": "a", "all_proxy": "b", "no_proxy": "c", "REQUEST_METHOD": "GET"}
    peer = PeerAddress("http://[::1]:80", "::1", 80, "p", Path("ca.pem"))
    given = environment(ours, proxy_of(peer, "ab"), peer)
    assert given == {
        "PATH": "/bin",
        "PYTHONWARNINGS": "ignore",
        "http_proxy": "http://ab:x@[::1]",
        "no_proxy": "[::1]",
        "SSL_CERT_FILE": "ca.pem",
    }
    assert environment(ours) == {"PATH": "/bin", "PYTHONWARNINGS": "ignore"}
