"""Round trips by STAMP (RFC 8762, RFC 8972): our packets, the reflector's answers, and which way each lost one was lost.

Pure: bytes and times in, bytes and samples out. Only an answer with our session's id, the number of a packet we
sent and the very time stamp we sent in it counts, the first one in time; the bits of that stamp below the
microsecond are random (RFC 5905, section 6), so it is hard to guess. A round trip is (T4 - T1) - (T3 - T2):
no clock but ours is needed, nor for the variation of the two ways by themselves, each against its own least
delay. One-way delays themselves are not known, since the clocks need not agree.

Loss by direction needs a stateful reflector, which numbers its answers from 0 in each session. Of the packets
up to the last one answered, those missing from its numbers were lost on the way back, the others on the way
there; of what was sent after that, the direction is unknown. A stateless reflector (RFC 8762, section 4.2) would
make every loss look like one on the way back.

The reflector is not trusted: stay times below zero or longer than the whole round trip, one answer number for two
packets, and one-way variations that no clocks could give are not used and set `peer_inconsistent`. With no
number of packets it runs until it is stopped, beside a transfer for instance.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from probe.measure.outcome import Progress, Trouble, Value
from probe.measure.train import Pace, Seen, Train, draws
from shared.delay import since_least_us
from shared.errors import Malformed
from shared.stamp import Reply, Request, error_estimate, ntp_of, read_reply, us_of

CHANCE_BYTES = 18
_SSID_BYTES = 2
_FUZZ = 1 << 11  # of the 4295 NTP units of a microsecond; less than half, so that rounding still finds the microsecond
_ROUNDING_US = 2
_SLEW_PER_MILLE = 1  # two clocks, each being slewed by at most 500 ppm
_CLOCK_ERROR_US = 1_000  # within a train our clock only runs; how well it is set matters to nobody


@dataclass(slots=True)
class Stamp:
    """One session with a reflector."""

    name: str
    pace: Pace
    chance: bytes
    packets: int | None = None
    expected_us: int = 0
    ssid: int = field(init=False)
    _train: Train = field(init=False)
    _inconsistent: bool = False
    _fuzz: Iterator[int] = field(init=False)
    _wall_offset_us: int = 0
    _asked: dict[int, int] = field(default_factory=dict)  # number → T1 as sent
    _numbers: dict[bytes, int] = field(default_factory=dict)  # packet → number
    _heard: dict[int, int] = field(default_factory=dict)  # the reflector's number → ours
    _answered: set[int] = field(default_factory=set)
    _copies: int = 0
    _up_us: dict[int, int] = field(default_factory=dict)  # by the two clocks as they are
    _down_us: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ssid = int.from_bytes(self.chance[:_SSID_BYTES], "big") or 1  # 0 is "no session id", RFC 8972
        seed = self.chance[_SSID_BYTES:CHANCE_BYTES]
        self._train = Train(self.name, self.pace, seed, self.packets, self.expected_us)
        self._fuzz = draws(b"fuzz" + seed)

    @property
    def sent_us(self) -> Sequence[int]:
        """When each packet was sent."""
        return self._train.sent_us

    def start(self, now_us: int, wall_us: int) -> None:
        """Make the first packet due; the packets' stamps are wall time as it is now, and run with the other clock."""
        self._wall_offset_us = wall_us - now_us
        self._train.start(now_us)

    def stop(self, at_us: int) -> None:
        """Send nothing from this time on, now or later; what was sent before is still waited for."""
        self._train.stop(at_us)

    def to_send(self, now_us: int) -> tuple[bytes, ...]:
        """Give the packet that is due, if one is."""
        return tuple(self._request(number, now_us) for number in self._train.to_send(now_us))

    def receive(self, packet: bytes, now_us: int, age_us: int | None = None) -> None:
        """Take what came, `age_us` ago by the kernel's stamp; a stranger's packet and a late answer change nothing."""
        try:
            reply = read_reply(packet)
        except Malformed:
            return
        number = reply.request_number
        if reply.ssid != self.ssid or self._asked.get(number) != reply.request_ntp:
            return
        elapsed_us = self._train.receive(number, now_us, age_us)
        if elapsed_us is not None:
            self._answered.add(number)
            self._take_times(reply, number, elapsed_us)
        elif number in self._answered and self._train.waits_for(number, now_us):
            self._copies += 1
        else:
            return
        if self._heard.setdefault(reply.number, number) != number:
            self._inconsistent = True

    def refuse(self, packet: bytes, trouble: Trouble, now_us: int) -> None:
        """Take the news that a packet will have no answer, and why."""
        if packet in self._numbers:
            self._train.refuse(self._numbers[packet], trouble, now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when a packet is due or the last patience ends; None exactly when the result is final."""
        return self._train.next_wakeup(now_us)

    def progress(self, now_us: int) -> Progress:
        """Say how far the train is."""
        return self._train.progress(now_us)

    def result(self) -> Seen:
        """Give the round trips, the variation of each way, and the losses by direction."""
        plain = self._train.result("stamp")
        variation = self._variation(plain.rtts_us)
        suspect: dict[str, Value] = {"peer_inconsistent": True} if self._inconsistent or variation is None else {}
        return replace(plain, more=self._losses() | (variation or {}) | suspect)

    def _request(self, number: int, now_us: int) -> bytes:
        sent_ntp = ntp_of(now_us + self._wall_offset_us) + next(self._fuzz) % _FUZZ
        packet = Request(number, sent_ntp, error_estimate(_CLOCK_ERROR_US), self.ssid).encode()
        self._asked[number], self._numbers[packet] = sent_ntp, number
        return packet

    def _take_times(self, reply: Reply, number: int, elapsed_us: int) -> None:
        if not reply.in_ntp_time:
            return
        received_us, sent_us = us_of(reply.received_ntp), us_of(reply.sent_ntp)
        residence_us = sent_us - received_us
        if not 0 <= residence_us <= elapsed_us + _ROUNDING_US:
            self._inconsistent = True
            return
        self._train.take_off(number, residence_us)
        asked_us = self._train.sent_us[number] + self._wall_offset_us
        self._up_us[number] = received_us - asked_us
        self._down_us[number] = asked_us + elapsed_us - sent_us

    def _losses(self) -> dict[str, Value]:
        """Split the losses; copies that the reflector counted and we did not see can hide losses, and are said."""
        sent, reached = len(self._train.sent_us), max(self._answered, default=-1) + 1
        missing, unheard = reached - len(self._answered), max(self._heard, default=-1) + 1 - len(self._heard)
        lost_down = min(unheard, missing)
        duplicates = self._copies + unheard - lost_down
        losses: dict[str, Value] = {"lost_up": missing - lost_down, "lost_down": lost_down, "lost_tail": sent - reached}
        return losses | ({"duplicates": duplicates} if duplicates else {})

    def _variation(self, rtts_us: tuple[int, ...]) -> dict[str, Value] | None:
        """Give each way's delays above its least one, without the first packet; None if they cannot be true.

        What a way adds to its least delay is at most the packet's round trip, whatever the clocks show.
        """
        if not self._up_us:
            return {}
        span_us = self._train.sent_us[-1] - self._train.sent_us[0]
        slack_us = _CLOCK_ERROR_US + span_us * _SLEW_PER_MILLE // 1000
        members: dict[str, Value] = {}
        for name, way in (("up_pdv_us", self._up_us), ("down_pdv_us", self._down_us)):
            above_us = since_least_us([way.get(number) for number in range(1, len(rtts_us))])
            if any(above > max(rtt, 0) + slack_us for above, rtt in zip(above_us, rtts_us[1:], strict=True)):
                return None
            members[name] = list(above_us)
        return members
