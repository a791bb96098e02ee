"""What is shown to the judge at all: the same for every rule, and in nobody's hands."""

import dataclasses
from typing import Any

import pytest
from fakes.rules import SHORT
from hypothesis import given
from hypothesis import strategies as st

from collector.findings import judge_line
from collector.judge.criterion import Criterion, load_criterion
from collector.registry import Subscriber
from collector.samples import sift
from collector.view import RecordRow, VerdictView
from shared.slots import SlotPlan

PLAN = SlotPlan(900, 60)
SLOT_US = 900_000_000
FIRST = 2_000_000
CONTRACT = {"down": {"min_bps": 10_000_000, "advertised_bps": 40_000_000}}
LINE = Subscriber("line-1", "Europe/Prague", "short", CONTRACT, None, 0)


@pytest.fixture(scope="module")
def rule() -> Criterion:
    """A rule that names no flaw and knows nothing of slots."""
    return load_criterion(SHORT, "short.toml")


def row(number: int = 0, **changed: Any) -> RecordRow:
    """A scheduled download of 1 Mbit/s in slot `FIRST + number`, received at once."""
    at_us = (FIRST + number) * SLOT_US + 1
    told: dict[str, Any] = {
        "provenance": "signed", "dev": "a" * 64, "seq": number, "slot": FIRST + number, "at_us": at_us,
        "method": "download", "direction": "down", "end": "ok", "rate_bps": 1_000_000, "rtt_us": None, "loss_pm": None,
        "received_bytes": 1, "dur_us": 1, "failure": None, "stage": None, "reason": None, "flaws": (),
        "network_type": "mobile", "received_us": at_us + 1,
    }  # fmt: skip
    return RecordRow(**told | changed)


def verdict_of(rule: Criterion, rows: list[RecordRow]) -> VerdictView:
    """The verdict over signed rows."""
    return judge_line(rule, LINE, rows, {}, {"a" * 64: PLAN}, None)[0]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"slot": None}, "by_hand"),
        ({"end": "aborted"}, "aborted"),
        ({"rate_bps": None}, "no_figure"),
        ({"end": "unknown"}, "no_figure"),
        ({"slot": FIRST + 1}, "slot_mismatch"),
        ({"slot": FIRST - 2}, "slot_mismatch"),
    ],
)
def test_what_no_rule_is_asked_about(rule: Criterion, changed: dict[str, Any], reason: str) -> None:
    """A row that the schedule did not want, or that shows nothing, is left out by name whatever the rule says."""
    rows = [dataclasses.replace(row(0), **changed), row(1), row(2), row(3)]
    verdict = verdict_of(rule, rows)
    assert verdict.findings[0].samples_used == 3
    assert verdict.findings[0].samples_rejected == ((0, reason),)


def test_only_the_first_of_a_slot_counts(rule: Criterion) -> None:
    """Ten tests in one slot are one; another method or device in that slot is another matter."""
    rows = [dataclasses.replace(row(0), seq=number) for number in range(10)]
    rows.append(dataclasses.replace(row(0), dev="b" * 64, seq=99))
    sifted = sift(rows, {}, "signed", {"a" * 64: PLAN, "b" * 64: PLAN})
    assert [sample.index for sample in sifted.samples] == [0, 99]
    assert {one.reason for one in sifted.left_out} == {"slot_repeated"}
    assert verdict_of(rule, rows).verdict == "insufficient_evidence"


def test_the_last_method_of_a_slot_may_begin_in_the_next() -> None:
    """A slot's methods run one after the other, so the last may cross into the slot after it."""
    late = dataclasses.replace(row(0), at_us=(FIRST + 1) * SLOT_US + 5, received_us=(FIRST + 1) * SLOT_US + 6)
    assert len(sift([late], {}, "signed", {"a" * 64: PLAN}).samples) == 1


def test_killing_the_good_tests_wins_nothing(rule: Criterion) -> None:
    """Fast tests cut off while they ran turn a fine line into one with too little evidence, never into a bad one."""
    fast = [dataclasses.replace(row(number), rate_bps=30_000_000) for number in range(12)]
    slow = [row(number) for number in range(12, 15)]
    assert verdict_of(rule, fast + slow).verdict == "not_substantiated"
    killed = [dataclasses.replace(one, end="aborted", rate_bps=None) for one in fast[1:]]
    verdict = verdict_of(rule, [slow[0], *killed, *slow[1:]])
    assert verdict.verdict == "insufficient_evidence"
    assert verdict.findings[0].failed == ("omitted_starts",)
    assert "11 show none" in verdict.words


def test_a_few_cut_off_starts_do_not_save_a_bad_line(rule: Criterion) -> None:
    """Where the rule would be met even with every omitted start as good as promised, it is met."""
    rows = [row(number) for number in range(9)]
    rows[4] = dataclasses.replace(rows[4], end="aborted", rate_bps=None)
    assert verdict_of(rule, rows).verdict == "substantiated"


@pytest.mark.threat("T1")
@given(
    st.lists(st.sampled_from(["slow", "fast", "failed"]), min_size=3, max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_making_results_vanish_never_helps(kinds: list[str], hidden: list[bool]) -> None:
    """Cutting off any of one's own starts never turns another verdict into `substantiated`."""
    made = {
        "slow": {},
        "fast": {"rate_bps": 30_000_000},
        "failed": {"end": "failed", "failure": "generic_timeout_error", "rate_bps": None},
    }
    rows = [dataclasses.replace(row(number), **made[kind]) for number, kind in enumerate(kinds)]
    rule = load_criterion(SHORT, "short.toml")
    honest = verdict_of(rule, rows).verdict
    gone = [
        dataclasses.replace(one, end="aborted", rate_bps=None) if hide else one
        for one, hide in zip(rows, hidden, strict=False)
    ]
    if honest != "substantiated":
        assert verdict_of(rule, gone).verdict != "substantiated"


@pytest.mark.threat("T17")
@given(
    st.lists(st.sampled_from(["slow", "fast", "failed"]), min_size=3, max_size=12),
    st.integers(0, 12),
)
def test_what_a_thief_may_have_made_never_helps(kinds: list[str], since: int) -> None:
    """To have a key called stolen from any moment on never turns another verdict into `substantiated`; nor does it drop a row."""
    made = {
        "slow": {},
        "fast": {"rate_bps": 30_000_000},
        "failed": {"end": "failed", "failure": "generic_timeout_error", "rate_bps": None},
    }
    rows = [dataclasses.replace(row(number), **made[kind]) for number, kind in enumerate(kinds)]
    rule, plans = load_criterion(SHORT, "short.toml"), {"a" * 64: PLAN}
    contested = {"a" * 64: row(since).received_us}
    honest = verdict_of(rule, rows).verdict
    told = judge_line(rule, LINE, rows, {}, plans, None, contested=contested)[0]
    if honest != "substantiated":
        assert told.verdict != "substantiated"
    sifted = sift(rows, {}, "signed", plans, contested=contested)
    assert [one.index for one in sifted.left_out if one.reason == "contested"] == list(
        range(min(since, len(rows)), len(rows))
    )
    assert len(sifted.omitted) + len(sifted.samples) == len(rows)


def test_a_bad_line_whose_probe_was_stolen(rule: Criterion) -> None:
    """What came before the theft stands; a verdict that needs what came after it does not."""
    rows = [row(number) for number in range(9)]

    def told(since: int) -> str:
        contested = {"a" * 64: rows[since].received_us}
        return judge_line(rule, LINE, rows, {}, {"a" * 64: PLAN}, None, contested=contested)[0].verdict

    assert verdict_of(rule, rows).verdict == told(8) == "substantiated"
    assert told(0) == told(2) == "insufficient_evidence"


def test_imported_rows_have_no_slots(rule: Criterion) -> None:
    """A log of others is taken as it is, and stays apart."""
    rows = [dataclasses.replace(row(number), provenance="imported", slot=None, dev="ucc") for number in range(3)]
    signed, imported = judge_line(rule, LINE, rows, {}, {}, None)
    assert (signed.verdict, imported.verdict) == ("insufficient_evidence", "substantiated")
    assert imported.words.startswith("From imported, unsigned measurements")
