"""The formulas of draft-ietf-ippm-responsiveness, held against the same sums done otherwise."""

from fractions import Fraction
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.responsiveness import (
    INTERVAL_US,
    MAD,
    Band,
    Confidence,
    Probes,
    Rpm,
    band,
    is_level,
    moving_averages,
    responsiveness,
    rpm_of,
    trimmed_mean,
)

TIMES = st.integers(1, 10_000_000)
SECOND = INTERVAL_US


def steady(seconds: int, http_us: int = 100_000, tls_us: int | None = None) -> Probes:
    """Ten probes and ten round trips of 100 ms in each second."""
    t_us = range(0, seconds * SECOND, 100_000)
    return Probes(
        t_us=t_us,
        tcp_us=[100_000 for _ in t_us],
        tls_us=[] if tls_us is None else [tls_us for _ in t_us],
        http_us=[http_us for _ in t_us],
        self_t_us=t_us,
        self_rtt_us=[100_000 for _ in t_us],
    )


def test_nothing_came_back() -> None:
    """Probes that all failed give no figure, and neither does a test without probes."""
    assert rpm_of(Probes([1, 2], [-1, -1], [], [-1, -1])) == Rpm(None, None, None)
    found = responsiveness(Probes(), 0, 8 * SECOND, [0] * 9)
    assert (found.figures, found.band, found.confidence) == (Rpm(None, None, None), None, Confidence.LOW)


def test_the_formula_with_and_without_tls() -> None:
    """Three stages are averaged with TLS and two without; a TLS handshake of two round trips counts half."""
    plain = Probes([0], [30_000], [], [90_000], self_t_us=[0], self_rtt_us=[40_000])
    assert rpm_of(plain) == Rpm(1000, 1500, 1250)
    secured = Probes([0], [30_000], [60_000], [90_000], 1, [0], [40_000])
    assert rpm_of(secured) == Rpm(1000, 1500, 1250)
    older = Probes([0], [30_000], [60_000], [90_000], 2, [0], [40_000])
    assert rpm_of(older).foreign == 1200


def test_one_kind_of_probe_alone_gives_its_own_figure() -> None:
    """Without round trips on the loaded connections there is a figure for new ones, and none for both; and the reverse."""
    assert rpm_of(Probes([0], [60_000], [], [60_000])) == Rpm(1000, None, None)
    assert rpm_of(Probes(self_t_us=[0], self_rtt_us=[60_000])) == Rpm(None, 1000, None)
    assert rpm_of(Probes([0], [60_000], [-1], [-1], 1, [0], [60_000])) == Rpm(None, 1000, None)


@given(st.lists(TIMES, min_size=1, max_size=60))
def test_the_trimmed_mean_leaves_out_the_worst_twentieth(values: list[int]) -> None:
    """It is the mean of the smallest 95 %, and never above the mean of all; a failed one changes nothing."""
    found = trimmed_mean(values)
    assert found is not None
    kept = sorted(values)[: -(-95 * len(values) // 100)]
    assert float(found) == pytest.approx(fmean(kept))
    assert found <= Fraction(sum(values), len(values))
    assert trimmed_mean([*values, -1]) == found


@given(st.lists(TIMES, min_size=1, max_size=30), st.lists(TIMES, min_size=1, max_size=30))
def test_whole_numbers_lose_less_than_one(stages: list[int], own: list[int]) -> None:
    """The figure is that of real numbers, rounded down, and between the two it is made of."""
    probes = Probes(range(len(stages)), stages, [], stages, 1, range(len(own)), own)
    found = rpm_of(probes)
    foreign_ms, own_ms = (float(trimmed_mean(values) or 0) / 1000 for values in (stages, own))
    assert found.rpm is not None and found.foreign is not None and found.own is not None
    assert found.rpm == pytest.approx((60_000 / foreign_ms + 60_000 / own_ms) / 2, abs=1.001, rel=1e-9)
    assert min(found.foreign, found.own) <= found.rpm <= max(found.foreign, found.own) + 1


@given(st.lists(TIMES, min_size=1, max_size=30), st.integers(2, 9))
def test_slower_is_never_better(own: list[int], factor: int) -> None:
    """When every round trip takes longer, there are fewer of them in a minute."""
    slower = [value * factor for value in own]
    fast, slow = (rpm_of(Probes(self_t_us=range(len(own)), self_rtt_us=each)).own for each in (own, slower))
    assert fast is not None and slow is not None
    assert slow <= fast // factor


@pytest.mark.parametrize(
    ("rpm", "name"),
    [(0, "poor"), (299, "poor"), (300, "fair"), (999, "fair"), (1000, "good"), (5999, "good"), (6000, "excellent")],
)
def test_bands(rpm: int, name: str) -> None:
    """Each band begins where the one below it ends."""
    assert band(rpm) is Band(name)


@given(st.lists(st.integers(0, 10**12), max_size=12))
def test_level_is_what_the_standard_deviation_says(moving: list[int]) -> None:
    """A series is level exactly when its last four have a deviation below a twentieth of the last."""
    last = moving[-MAD:]
    mean = Fraction(sum(last), len(last) or 1)
    variance = sum((value - mean) ** 2 for value in last) / (len(last) or 1)
    assert is_level(moving) == (len(last) == MAD and variance * 400 < last[-1] ** 2)


@given(st.lists(st.integers(0, 10**9), max_size=12))
def test_moving_averages_look_back_four(values: list[int]) -> None:
    """Each is the mean of at most four values, the last of which stands in its place."""
    for place, average in enumerate(moving_averages(values)):
        window = values[max(place - 3, 0) : place + 1]
        assert average == sum(window) // len(window)


def test_confidence_is_low_before_enough_intervals() -> None:
    """Three seconds give a figure in which nobody need have confidence."""
    found = responsiveness(steady(3), 0, 3 * SECOND, [0, 1000, 2000, 3000])
    assert (found.figures.rpm, found.confidence) == (600, Confidence.LOW)


def test_confidence_is_high_when_rate_and_rpm_are_level() -> None:
    """A line that does the same each second is known; what lies after the last whole second is not looked at."""
    found = responsiveness(steady(8), 0, 8 * SECOND + 999_999, range(0, 9000, 1000))
    assert (found.figures, found.confidence, found.band) == (Rpm(600, 600, 600), Confidence.HIGH, Band.FAIR)


def test_confidence_is_medium_while_either_moves() -> None:
    """A rate that still grows, or round trips that do, are not level."""
    growing = [second**2 * 1000 for second in range(9)]
    assert responsiveness(steady(8), 0, 8 * SECOND, growing).confidence is Confidence.MEDIUM
    even = steady(8)
    growing_us = [t_us // 5 + 1 for t_us in even.t_us]
    slower = Probes(even.t_us, growing_us, (), growing_us, 1, even.self_t_us, growing_us)
    assert responsiveness(slower, 0, 8 * SECOND, range(0, 9000, 1000)).confidence is Confidence.MEDIUM


def test_confidence_is_low_when_many_probes_failed() -> None:
    """More failures than the trimmed mean would leave out, and a figure of those that were left is not to be believed."""
    even = steady(8)
    for failed, confidence in ((4, Confidence.HIGH), (5, Confidence.LOW)):
        http_us = [*even.http_us[:-failed], *[-1] * failed]
        probes = Probes(even.t_us, even.tcp_us, (), http_us, 1, even.self_t_us, even.self_rtt_us)
        found = responsiveness(probes, 0, 8 * SECOND, range(0, 9000, 1000))
        assert (found.figures.rpm, found.confidence) == (600, confidence)


def test_only_the_last_four_intervals_count() -> None:
    """What the line did before the last four seconds is not in the figure."""
    even = steady(8)
    http_us = [5_000_000 if t_us < 4 * SECOND else 100_000 for t_us in even.t_us]
    probes = Probes(even.t_us, even.tcp_us, (), http_us, 1, even.self_t_us, even.self_rtt_us)
    assert responsiveness(probes, 0, 8 * SECOND, range(0, 9000, 1000)).figures.rpm == 600


def test_probes_between_keeps_lists_parallel() -> None:
    """What began between two moments is taken out of every list alike."""
    found = steady(3, tls_us=7).between(SECOND, 2 * SECOND)
    lengths = {len(each) for each in (found.t_us, found.tcp_us, found.tls_us, found.http_us, found.self_rtt_us)}
    assert lengths == {10}
    assert (found.t_us[0], found.t_us[-1]) == (SECOND, 2 * SECOND - 100_000)
