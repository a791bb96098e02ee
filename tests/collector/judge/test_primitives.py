"""Primitives on their own, including what no shipped criterion uses yet."""

from datetime import date

import pytest

from collector.judge.comparison import Limit, Threshold
from collector.judge.deviation import BadCount, BadRun, DaysWithAny, Mean, Quantile, Share
from collector.judge.sample import Contract, Direction, Sample
from collector.judge.tally import Placed, Tally
from shared.criteria.bound import Bound
from shared.criteria.completeness import Days, Gaps
from shared.criteria.table import Table

MINUTE_US = 60_000_000
LOST = None


def tally(*values: int | None, gap_min: int = 1) -> Tally:
    """Round trips of these values, some minutes apart; None is a lost one."""
    placed = tuple(
        Placed(
            Sample(
                at_us=n * gap_min * MINUTE_US,
                direction=Direction.ROUND_TRIP,
                rtt_us=value,
                failure=None if value is not None else "generic_timeout_error",
            ),
            date(2025, 1, 1),
            0,
        )
        for n, value in enumerate(values)
    )
    return Tally(Direction.ROUND_TRIP, placed, (), ())


def above(us: int) -> Limit:
    """The limit "more than so many µs"."""
    return Limit(">", 100 * us, "us", f"above {us} µs")


@pytest.mark.parametrize(
    ("values", "percent", "quantile_us"),
    [
        ((0, 5, 7, 7, 4, 18), 50, 5),
        ((0, 5, 7, 7, 4, 18), 25, 4),
        ((0, 5, 7, 7, 4, 18), 100, 18),
        ((0, 5, 7, 7, 4, 18), 1, 0),
        ((100, 110, LOST, 90, 500), 50, 110),
        (tuple(range(1, 25)), 5, 2),
        (tuple(range(1, 25)), 95, 23),
    ],
)
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: tuple[int | None, ...], percent: int, quantile_us: int
) -> None:
    """RFC 2330 section 11.3, and the 2nd and 23rd of 24 of the Italian rule."""
    quantile = Quantile(percent)
    assert quantile.answer(tally(*values), Limit("==", 100 * quantile_us, "us", ""))[0]


def test_a_lost_round_trip_is_longer_than_any() -> None:
    """Losses pass every limit from above and none from below, in quantile and in mean."""
    lossy = tally(1, LOST)
    assert Quantile(100).answer(lossy, above(10**15))[0]
    assert Mean().answer(lossy, above(10**15))[0]
    assert not Mean().answer(lossy, Limit("<", 10**17, "us", ""))[0]
    assert not Mean().answer(lossy, Limit("==", 0, "us", ""))[0]


@pytest.mark.parametrize(
    "primitive",
    [
        Share(Bound("<", 80)),
        DaysWithAny(Bound("<", 2)),
        BadCount(Bound(">=", 0), None),
        BadRun(Bound(">=", 0)),
        Quantile(5),
        Mean(),
    ],
)
def test_of_nothing_no_deviation_holds(
    primitive: Share | DaysWithAny | BadCount | BadRun | Quantile | Mean,
) -> None:
    """Silence is no slow line, whatever the operators."""
    assert not primitive.answer(tally(), above(0))[0]


@pytest.mark.parametrize(("within_min", "met"), [(19, False), (20, True), (60, True)])
def test_bad_results_are_counted_within_a_span(within_min: int, met: bool) -> None:
    """Three bad results ten minutes apart lie within twenty minutes and not within nineteen."""
    primitive = BadCount(Bound(">=", 3), Bound("<=", within_min * 60))
    results = tally(9, 1, 1, 9, 9, 9, 1, gap_min=10)
    assert primitive.answer(results, above(5))[0] is met


def test_one_good_result_breaks_a_run() -> None:
    """Bad, good, bad is no run of three; a single bad result is a run without length."""
    assert not BadRun(Bound(">=", 61)).answer(tally(9, 1, 9), above(5))[0]
    assert BadRun(Bound(">=", 0)).answer(tally(9, 1, 9), above(5))[0]
    assert BadRun(Bound(">=", 120)).answer(tally(9, 9, 9, 1), above(5))[0]


@pytest.mark.parametrize(
    ("contract", "lacks"),
    [
        (Contract("UTC", estimated_max_bps=100, area_class="rural"), ()),
        (Contract("UTC", estimated_max_bps=100, area_class="lunar"), ("area_class",)),
        (Contract("UTC", estimated_max_bps=100), ("area_class",)),
        (Contract("UTC"), ("estimated_max_bps", "area_class")),
    ],
)
def test_an_area_class_the_rule_does_not_list_is_lacking(contract: Contract, lacks: tuple[str, ...]) -> None:
    """Absent or unknown, no default takes its place."""
    raw = {"limit": {"op": "<", "of": "estimated_max_bps", "percent_by_area": {"urban": 25, "rural": 10}}}
    threshold = Threshold.read(Table(raw, "t"), "limit")
    assert threshold.lacks(contract) == lacks
    if not lacks:
        assert threshold.limit(contract).hundredths == 1000


def test_dates_may_be_counted_by_how_full_they_are() -> None:
    """`dates_with` counts full dates, `per_date` asks it of every date."""
    results = tally(1, 2, 3)
    full = Days(Bound(">=", 1), Bound(">=", 3), None, None, None, ())
    fuller = Days(Bound(">=", 1), Bound(">=", 4), None, None, None, ())
    assert full.answer(results)[0]
    assert not fuller.answer(results)[0]
    assert "at least 4 measurements" in fuller.answer(results)[1]


def test_a_pair_is_counted_from_one() -> None:
    """Number 2 and number 3 of the set, and only they."""
    results = tally(1, 1, 1)
    assert Gaps(Bound(">=", 60), per_date=False, between=2, not_between=None).answer(results)[0]
    assert not Gaps(Bound(">=", 61), per_date=False, between=2, not_between=None).answer(results)[0]
    assert Gaps(Bound(">=", 61), per_date=False, between=3, not_between=None).answer(results)[0]
