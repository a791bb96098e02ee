"""The window of a live line: chosen by moments, before any result is looked at."""

from dataclasses import replace
from datetime import datetime
from itertools import accumulate

import pytest
from fakes import rules
from hypothesis import given
from hypothesis import strategies as st

from collector.judge.criterion import Criterion, builtin, load_criterion
from collector.judge.evaluate import judge
from collector.judge.finding import Verdict
from collector.judge.sample import Case, Contract, Direction, Sample
from collector.judge.window import before, campaign, fixed

MINUTE_US = 60_000_000
DAY_US = 24 * 60 * MINUTE_US
NOON_US = 1_744_113_600_000_000  # 2025-04-08T14:00:00+02:00
CZ = builtin()["cz-fixed-cert"]
US = builtin()["us-caf-80-80"]
SHORT = load_criterion(rules.SHORT, "short.toml")


def line(*minutes: int, rate_bps: int = 1, zone: str = "Europe/Prague") -> Case:
    """Downloads at these minutes after noon."""
    samples = tuple(
        Sample(NOON_US + minute * MINUTE_US, Direction.DOWN, rate_bps=rate_bps, index=n)
        for n, minute in enumerate(minutes)
    )
    return Case(Direction.DOWN, Contract(zone, normal_bps=60, min_bps=30, required_bps=25), samples)


def minutes_of(case: Case) -> list[int]:
    """When the samples of a case started, in minutes after noon."""
    return [(one.at_us - NOON_US) // MINUTE_US for one in case.samples]


def test_the_first_complete_run_after_the_complaint_is_judged() -> None:
    """What came before, what is too dense and what follows are not in the window."""
    case = line(-60, -45, -30, -15, 0, 15, 20, 35, 50, 65, 80, 95, 110)
    window = campaign(CZ, case, NOON_US)
    assert minutes_of(window.case) == [20, 35, 50, 65, 80, 95]
    assert (window.complete, window.starts_tried) == (True, 3)
    assert (window.from_us, window.to_us) == (NOON_US + 20 * MINUTE_US, NOON_US + 95 * MINUTE_US)
    assert judge(CZ, window.case).verdict is Verdict.SUBSTANTIATED


def test_a_start_at_the_complaint_itself_is_after_it() -> None:
    """At or after; a microsecond earlier is before."""
    case = line(0, 15, 30, 45, 60, 75, 90)
    assert minutes_of(campaign(CZ, case, NOON_US).case)[0] == 0
    assert minutes_of(campaign(CZ, case, NOON_US + 1).case)[0] == 15


def test_without_a_complete_run_all_since_the_complaint_is_shown() -> None:
    """The judge then says insufficient evidence and why."""
    case = line(-15, 0, 15, 30)
    window = campaign(CZ, case, NOON_US)
    assert minutes_of(window.case) == [0, 15, 30]
    assert not window.complete
    assert window.starts_tried == 0
    assert judge(CZ, window.case).failed == ("count",)
    nothing = campaign(CZ, case, NOON_US + DAY_US)
    assert (nothing.samples, nothing.from_us, nothing.to_us) == ((), None, None)


def test_what_is_left_out_stays_in_the_window_for_all_to_see() -> None:
    """Flawed and not started entries between the ends are rejected by the judge, not hidden by the window."""
    case = line(0, 15, 20, 30, 40, 45, 60, 75, 80)
    samples = list(case.samples)
    samples[2] = replace(samples[2], flaws=("wifi",))
    samples[4] = replace(samples[4], rate_bps=None, not_started="battery_low")
    window = campaign(CZ, replace(case, samples=tuple(samples)), NOON_US)
    assert minutes_of(window.case) == [0, 15, 20, 30, 40, 45, 60, 75]
    assert [one.index for one in judge(CZ, window.case).samples_rejected] == [2, 4]


def test_a_counted_sample_at_the_instant_of_the_last_is_outside() -> None:
    """Six are six, even if a seventh, different measurement bears the time of the sixth."""
    case = line(0, 15, 30, 45, 60, 75)
    seventh = replace(case.samples[5], rate_bps=90, index=6)
    window = campaign(CZ, replace(case, samples=(*case.samples, seventh)), NOON_US)
    assert len(window.samples) == 6
    assert judge(CZ, window.case).verdict is not Verdict.INSUFFICIENT


def test_other_directions_are_no_part_of_a_window() -> None:
    """A window is that of one direction."""
    case = line(0, 15, 30, 45, 60, 75)
    upload = Sample(NOON_US + MINUTE_US, Direction.UP, rate_bps=1)
    assert campaign(CZ, replace(case, samples=(*case.samples, upload)), NOON_US).samples == case.samples


def test_a_least_count_without_days_takes_all_since_the_complaint() -> None:
    """Nothing says when such a campaign ends."""
    window = campaign(SHORT, line(-1, 0, 1, 2, 3), NOON_US)
    assert minutes_of(window.case) == [0, 1, 2, 3]
    assert (window.complete, window.starts_tried) == (True, 1)
    assert not campaign(SHORT, line(-1, 0, 1), NOON_US).complete


def evenings(first: str, dates: int) -> Case:
    """Hourly downloads from 18 to 24 h on these dates, from the first on, local time of Chicago in summer."""
    start_us = int(datetime.fromisoformat(f"{first}T18:10:00-05:00").timestamp()) * 1_000_000
    return line(
        *((start_us - NOON_US) // MINUTE_US + day * 1440 + hour * 60 for day in range(dates) for hour in range(6)),
        zone="America/Chicago",
    )


def test_a_window_of_days_begins_with_the_first_whole_one() -> None:
    """A complaint in mid-evening leaves the first date incomplete; the seven from the next are judged."""
    case = evenings("2025-05-05", 10)
    window = campaign(US, case, case.samples[2].at_us)
    assert (window.samples, window.starts_tried) == (case.samples[6:48], 2)
    assert judge(US, window.case).verdict is Verdict.SUBSTANTIATED


def test_a_week_not_yet_over_is_no_campaign() -> None:
    """Six dates of seven are shown as they are."""
    case = evenings("2025-05-05", 6)
    window = campaign(US, case, case.samples[0].at_us)
    assert (window.samples, window.complete) == (case.samples, False)
    assert judge(US, window.case).failed == ("hour_slots",)


@pytest.mark.parametrize(
    ("criterion", "case", "opened_at_us", "expected"),
    [
        (CZ, line(-110, -95, -80, -65, -50, -35, -20), NOON_US, [-95, -80, -65, -50, -35, -20]),
        (CZ, line(-75, -60, -45, -30, -15, 0), NOON_US, None),
        (CZ, line(-76, -61, -46, -31, -16, -1), NOON_US, [-76, -61, -46, -31, -16, -1]),
        (CZ, line(), NOON_US, None),
        (SHORT, line(-3, -2, -1, 0), NOON_US, [-3, -2, -1]),
        (SHORT, line(-2, -1, 0), NOON_US, None),
    ],
)
def test_the_last_complete_campaign_before_the_complaint(
    criterion: Criterion, case: Case, opened_at_us: int, expected: list[int] | None
) -> None:
    """It ends before the complaint, or there is none."""
    window = before(criterion, case, opened_at_us)
    assert (None if window is None else minutes_of(window.case)) == expected


def test_the_last_complete_week_before_the_complaint() -> None:
    """Seven whole dates, the latest there are."""
    case = evenings("2025-05-05", 10)
    window = before(US, case, case.samples[57].at_us)
    assert window is not None
    assert window.samples == case.samples[12:54]


@given(
    st.lists(st.sampled_from([5, 15, 18, 20]), min_size=11, max_size=11),
    st.lists(st.integers(0, 100), min_size=12, max_size=12),
    st.permutations(range(12)),
)
def test_results_and_order_do_not_move_the_window(gaps_min: list[int], rates: list[int], order: list[int]) -> None:
    """The window of the same moments is the same whatever was measured in them and however it arrived."""
    plain = line(*accumulate(gaps_min, initial=0))
    measured = [replace(one, rate_bps=rate) for one, rate in zip(plain.samples, rates, strict=True)]
    one = campaign(CZ, plain, NOON_US)
    other = campaign(CZ, replace(plain, samples=tuple(measured[n] for n in order)), NOON_US)
    assert minutes_of(one.case) == sorted(minutes_of(other.case))
    assert (one.complete, one.starts_tried) == (other.complete, other.starts_tried)


def test_of_fixed_campaigns_the_first_complete_one_is_judged() -> None:
    """An incomplete one is passed over, and what follows the complete one is not looked at."""
    short, whole, later = (line(*minutes).samples for minutes in ((0, 15), (60, 75, 90, 105, 120, 135), (200,)))
    window, place = fixed(CZ, line(), [short, whole, later])
    assert (window.samples, window.complete, window.starts_tried, place) == (whole, True, 2, 1)


def test_without_a_complete_one_the_last_is_shown_as_it_is() -> None:
    """It is the one under way."""
    window, place = fixed(CZ, line(), [line(0, 15).samples, line(60).samples])
    assert (minutes_of(window.case), window.complete, window.starts_tried, place) == ([60], False, 2, 1)


def test_a_void_campaign_is_measured_again() -> None:
    """It is shown only if no other is complete, and the first of those; all that were tried are counted."""
    mobile = builtin()["cz-mobile-cert"]
    void, again = (line(*range(first, first + 60, 11)).samples for first in (0, 100))
    window, place = fixed(mobile, line(), [void, again, line(300).samples])
    assert (window.samples, window.complete, window.starts_tried, place) == (void, True, 3, 0)
    assert "location" in judge(mobile, window.case).failed
