"""Every outcome, failure, flaw and reason has words."""

from collections.abc import Callable
from typing import get_args

import pytest

from collector.view import GradeCount, RecordRow, VerdictName
from collector.web import vocabulary, words
from probe.flaws import FLAW_RULES
from shared.failure import IN_WORDS, Failure, Stage
from shared.grade import RECEIVER_LIMITED, Grade, Reason
from shared.record import End

Make = Callable[..., RecordRow]


def test_a_rate_is_the_result_of_a_transfer(make_row: Make) -> None:
    """A download that worked says its speed."""
    assert words.result(make_row()) == "8.4 Mbit/s"


def test_a_latency_says_its_median_and_loss(make_row: Make) -> None:
    """A train of packets says its median and what was lost."""
    row = make_row(method="latency", direction="round_trip", rate_bps=None, rtt_us=41_000, loss_pm=20)
    assert words.result(row) == "41 ms median, 2 % lost"


def test_a_web_object_says_its_time_and_not_a_speed(make_row: Make) -> None:
    """A small object's time is told, because its rate is no measure of a line."""
    assert words.result(make_row(method="fetch", received_bytes=100_000, dur_us=310_000)) == "100 kB in 310 ms"


def test_a_result_without_figures_says_so(make_row: Make) -> None:
    """Nothing is invented for a record that holds no figure."""
    assert words.result(make_row(rate_bps=None, received_bytes=None)) == "worked, without a figure"


def test_a_stall_says_what_had_arrived(make_row: Make) -> None:
    """A transfer that stalled tells the reason and the bytes before it."""
    row = make_row(end="failed", failure="generic_timeout_error", stage="body", received_bytes=1_250_000)
    assert words.result(row) == "failed: nothing came within the waiting time, 1.2 MB had arrived"


@pytest.mark.parametrize("failure", list(Failure))
@pytest.mark.parametrize("stage", [None, *Stage])
def test_every_failure_has_words_at_every_stage(make_row: Make, failure: Failure, stage: Stage | None) -> None:
    """No failure of the closed vocabulary is shown by its code name."""
    row = make_row(end="failed", failure=failure.value, stage=stage, received_bytes=0)
    told = words.result(row)
    assert told.startswith("failed")
    assert told.endswith(f": {IN_WORDS[failure]}, nothing had arrived")
    assert "_" not in told


def test_a_failure_from_the_future_keeps_its_name(make_row: Make) -> None:
    """A name this version does not know is shown, not swallowed."""
    told = words.result(make_row(end="failed", failure="moon_phase_error", stage="launch", received_bytes=None))
    assert told == "failed at launch: something failed that has no name yet (moon phase error)"


@pytest.mark.parametrize("end", list(End))
def test_every_end_has_words(make_row: Make, end: End) -> None:
    """Each way a start can end is told."""
    assert "not known here" not in words.result(make_row(end=end.value))


def test_an_end_from_the_future_is_told(make_row: Make) -> None:
    """An end this version does not know is named as such."""
    assert words.result(make_row(end="paused")) == "ended in a way not known here (paused)"


def test_a_measurement_that_was_held_back_says_why(make_row: Make) -> None:
    """The recorded reason is told; where there is none, that is told."""
    held = make_row(end="not_started", reason="budget_month")
    assert words.result(held) == "not started: monthly data budget used up"
    assert words.result(make_row(end="not_started")) == "not started: no reason was recorded"
    assert words.result(make_row(end="not_started", reason="solar_storm")) == "not started: solar storm"


@pytest.mark.parametrize("verdict", get_args(VerdictName))
def test_every_verdict_has_a_word_and_a_sign(verdict: VerdictName) -> None:
    """No verdict depends on its colour or shows its code name."""
    assert "_" not in vocabulary.VERDICTS[verdict]
    assert vocabulary.SIGNS[verdict]


def test_verdict_signs_differ() -> None:
    """Two verdicts never share a sign."""
    assert len(set(vocabulary.SIGNS.values())) == len(vocabulary.SIGNS)


def test_reasons_left_out_are_counted_together() -> None:
    """What was left out is grouped by reason, the commonest first, in words."""
    rejected = (
        (1, "other_direction"),
        (2, "flaw: wifi"),
        (3, "other_direction"),
        (4, "not_started: battery_low"),
        (5, "new_one"),
    )
    assert words.left_out(rejected) == (
        (2, "measured in the other direction"),
        (1, "measured over Wi-Fi"),
        (1, "new one"),
        (1, "not started, the battery was low"),
    )


def test_contract_values_are_named_and_exact() -> None:
    """Each value of a contract has its name in words, rates in Mbit/s and delays in ms."""
    assert words.promises({"min_bps": 10_500_000, "advertised_bps": 40_000_000}) == (
        ("advertised", "40 Mbit/s"),
        ("minimum", "10.5 Mbit/s"),
    )
    assert words.promises({"max_delay_us": 100_000, "lines": 2}) == (
        ("longest delay", "100 ms"),
        ("lines", "2"),
    )


def test_methods_say_their_direction_only_where_the_name_does_not(make_row: Make) -> None:
    """A download need not be told to go down; a method of unknown name is."""
    assert words.method(make_row()) == "Download"
    assert words.method(make_row(method="other", direction="up")) == "other, upload"


def test_origins_never_blur(make_row: Make) -> None:
    """Signed and imported, scheduled and by hand are told apart on every record."""
    origins = [make_row(), make_row(slot=None), make_row(provenance="imported", slot=None)]
    assert [words.origin(row) for row in origins] == [
        "signed, scheduled",
        "signed, by hand",
        "imported, unsigned",
    ]


def test_who_vouches_for_a_transfer_is_told(make_row: Make) -> None:
    """Signed by both ends and signed by the device only are told apart, with the reason why only the device."""
    both = make_row(grade="counter_signed")
    alone = make_row(grade="one_sided", grade_reason="bytes_apart", slot=None)
    assert [words.origin(row) for row in (both, alone)] == [
        "signed by both ends, scheduled",
        "signed by the device only, by hand",
    ]
    assert [words.one_sided(row) for row in (both, alone, make_row())] == ["", "the server counted another amount", ""]


def test_every_reason_to_be_one_sided_has_words() -> None:
    """Each grade and each reason has words of its own, without a technical name in them."""
    assert set(vocabulary.GRADES) == set(Grade)
    assert set(vocabulary.ONE_SIDED) == set(Reason)
    assert len(set(vocabulary.ONE_SIDED.values())) == len(Reason)
    assert not [told for told in vocabulary.ONE_SIDED.values() if "_" in told or not told]
    assert RECEIVER_LIMITED in vocabulary.FLAWS


def test_grades_are_summed_up() -> None:
    """How many transfers both ends signed is told, and why the others were not, the commonest reason first."""
    both = GradeCount("down", "counter_signed", None, 1200)
    assert words.grades([]) == ""
    assert words.grades([both]) == "Signed by both ends, device and measurement server: 1,200 of 1,200 transfers."
    alone = [
        GradeCount("down", "one_sided", "bytes_apart", 1),
        GradeCount("down", "one_sided", "no_counter_signature", 2),
        GradeCount("up", "one_sided", "no_counter_signature", 3),
        GradeCount("up", "one_sided", "of_the_future", 1),
    ]
    assert words.grades([both, *alone]) == (
        "Signed by both ends, device and measurement server: 1,200 of 1,207 transfers. By the device only: "
        "5 × the server did not sign it; 1 × of the future; 1 × the server counted another amount."
    )


def test_what_cannot_be_printed_is_made_visible() -> None:
    """Control characters and changes of writing direction in a name do not reach the page."""
    assert vocabulary.spelled("a\x00b\u202ec_d") == "a\ufffdb\ufffdc d"


def test_every_flaw_a_probe_may_name_has_words(make_row: Make) -> None:
    """No flaw of the probe's table is shown by its code name."""
    for rule in FLAW_RULES:
        assert "_" not in words.flaws(make_row(flaws=(rule.id,)))
        assert rule.id in vocabulary.FLAWS
