"""What is read out of a criterion's rows, and what is refused."""

import hashlib
from datetime import UTC, datetime

import pytest
from fakes.criteria import AT_RTR, COUNT, DAYS, DE_MOBILE, EVERY_HOUR, GAP, HOURS, SLOTS, SPAN, rule

from shared.criteria.errors import CannotPlan, CriterionError, JudgeError
from shared.criteria.files import shipped
from shared.sampling import Asks, Started, Starts, asks_of, read_rule, unmet

US = 1_000_000


def asked(*rows: str) -> Asks:
    """What a made-up rule asks."""
    return asks_of(read_rule(rule(*rows), "made-up.toml"))


def test_every_shipped_criterion_is_read_whole() -> None:
    """Each has its directions, its conditions and the digest of its very bytes."""
    for name, content in shipped().items():
        found = read_rule(content, name)
        assert f"{found.id}.toml" == name
        assert found.sha256 == hashlib.sha256(content).hexdigest()
        assert found.directions[:2] == ("down", "up")
        assert found.completeness
        assert found.limits


@pytest.mark.parametrize(
    ("name", "per_date", "gaps_s", "window_days", "span_s"),
    [
        ("at-rtr", (8, 8, 8), (960,) * 7, 14, None),
        ("cz-fixed-cert", (6,), (960,) * 5, None, 5400),
        ("cz-mobile-cert", (6,), (672,) * 5, None, 3600),
        ("de-fixed-2021", (10, 10, 10), (360,) * 4 + (10860,) + (360,) * 4, 14, None),
        ("de-mobile-draft-2024", (6,) * 5, (300,) * 5, None, None),
        ("in-trai-2012", (2,) * 6 + (1,) * 8, (300,), None, None),
        ("it-nemesys", (24,), (300,) * 23, None, 259_200),
        ("si-2019", (1,) * 5, (), 5, None),
        ("us-bead", (2,) * 6 + (1,) * 8, (300,), None, None),
        ("us-caf-80-80", (6,) * 7, (300,) * 5, 7, None),
        ("us-mba", (2,) * 6 + (1,) * 8, (300,), None, None),
    ],
)
def test_what_the_shipped_criteria_ask(
    name: str, per_date: tuple[int, ...], gaps_s: tuple[int, ...], window_days: int | None, span_s: int | None
) -> None:
    """Counts, days, pauses and windows are those of the published rules, pauses longer by the tolerance."""
    asks = asks_of(read_rule(shipped()[f"{name}.toml"], name))
    assert (asks.per_date, asks.least_gap_s, asks.window_days, asks.span_s) == (per_date, gaps_s, window_days, span_s)


def test_days_with_so_many_each() -> None:
    """Three cycles of eight, or five days of six: dates and tests on each follow from the rows."""
    assert asks_of(read_rule(AT_RTR.encode(), "at")).per_date == (8, 8, 8)
    assert asks_of(read_rule(DE_MOBILE.encode(), "de")).per_date == (6,) * 5
    assert asks_of(read_rule(EVERY_HOUR.encode(), "it")).hours == tuple((hour, hour + 1) for hour in range(24))


def test_a_number_alone_is_measured_on_one_date() -> None:
    """Without a window nothing says that tests may be spread; minutes lie between them all the same."""
    asks = asked(COUNT % (">", 2))
    assert (asks.per_date, asks.least_gap_s, asks.most_gap_s) == ((3,), (300, 300), None)


def test_a_number_in_a_window_is_spread_over_its_dates() -> None:
    """As evenly as possible, on no more dates than the rule admits."""
    assert asked(COUNT % ("==", 7), DAYS % ("", 'window_days = { op = "<", n = 6 }')).per_date == (2, 2, 1, 1, 1)
    both = 'window_days = { op = "<=", n = 9 }\ndates = { op = "<=", n = 3 }\napart_days = { op = ">", n = 1 }'
    asks = asked(COUNT % ("==", 7), DAYS % ("", both))
    assert (asks.per_date, asks.apart_days) == ((3, 2, 2), 2)


def test_pairs_have_gaps_of_their_own() -> None:
    """A row for one pair leaves the others, a row for all but one pair leaves that one."""
    one = GAP % (1, ">=", 3600, "set", "between = [2, 3]\n")
    rest = GAP % (2, ">", 599, "date", "not_between = [2, 3]\n")
    assert asked(COUNT % ("==", 4), one, rest).least_gap_s == (660, 3660, 660)
    assert asked(COUNT % ("==", 2), GAP % (1, "<=", 900, "set", "")).most_gap_s == 900


@pytest.mark.parametrize(
    "rows",
    [
        (DAYS % ("", 'window_days = { op = "<=", n = 5 }'),),
        (COUNT % ("<=", 5),),
        (SLOTS % (18, 24, 7), SLOTS % (6, 8, 7)),
        (COUNT % ("==", 5), DAYS % ("", 'dates = { op = "<", n = 1 }')),
    ],
)
def test_what_leaves_the_plan_open_is_refused(rows: tuple[str, ...]) -> None:
    """No number, no dates, two kinds of hours: nothing is guessed."""
    with pytest.raises(CannotPlan, match="made-up"):
        asked(*rows)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"\xff", "r.toml"),
        (b"id = ", "r.toml"),
        (rule(COUNT % ("~", 5)), "op"),
        (rule('[[completeness]]\nname = "n"\nprimitive = "bursts"\n'), "primitive"),
        (rule('[[validity]]\nname = "v"\npredicate = "sunny"\notherwise = "void"\n'), "predicate"),
        (rule('[[validity]]\nname = "v"\npredicate = "located"\notherwise = "void"\nwithin_m = 5\n'), "validity[0]"),
        (rule('[[validity]]\nname = "v"\npredicate = "located"\notherwise = "maybe"\n'), "otherwise"),
        (rule(HOURS % (20, 20)), "to_hour"),
        (rule(GAP % (1, ">=", 5, "set", "between = [2, 4]\n")), "between"),
        (rule(DAYS % ("", "")), "completeness[0]"),
        (rule(DAYS % ("", 'window_days = { op = "<", n = 5 }\ndates_with = { op = ">", n = 1 }')), "dates_with"),
        (rule("surprise = 1\n"), "r.toml"),
        (rule().replace(b"down = {}, up = {}", b""), "basis"),
        (rule().replace(b'title = "made up"', b"title = 5"), "title"),
    ],
)
def test_what_is_not_in_the_language_is_refused(content: bytes, place: str) -> None:
    """An unknown primitive, predicate, operator or key is an error with its place, never passed over."""
    with pytest.raises(CriterionError) as caught:
        read_rule(content, "r.toml")
    assert place in caught.value.place
    assert isinstance(caught.value, JudgeError)


def test_hours_narrow_what_counts() -> None:
    """A start outside the rule's hours is no start for its conditions; several rows narrow one another."""
    narrow = read_rule(rule(HOURS % (8, 20), HOURS % (18, 24), COUNT % ("==", 1)), "r")
    assert narrow.hours == (18, 20)
    evening, night = (Started.at(hour * 3600 * US, UTC) for hour in (19, 23))
    assert unmet(narrow, Starts((evening, night))) == ()
    assert unmet(narrow, Starts((night,))) == ("count: exactly 1 measurement needed; 0 counted",)


def test_an_excused_hour_is_no_missing_one() -> None:
    """What was not started for a reason the rule names fills its hour, for another it does not."""
    slots = SLOTS % (18, 20, 1) + 'excused_by = ["cross_traffic"]\n'
    hourly = read_rule(rule(slots), "r")
    at = [Started.at(int(datetime(2026, 11, 22, hour, 5, tzinfo=UTC).timestamp()) * US, UTC) for hour in (18, 19)]
    assert unmet(hourly, Starts((at[0],), ((at[1], "cross_traffic"),))) == ()
    assert len(unmet(hourly, Starts((at[0],), ((at[1], "paused"),)))) == 1


def test_the_words_say_what_is_still_missing() -> None:
    """Every condition that is not met is named with what it needs and what is there."""
    found = read_rule(shipped()["cz-fixed-cert.toml"], "cz")
    assert unmet(found, Starts(())) == ("count: exactly 6 measurements needed; 0 counted",)
    both = unmet(read_rule(rule(COUNT % ("==", 1), SPAN % ("<", 1)), "r"), Starts(()))
    assert [one.partition(":")[0] for one in both] == ["count"]
