"""What is missing is told on the page: the bound, its windows, gaps; and nothing is told of what nobody asked."""

from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from collector.view import CaseView, ComplaintRow, GapRow, OmissionView, WindowRow
from collector.web.missing import MOST_GAPS, interval, lines_of, missing_of
from collector.web.page import render_page
from shared.omission import Bound

MakeCase = Callable[..., CaseView]


def test_the_page_tells_what_is_missing(make_case: MakeCase) -> None:
    """Bound and coverage of each direction, each window, the gaps, forks and tests by hand are there."""
    page = render_page(make_case(), ())
    assert "Downloads slower than 10 Mbit/s or failed" in page
    assert "25 to 41.7 %" in page
    assert "of 24 wanted: 6 shown, 4 missing; coverage 83.3 %" in page
    assert "Slots in which a test failed" in page
    assert "<td>40 to 41</td>" in page
    assert "<td>0, before the first record</td>" in page
    assert "3 numbers of starts without a record, in 2 gaps." in page
    assert "3 tests by hand: listed below, in no statistics." in page
    assert "No two batches contradict each other." in page


def test_forks_are_told(alarmed: CaseView) -> None:
    """Where batches contradict each other the page says how many, and where more is said."""
    page = render_page(alarmed, ())
    assert '1 batch kept aside that did not fit its chain: <a href="#alarms">see above</a>.' in page


def test_a_case_that_does_not_say(make_case: MakeCase) -> None:
    """A case without an account of what is missing has no such part; one of which no slot has ended says so."""
    assert "What is missing" not in render_page(make_case(omission=None), ())
    page = render_page(make_case(omission=OmissionView(16), counts={}), ())
    assert "No slot has ended yet." in page
    assert "No number of a start is without its record." in page
    assert "No test was started by hand." in page


def test_since_the_complaint(make_case: MakeCase) -> None:
    """What was before the day of the first complaint is told apart, if there was anything."""
    case = make_case()
    assert case.omission is not None
    yesterday_us = (case.omission.windows[0].day - 1) * 86_400_000_000
    found = missing_of(replace(case, complaints=(ComplaintRow("slow", 0, yesterday_us, "d"),)))
    assert found is not None
    assert [share.bound for share in found.since_complaint] == [Bound(12, 3, 2), Bound(12, 3, 2), Bound(192, 3, 2)]
    assert "Since the day of the first complaint" in render_page(
        replace(case, complaints=(ComplaintRow("slow", 0, yesterday_us, "d"),)), ()
    )
    earlier = ComplaintRow("slow", 0, 0, "d")
    found = missing_of(replace(case, complaints=(*case.complaints, earlier)))
    assert found is not None
    assert found.since_complaint == ()


def test_only_the_newest_gaps_are_listed(make_case: MakeCase) -> None:
    """A table of thousands helps nobody: the newest are shown, and how many there are."""
    gaps = tuple(GapRow("d" * 64, 2 * n, 2 * n, 1, n, n) for n in range(MOST_GAPS + 7))
    page = render_page(make_case(omission=OmissionView(16, gaps=gaps)), ())
    assert f"These are the newest {MOST_GAPS} of {MOST_GAPS + 7}." in page
    assert "<td>0, before" not in page


@pytest.mark.parametrize(
    ("bound", "words"), [(Bound(3, 1, 0), "33.3 %"), (Bound(4, 1, 1), "25 to 50 %"), (Bound(1, 0, 1), "0 to 100 %")]
)
def test_intervals(bound: Bound, words: str) -> None:
    """Nothing missing is one share, anything missing is two."""
    assert interval(bound) == words


def test_lines(make_case: MakeCase) -> None:
    """The command line says the same in a line for each direction."""
    told = asdict(make_case())["omission"]
    assert list(lines_of(told)) == [
        "downloads slower than 10 Mbit/s or failed: 25 to 41.7 % of 24 wanted (6 shown, 4 missing); the line's own share: above 1.8 % and below 91.7 % (4 days)",
        "uploads slower than 3 Mbit/s or failed: 25 to 41.7 % of 24 wanted (6 shown, 4 missing); the line's own share: above 1.8 % and below 91.7 % (4 days)",
        "slots in which a test failed: 1.5 to 2.7 % of 384 wanted (6 shown, 4 missing)",
        "3 numbers of starts without a record",
    ]
    only = asdict(OmissionView(16, windows=(WindowRow(1, "any", 1, 0, 0),)))
    assert list(lines_of(only)) == ["slots in which a test failed: 0 % of 1 wanted (0 shown, 0 missing)"]


def test_what_follows_for_the_line_itself(make_case: MakeCase) -> None:
    """Of a direction with a promise an interval is told that holds however often one looks; of two days it says little, of sixty much."""
    two = missing_of(make_case())
    assert two is not None
    assert [share.sure for share in two.shares][2] == ""
    days = tuple(WindowRow(day, "down", 6, 3, 1) for day in range(60))
    sixty = missing_of(make_case(omission=OmissionView(16, {"down": 10_000_000}, windows=days)))
    assert sixty is not None
    (share,) = sixty.shares
    assert share.days == 60
    assert 350 < share.above_pm < 500
    assert 666 < share.below_pm < 800
    assert share.sure == f"above {share.above_pm / 10:g} % and below {share.below_pm / 10:g} % (60 days)"
    page = render_page(make_case(omission=OmissionView(16, {"down": 10_000_000}, windows=days)), ())
    assert f"The line’s own share: {share.sure}" in page
    assert "not known yet (1 day)" in render_page(
        make_case(omission=OmissionView(16, {"down": 1}, windows=(WindowRow(1, "down", 1, 0, 1),))), ()
    )
