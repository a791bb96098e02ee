"""What a run of speedtest-cli comes to: the failure, if there was one, and the members of the record. Pure.

The client (sivel, 2.1.3) takes refused and cut transfers for good ones, counts uploads as it hands them to its socket, and
then ends with code 0. So both rates are the peer's, and the run failed if, by the peer's log,

1. the client had to be ended, or the log could not be had;
2. a transfer was refused, or cut before the test's own time was over (`SLACK_US`: the client's clock starts before its
   first request arrives), or more was counted than there is to move;
3. the client ended badly, or reports nothing, no latency, or a rate of zero;
4. a direction was over before its time with fewer transfers than there are, which then never reached the peer, or not
   two moments are known at which bytes arrived.

Against a public server only 1 and 3 can be asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from probe.measure.ookla_report import Counted, Log, Report
from probe.measure.outcome import Trouble, Value
from shared.failure import Failure, Stage

SLACK_US: Final = 1_000_000
NO_ANSWER_PING_US: Final = (
    600_000_000  # the client takes an unanswered latency request for an hour, and a sixth of the sum
)


@dataclass(frozen=True, slots=True)
class OoklaPlan:
    """How long each direction lasts, what it may move at most, and how long to wait for whom."""

    name: str
    test_us: int
    down_bytes: int
    up_bytes: int
    images: int
    posts: int
    client_us: int  # then the client is ended
    tail_us: int  # for posts that are still on their way when the client has ended

    @property
    def public(self) -> bool:
        """Whether a public server is measured against, and not the peer."""
        return self.tail_us == 0

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most: all images and posts, headers, and the pages before them."""
        return (self.down_bytes + self.up_bytes) * 9 // 8 + 262_144

    @property
    def uncut_us(self) -> int:
        """From when on a body may end early: the client stops what is under way when its time is over."""
        return self.test_us - SLACK_US


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a run whose client has ended: its code (None: it had to be ended), its words, the peer's log."""

    exit_code: int | None
    spoke: bool
    report: Report | None
    log: Log | None = None
    log_trouble: Trouble | None = None


def trouble_with(seen: Seen, plan: OoklaPlan) -> Trouble | None:
    """What failed, the surest sign first."""
    return next((found for found in _troubles(seen, plan) if found is not None), None)


def _troubles(seen: Seen, plan: OoklaPlan) -> Iterator[Trouble | None]:
    if seen.exit_code is None:
        moved = seen.log is not None and bool(seen.log.down.rows or seen.log.up.rows)
        yield Trouble(Failure.TIMEOUT, Stage.BODY if moved else Stage.REQUEST)
    if not plan.public:
        yield _in_the_log(seen, plan)
    yield _in_the_report(seen)
    for counted, most in _ways(seen, plan):
        if len(counted.rows) < most and counted.ended_early(plan.uncut_us):
            yield Trouble(Failure.HTTP_REQUEST_FAILED, Stage.REQUEST)
        if not counted.rate_bps:
            yield Trouble(Failure.EOF, Stage.BODY)


def _in_the_log(seen: Seen, plan: OoklaPlan) -> Trouble | None:
    if seen.log is None:
        return seen.log_trouble or Trouble(Failure.TIMEOUT, Stage.CLOSE)
    ways = (seen.log.down, seen.log.up)
    if any(counted.refused for counted in ways):
        return Trouble(Failure.HTTP_UNEXPECTED_STATUS, Stage.REQUEST)
    if any(counted.cut(plan.uncut_us) for counted in ways):
        return Trouble(Failure.EOF, Stage.BODY)
    if seen.log.down.n_bytes > plan.down_bytes or seen.log.up.n_bytes > plan.up_bytes:
        return Trouble(Failure.UNKNOWN, Stage.BODY, "the peer counts more than there was to move")
    return None


def _in_the_report(seen: Seen) -> Trouble | None:
    if seen.report is None and (seen.spoke or seen.exit_code == 0):
        return Trouble(Failure.JSON_PARSE, Stage.CLOSE)
    if seen.report is None or seen.exit_code != 0 or seen.report.ping_us >= NO_ANSWER_PING_US:
        return Trouble(Failure.HTTP_REQUEST_FAILED, Stage.REQUEST)
    nothing_arrived = seen.log is not None and not (seen.log.down.rate_bps and seen.log.up.rate_bps)
    if not nothing_arrived and not (seen.report.down_bps and seen.report.up_bps):
        return Trouble(Failure.UNKNOWN, Stage.BODY, "the client reports a rate of zero")
    return None


def _ways(seen: Seen, plan: OoklaPlan) -> tuple[tuple[Counted, int], ...]:
    """Both directions as the peer saw them, each with the number of transfers there are if time allows for all."""
    return () if seen.log is None else ((seen.log.down, plan.images), (seen.log.up, plan.posts))


def members_of(seen: Seen, plan: OoklaPlan, *, good: bool) -> dict[str, Value]:
    """What was claimed and what was counted; the peer's rates, and how far the claims are off, only of a good run."""
    members: dict[str, Value] = {}
    if seen.report is not None:
        members |= {"claimed_down_bps": seen.report.down_bps, "claimed_up_bps": seen.report.up_bps}
        members["ping_us"] = seen.report.ping_us
    if seen.log is None:
        return members
    ways = (seen.log.down, seen.log.up)
    for way, counted in zip(("down", "up"), ways, strict=True):
        members |= {f"{way}_bytes": counted.n_bytes, f"{way}_us": counted.dur_us}
        if good:
            members[f"{way}_bps"] = counted.rate_bps
    members |= {"requests": sum(len(counted.rows) for counted in ways), "running": seen.log.running}
    members["refused"] = sum(counted.refused for counted in ways)
    members["cut"] = sum(counted.cut(plan.uncut_us) for counted in ways)
    if good and seen.report is not None:
        claims = (seen.report.down_bps, seen.report.up_bps)
        members["gap_pm"] = max(map(gap_pm, claims, ways))
    return members


def gap_pm(claimed_bps: int, counted: Counted) -> int:
    """By how much a claim differs from the count, in per mille of the count."""
    return abs(claimed_bps - counted.rate_bps) * 1000 // counted.rate_bps
