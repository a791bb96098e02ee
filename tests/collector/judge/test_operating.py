"""What a rule does to a line in a known state: the figures shown beside a finding are the rule's own arithmetic, exactly."""

import itertools
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from collector.judge.comparison import Limit, Threshold
from collector.judge.criterion import builtin
from collector.judge.deviation import (
    AnyDeviation,
    BadCount,
    BadRun,
    DaysWithAny,
    Deviation,
    Mean,
    Quantile,
    Share,
    SuccessShare,
)
from collector.judge.evaluate import judge
from collector.judge.operating import NotComputable, Operating, chance, operating, rows_of, tenths
from collector.judge.sample import Case, Contract, Direction, Sample
from collector.judge.tally import Placed, Tally
from shared.criteria.bound import Bound
from shared.criteria.files import shipped
from shared.sampling import asks_of, read_rule

DOWN = (Direction.DOWN,)
ROWS = [
    pytest.param(name, row, id=f"{name}-{row.deviation}-{row.directions[0].value}-{n}")
    for name, rows in operating().items()
    for n, row in enumerate(rows)
]


def sizes_of(name: str) -> tuple[int, ...]:
    """How many tests a rule's smallest complete set has on each date."""
    return asks_of(read_rule(shipped()[f"{name}.toml"], name)).per_date


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_every_figure_is_the_rules_own_arithmetic(name: str, row: Operating) -> None:
    """Computed in fractions from the criterion's row and its smallest complete set, and rounded only then."""
    assert len(row.percent) == len(row.says_percent)
    for direction in row.directions:
        (deviation,) = [one for one in builtin()[name].deviations(direction) if one.name == row.deviation]
        found = [tenths(chance(deviation, sizes_of(name), Fraction(one) / 100)) for one in row.percent]
        assert found == list(row.says_percent)


@pytest.mark.parametrize(("name", "row"), [one for one in ROWS if one.values[1].in_limits])
def test_the_words_of_a_rule_say_the_same(name: str, row: Operating) -> None:
    """Each figure stands in the limits that the rule's file carries, beside the deviation it belongs to."""
    sentences = [one for one in builtin()[name].limits if f"'{row.deviation}'" in one and _says(one, row)]
    assert sentences, f"no sentence of {name} says {row.percent} {row.says_percent}"


def _says(sentence: str, row: Operating) -> bool:
    words = sentence.replace(",", " ").replace(";", " ").replace(":", " ").replace(")", " ").replace("(", " ").split()
    return set(row.says_percent) <= set(words)


def test_every_deviation_has_its_figures_or_a_reason() -> None:
    """Of each rule that judges, each deviation in each direction; runs and means have no exact figure and are not guessed."""
    for name, criterion in builtin().items():
        for direction in criterion.basis:
            told = {row.deviation for row in rows_of(name, direction)}
            for one in criterion.deviations(direction):
                if one.name in told:
                    continue
                with pytest.raises(NotComputable, match=one.name):
                    chance(one, sizes_of(name), Fraction(1, 2))
    assert set(operating()) == {name for name, one in builtin().items() if one.deviation} - {"si-2019"}


def deviation(primitive: Share | DaysWithAny | BadCount | BadRun | Quantile | Mean, op: str = "<") -> Deviation:
    """A made-up deviation whose limit is 10 bit/s."""
    return Deviation("made-up", DOWN, Threshold(op, "bps", None, 0, (), 10), primitive)


@pytest.mark.parametrize("per_date", [(4,), (2, 1, 1), (2, 2)])
@pytest.mark.parametrize(
    "one",
    [
        deviation(Share(Bound("<", 50)), ">="),
        deviation(Share(Bound(">", 75))),
        deviation(BadCount(Bound(">=", 2), None)),
        deviation(DaysWithAny(Bound("<", 2)), ">="),
        deviation(DaysWithAny(Bound("==", 1))),
        deviation(Quantile(5)),
        deviation(Quantile(50), "<="),
        deviation(Quantile(51), ">"),
        deviation(Quantile(95), ">="),
        SuccessShare("made-up", DOWN, Bound("<=", 50)),
    ],
    ids=lambda one: f"{one}"[:40],
)
def test_the_chance_is_that_of_every_set_counted_one_by_one(one: AnyDeviation, per_date: tuple[int, ...]) -> None:
    """All sets of four results are put before the deviation itself, each with its probability."""
    passes = Fraction(1, 3)
    days = [date(2025, 1, 1) + timedelta(days=n) for n, tests in enumerate(per_date) for _ in range(tests)]
    total = Fraction(0)
    for good in itertools.product((True, False), repeat=len(days)):
        tally = Tally(
            Direction.DOWN, tuple(_placed(one, n, days[n], passed=passed) for n, passed in enumerate(good)), (), ()
        )
        case = Case(Direction.DOWN, Contract("UTC"), ())
        if one.answer(tally, case).holds:
            total += passes ** sum(good) * (1 - passes) ** (len(good) - sum(good))
    assert chance(one, per_date, passes) == total


def _placed(one: AnyDeviation, n: int, day: date, *, passed: bool) -> Placed:
    """A result that passes the deviation's limit, or does not; of attempts: one that succeeds, or fails."""
    failure = "eof_error" if isinstance(one, SuccessShare) and not passed else None
    rate_bps = None
    if failure is None:
        limit = Limit(one.threshold.op if isinstance(one, Deviation) else ">=", 1000, "bps", "")
        rate_bps = next(rate for rate in (5, 10, 15) if limit.admits(rate) is passed)
    at_us = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000 + n
    return Placed(Sample(at_us, Direction.DOWN, rate_bps=rate_bps, failure=failure), day, 0)


@pytest.mark.parametrize(
    "primitive",
    [BadRun(Bound(">", 60)), Mean(), BadCount(Bound(">=", 2), Bound("<=", 60))],
    ids=["run", "mean", "span"],
)
def test_what_hangs_on_more_than_a_share_is_not_guessed(primitive: BadRun | Mean | BadCount) -> None:
    """Runs need minutes, means need rates, counts within a span need moments: no figure, and the deviation is named."""
    with pytest.raises(NotComputable, match="made-up"):
        chance(deviation(primitive), (6,), Fraction(1, 2))
    with pytest.raises(NotComputable, match="Quantile"):
        chance(deviation(Quantile(50), "=="), (6,), Fraction(1, 2))


@pytest.mark.parametrize(
    ("of", "words"), [((0, 1), "0.0"), ((1, 1), "100.0"), ((1, 2000), "0.1"), ((1, 2001), "0.0"), ((1, 3), "33.3")]
)
def test_a_tenth_is_rounded_once(of: tuple[int, int], words: str) -> None:
    """Halves go up; nothing is computed in floats."""
    assert tenths(Fraction(*of)) == words


def test_a_finding_carries_the_rows_of_its_direction() -> None:
    """A finding on round trips tells of the delay, one on uploads of the uploads' share; an unknown rule has none."""
    lost = Case(Direction.ROUND_TRIP, Contract("Europe/Rome", max_delay_us=1), ())
    assert {row.deviation for row in judge(builtin()["it-nemesys"], lost).operating} == {"q95_delay"}
    up = judge(builtin()["in-trai-2012"], Case(Direction.UP, Contract("Asia/Kolkata"), ()))
    assert up.as_json()["operating"] == [
        {
            "deviation": "attempts",
            "state": "so often an upload succeeds",
            "percent": ["95", "90", "85", "80"],
            "says_percent": ["0.3", "4.3", "17.0", "37.0"],
        }
    ]
    assert rows_of("made-up", Direction.DOWN) == ()
