"""How this device stands, in words: whether it measures, what waits, what it cost, what comes next. Pure; reads no clock.

Whether an agent runs is told by its last sign of life (the kept value `alive`, written with every slot and at least every
half an hour); where that is silent, by whether somebody holds the state folder. A pid alone says nothing: after a
restart it belongs to somebody else.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from probe import report
from probe.budget import Budget, Spent
from probe.campaign import Course
from probe.moments import Local, ago, at_time, span, zone_of
from probe.pausing import Pause
from probe.presence import STOPPED, Alive
from probe.transparency import Known
from shared.record import End, Record

FRESH_US: Final = 5_400_000_000  # three signs of life
LABEL: Final = 10
SHOWN: Final = 8
NEARLY_PER_CENT: Final = 80  # of the outbox's room
Running = Literal["running", "silent", "busy", "no"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Where what was measured is; `stuck_since_us`: since when the collector took nothing although something waits."""

    started: int
    batches: int
    unsealed: int
    unsent: int
    unsent_bytes: int
    unsent_complaints: int
    last_receipt_us: int | None
    lost: int = 0
    stuck_since_us: int | None = None
    is_revoked: bool = False  # the collector says that nothing is taken from this key any more
    is_asking: bool = False  # the collector is asked where the chain stands, before anything is sent
    used_bytes: int = 0
    limit_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything `status` shows, at one moment."""

    subscriber: str
    collector_url: str
    device: str
    wall_us: int
    mono_us: int
    boot: str
    locked: bool | None  # whether somebody holds the state folder; None where this system cannot tell
    alive: Alive | None
    outgoing: Outgoing
    budget: Budget
    spent: Spent
    pause: Pause | None = None
    campaign: tuple[str, ...] = ()
    recent: tuple[Record, ...] = ()  # newest first
    log: Known | None = None  # the collector's log, as it was shown to this device

    @property
    def running(self) -> Running:
        """Whether an agent runs: it does, it holds the folder but is silent, another command measures, or nobody does."""
        last = self.alive
        here = last is not None and last.boot == self.boot and last.state != STOPPED
        if last is not None and here and 0 <= self.mono_us - last.mono_us < FRESH_US and self.locked is not False:
            return "running"
        if not self.locked:
            return "no"
        return "silent" if here else "busy"

    @property
    def is_paused(self) -> bool:
        """Whether somebody asked for quiet now."""
        return self.pause is not None and self.pause.holds_at(self.wall_us)


def lines(now: Standing, width: int, local: Local) -> list[str]:
    """All of it, no line longer than `width` (40 at least)."""
    told = [text for label, words in _rows(now, local) for text in _wrapped(label, words, width)]
    if not now.recent:
        return [*told, *_wrapped("next", "nothing measured yet; try: speedproof-probe once", width)]
    told.append("last measurements:")
    for record in now.recent[:SHOWN]:
        at_us = record.integer("wall_us")
        when = "" if at_us is None else f"{at_time(at_us, now.wall_us, local)}  "
        told += textwrap.wrap(f"{when}{report.line(record)}", width, initial_indent="  ", subsequent_indent=" " * 9)
    return told + [text for words in _advice(now) for text in _wrapped("next", words, width)]


def _rows(now: Standing, local: Local) -> Iterator[tuple[str, str]]:
    yield "agent", _agent(now, local)
    yield "line", f"line of {now.subscriber}, collector {now.collector_url}"
    out = now.outgoing
    yield (
        "measured",
        f"{report.counted(out.started, 'record')}, {report.counted(out.batches, 'batch', 'batches')} sealed",
    )
    yield "sent", _sent(now)
    if now.log is not None:
        yield "log", now.log.words
    if out.unsent_complaints:
        yield "", f"{report.counted(out.unsent_complaints, 'complaint')} not sent yet"
    if out.is_asking:
        yield "", "the collector is asked where it stands with this device, before anything more is sent"
    if out.limit_bytes and 100 * out.used_bytes >= NEARLY_PER_CENT * out.limit_bytes:
        yield "disk", f"{report.size(out.used_bytes)} of {report.size(out.limit_bytes)} taken; what has no room is lost"
    if out.lost:
        yield "lost", f"{report.counted(out.lost, 'record')}, without room or damaged; the collector is told how many"
    yield "data", _data(now)
    if now.pause is not None and now.is_paused:
        until_us = now.pause.until_us
        yield "pause", "until you resume" if until_us is None else f"until {at_time(until_us, now.wall_us, local)}"
    for words in now.campaign:
        yield "campaign", words
    yield "times", f"this device's own, {zone_of(local(now.wall_us))}; now {local(now.wall_us):%H:%M}"


def _agent(now: Standing, local: Local) -> str:
    last = now.alive
    match now.running:
        case "running" if last is not None:
            after = "" if last.next_us is None else f"; next {_coming(last.next_us, now, local)}"
            return f"RUNNING, {last.state}{after}"
        case "silent" if last is not None:
            return f"NO SIGN OF LIFE for {span(now.mono_us - last.mono_us)}, although it is there"
        case "busy":
            return "BUSY: another command measures just now"
    if last is None:
        return "NOT RUNNING; nobody has started it yet"
    how = "was stopped" if last.state == STOPPED else "last sign of life"
    return f"NOT RUNNING; {how} {ago(last.wall_us, now.wall_us)}"


def _coming(at_us: int, now: Standing, local: Local) -> str:
    if at_us <= now.wall_us:
        return "now"
    return f"at {at_time(at_us, now.wall_us, local)}, in {span(at_us - now.wall_us)}"


def _sent(now: Standing) -> str:
    out = now.outgoing
    waits = f"{out.unsent:,} not sent yet ({report.size(out.unsent_bytes)})" if out.unsent else "nothing waits"
    if out.unsent and out.stuck_since_us is not None:
        waits += f", STUCK for {span(max(0, now.wall_us - out.stuck_since_us))}"
    if out.is_revoked:
        waits += ", REFUSED: this device's key is revoked"
    if out.last_receipt_us is None:
        return f"{waits}; no receipt yet"
    return f"{waits}; last receipt {ago(out.last_receipt_us, now.wall_us)}"


def _data(now: Standing) -> str:
    spent, budget = now.spent, now.budget
    parts = {
        "light": spent.light_bytes,
        "tests": spent.heavy_bytes,
        "on demand": spent.reserve_bytes,
        "sending": spent.sent_bytes,
    }
    of_these = ", ".join(f"{name} {report.size(count)}" for name, count in parts.items() if count)
    used = f"{report.size(spent.total_bytes)} of {report.size(budget.month_bytes)} used since {spent.month}"
    return f"{used} ({of_these})" if of_these else used


def _advice(now: Standing) -> Sequence[str]:
    """What to do next; nothing where all is well."""
    if now.running == "no":
        return (
            "to measure by the schedule: speedproof-probe run",
            "to have it start by itself: speedproof-probe service install",
        )
    if now.running == "silent":
        return ("end it and start it again; if that happens often: speedproof-probe doctor",)
    if now.outgoing.is_revoked:
        return (
            "this key is worth nothing any more: ask support for a code, then speedproof-probe enrol URL CODE --new-key",
        )
    if now.outgoing.stuck_since_us is not None and now.outgoing.unsent:
        return ("to see what is in the way: speedproof-probe doctor",)
    return ("to go on measuring: speedproof-probe resume",) if now.is_paused else ()


def progress(course: Course, now_us: int, local: Local) -> str:
    """How a campaign stands, in a sentence; the rule's own words for what is missing are `campaign status`'s."""
    planned, done = len(course.campaign.starts_us), len({one.k for one in course.results})
    failed = sum(one.end == End.FAILED for one in course.results)
    words = f"rule {course.campaign.criterion}: {done:,} of {planned:,} starts done"
    words += f", {failed:,} failed" if failed else ""
    following = course.next_start(now_us)
    if following is not None:
        return f"{words}; the next at {at_time(following.at_us, now_us, local)}"
    return f"{words}; stopped" if course.stopped_us is not None else f"{words}; over"


def _wrapped(label: str, words: str, width: int) -> list[str]:
    return textwrap.wrap(words, width, initial_indent=f"{label:<{LABEL}}", subsequent_indent=" " * LABEL)
