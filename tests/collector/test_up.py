"""`up` with a peer that speaks TLS: what probes are told of it, and what happens without its certificate."""

import asyncio
import random
from pathlib import Path

from fakes.certificate import certificate
from fakes.running import command, running

from probe.clock import SystemClock
from probe.enrol import enrol
from probe.home import Home
from probe.measure.fetch import FetchPlan
from probe.measure.latency import QUICK
from probe.measure.outcome import Measured
from probe.measure.transfer import TransferPlan
from probe.net import download, fetch, latency
from probe.net.scene import Scene
from probe.net.tickets import Tickets

LOAD = TransferPlan("test", 2_000_000, 500_000, warm_us=0, patience_us=5_000_000)
OBJECT = FetchPlan("test", 1000, patience_us=5_000_000, limit_us=10_000_000)


async def measured(home: Home) -> tuple[Measured, Measured, Measured]:
    """An object, a download with a ticket, and round trips, against whatever enrolment told."""
    enrolled, clock = home.enrolled(), SystemClock()
    assert enrolled.enrolment is not None
    tickets = Tickets(enrolled.peer, home.key(), enrolled.enrolment, b"intent", 0, clock)
    scene = Scene(enrolled.peer, clock, random.Random(1).randbytes, tickets=tickets)
    return await fetch.run(OBJECT, scene), await download.run(LOAD, scene), await latency.run(QUICK, scene)


def test_a_probe_is_sent_to_the_peers_tls(tmp_path: Path) -> None:
    """Whoever enrols at a collector whose peer has a certificate measures by TLS, and STAMP on the port beside it."""
    _, authority = certificate(tmp_path)
    words = ("--peer-tls-cert", str(authority), "--peer-tls-key", str(tmp_path / "key.pem"), "--peer-tls-port", "0")
    with running(tmp_path / "data", *words) as collector:
        told = collector.told["peer"]
        assert told["tls"] is True
        assert told["udp_port"] != told["port"]
        assert collector.add("anna").status == 200
        home, code = Home(tmp_path / "home"), collector.code_for("anna")
        chance = random.Random(2).randbytes
        asyncio.run(enrol(home, f"http://127.0.0.1:{collector.port}", code, authority, None, chance))
        peer = home.enrolled().peer
        assert peer.http_url == f"https://127.0.0.1:{told['port']}"
        assert (peer.udp_port, peer.tls_ca, peer.key_id) == (told["udp_port"], authority, told["key_id"])
        page, load, trips = asyncio.run(measured(home))
        assert (page.end, load.end, trips.end) == ("ok", "ok", "ok")
        assert page.members["tls_us"] > 0
        assert "co" in load.members
        assert trips.members["via"] == "stamp"
        assert collector.stop() == 0


def test_without_a_certificate_nothing_changes(tmp_path: Path) -> None:
    """A peer without TLS is told as before."""
    with running(tmp_path / "data") as collector:
        assert set(collector.told["peer"]) == {"host", "key_id", "name", "port"}
        assert collector.stop() == 0


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    """The peer's own words about its certificate are what the user reads, and nothing is left running."""
    words = ("up", "--port", "0", "--peer-port", "0", "--peer-tls-cert", str(tmp_path / "none.pem"))
    done = command(tmp_path / "data", *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "none.pem: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr
