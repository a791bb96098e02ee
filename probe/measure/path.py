"""The hops to a host, by probes that live one hop longer each, as traceroute finds them.

Pure: told of what comes back, with its time; opens nothing. Each probe is the same UDP flow, ports and all
(Paris traceroute, Augustin et al., IMC 2006), so that what balances load keeps it on one way, and has a payload
of its own that is hard to guess. Only one probe is on its way at any time: some routers quote nothing of the
payload (RFC 792 asks for eight bytes, which is the UDP header), and then the answer can only be to that one.

The first round looks for the end: the target, a refusal, or `silent_limit` hops in a row without an answer. The
rounds after it ask the hops up to there again; a hop that was silent twice is not asked a third time. No hop is
asked twice within `spacing_us`, because a Linux host, and many a router, answers its asker once a second at
most. As many silences in a row in a later round are a line that has died, and end the run.

An answer later than the patience is a loss. A host or network said to be unreachable is news and no round
trip, and counts however late it comes, because a router first spends three seconds looking for the host.
A firewall that refuses the probe ends the path there and is no failure: it refuses this probe, not the line.
Which hop loses or delays is said by `probe.measure.hops`.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from probe.measure.hops import LOST, Address, Hop, Standing, delay_from, loss_from, segments_of
from probe.measure.icmp import News, Reply, news_of
from probe.measure.outcome import Measured, Progress, Trouble, Value, measured
from shared.failure import Failure, Stage

NAME = "path"
VERSION = 1
PORT = 33_434  # where traceroute begins, and nobody listens
MAGIC = b"SPP1"
CHANCE_BYTES = 10
PACKET_BYTES = len(MAGIC) + 2 + CHANCE_BYTES
# With IPv6, UDP and link headers; and an answer that quotes 128 bytes with an extension behind them (RFC 4884).
PROBE_WIRE_BYTES = PACKET_BYTES + 62
ANSWER_WIRE_BYTES = 256
GIVE_UP = 2  # silent so often, a hop is not asked again


@dataclass(frozen=True, slots=True)
class PathPlan:
    """How far, how often and how fast to ask, and how long to wait for an answer and in all."""

    name: str
    max_hops: int
    rounds: int
    silent_limit: int
    interval_us: int
    spacing_us: int
    patience_us: int
    limit_us: int

    @property
    def probes(self) -> int:
        """How many probes it sends at most."""
        return self.max_hops * self.rounds

    @property
    def chance_bytes(self) -> int:
        """How much chance its payloads need."""
        return self.probes * CHANCE_BYTES

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, both directions together; a path of twelve hops costs less than half."""
        return self.probes * (PROBE_WIRE_BYTES + ANSWER_WIRE_BYTES)


# Ours. Hops as traceroute(8); spacing a tenth above Linux's icmp_ratelimit of a second.
STANDARD = PathPlan("standard", 30, 20, 8, 20_000, 1_100_000, patience_us=2_000_000, limit_us=90_000_000)
QUICK = PathPlan("quick", 30, 5, 5, 20_000, 1_100_000, patience_us=1_000_000, limit_us=30_000_000)
PLANS = {plan.name: plan for plan in (STANDARD, QUICK)}


class Ending(StrEnum):
    """What the path ended with."""

    TARGET = "target"
    REFUSAL = "refusal"
    UNREACHABLE = "unreachable"
    SILENCE = "silence"
    HOPS = "hops"  # the target is farther than the plan goes
    TIME = "time"  # the time was up before the end was found


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: to live so many hops, with this payload, sent then."""

    ttl: int
    packet: bytes
    sent_us: int


def packets_of(plan: PathPlan, chance: bytes) -> tuple[bytes, ...]:
    """Number the plan's payloads, and cut chance into them, `CHANCE_BYTES` each."""
    cuts = [chance[at : at + CHANCE_BYTES] for at in range(0, plan.chance_bytes, CHANCE_BYTES)]
    return tuple(MAGIC + number.to_bytes(2, "big") + cut for number, cut in enumerate(cuts))


@dataclass(slots=True)
class _Asked:
    """What is known of one hop so far."""

    rtt_us: list[int] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    last_us: int | None = None

    @property
    def hop(self) -> Hop:
        return Hop(tuple(self.addresses), tuple(self.rtt_us))


@dataclass(slots=True)
class PathTrace:
    """One search for the hops to a target."""

    plan: PathPlan
    packets: tuple[bytes, ...]
    target: Address
    over: bool = False
    ends: Ending = Ending.TIME
    _asked: list[_Asked] = field(default_factory=list)
    _ttl_of: dict[bytes, int] = field(default_factory=dict)
    _open: Probe | None = None
    _round: int = 0
    _ttl: int = 1
    _limit: int = 0
    _silent: int = 0
    _trouble: Trouble | None = None
    _start_us: int = 0
    _end_us: int = 0
    _paced_us: int = 0

    @property
    def dur_us(self) -> int:
        """How long it took."""
        return self._end_us - self._start_us

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The hops up to the path's end, or to the last one that said anything."""
        heard = [asked.hop for asked in self._asked[: self._limit]]
        return tuple(heard[: max((ttl for ttl, hop in enumerate(heard, start=1) if hop.addresses), default=0)])

    @property
    def hops_tried(self) -> int:
        """The longest life a probe had."""
        return len(self._asked)

    @property
    def trouble(self) -> Trouble | None:
        """Why this is a failure: the line died or said that there is no way, or nobody at all answered."""
        if self._trouble is None and not any(hop.answers for hop in self.hops):
            return Trouble(Failure.TIMEOUT, Stage.CONNECT)
        return self._trouble

    def start(self, now_us: int) -> None:
        """Make the first probe due."""
        self._start_us = self._end_us = self._paced_us = now_us
        self._limit = self.plan.max_hops

    def to_send(self, now_us: int) -> Probe | None:
        """Give the probe that is due, if one is."""
        if self.over or self._open is not None or now_us < self._due_us():
            return None
        if self._ttl > len(self._asked):
            self._asked.append(_Asked())
        self._open = Probe(self._ttl, self.packets[len(self._ttl_of)], now_us)
        self._ttl_of[self._open.packet] = self._ttl
        self._asked[self._ttl - 1].last_us = now_us
        self._paced_us = now_us + self.plan.interval_us
        return self._open

    def receive(self, reply: Reply, now_us: int) -> None:
        """Take an answer; it counts once, if it is to the probe that is on its way, or names a failure."""
        news = news_of(reply, self.target)
        if self.over or news is None:
            return
        probe = self._open
        current = probe is not None and reply.quotes(probe.packet)
        if isinstance(news, Failure):
            packet = probe.packet if current and probe is not None else reply.quote[:PACKET_BYTES]
            self._unreachable(packet, Trouble(news, Stage.CONNECT), reply.offender)
        elif current and probe is not None and 0 <= now_us - probe.sent_us < self.plan.patience_us:
            self._answered(probe, news, reply.offender, now_us)

    def refuse(self, trouble: Trouble, now_us: int) -> None:
        """Take the news that this system does not send: there is no line to ask any more."""
        if not self.over:
            self._trouble = trouble
            self.ends = Ending.UNREACHABLE if self.ends is Ending.TIME else self.ends
            self._finish(now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when a probe is due, or patience or time end; None exactly when the result is final."""
        deadline_us = self._start_us + self.plan.limit_us
        if not self.over and now_us >= deadline_us:
            self._finish(now_us)
        if not self.over and self._open is not None:
            wake_us = self._open.sent_us + self.plan.patience_us
            if now_us < wake_us:
                return min(wake_us, deadline_us)
            self._unanswered(self._open, now_us)
        return None if self.over else min(self._due_us(), deadline_us)

    def progress(self, now_us: int) -> Progress:
        """Say how far the search is."""
        expected_us = min(self.plan.limit_us, self.plan.rounds * self.plan.spacing_us)
        return Progress(NAME, now_us - self._start_us, expected_us, len(self._ttl_of) * PACKET_BYTES, 0)

    def _due_us(self) -> int:
        asked = self._asked[self._ttl - 1] if self._ttl <= len(self._asked) else None
        if asked is None or asked.last_us is None:
            return self._paced_us
        return max(self._paced_us, asked.last_us + self.plan.spacing_us)

    def _answered(self, probe: Probe, news: News, offender: Address, now_us: int) -> None:
        asked = self._asked[probe.ttl - 1]
        asked.rtt_us.append(now_us - probe.sent_us)
        self._note(probe.ttl, offender)
        self._silent, self._open = 0, None
        if news is News.TARGET:
            self.ends, self._trouble = Ending.TARGET, None
            self._limit = min(self._limit, probe.ttl)
        elif news is News.REFUSAL and self.ends is not Ending.TARGET:
            self.ends = Ending.REFUSAL
            self._limit = min(self._limit, probe.ttl)
        self._advance(now_us)

    def _unanswered(self, probe: Probe, now_us: int) -> None:
        self._asked[probe.ttl - 1].rtt_us.append(LOST)
        self._silent, self._open = self._silent + 1, None
        if self._silent >= self.plan.silent_limit:
            if self._round:
                self._trouble = self._trouble or Trouble(Failure.TIMEOUT, Stage.CONNECT)
                self._finish(now_us)
            elif self.ends is Ending.TIME:
                self.ends, self._limit = Ending.SILENCE, self._last_answering()
        self._advance(now_us)

    def _unreachable(self, packet: bytes, trouble: Trouble, offender: Address) -> None:
        ttl = self._ttl_of.get(packet)
        if ttl is None:
            return
        self._trouble = trouble
        if self.ends is Ending.TARGET:  # a way that was there and is lost: the target's next answer takes it back
            return
        self.ends = Ending.UNREACHABLE
        self._limit = max(min(self._limit, ttl), self._last_answering())
        self._note(ttl, offender)

    def _advance(self, now_us: int) -> None:
        """Go on to the next hop, and behind the last one to the next round."""
        while not self.over:
            self._ttl += 1
            if self._ttl > self._limit:
                self._next_round(now_us)
            asked = self._asked[self._ttl - 1] if self._ttl <= len(self._asked) else _Asked()
            if asked.hop.answers or len(asked.rtt_us) < GIVE_UP:
                return

    def _next_round(self, now_us: int) -> None:
        if self.ends is Ending.TIME:
            self.ends, self._limit = Ending.HOPS, self._last_answering()
        self._round, self._ttl, self._silent = self._round + 1, 1, self._silent if self._round else 0
        if self._round == self.plan.rounds or not self._limit:
            self._finish(now_us)

    def _finish(self, now_us: int) -> None:
        self.over, self._open, self._end_us = True, None, now_us

    def _note(self, ttl: int, address: Address) -> None:
        if address not in self._asked[ttl - 1].addresses:
            self._asked[ttl - 1].addresses.append(address)

    def _last_answering(self) -> int:
        return max((ttl for ttl, asked in enumerate(self._asked, start=1) if asked.hop.answers), default=0)


def result_of(trace: PathTrace, standing: Standing, via: str) -> Measured:
    """Give the hops with their round trips, where delay and loss begin, and the failure if there was one."""
    hops, reached = trace.hops, trace.ends is Ending.TARGET
    members: dict[str, Value] = {"plan": trace.plan.name, "ver": VERSION, "via": via, "dur_us": trace.dur_us}
    members |= {"target": str(trace.target), "port": PORT, "reached": reached, "ends": trace.ends.value}
    members |= {"patience_us": trace.plan.patience_us, "rounds": trace.plan.rounds, "hops_tried": trace.hops_tried}
    members["hops"] = ",".join("+".join(map(str, hop.addresses)) or "*" for hop in hops)
    members |= {"hop_sent": [len(hop.rtt_us) for hop in hops], "hop_lost": [hop.lost for hop in hops]}
    members["hop_median_us"] = [hop.median_us for hop in hops]
    members["hop_rtt_us"] = [
        us for hop in hops for us in [*hop.rtt_us, *[LOST] * trace.plan.rounds][: trace.plan.rounds]
    ]
    segments = segments_of(hops, standing)
    if segments:
        members["segments"] = ",".join(segments)
    for name, index in (("loss_from", loss_from(hops, reached=reached)), ("delay_from", delay_from(hops))):
        if index is not None:
            members[f"{name}_hop"] = index + 1
            if segments:
                members[name] = segments[index].value
    return measured(trace.trouble, members)
