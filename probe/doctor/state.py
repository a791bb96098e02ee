"""What this device remembers: its line, how it was enrolled, settings, what waits, what it cost, whether an agent runs."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

from probe import moments, pausing
from probe.agent import Agent
from probe.budget import Books, Budget, Month
from probe.doctor.check import Check, fine, note, wrong
from probe.first_boot import read_outcome
from probe.home import Home
from probe.life import last_sign, lives
from probe.logwatch import known_log
from probe.presence import STOPPED
from probe.selftest import KEPT, passed, words
from probe.service import apply, choice
from probe.settings import Settings
from shared.errors import Malformed, SpeedproofError

STALE_US: Final = 2 * 86_400_000_000
SELFTEST_US: Final = 180 * 86_400_000_000  # ours: half a year; a system's updates change what a device can
MANY: Final = 1000  # batches that wait


def enrolment(home: Home, wall_us: int) -> Iterator[Check]:
    """Whether this device is bound to a line, and what became of enrolling by itself."""
    outcome = read_outcome(home)
    try:
        home.key()
        enrolled = home.enrolled()
    except SpeedproofError as error:
        if outcome is not None and outcome.result != "enrolled":
            when = moments.ago(outcome.at_us, wall_us)
            refused = outcome.result == "refused"
            found = f"{'refused' if refused else 'waiting'}, {when}: {outcome.words} (code {outcome.handle}…, {outcome.serial})"
            advice = (
                "ask for a new code"
                if refused
                else "it is tried again at the next start; or: speedproof-probe enrol --from FILE"
            )
            yield wrong("first boot", found.replace(", )", ")"), advice)
        yield wrong("enrolment", str(error), "ask support for a code, then: speedproof-probe enrol LINK")
        return
    yield fine("enrolment", f"line of {enrolled.subscriber} at {enrolled.collector_url}")


def settings(home: Home) -> Check:
    """What was set here."""
    try:
        found = home.settings()
    except SpeedproofError as error:
        return wrong("settings", str(error), "put settings.toml right, or take it away")
    usual = Settings()
    changed = [one.name for one in fields(Settings) if getattr(found, one.name) != getattr(usual, one.name)]
    return fine("settings", f"set here: {', '.join(changed)}" if changed else "the usual ones")


def outbox(agent: Agent) -> Iterator[Check]:
    """What waits to be sent, and when the collector last acknowledged anything."""
    tally, now_us = agent.outbox.tally(), agent.clock.wall_us()
    found = f"batches sealed: {tally.batches:,}; not sent yet: {tally.unsent:,} ({-(-tally.unsent_bytes // 1000):,} kB)"
    if tally.lost:
        found += f"; {tally.lost:,} records lost"
        yield wrong("outbox", found, "free some space if the disk is full; the collector is told how many")
    elif tally.unsent >= MANY:
        yield wrong("outbox", found, "the collector has not been reached for long: see its line above")
    else:
        yield fine("outbox", found)
    if tally.is_asking:
        yield note("chain", "after damage the collector is asked where the chain stands, before anything is sent")
    receipt_us = tally.last_receipt_us
    if receipt_us is None:
        yield (
            note("receipt", "none yet", "measure and send: speedproof-probe once")
            if not tally.batches
            else wrong(
                "receipt",
                "none yet, although something was measured",
                "an agent that runs sends it, and so does: speedproof-probe once",
            )
        )
    elif tally.unsent and now_us - receipt_us > STALE_US:
        yield wrong("receipt", f"the last one {moments.ago(receipt_us, now_us)}", "see the collector's line above")
    else:
        yield fine("receipt", f"the last one {moments.ago(receipt_us, now_us)}")
    log = known_log(agent.outbox)
    if log is not None:
        yield (
            wrong("log", log.wrong, "keep what shows it (speedproof-probe export), and tell whoever you trust")
            if log.wrong
            else note("log", log.words)
            if log.past
            else fine("log", log.words)
        )


def running(agent: Agent) -> Check:
    """Whether an agent shows signs of life."""
    last, start = last_sign(agent), "start it: speedproof-probe service install, or speedproof-probe run"
    if last is None:
        return wrong("agent", "has never run", start)
    if lives(agent):
        return fine("agent", f"runs, {last.state}")
    how = "was stopped" if last.state == STOPPED else "last sign of life"
    return wrong("agent", f"{how} {moments.ago(last.wall_us, agent.clock.wall_us())}", start)


def service(home: Home, settings: Settings) -> Iterator[Check]:
    """Whether the agent starts by itself, and whether notices can be seen then."""
    here = choice.look(home.folder)
    plans = choice.every(here)
    found = next((one for one in plans if Path(one.state) == here.state and apply.installed(one)), None)
    if found is not None:
        yield fine("service", found.kind)
    elif plans:
        yield note("service", "not installed: nothing starts the agent by itself", "speedproof-probe service install")
    else:
        yield note(
            "service",
            "no kind of service is known for this system",
            "start it when this device starts: speedproof-probe run",
        )
    if found is not None and found.of_machine and settings.notify:
        yield note(
            "notices", "a service of the whole machine reaches nobody's desktop, so its notices are not seen",
            "to see them, measure as a user who is logged in (service install --user); `status` tells the same everywhere",
        )  # fmt: skip


def selftest(agent: Agent) -> Check:
    """What this device can measure, and how old that knowledge is."""
    found = passed(agent.outbox.kept(KEPT))
    if found is None:
        return note("selftest", "not done: nobody knows how fast this device can measure", "speedproof-probe selftest")
    age_us = agent.clock.wall_us() - found.at_wall_us
    told = f"{words(found)[0]} ({moments.ago(found.at_wall_us, agent.clock.wall_us())})"
    return (
        fine("selftest", told) if age_us < SELFTEST_US else note("selftest", told, "again: speedproof-probe selftest")
    )


def pause(agent: Agent) -> Iterator[Check]:
    """Whether somebody asked for quiet; nothing if nobody did."""
    now_us = agent.clock.wall_us()
    try:
        found = pausing.read_pause(agent.outbox.kept(pausing.NAME))
    except Malformed:
        return
    if found is not None and found.holds_at(now_us):
        until_us = found.until_us
        when = (
            "until somebody resumes"
            if until_us is None
            else f"until {moments.at_time(until_us, now_us, moments.local_by(agent.clock.zone))}"
        )
        yield note("pause", f"nothing is measured {when}, and shown so", "speedproof-probe resume")


def budget(agent: Agent) -> Check:
    """What measuring has cost this month."""
    now_us = agent.clock.wall_us()
    month = Month.at(now_us, agent.clock.zone(now_us)[0], agent.settings.month_starts_on)
    spent, whole = Books.read(agent.outbox.kept("spent")).of(month), Budget.of(agent.settings)
    found = f"{spent.total_bytes // 1_000_000:,} of {whole.month_bytes // 1_000_000:,} MB used since {spent.month}"
    if spent.total_bytes < whole.month_bytes:
        return fine("budget", found)
    return note("budget", f"{found}: no tests until the next month", "more data: [budget] month_mb in settings.toml")
