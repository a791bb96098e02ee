"""Amounts carry units, few digits, and never flatter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.web.quantities import (
    counted,
    delay,
    loss,
    promised_delay,
    promised_rate,
    rate,
    span,
    took,
    volume,
)


@pytest.mark.parametrize(
    ("rate_bps", "words"),
    [
        (0, "0 Mbit/s"),
        (999, "under 1 kbit/s"),
        (64_000, "64 kbit/s"),
        (99_999, "99 kbit/s"),
        (100_000, "0.1 Mbit/s"),
        (845_000, "0.84 Mbit/s"),
        (8_400_000, "8.4 Mbit/s"),
        (9_999_999, "9.9 Mbit/s"),
        (10_000_000, "10 Mbit/s"),
        (41_380_000, "41.3 Mbit/s"),
        (186_700_000, "186 Mbit/s"),
        (1_250_000_000, "1,250 Mbit/s"),
    ],
)
def test_a_measured_rate_has_at_most_three_digits_and_is_cut(rate_bps: int, words: str) -> None:
    """A measured rate never reads as more than it was."""
    assert rate(rate_bps) == words


@given(st.integers(0, 2**53 - 1), st.integers(1, 100_000))
def test_a_rate_below_a_whole_promise_never_reads_as_the_promise(rate_bps: int, promise_mbit: int) -> None:
    """What fell short in fact falls short in words."""
    if rate_bps < promise_mbit * 1_000_000:
        assert rate(rate_bps) != promised_rate(promise_mbit * 1_000_000)


@pytest.mark.parametrize(
    ("delay_us", "words"),
    [
        (0, "0 ms"),
        (1, "0.1 ms"),
        (8_410, "8.5 ms"),
        (41_000, "41 ms"),
        (41_001, "42 ms"),
        (3_000_000, "3,000 ms"),
        (12_300_001, "12.4 s"),
    ],
)
def test_a_measured_delay_is_rounded_up(delay_us: int, words: str) -> None:
    """A measured delay never reads as less than it was."""
    assert delay(delay_us) == words


@pytest.mark.parametrize(
    ("rate_bps", "words"),
    [
        (40_000_000, "40 Mbit/s"),
        (1_536_000, "1.536 Mbit/s"),
        (1, "0.000001 Mbit/s"),
        (1_000_000_000, "1,000 Mbit/s"),
    ],
)
def test_a_promised_rate_is_exact(rate_bps: int, words: str) -> None:
    """A contract's value loses no digit."""
    assert promised_rate(rate_bps) == words


def test_a_promised_delay_is_exact() -> None:
    """A contract's delay loses no digit."""
    assert promised_delay(100_000) == "100 ms"
    assert promised_delay(1_250) == "1.25 ms"


@pytest.mark.parametrize(
    ("loss_pm", "words"), [(0, "none lost"), (20, "2 % lost"), (4, "0.4 % lost"), (1000, "100 % lost")]
)
def test_loss_is_a_percentage(loss_pm: int, words: str) -> None:
    """Loss per thousand reads as a percentage."""
    assert loss(loss_pm) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1_250_000, "1.2 MB"),
        (3_000_000_000, "3 GB"),
    ],
)
def test_volumes_are_decimal(size_bytes: int, words: str) -> None:
    """An amount of data is given in the largest decimal unit it fills."""
    assert volume(size_bytes) == words


def test_times_taken_and_spans() -> None:
    """How long something took has units fit for its size."""
    assert [took(840_000), took(3_010_000), took(65_000_000)] == ["840 ms", "3.1 s", "65 s"]
    assert [span(5), span(12 * 60_000_000), span(36 * 3_600_000_000)] == ["1 minute", "12 minutes", "2 days"]


def test_nouns_follow_their_number() -> None:
    """One is one, and none or many are plural."""
    assert [counted(1, "batch", "batches"), counted(0, "batch", "batches"), counted(1200, "download")] == [
        "1 batch",
        "0 batches",
        "1,200 downloads",
    ]
