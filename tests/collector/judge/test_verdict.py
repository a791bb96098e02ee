"""One answer from several findings, and the words for it."""

import itertools
from dataclasses import replace

import pytest

from collector.judge.criterion import builtin
from collector.judge.evaluate import judge
from collector.judge.finding import Finding, Verdict
from collector.judge.sample import Case, Contract, Direction, Sample
from collector.judge.verdict import combine, in_words

YES, NO, OPEN, FACTS = (
    Verdict.SUBSTANTIATED,
    Verdict.NOT_SUBSTANTIATED,
    Verdict.INSUFFICIENT,
    Verdict.FACTS_ONLY,
)
MINUTE_US = 60_000_000
NOON_US = 1_744_113_600_000_000


def finding(*rates_mbps: int, direction: Direction = Direction.DOWN) -> Finding:
    """What cz-fixed-cert says of tests a quarter of an hour apart."""
    contract = Contract("Europe/Prague", normal_bps=60_000_000, min_bps=30_000_000)
    samples = tuple(
        Sample(NOON_US + n * 15 * MINUTE_US, direction, rate_bps=rate * 1_000_000, index=n)
        for n, rate in enumerate(rates_mbps)
    )
    return judge(builtin()["cz-fixed-cert"], Case(direction, contract, samples))


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ((), OPEN),
        ((YES,), YES),
        ((NO,), NO),
        ((OPEN,), OPEN),
        ((FACTS,), FACTS),
        ((YES, OPEN), YES),
        ((YES, NO), YES),
        ((OPEN, NO), OPEN),
        ((NO, NO), NO),
        ((FACTS, NO), NO),
        ((FACTS, OPEN, NO, YES), YES),
    ],
)
def test_one_direction_suffices_and_doubt_comes_before_denial(verdicts: tuple[Verdict, ...], expected: Verdict) -> None:
    """Substantiated if any is, else insufficient if any is, else not; order and facts mean nothing."""
    template = finding()
    for order in itertools.permutations(verdicts):
        assert combine([replace(template, verdict=one) for one in order]) is expected


def test_a_deviation_is_told_with_its_figures_and_its_rule() -> None:
    """The reader sees how many, of what, against which promise, and under which name."""
    one = finding(50, 59, 58, 70, 70, 70)
    words = in_words(one.verdict, [one])
    assert "3 of 6 downloads were below the normally available 60 Mbit/s" in words
    assert "at least 3 results" in words
    assert "This would meet rule cz-fixed-cert (recurring)." in words


def test_a_line_that_keeps_its_promise_is_told_too() -> None:
    """Each deviation that is not there is named with its figures."""
    one = finding(70, 70, 70, 70, 70, 70)
    words = in_words(one.verdict, [one])
    assert "0 of 6 downloads were below the minimum 30 Mbit/s" in words
    assert "would not meet rule cz-fixed-cert" in words


def test_what_is_lacking_is_told_for_each_direction() -> None:
    """The customer learns what to measure."""
    down, up = finding(70), finding(70, direction=Direction.UP)
    words = in_words(combine([down, up]), [down, up])
    assert "Downloads: Exactly 6 measurements needed; 1 counted." in words
    assert "Uploads: Exactly 6 measurements needed; 1 counted." in words


@pytest.mark.parametrize("verdict", list(Verdict))
def test_no_wording_claims_more_than_a_rule_says(verdict: Verdict) -> None:
    """Neither "certified" nor "legal proof" is ours to say."""
    words = in_words(verdict, [replace(finding(70), verdict=verdict), finding(1, 1, 1, 1, 1, 1)]).lower()
    assert "certified" not in words
    assert "legal" not in words
    assert "proof" not in words


def test_every_condition_gives_its_reason() -> None:
    """Each name in `met` and `failed`, and each that held, has a line that begins with it."""
    for one in (finding(70), finding(50, 50, 50, 50, 50, 50), finding(20, 70, 70, 70, 70, 70)):
        names = [*(answer.name for answer in one.conditions), *(answer.name for answer in one.deviations)]
        assert [line.partition(":")[0] for line in one.because[: len(names)]] == names
        assert set(one.met) | set(one.failed) <= set(names)


def test_failures_and_what_was_left_out_are_told_beside() -> None:
    """A rule that does not count failures still shows them."""
    contract = Contract("Europe/Prague", advertised_bps=100)
    failed = Sample(NOON_US, Direction.DOWN, failure="eof_error")
    case = Case(Direction.DOWN, contract, (failed, replace(failed, direction=Direction.UP)))
    assert judge(builtin()["cz-mobile-cert"], case).because[-1] == "left out: 1 (not_finished)"
    counted = judge(builtin()["cz-fixed-cert"], case)
    assert counted.because[-1] == "failures: 1 of the 1 counted did not succeed"
