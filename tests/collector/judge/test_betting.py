"""Bounds that hold however often one looks: never wrong more often than stated, never better for what is taken away."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judge.betting import Share, at_least_pm, at_most_pm

ALPHA_PPM = 10_000
shares = st.integers(1, 12).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))
many = st.lists(shares, max_size=40)


def line(chance: random.Random, share: float, days: int, alike: float) -> list[Share]:
    """Days of six slots of a line with a mean share; `alike`: how much the slots of a day hang together (0 to 1)."""
    found = []
    for _ in range(days):
        today = (
            share if not alike else chance.betavariate(share * (1 - alike) / alike, (1 - share) * (1 - alike) / alike)
        )
        found.append((sum(chance.random() < today for _ in range(6)), 6))
    return found


@pytest.mark.parametrize("alike", [0, 0.3, 0.9])
@pytest.mark.parametrize("percent", [2, 10, 30, 80])
def test_wrong_no_more_often_than_stated(percent: int, alike: float) -> None:
    """Looked at on every one of 180 days, of 300 lines no more say too much than one in a hundred, and a little for chance."""
    chance = random.Random(percent)  # the same lines in every run
    lines = [line(chance, percent / 100, 180, alike) for _ in range(300)]
    # whatever is refuted on some day stays refuted: the last day's bound is that of the worst look
    assert sum(at_least_pm(one, ALPHA_PPM) >= 10 * percent for one in lines) <= 9  # P(more of 300 at 1 %) < 0.2 %
    assert sum(at_most_pm(one, ALPHA_PPM) <= 10 * percent for one in lines) <= 9


def test_it_finds_what_is_there() -> None:
    """A month of a line that is slow half of the time shows more than a fifth and less than four fifths; a quarter, more."""
    chance = random.Random(7)
    month = [line(chance, 0.5, 30, 0) for _ in range(21)]
    assert sorted(at_least_pm(one, ALPHA_PPM) for one in month)[10] > 300
    assert sorted(at_most_pm(one, ALPHA_PPM) for one in month)[10] < 700
    quarter = [line(chance, 0.5, 90, 0) for _ in range(21)]
    assert sorted(at_least_pm(one, ALPHA_PPM) for one in quarter)[10] > 400


@given(many)
def test_within_bounds(days: list[Share]) -> None:
    """Both ends are shares; what is always so is not refuted; a day without a slot changes nothing."""
    low, high = at_least_pm(days, ALPHA_PPM), at_most_pm(days, ALPHA_PPM)
    assert 0 <= low < 1000
    assert 0 < high <= 1000
    assert at_least_pm([(0, 5), *((0, of) for _, of in days)], ALPHA_PPM) == 0
    assert at_least_pm([(0, 0), *days, (0, 0)], ALPHA_PPM) == low


@given(many, shares)
def test_looking_again_refutes_nothing_less(days: list[Share], more: Share) -> None:
    """The lower end never falls and the upper never rises with another day: whoever looks every day sees what he saw."""
    assert at_least_pm([*days, more], ALPHA_PPM) >= at_least_pm(days, ALPHA_PPM)
    assert at_most_pm([*days, more], ALPHA_PPM) <= at_most_pm(days, ALPHA_PPM)


@given(many, st.data())
def test_a_better_day_never_helps_the_claimant(days: list[Share], data: st.DataObject) -> None:
    """With one slow slot less on any day the lower end is no higher."""
    bad = [place for place, (part, _) in enumerate(days) if part]
    if bad:
        place = data.draw(st.sampled_from(bad))
        part, of = days[place]
        better = [*days[:place], (part - 1, of), *days[place + 1 :]]
        assert at_least_pm(better, ALPHA_PPM) <= at_least_pm(days, ALPHA_PPM)
        assert at_most_pm(better, ALPHA_PPM) <= at_most_pm(days, ALPHA_PPM)


def test_the_arithmetic_by_hand() -> None:
    """All slow, one slot a day: an account that stakes c has 1 + c (1/m - 1) times as much after each day; five of them."""
    days: list[Share] = [(1, 1)] * 3
    claim = 0.5
    wealth = sum((1 + stake / 16 * (1 / claim - 1)) ** 3 for stake in (1, 2, 4, 8, 12)) / 5  # 2.49…
    refuted_at_ppm = int(1_000_000 / wealth) + 2
    assert at_least_pm(days, refuted_at_ppm) >= 500
    assert at_least_pm(days, refuted_at_ppm - 4) < 500
