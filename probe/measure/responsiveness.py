"""Round trips per minute (RPM) under load: the formulas of draft-ietf-ippm-responsiveness, in whole numbers.

Pure: lists as they stand in a record come in, figures come out; anybody can do the same with the record. Nothing is
rounded before the last step, which rounds down. The parameters have the draft's names and values, but for the interval,
which is 1 s and not 5 s: a whole test of the draft's length costs more than a mobile customer has.

A trimmed mean leaves out what is above the 95th percentile. A probe that failed (`LOST`) has no time and is left out
too, where the draft would abort; it lowers the confidence instead. A moving average is taken over the last `MAD`
intervals, or over those there are; a series is level when the standard deviation of its last `MAD` moving averages is
below `SDT` of the last. For RPM the moving figure is the RPM over the probes of those intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from shared.record import LOST

MAD = 4  # intervals a moving average is taken over, and moving averages that must agree
INTERVAL_US = 1_000_000
TMP_PER_CENT = 95
SDT_PER_CENT = 5
MOST_FAILED_PER_CENT = 100 - TMP_PER_CENT  # as many as the trimmed mean would leave out
MINUTE_US = 60_000_000


class Confidence(StrEnum):
    """How far a figure may be trusted."""

    LOW = "low"  # fewer than MAD intervals with probes, or too many probes failed
    MEDIUM = "medium"  # enough intervals, but rate or RPM was not level
    HIGH = "high"


class Band(StrEnum):
    """What a figure means to people."""

    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"
    EXCELLENT = "excellent"


BANDS = ((300, Band.POOR), (1000, Band.FAIR), (6000, Band.GOOD))


@dataclass(frozen=True, slots=True)
class Probes:
    """Probes in the order of their starts: times since t = 0, and how long each stage took; `LOST` = it failed.

    Without TLS `tls_us` is empty. `self_rtt_us` are round trips on the connections that carry the load.
    """

    t_us: Sequence[int] = ()
    tcp_us: Sequence[int] = ()
    tls_us: Sequence[int] = ()
    http_us: Sequence[int] = ()
    tls_trips: int = 1  # round trips in one handshake: 1 in TLS 1.3, 2 before
    self_t_us: Sequence[int] = ()
    self_rtt_us: Sequence[int] = ()

    def between(self, from_us: int, until_us: int) -> "Probes":
        """Those that began at or after one moment and before another."""
        places = [place for place, t_us in enumerate(self.t_us) if from_us <= t_us < until_us]
        own = [place for place, t_us in enumerate(self.self_t_us) if from_us <= t_us < until_us]
        return Probes(
            t_us=[self.t_us[place] for place in places],
            tcp_us=[self.tcp_us[place] for place in places],
            tls_us=[self.tls_us[place] for place in places] if self.tls_us else (),
            http_us=[self.http_us[place] for place in places],
            tls_trips=self.tls_trips,
            self_t_us=[self.self_t_us[place] for place in own],
            self_rtt_us=[self.self_rtt_us[place] for place in own],
        )

    @property
    def failed(self) -> int:
        """How many foreign probes did not come to their end."""
        return sum(took_us == LOST for took_us in self.http_us)


@dataclass(frozen=True, slots=True)
class Rpm:
    """Round trips per minute on new connections, on those that carry the load, and the mean of both; None if not known."""

    foreign: int | None
    own: int | None
    rpm: int | None


@dataclass(frozen=True, slots=True)
class Responsiveness:
    """The figures of one test."""

    figures: Rpm
    confidence: Confidence

    @property
    def band(self) -> Band | None:
        """What the figure means to people; None if there is none."""
        return None if self.figures.rpm is None else band(self.figures.rpm)


def trimmed_mean(values: Sequence[int]) -> Fraction | None:
    """The mean of the values up to the 95th percentile; failed ones do not count; None if there are no others."""
    answered = sorted(value for value in values if value != LOST)
    if not answered:
        return None
    kept = answered[: -(-len(answered) * TMP_PER_CENT // 100)]
    return Fraction(sum(kept), len(kept))


def rpm_of(probes: Probes) -> Rpm:
    """The draft's figure over some probes; without TLS its variant for TCP alone."""
    stages = [trimmed_mean(probes.tcp_us), trimmed_mean(probes.http_us)]
    if probes.tls_us:
        tls = trimmed_mean(probes.tls_us)
        stages.append(None if tls is None else tls / probes.tls_trips)
    known = [stage for stage in stages if stage is not None]
    foreign = _per_minute(sum(known, Fraction()) / len(known)) if len(known) == len(stages) else None
    own_us = trimmed_mean(probes.self_rtt_us)
    own = None if own_us is None else _per_minute(own_us)
    both = None if foreign is None or own is None else int((foreign + own) / 2)
    return Rpm(None if foreign is None else int(foreign), None if own is None else int(own), both)


def _per_minute(round_trip_us: Fraction) -> Fraction | None:
    return MINUTE_US / round_trip_us if round_trip_us > 0 else None


def band(rpm: int) -> Band:
    """What a figure means to people."""
    return next((name for limit, name in BANDS if rpm < limit), Band.EXCELLENT)


def is_level(moving: Sequence[int]) -> bool:
    """Whether the last `MAD` moving averages agree."""
    last = moving[-MAD:]
    if len(last) < MAD:
        return False
    # n²·variance, and its bound, both times 100²: nothing is divided.
    spread = len(last) * sum(value * value for value in last) - sum(last) ** 2
    return spread * 100**2 < (len(last) * SDT_PER_CENT * last[-1]) ** 2


def moving_averages(values: Sequence[int]) -> list[int]:
    """The mean of each value and the `MAD` - 1 before it, or of those there are."""
    windows = [values[max(end - MAD, 0) : end] for end in range(1, len(values) + 1)]
    return [sum(window) // len(window) for window in windows]


def responsiveness(probes: Probes, from_us: int, until_us: int, arrived_bytes: Sequence[int]) -> Responsiveness:
    """The figures over the last `MAD` whole intervals since `from_us`, or over all of a time that is shorter.

    `arrived_bytes` is what the load had moved at the beginning of the first interval and at the end of each whole one.
    """
    intervals = max(until_us - from_us, 0) // INTERVAL_US
    moving = [
        rpm_of(probes.between(from_us + max(end - MAD, 0) * INTERVAL_US, from_us + end * INTERVAL_US))
        for end in range(1, intervals + 1)
    ]
    seen = moving[-1] if len(moving) >= MAD else rpm_of(probes.between(from_us, until_us))
    rpms = [one.rpm for one in moving if one.rpm is not None]
    rates = [late - early for early, late in pairwise(arrived_bytes)][:intervals]
    within = probes.between(from_us, until_us)
    return Responsiveness(seen, _confidence(rates, rpms, within.failed, len(within.t_us)))


def _confidence(rates: Sequence[int], rpms: Sequence[int], failed: int, probes: int) -> Confidence:
    if min(len(rates), len(rpms)) < MAD or failed * 100 > probes * MOST_FAILED_PER_CENT:
        return Confidence.LOW
    level = is_level(moving_averages(rates)) and is_level(rpms)
    return Confidence.HIGH if level else Confidence.MEDIUM
