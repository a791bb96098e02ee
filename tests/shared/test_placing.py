"""Planned starts: drawn, the same whenever asked, and inside what the rule allows on every day of the year."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from fakes.criteria import AT_RTR, COUNT, DAYS, DE_MOBILE, EVERY_HOUR, GAP, HOURS, SLOTS, SPAN, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.criteria.errors import CannotPlan
from shared.criteria.files import shipped
from shared.placing import Bounds, draw_of, place_starts
from shared.sampling import LATE_S, Started, Starts, asks_of, read_rule, unmet

US = 1_000_000
PRAGUE = ZoneInfo("Europe/Prague")
RULES = [read_rule(content, name) for name, content in shipped().items()]
RULES += [read_rule(text.encode(), "r") for text in (AT_RTR, DE_MOBILE)]
DRAW = draw_of(b"k" * 32, "d" * 64, "made-up.1")


def at(*moment: int, zone: ZoneInfo = PRAGUE) -> int:
    """A moment by the wall clock of a place."""
    return int(datetime(*moment, tzinfo=zone).timestamp()) * US  # type: ignore[arg-type, misc]


NOON_US = at(2026, 11, 22, 12, 0)


def local(starts_us: tuple[int, ...], zone: ZoneInfo = PRAGUE) -> list[datetime]:
    """The starts by the wall clock of a place."""
    return [datetime.fromtimestamp(one // US, zone) for one in starts_us]


def made(*rows: str, quiet: tuple[tuple[int, int], ...] = ()) -> tuple[int, ...]:
    """The plan of a made-up rule, from noon on."""
    return place_starts(read_rule(rule(*rows), "r"), Bounds(PRAGUE, NOON_US, quiet), DRAW)


@pytest.mark.parametrize("rule_of", RULES, ids=lambda one: f"{one.id}-{len(one.completeness)}")
@settings(max_examples=25, deadline=None)
@given(
    st.integers(at(2026, 1, 1), at(2027, 12, 31)),
    st.sampled_from(["Europe/Prague", "America/Chicago", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.binary(min_size=32, max_size=32),
    st.randoms(use_true_random=False),
)
def test_a_plan_meets_its_rule_however_late_its_starts_are(
    rule_of: object, from_us: int, zone_name: str, key: bytes, chance: object
) -> None:
    """Whatever the day, the place, the key and the delay within the tolerance: every condition holds."""
    zone = ZoneInfo(zone_name)
    starts_us = place_starts(rule_of, Bounds(zone, from_us), draw_of(key, "d" * 64, "c"))  # type: ignore[arg-type]
    assert starts_us[0] >= from_us
    late = [one + chance.randint(0, LATE_S * US) for one in starts_us]  # type: ignore[attr-defined]
    assert unmet(rule_of, Starts(tuple(Started.at(one, zone) for one in late))) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("first", [(2026, 10, 24), (2026, 10, 25), (2027, 3, 27), (2027, 3, 28)])
@pytest.mark.parametrize("name", list(shipped()))
def test_days_on_which_the_clocks_are_changed(name: str, first: tuple[int, int, int]) -> None:
    """Dates stay dates and hours stay hours where an hour comes twice or not at all."""
    found = read_rule(shipped()[name], name)
    starts = local(place_starts(found, Bounds(PRAGUE, at(*first)), DRAW))
    per_date = [sum(one.date() == day for one in starts) for day in sorted({one.date() for one in starts})]
    assert tuple(per_date) == asks_of(found).per_date
    assert found.hours[0] <= min(one.hour for one in starts)
    assert max(one.hour for one in starts) < found.hours[1]


def test_a_date_without_the_hour_that_is_needed_is_passed_over() -> None:
    """On 28 March 2027 there is no hour 2 in Prague, so a plan of every hour begins a day later."""
    found = read_rule(EVERY_HOUR.encode(), "r")
    first = local(place_starts(found, Bounds(PRAGUE, at(2027, 3, 28)), DRAW))[0]
    assert first.date().isoformat() == "2027-03-29"
    assert len(place_starts(found, Bounds(PRAGUE, at(2026, 10, 25)), DRAW)) == 24


def test_the_same_is_planned_whenever_it_is_asked() -> None:
    """Key, device and campaign decide; another of any of them gives another plan."""
    found = RULES[0]
    plans = {
        place_starts(found, Bounds(PRAGUE, NOON_US), draw_of(key, dev, campaign))
        for _ in range(2)
        for key, dev, campaign in ((b"k", "d", "c"), (b"l", "d", "c"), (b"k", "e", "c"), (b"k", "d", "b"))
    }
    assert len(plans) == 4


def test_a_draw_is_what_the_format_says() -> None:
    """Recomputed with OpenSSL: HMAC over the four lines, its first eight bytes."""
    assert draw_of(b"\x01" * 32, "ab", "x.1")("shift 0") == 15206456583190899544


def test_starts_are_spread_and_not_on_a_grid() -> None:
    """Over many campaigns the first start of a day falls into every third of the room there is."""
    found = read_rule(shipped()["si-2019.toml"], "si")
    hours = {
        local(place_starts(found, Bounds(PRAGUE, at(2026, 11, 22)), draw_of(bytes([n]) * 32, "d", "c")))[2].hour // 8
        for n in range(30)
    }
    assert hours == {0, 1, 2}


def test_quiet_hours_are_left_alone() -> None:
    """No start lies in them, or so shortly before them that it could begin in them; they may run over midnight."""
    quiet = ((22 * 60, 7 * 60), (12 * 60, 13 * 60 + 30))
    for found in RULES[:3]:
        for one in local(place_starts(found, Bounds(PRAGUE, NOON_US, quiet), DRAW)):
            for moment in (one, one + timedelta(seconds=LATE_S - 1)):
                minute = moment.hour * 60 + moment.minute
                assert 7 * 60 <= minute < 12 * 60 or 13 * 60 + 30 <= minute < 22 * 60


def test_a_span_is_not_laid_across_quiet_hours() -> None:
    """Six tests within an hour find their hour before or after, never around."""
    starts = local(made(COUNT % ("==", 6), SPAN % ("<=", 3600), quiet=((12 * 60 + 40, 23 * 60),)))
    assert starts[0].date().isoformat() == "2026-11-23"
    assert all(one.hour < 13 for one in starts)


def test_gaps_may_have_a_most_as_well() -> None:
    """A pause of at least five and at most twenty minutes is kept from both sides."""
    rows = (COUNT % ("==", 5), GAP % (1, ">=", 300, "set", ""), GAP % (2, "<=", 1200, "set", ""))
    starts = made(*rows)
    gaps_s = [(late - early) // US for early, late in pairwise(starts)]
    assert all(360 <= one <= 1140 for one in gaps_s)


@pytest.mark.parametrize(
    ("rows", "quiet"),
    [
        ((COUNT % ("==", 6), SPAN % ("<=", 300)), ()),
        ((COUNT % ("==", 2), GAP % (1, "==", 900, "set", "")), ()),
        ((COUNT % ("==", 5), SLOTS % (18, 24, 1)), ()),
        ((COUNT % ("==", 1), HOURS % (8, 9)), ((7 * 60, 10 * 60),)),
        ((COUNT % ("==", 2), SLOTS % (8, 10, 1)), ((9 * 60, 10 * 60),)),
        ((COUNT % ("==", 20), HOURS % (8, 9)), ()),
        ((SLOTS % (8, 10, 1), GAP % (1, ">=", 3600, "set", "")), ()),
        ((DAYS % (1, 'dates = { op = "==", n = 3 }\nper_date = { op = "==", n = 2 }'),
          DAYS % (2, 'apart_days = { op = ">=", n = 3 }\nwindow_days = { op = "<=", n = 5 }')), ()),
        ((COUNT % ("==", 2), DAYS % ("", 'dates = { op = "==", n = 3 }\nwindow_days = { op = "<=", n = 9 }')), ()),
    ],
)  # fmt: skip
def test_what_no_plan_can_meet_is_refused_in_words(rows: tuple[str, ...], quiet: tuple[tuple[int, int], ...]) -> None:
    """Rows that contradict each other, the tolerance or the owner's quiet hours end in words and not in a bad plan."""
    with pytest.raises(CannotPlan, match="made-up: "):
        made(*rows, quiet=quiet)
