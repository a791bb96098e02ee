"""Hours and trend of a line on its page: of what counts, in the line's own time, in words."""

from collections.abc import Callable
from dataclasses import replace

from collector.view import CaseView, OmissionView, RecordRow, WindowRow
from collector.web.page import render_page
from collector.web.profile import profiles_of

MakeCase = Callable[..., CaseView]
Make = Callable[..., RecordRow]
DAY_US = 86_400_000_000
LEAST = {"down": 10_000_000}


def line(make_row: Make) -> list[RecordRow]:
    """Forty days, at noon and eight hours later, each a little slower than the one before."""
    return [
        replace(make_row(), seq=2 * day + late, slot=2 * day + late, at_us=make_row().at_us + day * DAY_US + late * DAY_US // 3,
                rate_bps=12_000_000 - 40_000 * day - 3_000_000 * late)
        for day in range(40) for late in (0, 1)
    ]  # fmt: skip


def test_hours_trend_and_how_much_it_tells(make_case: MakeCase, make_row: Make) -> None:
    """Each hour of the line's own day with its tests; the trend with how clear it is; so many slots as it is worth."""
    windows = tuple(WindowRow(day, "down", 6, 6 * (day % 2), 0) for day in range(40))
    case = make_case(omission=OmissionView(16, LEAST, windows=windows))
    (profile,) = profiles_of(case, line(make_row))
    assert (profile.label, profile.promise) == ("Downloads", "10 Mbit/s")
    assert [(one.hour, one.n, one.slow) for one in profile.hours] == [("12:00", 40, 0), ("20:00", 40, 40)]
    assert (
        profile.trend
        == "The days’ medians: 1.2 Mbit/s less in 30 days, over 40 days; clear at 1 %, if days do not hang together."
    )
    assert profile.effective == "What is shown (240 slots) tells as much as 39 slots that do not hang together."
    page = render_page(case, line(make_row))
    assert "By the hour, and over the days" in page
    assert "Each hour of the day (Europe/Prague)" in page


def test_only_what_counts(make_case: MakeCase, make_row: Make) -> None:
    """By hand, flawed, imported, of another direction or never run: not there; failed: no speed at all."""
    row = make_row()
    others = [
        replace(row, slot=None), replace(row, flaws=("wifi",)), replace(row, provenance="imported"), replace(row, method="upload"),
        replace(row, end="not_started", rate_bps=None), replace(row, rate_bps=None), replace(row, method="ookla"),
    ]  # fmt: skip
    case = make_case(omission=OmissionView(16, LEAST))
    assert profiles_of(case, others) == ()
    (profile,) = profiles_of(case, [*others, replace(row, end="failed", rate_bps=None)])
    (hour,) = profile.hours
    assert (hour.n, hour.slow, hour.median) == (1, 1, "0 Mbit/s")
    assert profile.trend == "Too few days to see a trend."
    assert profile.effective == ""
    assert "By the hour" not in render_page(case, others)
    assert profiles_of(make_case(omission=None), [row]) == ()
