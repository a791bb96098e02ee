"""Enrolling with nobody there: patient with networks, never with codes, and what happened can be read afterwards."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fakes.certificate import certificate
from fakes.clock import FakeClock
from fakes.collector import CODE, FakeCollector, serving
from fakes.peer import free_port

from probe.errors import CollectorSilent, EnrolRefused
from probe.first_boot import PATIENCE_US, FirstBoot, Outcome, read_outcome, write_outcome
from probe.home import Home
from shared.invitation import Invitation
from shared.provision import Provision


@dataclass
class Alone:
    """A device with nobody there: its waits take no time, and what it says is kept."""

    home: Home
    clock: FakeClock = field(default_factory=FakeClock)
    waits_s: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    while_waiting: Any = None

    async def sleep(self, wait_s: float) -> None:
        """Let time pass at once."""
        self.waits_s.append(wait_s)
        self.clock.advance(int(wait_s * 1_000_000))
        if self.while_waiting is not None:
            await self.while_waiting()

    @property
    def first_boot(self) -> FirstBoot:
        """What enrols it."""
        return FirstBoot(self.home, self.clock, lambda size: b"\x80" * size, self.sleep, self.said.append)


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    """A device that is not enrolled."""
    return Alone(Home(tmp_path / "state"))


def provision(url: str, code: str = CODE, **more: str) -> Provision:
    """What stands in its provisioning file."""
    return Provision(Invitation(url, code), "SP-001", **more)


async def test_at_once(alone: Alone) -> None:
    """With a network it is enrolled at once, and the outcome says for which line, when, and by which code's beginning."""
    async with serving(FakeCollector()) as there:
        told = await alone.first_boot.enrol(provision(there.url))
    assert told["subscriber"] == alone.home.enrolled().subscriber == "anna"
    outcome = read_outcome(alone.home)
    assert outcome == Outcome("enrolled", "for the line of anna", alone.clock.wall_us(), CODE[:4], "SP-001", 1)
    assert (alone.waits_s, alone.said) == ([], [])


async def test_when_the_network_comes_late(alone: Alone) -> None:
    """It waits longer and longer, says why, and enrols when the collector is there."""
    port, there = free_port(), FakeCollector()
    serves = serving(there, port)

    async def comes() -> None:
        if len(alone.waits_s) == 3:
            await serves.__aenter__()

    alone.while_waiting = comes
    try:
        await alone.first_boot.enrol(provision(f"http://127.0.0.1:{port}"))
    finally:
        await serves.__aexit__(None, None, None)
    assert [round(wait_s) for wait_s in alone.waits_s] == [3, 5, 10]  # half of 5, 10, 20 s, as chance had it
    assert all("does not answer" in said and "nothing listens there" in said for said in alone.said)
    assert alone.said[0].endswith("trying again in 3 s")
    outcome = read_outcome(alone.home)
    assert outcome is not None
    assert (outcome.result, outcome.tries) == ("enrolled", 4)


async def test_patience_ends(alone: Alone) -> None:
    """After a quarter of an hour it gives up for now, and the outcome says that it waits."""
    began_us = alone.clock.mono_us()
    with pytest.raises(CollectorSilent, match="does not answer"):
        await alone.first_boot.enrol(provision(f"http://127.0.0.1:{free_port()}"))
    assert PATIENCE_US <= alone.clock.mono_us() - began_us < PATIENCE_US + 1_000_000
    outcome = read_outcome(alone.home)
    assert outcome is not None
    assert outcome.result == "waiting"


async def test_a_code_that_is_refused_is_asked_once(alone: Alone) -> None:
    """A wrong code is not asked again, at the next start neither; another code is."""
    async with serving(FakeCollector()) as there:
        for _ in range(3):
            with pytest.raises(EnrolRefused, match="not known"):
                await alone.first_boot.enrol(provision(there.url, "0" * 10))
        assert there.asked == ["enrolment"]
        await alone.first_boot.enrol(provision(there.url))
    assert alone.waits_s == []


@pytest.mark.parametrize("status", [200, 302, 404, 429, 500, 503])
async def test_what_is_no_collector_s_no(status: int, alone: Alone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login page, a busy collector and a stranger on the way are waited for; a code is not given up for them."""
    answers = [web.Response(status=status, text="<html>please log in</html>")]
    there = FakeCollector()
    honest = there.post_enrolment

    async def post(request: web.Request) -> web.StreamResponse:
        return answers.pop() if answers else await honest(request)

    monkeypatch.setattr(there, "post_enrolment", post)
    async with serving(there):
        await alone.first_boot.enrol(provision(there.url))
    assert len(alone.waits_s) == 1


async def test_what_the_file_brings(alone: Alone) -> None:
    """Certificates and settings are put beside the key; settings that somebody made here before are left."""
    brought = {"settings": "[budget]\nmonth_mb = 500\n"}
    async with serving(FakeCollector()) as there:
        await alone.first_boot.enrol(provision(there.url, **brought))
        assert alone.home.settings().month_mb == 500
        (alone.home.folder / "settings.toml").write_text("")
        await alone.first_boot.enrol(provision(there.url, **brought))
    assert (alone.home.folder / "settings.toml").read_text() == ""


async def test_certificates_from_the_file(alone: Alone, tmp_path: Path) -> None:
    """The certificates in the file are the ones that are believed, and are remembered by a path that stays."""
    _, ca = certificate(tmp_path)
    with pytest.raises(CollectorSilent):
        await alone.first_boot.enrol(provision("https://127.0.0.1:9", ca=ca.read_text()))
    assert (alone.home.folder / "ca.pem").read_text() == ca.read_text()


def test_what_is_noted_is_read_again(tmp_path: Path) -> None:
    """An outcome gives itself back; a file that cannot be read is no outcome."""
    home, outcome = Home(tmp_path), Outcome("refused", "it was used", 5, "7K3M", "", 2)
    assert read_outcome(home) is None
    home.write("provisioning.json", write_outcome(outcome))
    assert read_outcome(home) == outcome
    for junk in (b"", b"junk", b"{}", b'{"at_us":1,"handle":"a","result":"b","serial":"c","tries":1,"words":"d"}'):
        home.write("provisioning.json", junk)
        assert read_outcome(home) is None


async def test_the_code_is_not_in_the_outcome(alone: Alone) -> None:
    """Whoever may read the outcome does not learn the code."""
    async with serving(FakeCollector()) as there:
        with pytest.raises(EnrolRefused):
            await alone.first_boot.enrol(provision(there.url, "0123456789"))
    noted = (alone.home.folder / "provisioning.json").read_bytes()
    assert b"0123" in noted
    assert b"01234" not in noted
