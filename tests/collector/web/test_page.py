"""The page holds everything of a case, escaped, well formed, and in an order that can be read aloud."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.view import (
    AlarmRow,
    CaseView,
    ComplaintRow,
    Counts,
    DeviceRow,
    FindingView,
    GradeCount,
    Provenance,
    RecordRow,
    VerdictName,
    VerdictView,
)
from collector.web.page import (
    CONTENT_SECURITY_POLICY,
    MOST_RECORDS,
    SubscriberLine,
    render_error,
    render_list,
    render_page,
)
from collector.web.vocabulary import ONE_SIDED, TALLIES, VERDICTS
from shared.failure import IN_WORDS, Failure
from shared.grade import Reason
from shared.record import End

MakeRow = Callable[..., RecordRow]
MakeCase = Callable[..., CaseView]
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}&amp;\u202e\x07"
NOON_US = 1_795_345_500_000_000
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Outline(HTMLParser):
    """Reads a document strictly, every element closed in turn; keeps ids, references, headings and text."""

    def __init__(self, document: str) -> None:
        """Read the whole document."""
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.headings: list[int] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element and keep what it says of itself."""
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append(name)
            if name == "id":
                self.ids.append(value or "")
            if name in {"aria-labelledby", "aria-describedby"}:
                self.references += (value or "").split()
            if name == "href":
                self.links.append(value or "")
        assert len({name for name, _ in attrs}) == len(attrs)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself, as in a picture."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the element that is open."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the text that people see."""
        if self.open and self.open[-1] not in {"style", "title", "desc"}:
            self.text += data


def checked(document: str) -> Outline:
    """The outline of a page that is well formed, names its parts uniquely, and has its headings in order."""
    page = Outline(document)
    assert document.startswith("<!doctype html>")
    assert len(page.ids) == len(set(page.ids))
    assert set(page.references) <= set(page.ids)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(page.headings))
    assert not {"script", "iframe", "object", "form", "img"} & set(page.tags)
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]
    assert page.tags.count("main") == 1
    return page


def test_a_full_case_is_a_sound_page(alarmed: CaseView, rows: tuple[RecordRow, ...]) -> None:
    """A case with something of everything is well formed, with its parts in the order an agent needs."""
    page = checked(render_page(alarmed, rows))
    parts = [
        "Příklad č. 7",
        "Attention: these records may not be whole",
        "Verdict",
        "In the customer’s words",
        "Over time",
        "Imported, unsigned",
        "Measurements so far",
        "Records",
        "Devices",
    ]
    places = [page.text.index(part) for part in parts]
    assert places == sorted(places)
    assert page.ids[:3] == ["alarms", "verdict", "complaints"]


def test_a_case_with_nothing_is_a_sound_page() -> None:
    """Before anything has happened the page says so in each of its parts."""
    page = checked(render_page(CaseView("S-1", "Europe/Prague", {}, NOON_US), ()))
    for words in (
        "No verdict yet",
        "Nothing has been received yet",
        "No complaint has been filed",
        "no downloads yet",
    ):
        assert words in page.text
    assert "Attention" not in page.text


@pytest.mark.parametrize("verdict", get_args(VerdictName))
def test_every_verdict_is_said_in_words(make_case: MakeCase, verdict: VerdictName) -> None:
    """Each verdict stands on the page in plain words with its reasons."""
    case = make_case()
    view = replace(case.verdicts[0], verdict=verdict)
    text = checked(render_page(replace(case, verdicts=(view,)), ())).text
    assert VERDICTS[verdict] in text
    assert view.words in text
    for finding in view.findings:
        reasons = tuple(line.split(": ", 2)[2] for line in finding.because)
        assert all(line in text for line in (*reasons, *finding.limits, *finding.met))
    assert text.count("What this does not show") == 1
    assert "20 Nov 2026, 00:05 to 22 Nov 2026, 10:05 (Europe/Prague)" in text
    assert "2 measured in the other direction; 1 measured over Wi-Fi; 1 not started, the battery was low" in text


@pytest.mark.parametrize("provenance", get_args(Provenance))
def test_an_imported_verdict_never_takes_the_signed_place(make_case: MakeCase, provenance: Provenance) -> None:
    """A verdict over imported measurements stands under its own label and leaves the first place empty."""
    case = make_case()
    view = replace(case.verdicts[0], provenance=provenance)
    text = checked(render_page(replace(case, verdicts=(view,)), ())).text
    assert ("No verdict yet" in text) == (provenance == "imported")
    assert ("Nobody signed it" in text) == (provenance == "imported")


def test_a_finding_without_a_window_says_so(alarmed: CaseView) -> None:
    """Where no campaign was complete the page does not make up a window."""
    text = checked(render_page(alarmed, ())).text
    assert "none complete" in text
    assert "count, same day" in text


def test_the_judge_s_reasons_are_marked_and_told_once(make_case: MakeCase) -> None:
    """A reason in the judge's form shows its sign and outcome; what was left out is told in words only."""
    case = make_case()
    lines = (
        "same_day: fails: two days, needs one.",
        "failures: 1 of the 6 counted",
        "left out: 1 (flaw: wifi)",
    )
    finding = replace(case.verdicts[0].findings[0], because=lines)
    text = checked(render_page(replace(case, verdicts=(replace(case.verdicts[0], findings=(finding,)),)), ())).text
    assert "✗two days, needs one. (same day: fails)" in text
    assert "failures: 1 of the 6 counted" in text
    assert "(flaw: wifi)" not in text


def test_what_was_before_the_complaint_only_compares(make_case: MakeCase) -> None:
    """A finding over the time before the complaint is shown beside the verdict, said to decide nothing."""
    case = make_case()
    after, before = (replace(case.verdicts[0].findings[0], phase=phase) for phase in ("after", "before"))
    text = checked(render_page(replace(case, verdicts=(replace(case.verdicts[0], findings=(after, before)),)), ())).text
    assert "Download, since the complaint: substantiated" in text
    assert "before the complaint For comparison only; it decides nothing. Download, before" in text


@pytest.mark.parametrize("end", list(End))
def test_every_end_makes_a_row(make_case: MakeCase, make_row: MakeRow, end: End) -> None:
    """A record of each outcome is listed, with its device and number."""
    text = checked(render_page(make_case(), [make_row(end=end.value, seq=4711)])).text
    assert "3f9a1c07 4711" in text


@pytest.mark.parametrize("failure", list(Failure))
def test_every_failure_is_listed_in_words(make_case: MakeCase, make_row: MakeRow, failure: Failure) -> None:
    """A failed record says what happened and not the name of a code."""
    row = make_row(end="failed", failure=failure.value, stage="connect", received_bytes=None)
    text = checked(render_page(make_case(), [row])).text
    assert f"failed while connecting: {IN_WORDS[failure]}" in text
    assert "_" not in text


def test_counts_are_shown_with_what_they_mean(make_case: MakeCase) -> None:
    """Each count has a label and a sentence; missing slots say of how many."""
    text = checked(render_page(make_case(), ())).text
    assert all(tally.meaning in text for tally in TALLIES)
    assert "Missing 11 of 140 scheduled" in text
    assert {tally.field for tally in TALLIES} | {"scheduled_slots"} == {field.name for field in fields(Counts)}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_grade_is_listed_in_words(make_case: MakeCase, make_row: MakeRow, reason: Reason) -> None:
    """A transfer that only the device vouches for says so and why; one that both ends signed says that."""
    case = make_case(grades=(GradeCount("down", "counter_signed", None, 1), GradeCount("down", "one_sided", reason, 1)))
    rows = [make_row(grade="one_sided", grade_reason=reason.value), make_row(seq=2, grade="counter_signed")]
    text = checked(render_page(case, rows)).text
    assert f"signed by the device only, scheduled ({ONE_SIDED[reason]})" in text
    assert "signed by both ends, scheduled 3f9a1c07" in text
    assert "Signed by both ends, device and measurement server: 1 of 2 transfers." in text
    assert "_" not in text


def test_only_the_newest_records_are_listed(make_case: MakeCase, make_row: MakeRow) -> None:
    """Of ten thousand records the newest are listed, in order, and how many there are is said."""
    rows = [make_row(seq=n, at_us=NOON_US - n * 600_000_000, rate_bps=n * 7919) for n in range(10_000)]
    document = render_page(make_case(), rows)
    page = checked(document)
    assert "The newest 200 of 10,000 records" in page.text
    listed = [int(found) for found in re.findall(r"3f9a1c07 (\d+) ", page.text)]
    assert listed == list(range(MOST_RECORDS))
    assert len(document) < 1_000_000


def test_a_complaint_that_was_late_shows_both_times(make_case: MakeCase) -> None:
    """What the device's clock said and when it arrived are both told when they differ."""
    late = ComplaintRow("slow", NOON_US - 3_600_000_000, NOON_US, "d")
    prompt = replace(late, said_us=NOON_US)
    zone = "(Europe/Prague)"
    both = f"Said 22 Nov 2026, 11:05 {zone} by the device’s clock, received 22 Nov 2026, 12:05 {zone}"
    assert both in checked(render_page(make_case(complaints=(late,)), ())).text
    assert "received 22 Nov" not in checked(render_page(make_case(complaints=(prompt,)), ())).text


def test_an_unknown_zone_is_said(make_case: MakeCase) -> None:
    """Times in a zone nobody knows are given in UTC and the page says so."""
    text = checked(render_page(make_case(time_zone="Mars/Olympus"), ())).text
    assert "11:05 (UTC). The time zone “Mars/Olympus” is not known here" in text


def hostile_case() -> CaseView:
    """A case whose every text tries to break out of the page."""
    finding = FindingView(
        HOSTILE,
        "substantiated",
        (HOSTILE,),
        (HOSTILE,),
        1,
        ((0, HOSTILE), (1, f"flaw: {HOSTILE}")),
        (HOSTILE,),
        (HOSTILE,),
        NOON_US,
        NOON_US,
        1,
    )
    verdict = VerdictView(HOSTILE, HOSTILE, HOSTILE, "signed", "substantiated", HOSTILE, (finding,))
    return CaseView(
        subscriber=HOSTILE,
        time_zone=HOSTILE,
        contract={HOSTILE: {HOSTILE: 1}, "down": {f"{HOSTILE}_bps": 5_000_000}},
        as_of_us=NOON_US,
        complaints=(ComplaintRow(HOSTILE, NOON_US, NOON_US, HOSTILE),),
        devices=(DeviceRow(HOSTILE, NOON_US, frozen=True, batches=1, lost=1),),
        alarms=(AlarmRow(NOON_US, HOSTILE, 1, HOSTILE),),
        counts={HOSTILE: Counts(), "signed": Counts()},
        verdicts=(verdict, replace(verdict, provenance="imported")),
    )


def test_hostile_text_stays_text(make_row: MakeRow) -> None:
    """No text of a case becomes markup, script or template, wherever it stands."""
    texts = dict.fromkeys(("dev", "method", "direction", "failure", "stage", "reason", "network_type"), HOSTILE)
    rows = [make_row(**texts, flaws=(HOSTILE,), end=end) for end in (*End, HOSTILE)]
    document = render_page(hostile_case(), rows)
    page = checked(document)
    assert "<script" not in document
    assert "onerror=alert(2)>{{ 7*7 }}" in page.text
    assert page.text.count(HOSTILE[:20]) > 20


def test_hostile_text_stays_text_in_the_other_pages() -> None:
    """The list and the error page escape as well, and a link cannot leave its path."""
    page = checked(render_list([SubscriberLine(HOSTILE), SubscriberLine("a/b?c#d", "substantiated", "imported")]))
    assert all(re.fullmatch(r"data:,|/fleet|/cells|/subscriber/[\w%.~-]+", link) for link in page.links)
    assert "/subscriber/a%2Fb%3Fc%23d" in page.links
    assert HOSTILE[:20] in checked(render_error(404, HOSTILE, HOSTILE)).text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.integers(-(2**53), 2**53), st.integers(-(2**53), 2**53))
def test_any_text_and_any_number_make_a_page(
    make_row: MakeRow, make_case: MakeCase, text: str, at_us: int, n: int
) -> None:
    """Nothing that a device can say breaks the page, and the page can always be sent as UTF-8."""
    row = make_row(at_us=at_us, rate_bps=n, method=text, dev=text)
    failed = replace(row, end="failed", failure=text, received_bytes=abs(n))
    complaint = ComplaintRow(text, at_us, n, text)
    checked(render_page(make_case(complaints=(complaint,), as_of_us=n, subscriber=text), [row, failed])).text.encode()


def test_half_a_surrogate_pair_is_replaced(make_case: MakeCase) -> None:
    """Text that UTF-8 cannot spell does not stop the page."""
    assert "slow ? here" in render_page(make_case(complaints=(ComplaintRow("slow \ud800 here", 1, 1, "d"),)), ())


def test_the_policy_allows_the_one_style_sheet_and_nothing_else(make_case: MakeCase) -> None:
    """The hash in the policy is that of the page's style sheet; no source but data: pictures is allowed."""
    for document in (render_page(make_case(), ()), render_list(()), render_error(500, "Sorry", "")):
        (css,) = re.findall(r"<style>(.*?)</style>", document, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
        assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; ")
        assert "url(" not in css
        assert "http" not in re.sub("http-equiv", "", document)


def test_the_list_shows_verdicts_and_counts() -> None:
    """Each subscriber has a link, his latest verdict with its provenance, and his counts."""
    lines = [
        SubscriberLine(
            "A-1", "substantiated", "signed", Counts(ok=1200, failed=2, scheduled_slots=96, missing_slots=3)
        ),
        SubscriberLine("B-2"),
        SubscriberLine("C-3", "facts_only", "imported"),
    ]
    page = checked(render_list(lines))
    assert page.links[1:] == ["/fleet", "/cells", "/subscriber/A-1", "/subscriber/B-2", "/subscriber/C-3"]
    assert "A-1 Substantiated 1,200 2 3 of 96" in page.text
    assert "B-2 on its page" in page.text
    assert "C-3 Facts only, no verdict imported, unsigned" in page.text
    assert "No subscriber has been added yet" in checked(render_list(())).text


def test_an_error_says_what_and_why() -> None:
    """An error page has its status, a title and a detail."""
    text = checked(render_error(404, "No such subscriber", "There is no subscriber S-9.")).text
    assert "404 No such subscriber There is no subscriber S-9." in text
