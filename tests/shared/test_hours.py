"""Hours of the day and calendar months: which are filled, which measurement of an hour is used, and what a plan makes of them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from fakes.criteria import COUNT, DAYS, FIRST_OF_HOUR, HOURS_OF_DAY, SLOTS, SPAN, rule

from shared.criteria.errors import CannotPlan, CriterionError
from shared.criteria.files import shipped
from shared.criteria.hours import first_of_each_hour
from shared.placing import Bounds, draw_of, place_starts
from shared.sampling import Started, Starts, asks_of, read_rule, unmet

US = 1_000_000
ROME = ZoneInfo("Europe/Rome")
DRAW = draw_of(b"k" * 32, "d" * 64, "made-up.1")


def at(*moment: int, fold: int = 0) -> Started:
    """A start by the clocks of Rome."""
    local = datetime(*moment, tzinfo=ROME, fold=fold)  # type: ignore[arg-type, misc]
    return Started.at(int(local.timestamp()) * US, ROME)


def of(*starts: Started) -> Starts:
    """Starts that count."""
    return Starts(starts)


def test_each_hour_of_day_is_filled_on_any_date() -> None:
    """Two hours on two dates are both filled; one of them twice leaves the other empty, and hours outside are no matter."""
    hourly = read_rule(rule(HOURS_OF_DAY % (8, 10)), "r")
    assert unmet(hourly, of(at(2025, 3, 10, 9), at(2025, 3, 14, 8, 59))) == ()
    words = "hours: each of 2 hours of the day (8:00 to 10:00) needed; 1 measured"
    assert unmet(hourly, of(at(2025, 3, 10, 8), at(2025, 3, 10, 8, 30), at(2025, 3, 10, 10))) == (words,)
    assert len(unmet(hourly, Starts((at(2025, 3, 10, 8),), ((at(2025, 3, 10, 9), "cross_traffic"),)))) == 1


def test_the_earliest_of_each_hour_is_used() -> None:
    """Whatever its date; the second 2 o'clock of the day on which the clocks are put back is the same hour."""
    first, again = at(2025, 10, 26, 2, 30), at(2025, 10, 26, 2, 10, fold=1)
    assert first.at_us < again.at_us
    later = at(2025, 10, 27, 3)
    assert first_of_each_hour((first, again, at(2025, 10, 26, 3), later)) == (first, at(2025, 10, 26, 3))
    assert first_of_each_hour(()) == ()


def test_what_is_left_aside_makes_no_span_longer() -> None:
    """The span is that of the used starts: a later one of the same hour does not count, without the row it does."""
    rows = (HOURS_OF_DAY % (8, 10), SPAN % ("<=", 7200))
    starts = of(at(2025, 3, 10, 8), at(2025, 3, 10, 9), at(2025, 3, 10, 10, 30), at(2025, 3, 11, 10, 31))
    narrow = of(*starts.counted[:2], at(2025, 3, 11, 9))
    assert unmet(read_rule(rule(*rows, FIRST_OF_HOUR), "r"), narrow) == ()
    assert [one.partition(":")[0] for one in unmet(read_rule(rule(*rows), "r"), narrow)] == ["span"]
    assert len(unmet(read_rule(rule(*rows, FIRST_OF_HOUR), "r"), starts)) == 1


@pytest.mark.parametrize(
    ("days", "months"),
    [(((3, 1), (3, 31)), 1), (((3, 31), (4, 1)), 2), ((), 0), (((1, 5), (3, 5)), 2)],
)
def test_months_are_those_of_the_calendar(days: tuple[tuple[int, int], ...], months: int) -> None:
    """The 1st and the 31st are one month, the 31st and the 1st are two; of nothing none is too many."""
    monthly = read_rule(rule(DAYS % ("", 'months = { op = "<=", n = 1 }')), "r")
    found = unmet(monthly, of(*(at(2025, *day, 12) for day in days)))
    assert found == (() if months <= 1 else (f"days: at most 1 calendar month needed; {months} calendar months",))


def test_a_year_later_is_another_month() -> None:
    """March and March are two."""
    monthly = read_rule(rule(DAYS % ("", 'months = { op = "<=", n = 1 }')), "r")
    assert len(unmet(monthly, of(at(2025, 3, 1, 12), at(2026, 3, 1, 12)))) == 1


def test_a_plan_of_every_hour_is_one_day_of_them() -> None:
    """Twenty-four starts, each in its hour, in order; the next day where the clocks skip an hour."""
    found = read_rule(shipped()["it-nemesys.toml"], "it")
    for first in ((2026, 11, 22), (2026, 10, 25), (2027, 3, 28)):
        from_us = int(datetime(*first, tzinfo=ROME).timestamp()) * US
        starts = [Started.at(one, ROME) for one in place_starts(found, Bounds(ROME, from_us), DRAW)]
        assert [one.hour for one in starts] == list(range(24))
        assert len({one.day for one in starts}) == 1
        assert first_of_each_hour(starts) == tuple(starts)
        skipped = first == (2027, 3, 28)
        assert (starts[0].day.year, starts[0].day.month, starts[0].day.day) == ((2027, 3, 29) if skipped else first)


def test_a_plan_of_a_month_begins_where_the_month_has_room() -> None:
    """Fourteen dates from 18 November on lie in two months, so the plan waits for December; from the 17th on they fit."""
    found = read_rule(shipped()["in-trai-2012.toml"], "in")
    for day, month in ((18, 12), (17, 11)):
        from_us = int(datetime(2026, 11, day, tzinfo=ROME).timestamp()) * US
        starts = [Started.at(one, ROME) for one in place_starts(found, Bounds(ROME, from_us), DRAW)]
        assert {one.day.month for one in starts} == {month}
        assert (len(starts), len({one.day for one in starts})) == (20, 14)


@pytest.mark.parametrize(
    "rows",
    [
        (HOURS_OF_DAY % (8, 10), SLOTS % (18, 20, 1)),
        (HOURS_OF_DAY % (0, 24), SPAN % ("<=", 3600)),
        (COUNT % ("==", 32), DAYS % ("", 'per_date = { op = "==", n = 1 }\nmonths = { op = "<=", n = 1 }')),
    ],
)
def test_what_no_plan_can_meet_is_refused_by_name(rows: tuple[str, ...]) -> None:
    """Two kinds of hours, a day within an hour, 32 dates in a month: words, and no bad plan."""
    with pytest.raises(CannotPlan, match="made-up: "):
        place_starts(read_rule(rule(*rows), "r"), Bounds(ROME, at(2026, 11, 22).at_us), DRAW)


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ((HOURS_OF_DAY % (10, 10),), "to_hour"),
        ((HOURS_OF_DAY % (0, 25),), "to_hour"),
        ((HOURS_OF_DAY % (8, 10) + 'excused_by = ["cross_traffic"]\n',), "completeness[0]"),
        ((FIRST_OF_HOUR + "from_hour = 1\n",), "validity[0]"),
        ((DAYS % ("", "months = 1"),), "months"),
    ],
)
def test_a_parameter_of_hours_that_is_not_known_is_refused(rows: tuple[str, ...], place: str) -> None:
    """Never passed over, and told with its place."""
    with pytest.raises(CriterionError) as caught:
        read_rule(rule(*rows), "r")
    assert place in caught.value.place


def test_hours_of_day_are_asked_once() -> None:
    """One test in each: what the least set is follows from the row."""
    assert asks_of(read_rule(rule(HOURS_OF_DAY % (6, 9)), "r")).per_date == (3,)
