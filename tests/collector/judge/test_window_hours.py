"""Windows of rules of hours and of months: where they begin, what lies in them, and what a gap in the records does to them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from collector.judge.criterion import builtin, load_criterion
from collector.judge.doubt import Gap, stands
from collector.judge.errors import CriterionError
from collector.judge.evaluate import judge
from collector.judge.finding import Verdict
from collector.judge.sample import Case, Contract, Direction, Sample
from collector.judge.window import before, campaign, fixed, least_set
from shared.criteria.files import shipped

US = 1_000_000
HOUR_US = 3_600 * US
DAY_US = 24 * HOUR_US
IT = builtin()["it-nemesys"]
INDIA = builtin()["in-trai-2012"]
MIDNIGHT_US = int(datetime.fromisoformat("2025-03-10T00:00:00+01:00").timestamp()) * US
MARCH_US = int(datetime.fromisoformat("2025-03-01T00:00:00+05:30").timestamp()) * US


def rome(starts: Sequence[tuple[int, int]], rate_bps: int = 6) -> Case:
    """Downloads of these hours and minutes after midnight of 10 March, on a line that is promised 7 bit/s."""
    samples = tuple(
        Sample(MIDNIGHT_US + hour * HOUR_US + minute * 60 * US, Direction.DOWN, rate_bps=rate_bps, index=n)
        for n, (hour, minute) in enumerate(starts)
    )
    return Case(Direction.DOWN, Contract("Europe/Rome", min_bps=7), samples)


def hours_of(case: Case) -> list[int]:
    """The hours after midnight of 10 March in which the samples of a case started."""
    return [(one.at_us - MIDNIGHT_US) // HOUR_US for one in case.samples]


def test_every_hour_is_looked_for_within_the_rules_span() -> None:
    """Hour 5 of the first day is missing and there on the second: the window begins with the first start, and waits for it."""
    starts = [(hour, minute) for hour in range(72) if hour != 5 for minute in (5, 35)]
    window = campaign(IT, rome(starts), MIDNIGHT_US)
    assert (window.complete, window.starts_tried) == (True, 1)
    assert hours_of(window.case)[0] == 0
    finding = judge(IT, window.case)
    assert (finding.verdict, finding.samples_used) == (Verdict.SUBSTANTIATED, 24)
    assert {one.reason for one in finding.samples_rejected} == {"later_in_hour"}
    assert len(finding.samples_rejected) == len(window.samples) - 24


def test_a_window_begins_with_an_hour_and_not_within_one() -> None:
    """Two tests in each hour: as many windows are tried as there are hours, not as there are tests."""
    starts = [(hour, minute) for hour in range(30) if hour not in {3, 27} for minute in (5, 35)]
    window = campaign(IT, rome(starts), MIDNIGHT_US)
    assert (window.complete, window.starts_tried, len(window.samples)) == (False, 28, len(starts))
    assert judge(IT, window.case).failed == ("hour_slots",)


def test_an_hour_filled_too_late_moves_the_window() -> None:
    """Hour 0 of the first day and hour 1 of the fifth are no set; from hour 2 on all of them lie within 72 h again."""
    starts = [(hour, 0) for hour in (*range(1), *range(2, 24), 96, 97)]
    assert not campaign(IT, rome(starts), MIDNIGHT_US).complete
    later = [(0, 0), *((hour, 0) for hour in range(26, 50))]
    window = campaign(IT, rome(later), MIDNIGHT_US)
    assert (hours_of(window.case)[0], window.complete) == (0, True)
    apart = [(0, 0), *((hour, 0) for hour in range(50, 74))]
    window = campaign(IT, rome(apart), MIDNIGHT_US)
    assert (hours_of(window.case), window.starts_tried) == (list(range(50, 74)), 2)


def test_the_last_series_before_the_complaint_is_shown() -> None:
    """The latest start from which every hour is there and over before it."""
    case = rome([(hour, 5) for hour in range(60)])
    window = before(IT, case, MIDNIGHT_US + 50 * HOUR_US)
    assert window is not None
    assert hours_of(window.case) == list(range(26, 50))


def test_a_series_fixed_beforehand_uses_one_of_each_hour_too() -> None:
    """What is judged of it is what the rule uses."""
    whole = rome([(hour, minute) for hour in range(24) for minute in (0, 30)]).samples
    window, _ = fixed(IT, rome([]), [whole])
    assert (window.complete, judge(IT, window.case).samples_used) == (True, 24)


def india(days: Sequence[int], failed: int = 0) -> Case:
    """Downloads at noon of these days after 28 February, the first of them failed."""
    samples = tuple(
        Sample(
            MARCH_US + (day - 1) * DAY_US + 12 * HOUR_US + n * US,
            Direction.DOWN,
            rate_bps=None if n < failed else 1,
            failure="eof_error" if n < failed else None,
            index=n,
        )
        for n, day in enumerate(days)
    )
    return Case(Direction.DOWN, Contract("Asia/Kolkata"), samples)


def days_of(case: Case) -> set[int]:
    """The days after 28 February of a case's samples."""
    return {(one.at_us - MARCH_US) // DAY_US + 1 for one in case.samples}


def test_a_month_is_judged_whole_and_alone() -> None:
    """From a complaint on 20 March to its end there are too few attempts, so all of April are judged, none of March or May."""
    case = india([*range(20, 32), *range(32, 62), *range(62, 80)])
    window = campaign(INDIA, case, case.samples[0].at_us)
    assert (days_of(window.case), window.complete, window.starts_tried) == (set(range(32, 62)), True, 2)
    earlier = before(INDIA, case, MARCH_US + 61 * DAY_US)
    assert earlier is not None
    assert days_of(earlier.case) == set(range(32, 62))


def test_a_december_ends_with_its_year() -> None:
    """The month after December is January of the next year."""
    december_us = int(datetime.fromisoformat("2024-12-20T12:00:00+05:30").timestamp()) * US
    samples = tuple(Sample(december_us + n * 12 * HOUR_US, Direction.DOWN, rate_bps=1, index=n) for n in range(48))
    window = campaign(INDIA, Case(Direction.DOWN, Contract("Asia/Kolkata"), samples), december_us)
    assert (len(window.samples), window.from_us) == (23, december_us)


def good(at_us: int) -> Sample:
    """As good a download as promised."""
    return Sample(at_us, Direction.DOWN, rate_bps=7, index=-1)


def gap(from_us: int, to_us: int, results: int = 1) -> Gap:
    """Results that may be hidden at one place each hour of a stretch of time."""
    return Gap(results, to_us, tuple((at_us, at_us + 60 * US) for at_us in range(from_us, to_us, HOUR_US)))


@pytest.mark.parametrize(
    ("from_hour", "holds"),
    [(10, False), (23, False), (24, False), (71, False), (72, False), (73, True), (100, True)],
)
def test_nothing_may_be_hidden_before_a_series_is_over(from_hour: int, holds: bool) -> None:
    """A good result at an earlier minute would have been used, or have completed an earlier series: 72 h are left free of gaps."""
    case = rome([(hour, 5) for hour in range(24)])
    hidden = gap(MIDNIGHT_US + from_hour * HOUR_US + 5 * 60 * US, MIDNIGHT_US + (from_hour + 1) * HOUR_US)
    assert stands(IT, case, MIDNIGHT_US, [hidden], good) is holds


def test_without_a_whole_series_or_a_deviation_nothing_stands() -> None:
    """Gaps or none: 23 hours show nothing, and a line that keeps its promise no deviation."""
    assert not stands(IT, rome([(hour, 5) for hour in range(23)]), MIDNIGHT_US, [], good)
    assert not stands(IT, rome([(hour, 5) for hour in range(24)], rate_bps=7), MIDNIGHT_US, [], good)
    assert stands(IT, rome([(hour, 5) for hour in range(24)]), MIDNIGHT_US, [], good)


@pytest.mark.parametrize(("failed", "results", "holds"), [(5, 1, True), (5, 2, False), (4, 1, False), (20, 9, True)])
def test_hidden_attempts_are_taken_for_successes(failed: int, results: int, holds: bool) -> None:
    """Of 24 attempts 5 failed are 79.2 %: with one more success 20 of 25 are 80 %, not more; with two 21 of 26 are 80.8 %."""
    case = india([*range(1, 25)], failed)
    hidden = gap(MARCH_US + 26 * DAY_US, MARCH_US + 27 * DAY_US, results)
    assert stands(INDIA, case, MARCH_US, [hidden], good) is holds


def test_what_is_hidden_in_another_month_is_no_matter() -> None:
    """The judged month is whole before it."""
    case = india([*range(1, 25)], 5)
    assert stands(INDIA, case, MARCH_US, [gap(MARCH_US + 31 * DAY_US, MARCH_US + 40 * DAY_US, 9)], good)


def test_the_least_set_of_a_rule_of_hours_or_months() -> None:
    """As many as hours, within the span; as many as asked, within the longest month."""
    assert least_set(IT) == (24, 72 * HOUR_US)
    assert least_set(INDIA) == (20, 31 * 25 * HOUR_US)


@pytest.mark.parametrize(
    "added",
    [
        '[[completeness]]\nname = "n"\nprimitive = "count"\ncounted = { op = ">=", n = 24 }\n',
        '[[completeness]]\nname = "n"\nprimitive = "days"\nwindow_days = { op = "<=", n = 3 }\n',
    ],
)
def test_one_of_each_hour_goes_with_a_span_alone(added: str) -> None:
    """Where a count or dates also said what a set is, the window would be guessed; so would it be without a span."""
    text = shipped()["it-nemesys.toml"].decode()
    for changed in (text + added, text.replace('op = "<=", n = 259200', 'op = ">=", n = 259200')):
        with pytest.raises(CriterionError, match="goes with a span_s"):
            load_criterion(changed, "it")
    assert load_criterion(text, "it") == IT


def test_of_equal_starts_the_slower_is_used_in_whatever_order_they_come() -> None:
    """Two different results of one instant: the choice is by what they say, never by their place in the input."""
    case = rome([(hour, 5) for hour in range(24)])
    twin = replace(case.samples[3], rate_bps=9, index=24)
    flawed = replace(case.samples[3], network_type="wifi", index=25)
    one = judge(IT, replace(case, samples=(*case.samples, twin, flawed)))
    other = judge(IT, replace(case, samples=(flawed, twin, *case.samples)))
    assert one.samples_rejected == other.samples_rejected
    assert (one.met, one.samples_used) == (other.met, other.samples_used) == (("q05_speed",), 24)
