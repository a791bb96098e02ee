"""What a report says: everything of the case, in words of the page, for whoever decides."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.report.about import LIMITS
from collector.report.blocks import Banner, Block, Bullets, Facts, Heading, Picture, Quote, Table, Text
from collector.report.content import Report, report_of
from collector.report.figures import directions
from collector.report.told import Attachment, Seen, Signing, Told
from collector.view import (
    AlarmRow,
    CaseView,
    ComplaintRow,
    Counts,
    DelayRow,
    DeviceRow,
    FindingView,
    GapRow,
    OmissionView,
    RecordRow,
    RemovedRow,
    RevokedView,
    TransfersView,
    UndeliveredRow,
    VerdictView,
)
from collector.web.figure import figures_of

HOUR_US, NOON_US, DEV = 3_600_000_000, 1_795_345_500_000_000, "3f9a1c07" * 8
ROW = RecordRow(
    "signed", DEV, 1, 1, NOON_US, "download", "down", "ok", 8_400_000, None, None, 10_500_000, 10_000_000, None, None, None, (), "mobile"
)  # fmt: skip
FINDING = FindingView(
    "down", "substantiated", ("recurring",), (), 18, ((3, "flaw: wifi"), (4, "by_hand")),
    ("count: holds: 18 downloads counted, at least 6 needed.", "recurring: met: 5 of 18 were below."),
    ("Chance alone: one in a hundred.",), NOON_US - 9 * HOUR_US, NOON_US, 4,
)  # fmt: skip
VERDICT = VerdictView(
    "cz-mobile-cert", "1", "in_force", "signed", "substantiated", "This would meet rule X.", (FINDING,), "ab" * 32
)
CASE = CaseView(
    "line 7", "Europe/Prague", {"down": {"advertised_bps": 40_000_000, "min_bps": 10_000_000}}, NOON_US,
    complaints=(ComplaintRow("Second.", NOON_US, NOON_US, DEV), ComplaintRow("First.", NOON_US - HOUR_US, NOON_US - HOUR_US, DEV)),
    devices=(DeviceRow(DEV, NOON_US - 90 * HOUR_US, frozen=False, batches=3, lost=2),),
    counts={"signed": Counts(ok=3, failed=1, scheduled_slots=9, missing_slots=5)},
    verdicts=(VERDICT,),
)  # fmt: skip
TOLD = Told(
    "5a" * 32, "c0" * 32, "b0" * 32, ("ee" * 32,),
    Seen("log.example.net", 12, "cm9vdA==", "log.example.net+01+AA==", (("witness.example", 1_795_345_000),)),
    None, Signing("9f" * 32, "CN=x", is_own=True, stamped_by=None), (Attachment("evidence.zip", b"x" * 1234, "All of it."),), 20, 20,
    (("cz-mobile-cert", "Czech certified measurement"),),
)  # fmt: skip


def report(case: CaseView = CASE, rows: tuple[RecordRow, ...] = (ROW,), told: Told = TOLD) -> Report:
    """The report on it."""
    return report_of(case, rows, (), told)


def words(blocks: tuple[Block, ...]) -> str:
    """Everything that is said, a line each."""
    said: list[str] = []
    for block in blocks:
        match block:
            case Heading(one) | Text(one) | Picture(_, one):
                said.append(one)
            case Quote(one, source):
                said += [one, source]
            case Banner(_, word, one):
                said += [word, one]
            case Bullets(items):
                said += [" ".join(item) for item in items]
            case Facts(rows):
                said += [": ".join(row) for row in rows]
            case Table(head, rows):
                said += [" | ".join(row) for row in (head, *rows)]
    return "\n".join(said)


@pytest.mark.parametrize(
    "said",
    [
        "Substantiated", "This would meet rule X.", "40 Mbit/s advertised; 10 Mbit/s minimum", "Chance alone: one in a hundred.",
        "✓ 18 downloads counted, at least 6 needed. (count: holds)", "1 measured over Wi-Fi; 1 started by hand",
        "Text of the rule, SHA-256: " + "ab" * 32, "Czech certified measurement (cz-mobile-cert, version 1, in force)",
        "Collector’s key: " + "c0" * 32, "Measurement server’s key: " + "ee" * 32, "Manifest, SHA-256: " + "5a" * 32, "Leaves: 12",
        "witness.example by 2026-11-22 10:56:40 UTC", "evidence.zip | 1,234 | All of it.", "all 20 files", "PAdES-B-B", "Windows tried: 4",
        f"Device {DEV}: enrolled", "2 records lost", *LIMITS,
    ],
)  # fmt: skip
def test_it_says(said: str) -> None:
    """Promise, figures, verdict with limits and errors, keys, log, witnesses, attachments, and what is not shown."""
    assert said in words(report().blocks)


def test_what_was_said_is_in_the_order_of_time() -> None:
    """Complaints and marks of the customer, the oldest first."""
    mark = replace(ROW, method="mark", says="Between.", direction=None, received_us=NOON_US - HOUR_US // 2)
    quotes = [block.words for block in report(rows=(ROW, mark)).blocks if isinstance(block, Quote)]
    assert quotes == ["First.", "Between.", "Second."]


def test_the_pictures_are_those_of_the_page() -> None:
    """A chart in the report is the page's, to the letter."""
    pictures = [block.svg for block in report().blocks if isinstance(block, Picture)]
    assert pictures[0] == figures_of(CASE, (ROW,))[0].wide


def test_what_speaks_against_it_is_said() -> None:
    """Alarms, frozen devices, flaws and what was removed, and a warning at the top."""
    case = replace(
        CASE,
        alarms=(AlarmRow(NOON_US, DEV, 4, "chain_fork"),),
        devices=(replace(CASE.devices[0], frozen=True),),
        removed=(RemovedRow(DEV, 2, 9, 0, 8, NOON_US),),
    )
    said = words(report(case, (replace(ROW, flaws=("wifi",)),)).blocks)
    for told in (
        "may not be whole",
        "Two different batches claim",
        "is frozen",
        "measurements of 2 batches",
        "1 record: measured over Wi-Fi",
    ):
        assert told in said
    assert "Nothing was found" in words(report().blocks)


def test_what_is_gone_late_or_contested_is_said() -> None:
    """Revoked keys with what is contested, gaps, transfers that were never delivered, records that came late."""
    device = replace(CASE.devices[0], revoked=RevokedView(NOON_US, "sold", NOON_US - HOUR_US, 3))
    case = replace(
        CASE,
        devices=(device,),
        omission=OmissionView(16, gaps=(GapRow(DEV, 4, 7, 4, None, NOON_US),)),
        delays=(DelayRow(DEV, 6, NOON_US - 9 * HOUR_US, NOON_US, 8 * HOUR_US),),
        transfers=TransfersView(
            {"overdue": 1}, (UndeliveredRow(DEV, 5, "0" * 32, "ee" * 32, "down", NOON_US - 9, NOON_US, 7, "overdue"),)
        ),
    )
    said = words(report(case).blocks)
    for told in (
        "may not be whole", "revoked", "3 measurements are contested", "4 numbers of starts without a record, in 1 gap",
        "Started, never delivered: 1 transfer", "Came late", "count against whoever complains",
    ):  # fmt: skip
        assert told in said


def test_a_part_and_a_log_that_is_wrong_are_said() -> None:
    """If not all is attached, or nothing is in a log, the report says so and why."""
    said = words(report(told=replace(TOLD, attached=7, seen=None, log_wrong="it forked")).blocks)
    assert "of its 20 files 7 are attached" in said and "--evidence" in said
    assert "contradicts its ledger: it forked" in said
    stamped = Signing("9f" * 32, "CN=Op", is_own=False, stamped_by="https://tsa.example/")
    said = words(report(told=replace(TOLD, signing=stamped)).blocks)
    assert "PAdES-B-T" in said and "https://tsa.example/" in said and "issued by CN=Op" in said


def test_an_empty_case() -> None:
    """A line of which nothing is known has a report that says so."""
    said = words(report(CaseView("x", "Nowhere/None", {}, NOON_US), ()).blocks)
    for told in ("No verdict", "No contract speeds", "No scheduled test", "Nothing has been said"):
        assert told in said
    assert "not known here" in report(CaseView("x", "Nowhere/None", {}, NOON_US), ()).as_of


@given(st.lists(st.integers(1, 90_000_000), min_size=1), st.integers(0, 5), st.integers(0, 5))
def test_figures(rates: list[int], failed: int, by_hand: int) -> None:
    """Tests are counted once each, the slowest is the slowest, what was started by hand or imported is in no figure."""
    rows = [replace(ROW, rate_bps=rate, slot=slot) for slot, rate in enumerate(rates)]
    rows += [replace(ROW, end="failed", rate_bps=None, slot=100_000 + number) for number in range(failed)]
    strays = [replace(ROW, slot=None, rate_bps=1)] * by_hand + [
        replace(ROW, provenance="imported", rate_bps=1)
    ] * by_hand
    (one,) = directions((*rows, *strays), CASE.contract)
    assert (one.tests, one.worked, one.failed) == (len(rows), len(rates), failed)
    assert (one.slowest_bps, one.fastest_bps) == (min(rates), max(rates))
    assert one.below == sum(rate < 10_000_000 for rate in rates)
    assert one.median_bps in rates
