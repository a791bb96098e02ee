"""Round trips of a paced train, by UDP echo, or by TCP connect where no UDP answer comes.

Pure: bytes and `now_us` in, bytes and samples out; opens nothing, waits for nothing. Each packet is different
and hard to guess, and its own bytes are the key, so nothing is parsed: a stranger's packet, a second copy and
a late answer change nothing. The first packet, which may have to wake the radio, is kept in its place; a lost
one is -1 in its place. The waiting time of three seconds is that of RFC 8912; the metric is the round-trip
delay of RFC 2681.
"""

from collections import Counter
from dataclasses import dataclass, field

from probe.measure.outcome import Measured, Progress, Trouble, Value, measured
from shared.failure import Failure, Stage

NAME = "latency"
VERSION = 1
MAGIC = b"SPE1"
CHANCE_BYTES = 28
LOST = -1
# With IPv6 and link headers: one UDP packet; the at most eight segments of a connection opened and closed.
UDP_WIRE_BYTES = len(MAGIC) + CHANCE_BYTES + 62
TCP_WIRE_BYTES = 8 * 94


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """How many packets, how far apart, and how long an answer is waited for."""

    name: str
    packets: int
    interval_us: int
    patience_us: int

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, both directions together: the whole train twice, by UDP and by TCP."""
        return self.packets * (2 * UDP_WIRE_BYTES + TCP_WIRE_BYTES)

    @property
    def expected_us(self) -> int:
        """How long it takes on a line that answers."""
        return self.packets * self.interval_us


STANDARD = LatencyPlan("standard", packets=20, interval_us=50_000, patience_us=3_000_000)
QUICK = LatencyPlan("quick", packets=10, interval_us=20_000, patience_us=1_000_000)
PLANS = {plan.name: plan for plan in (STANDARD, QUICK)}


def packets_of(plan: LatencyPlan, chance: bytes) -> tuple[bytes, ...]:
    """Cut chance into the plan's packets, `CHANCE_BYTES` each."""
    cuts = range(0, plan.packets * CHANCE_BYTES, CHANCE_BYTES)
    return tuple(MAGIC + chance[at : at + CHANCE_BYTES] for at in cuts)


@dataclass(slots=True)
class LatencyTrain:
    """One train of packets; each is answered, refused with a reason, or lost."""

    plan: LatencyPlan
    packets: tuple[bytes, ...]
    _due_us: int = 0
    _start_us: int = 0
    _sent_us: dict[bytes, int] = field(default_factory=dict)
    _rtt_us: dict[bytes, int] = field(default_factory=dict)
    _refused: dict[bytes, Trouble] = field(default_factory=dict)

    def start(self, now_us: int) -> None:
        """Make the first packet due."""
        self._due_us = self._start_us = now_us

    def to_send(self, now_us: int) -> tuple[bytes, ...]:
        """Give the packet that is due, if one is; a late wake-up stretches the spacing, with no burst."""
        ready = self.packets[len(self._sent_us) :][:1] if now_us >= self._due_us else ()
        for packet in ready:
            self._sent_us[packet], self._due_us = now_us, now_us + self.plan.interval_us
        return ready

    def receive(self, packet: bytes, now_us: int) -> None:
        """Take an answer; it counts once, if it is to a packet of ours and in time."""
        sent_us = self._sent_us.get(packet)
        if sent_us is None or packet in self._refused:
            return
        if 0 <= now_us - sent_us < self.plan.patience_us:
            self._rtt_us.setdefault(packet, now_us - sent_us)

    def refuse(self, packet: bytes, trouble: Trouble) -> None:
        """Take the news that a packet will have no answer, and why."""
        if packet in self._sent_us and packet not in self._rtt_us:
            self._refused.setdefault(packet, trouble)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when a packet is due or the last patience ends; None exactly when the result is final."""
        if len(self._sent_us) < len(self.packets):
            return self._due_us
        open_us = (at for packet, at in self._sent_us.items() if packet not in self._rtt_us | self._refused)
        return max((end for at in open_us if (end := at + self.plan.patience_us) > now_us), default=None)

    def progress(self, now_us: int) -> Progress:
        """Say how far the train is."""
        moved_bytes = sum(len(packet) for packet in self._rtt_us)
        return Progress(NAME, now_us - self._start_us, self.plan.expected_us, moved_bytes, 0)

    def result(self) -> tuple[int, ...]:
        """Give one round trip per packet sent, in the order of sending, -1 where none came."""
        return tuple(self._rtt_us.get(packet, LOST) for packet in self._sent_us)

    def trouble(self) -> Trouble | None:
        """Say why nothing at all was answered: the commonest reason given, else that nothing came in time."""
        if self._rtt_us:
            return None
        reasons = Counter(self._refused.values()).most_common(1)
        return reasons[0][0] if reasons else Trouble(Failure.TIMEOUT, Stage.CONNECT)


def result_of(
    plan: LatencyPlan,
    udp: LatencyTrain | Trouble,
    tcp: LatencyTrain | Trouble | None,
    dur_us: int,
) -> Measured:
    """Join the UDP train, and the TCP train where UDP had no answer, into one measurement.

    A train that could not begin (its peer's name was not found) is given as the trouble it had. The line
    failed only when neither train had an answer; the failure is then the one of the last way tried.
    """
    members: dict[str, Value] = {"plan": plan.name, "ver": VERSION, "dur_us": dur_us}
    members |= {"interval_us": plan.interval_us, "patience_us": plan.patience_us}
    final = udp if tcp is None else tcp
    if tcp is not None:
        members["udp_sent"] = len(udp.result()) if isinstance(udp, LatencyTrain) else 0
    rtt_us = list(final.result()) if isinstance(final, LatencyTrain) else []
    members |= {"via": "udp" if tcp is None else "tcp", "sent": len(rtt_us), "rtt_us": rtt_us}
    return measured(final.trouble() if isinstance(final, LatencyTrain) else final, members)
