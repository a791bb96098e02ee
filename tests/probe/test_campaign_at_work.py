"""The agent follows a campaign: fixed before its first test, each start in its moment, nothing after it is over."""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fakes.clock import FakeClock
from fakes.host import FakeHost
from fakes.methods import FakeRun, methods
from strategies import DEVICE

from probe import agent as agent_module
from probe.agent import Agent
from probe.campaign import Course, State
from probe.campaign_wish import ASKED, begun, given_up, planned
from probe.daemon import Daemon
from probe.facts import HostFacts
from probe.outbox import Outbox
from shared.campaign import Campaign, read_campaign
from shared.criteria.files import shipped
from shared.placing import Bounds
from shared.record import Record, read_record
from shared.sampling import read_rule

MakeAgent = Callable[..., Agent]
ZONE = ZoneInfo("Europe/Prague")
NOON_US = int(datetime(2026, 11, 22, 12, tzinfo=ZONE).timestamp()) * 1_000_000
TEXT = shipped()["cz-fixed-cert.toml"]
RULE = read_rule(TEXT, "cz-fixed-cert.toml")


@pytest.fixture
def daemon(make_agent: MakeAgent, outbox_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """An agent that measures nothing, at noon of a day, with a campaign wished for from another process."""
    monkeypatch.setattr(
        agent_module, "METHODS", methods(FakeRun(members={"received_bytes": 5_000_000, "sent_bytes": 5_000_000}))
    )
    FakeHost(HostFacts(None, "other")).put(monkeypatch)
    agent = make_agent(clock=FakeClock(NOON_US))
    wish(outbox_folder, begun(campaign(), TEXT, None, None))
    return Daemon(agent)


def wish(outbox_folder: Path, wanted: bytes) -> None:
    """Leave a wish as a command in another process does."""
    with closing(Outbox(outbox_folder, lambda: bytes(32))) as outbox:
        outbox.keep(ASKED, wanted)


def campaign() -> Campaign:
    """Both directions of the Czech rule, from noon on."""
    bounds = Bounds(ZONE, NOON_US + 120_000_000)
    return planned(RULE, ("down", "up"), "evidence", bounds, b"k", DEVICE.public.key_id, 1)


def records(daemon: Daemon) -> list[Record]:
    """Everything recorded that has to do with a campaign, oldest first."""
    found = [read_record(line.rstrip(b"\n")) for line in reversed(daemon.agent.outbox.recent())]
    return [one for one in found if one.text("campaign")]


async def follow(daemon: Daemon, *, missing: frozenset[int] = frozenset()) -> None:
    """Let the clock run from start to start; at some of them the device is off."""
    clock = daemon.agent.clock
    assert isinstance(clock, FakeClock)
    for k, at_us in enumerate(campaign().starts_us):
        if k in missing:
            continue
        clock.set_wall(at_us)
        errand = daemon.next_errand()
        if errand.why.get("campaign") is None:
            return
        assert (errand.at_us, errand.why["k"]) == (at_us, k)
        await daemon.do(errand)


def course_of(daemon: Daemon) -> Course:
    """What the agent knows of its campaign."""
    assert daemon.wishes.course is not None
    return daemon.wishes.course


async def test_the_plan_is_in_the_chain_before_its_tests(daemon: Daemon) -> None:
    """The agent answers the wish once, then runs each start's tests under its number and without a slot."""
    assert daemon.next_errand().why.get("campaign") is None
    assert daemon.wishes.asked()
    assert not daemon.wishes.asked()
    await follow(daemon)
    plan, *tests = records(daemon)
    assert read_campaign(plan) == campaign()
    assert [(one.method, one.integer("k")) for one in tests] == [
        (method, k) for k in range(6) for method in ("download", "upload")
    ]
    assert {one.integer("slot") for one in tests} == {None}
    assert plan.seq < min(one.seq for one in tests)
    assert course_of(daemon).state(RULE, ZONE, NOON_US) is State.COMPLETE
    assert daemon.next_errand().slot is not None


async def test_after_a_missed_start_nothing_more_is_spent(daemon: Daemon) -> None:
    """Six of six can no longer be had: the campaign is over, and says why."""
    daemon.wishes.asked()
    await follow(daemon, missing=frozenset({2}))
    assert {one.integer("k") for one in records(daemon)[1:]} == {0, 1}
    now_us = daemon.agent.clock.wall_us()
    assert course_of(daemon).state(RULE, ZONE, now_us) is State.BROKEN
    assert course_of(daemon).standings(RULE, ZONE, now_us)[0].missed == 1


async def test_a_restart_in_the_middle_changes_nothing(daemon: Daemon) -> None:
    """What was kept and what was recorded is enough to go on where it stopped."""
    daemon.wishes.asked()
    clock = daemon.agent.clock
    assert isinstance(clock, FakeClock)
    clock.set_wall(campaign().starts_us[0])
    await daemon.do(daemon.next_errand())
    again = Daemon(daemon.agent)
    again.wake()
    assert again.wishes.course == daemon.wishes.course
    clock.set_wall(campaign().starts_us[1])
    errand = again.next_errand()
    assert errand.why["k"] == 1


async def test_giving_up_ends_it(daemon: Daemon, outbox_folder: Path) -> None:
    """The next wish of a person stops it, and that is a record too."""
    daemon.wishes.asked()
    wish(outbox_folder, given_up(course_of(daemon), NOON_US))
    assert daemon.wishes.asked()
    assert records(daemon)[-1].text("event") == "stop"
    assert daemon.next_errand().slot is not None
