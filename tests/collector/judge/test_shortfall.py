"""The shortfall of a line: its bound, its interval, its hours and its trend, against cases worked out by hand."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from collector.judge.shortfall import LEAST_TREND_DAYS, Shortfall, Shown, shortfall
from shared.omission import Bound, Window

LEAST_BPS = 3_000_000
DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24
PRAGUE = ZoneInfo("Europe/Prague")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
bounds = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)).map(
    lambda one: Bound(sum(one), one[0], one[1])
)


def local(at_us: int) -> datetime:
    """The wall clock in Prague."""
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(PRAGUE)


def of(days: Sequence[Bound], shown: Sequence[Shown] = ()) -> Shortfall:
    """What is said of these days, one after the other."""
    return shortfall("down", LEAST_BPS, [Window(day, "down", one) for day, one in enumerate(days)], shown, local)


def test_what_is_missing_counts_for_the_operator_and_against_him() -> None:
    """Missing slots make the lower end lower and the upper end higher, and the bound says how many they are."""
    all_there, some_gone = of([Bound(6, 3, 0)] * 30), of([Bound(6, 3, 2)] * 30)
    assert all_there.bound == Bound(180, 90, 0)
    assert some_gone.bound == Bound(180, 90, 60)
    assert some_gone.above_pm == all_there.above_pm > 300
    assert some_gone.below_pm > all_there.below_pm
    assert (all_there.days, all_there.alpha_ppm) == (30, 5_000)


def test_other_ways_and_days_without_slots_are_nothing() -> None:
    """Only the direction's own windows take part, in whatever order they come."""
    own = [Window(day, "down", Bound(6, day % 3, 0)) for day in range(20)]
    others = [Window(day, "up", Bound(6, 6, 0)) for day in range(20)] + [Window(99, "down", Bound(0, 0, 0))]
    mixed = [*others, *own]
    random.Random(3).shuffle(mixed)
    assert shortfall("down", LEAST_BPS, mixed, [], local) == shortfall("down", LEAST_BPS, own, [], local)


@given(st.lists(bounds, max_size=30), st.data())
def test_taking_away_never_helps(days: list[Bound], data: st.DataObject) -> None:
    """A slow slot that is not delivered, and a good one too, leave the lower end where it was or lower, and the upper or higher."""
    before = of(days)
    places = [place for place, one in enumerate(days) if one.missing < one.scheduled]
    if places:
        place = data.draw(st.sampled_from(places))
        one = days[place]
        slow = data.draw(st.booleans()) if 0 < one.slow < one.scheduled - one.missing else one.slow > 0
        less = Bound(one.scheduled, one.slow - slow, one.missing + 1)
        after = of([*days[:place], less, *days[place + 1 :]])
        assert after.above_pm <= before.above_pm
        assert after.below_pm >= before.below_pm
        assert after.bound.least_pm <= before.bound.least_pm


def test_slots_that_hang_together_tell_less() -> None:
    """Ten days of six, every second one all slow: as much as nine unrelated slots, p (1 - p) (D - 1) over the sum of squares."""
    together = of([Bound(6, 6, 0), Bound(6, 0, 0)] * 5)
    assert together.effective_n == 9  # 30 * 30 * 60² * 9 // (10 * 10 * 180²)
    apart = of([Bound(6, 3, 0)] * 10)
    assert apart.effective_n == 60
    assert of([Bound(6, 3, 0)]).effective_n is None
    assert of([Bound(6, 6, 0)] * 10).effective_n is None
    assert of([Bound(6, 0, 6)] * 10).effective_n is None


def test_hours_are_the_lines_own() -> None:
    """The hour is that of the clock on the wall, on both sides of the night on which it is set back; a failure is no speed."""
    night_us = (
        int(datetime(2026, 10, 25, tzinfo=UTC).timestamp()) * 1_000_000
    )  # 02:00 in Prague, at 01:00 UTC it is 02:00 again
    shown = [
        Shown(night_us + hour * HOUR_US, rate)
        for hour, rate in ((0, 5_000_000), (1, 0), (2, 2_999_999), (26, 3_000_000))
    ]
    found = of([], shown).hours
    assert [(one.hour, one.n, one.slow, one.median_bps) for one in found] == [(2, 2, 1, 0), (3, 2, 1, 2_999_999)]


def test_a_trend_is_told_with_how_clear_it_is() -> None:
    """A line that loses 10 000 bit/s every day shows that; one that goes up and down shows none; of few days nothing is said."""

    def days(rates: Sequence[int]) -> list[Shown]:
        return [Shown(day * DAY_US + hour * HOUR_US, rate) for day, rate in enumerate(rates) for hour in (9, 12, 15)]

    falling = of([], days([10_000_000 - 10_000 * day for day in range(40)])).trend
    assert falling is not None
    assert (falling.bps_in_30_days, falling.days, falling.is_clear) == (-300_000, 40, True)
    level = of([], days([10_000_000 + 10_000 * (day % 2) for day in range(40)])).trend
    assert level is not None
    assert (level.bps_in_30_days, level.is_clear) == (0, False)
    assert of([], days([1] * (LEAST_TREND_DAYS - 1))).trend is None


def test_order_means_nothing() -> None:
    """Whatever order the measurements come in, the same is said."""
    shown = [Shown(day * DAY_US + hour * HOUR_US, 1_000_000 * (day % 7)) for day in range(30) for hour in range(6)]
    mixed = list(shown)
    random.Random(5).shuffle(mixed)
    assert of([Bound(6, 1, 0)] * 30, mixed) == of([Bound(6, 1, 0)] * 30, shown)
