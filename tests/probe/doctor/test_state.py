"""What this device remembers, as the doctor tells it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import FakeClock

from probe import pausing, presence
from probe.agent import Agent
from probe.budget import Books, Month
from probe.doctor import state
from probe.first_boot import Outcome, write_outcome
from probe.home import Home
from probe.presence import Alive
from probe.selftest import KEPT, Passed
from probe.settings import Settings

DAY_US = 86_400_000_000
MakeAgent = Callable[..., Agent]


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves when told."""
    return FakeClock(mono_us=DAY_US)


@pytest.fixture
def agent(make_agent: MakeAgent, clock: FakeClock) -> Agent:
    """An enrolled device."""
    return make_agent(clock=clock)


def test_not_enrolled(tmp_path: Path) -> None:
    """Without an enrolment it is said how to get one."""
    (check,) = state.enrolment(Home(tmp_path), 0)
    assert (check.name, check.level) == ("enrolment", "look")


@pytest.mark.parametrize(
    ("result", "words", "advice"),
    [("refused", "refused, 2 h ago: it was used", "a new code"), ("waiting", "waiting", "again")],
)
def test_enrolling_by_itself_failed(result: Any, words: str, advice: str, tmp_path: Path) -> None:
    """What became of the first start is told, with the code's beginning and the serial on the label."""
    home = Home(tmp_path)
    home.write("provisioning.json", write_outcome(Outcome(result, "it was used", 0, "7K3M", "SP-001", 3)))
    first, _ = state.enrolment(home, 2 * 3_600_000_000)
    assert (first.name, first.level) == ("first boot", "look")
    assert words in first.found
    assert "7K3M…, SP-001" in first.found
    assert advice in first.advice


def test_settings(tmp_path: Path) -> None:
    """What was set is named; a file with a mistake is trouble."""
    home = Home(tmp_path)
    assert state.settings(home).found == "the usual ones"
    (tmp_path / "settings.toml").write_text("[budget]\nmonth_mb = 500\n")
    assert state.settings(home).found == "set here: month_mb"
    (tmp_path / "settings.toml").write_text("[budget]\nmonth_mbs = 500\n")
    assert state.settings(home).level == "look"


def outbox_levels(agent: Agent, monkeypatch: pytest.MonkeyPatch, **changed: int | bool) -> list[str]:
    """How the checks of an outbox end that holds this."""
    tally = replace(agent.outbox.tally(), **changed)  # type: ignore[arg-type]
    monkeypatch.setattr(type(agent.outbox), "tally", lambda _self: tally)
    return [check.level for check in state.outbox(agent)]


@pytest.mark.parametrize(
    ("changed", "levels"),
    [
        ({}, ["ok", "note"]),
        ({"batches": 3}, ["ok", "look"]),
        ({"batches": 3, "last_receipt_us": 1_800_000_000_000_000}, ["ok", "ok"]),
        ({"batches": 3, "unsent": 1, "last_receipt_us": 1_800_000_000_000_000 - 3 * DAY_US}, ["ok", "look"]),
        ({"batches": 3, "unsent": 0, "last_receipt_us": 1_800_000_000_000_000 - 3 * DAY_US}, ["ok", "ok"]),
        ({"batches": 2000, "unsent": 1000, "last_receipt_us": 1_800_000_000_000_000}, ["look", "ok"]),
        ({"lost": 2}, ["look", "note"]),
        ({"is_asking": True}, ["ok", "note", "note"]),
    ],
)
def test_the_outbox(
    changed: dict[str, int | bool], levels: list[str], agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Much that waits, records that were lost and a long silence of the collector are trouble; a new device is none."""
    assert outbox_levels(agent, monkeypatch, **changed) == levels


def test_the_agent(agent: Agent, clock: FakeClock) -> None:
    """An agent that showed itself minutes ago runs; one of another boot, one that stopped and one that is silent do not."""
    assert (state.running(agent).level, state.running(agent).found) == ("look", "has never run")
    sign = Alive(1, clock.wall_us(), clock.mono_us(), agent.boot, "waiting")
    for kept, level in (
        (sign, "ok"),
        (replace(sign, boot="another"), "look"),
        (replace(sign, state="stopped"), "look"),
    ):
        agent.outbox.keep(presence.NAME, kept.write())
        assert state.running(agent).level == level
    agent.outbox.keep(presence.NAME, sign.write())
    clock.advance(6_000_000_000)
    assert state.running(agent).found == "last sign of life 1 h 40 min ago"
    agent.outbox.keep(presence.NAME, b"junk")
    assert state.running(agent).found == "has never run"


@dataclass
class Plan:
    """A kind of service, as far as it is looked at."""

    state: Path
    kind: str = "a service"
    of_machine: bool = False


def test_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service of this state is named; none is a note with the command; where there can be none it is said how to start."""
    here, other = Plan(tmp_path), Plan(tmp_path / "other")
    for plans, installed, level, advice in (
        ((other, here), True, "ok", ""),
        ((other, here), False, "note", "speedproof-probe service install"),
        ((other,), True, "note", "speedproof-probe service install"),
        ((), False, "note", "start it when this device starts: speedproof-probe run"),
    ):
        monkeypatch.setattr("probe.service.choice.every", lambda _here, plans=plans: plans)
        monkeypatch.setattr("probe.service.apply.installed", lambda _plan, installed=installed: [tmp_path] * installed)
        (check,) = state.service(Home(tmp_path), Settings())
        assert (check.level, check.advice) == (level, advice)


def test_notices_of_a_service_that_has_no_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the whole machine's service measures and notices are wished for, it is said that nobody sees them."""
    monkeypatch.setattr("probe.service.apply.installed", lambda _plan: [tmp_path])
    for of_machine, settings, names in (
        (True, Settings(), ["service", "notices"]),
        (True, Settings(notify=frozenset()), ["service"]),
        (False, Settings(), ["service"]),
    ):
        plans = (Plan(tmp_path, of_machine=of_machine),)
        monkeypatch.setattr("probe.service.choice.every", lambda _here, plans=plans: plans)
        assert [check.name for check in state.service(Home(tmp_path), settings)] == names


def test_the_selftest(agent: Agent, clock: FakeClock) -> None:
    """A self-test that was never done, or long ago, is suggested; a fresh one tells its figure and its age."""
    assert state.selftest(agent).level == "note"
    agent.outbox.keep(KEPT, Passed(150_000_000, whole=False, at_wall_us=clock.wall_us() - DAY_US).to_keep())
    fresh = state.selftest(agent)
    assert (fresh.level, "150 Mbit/s" in fresh.found, "24 h ago" in fresh.found) == ("ok", True, True)
    clock.advance(200 * DAY_US)
    assert state.selftest(agent).advice == "again: speedproof-probe selftest"


def test_a_pause(agent: Agent, clock: FakeClock) -> None:
    """A pause that holds is told with its end; one that is over, and none, are not."""
    assert list(state.pause(agent)) == []
    for pause, words in (
        (pausing.Pause(clock.wall_us(), clock.wall_us() + 3_600_000_000), "until 09:00"),
        (pausing.Pause(0), "until somebody resumes"),
    ):
        agent.outbox.keep(pausing.NAME, pausing.write_pause(pause))
        (check,) = state.pause(agent)
        assert words in check.found
    for over in (pausing.write_pause(pausing.Pause(0, 1)), b"junk"):
        agent.outbox.keep(pausing.NAME, over)
        assert list(state.pause(agent)) == []


def test_the_budget(agent: Agent, clock: FakeClock) -> None:
    """What was used is told beside what may be; an empty budget is a note with the setting's name."""
    assert state.budget(agent).level == "ok"
    month = Month.at(clock.wall_us(), 0, 1)
    agent.outbox.keep("spent", Books().book(month, "light", 1_000_000_000).write())
    check = state.budget(agent)
    assert (check.level, check.found) == (
        "note",
        "1,000 of 1,000 MB used since 2027-01-01: no tests until the next month",
    )
