"""What holds for every set of measurements, whatever the rule."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judge.criterion import builtin
from collector.judge.errors import CaseError
from collector.judge.evaluate import judge
from collector.judge.finding import Verdict
from collector.judge.sample import Case, Contract, Direction, Sample, Signal, read_case

START_US = 1_746_484_800_000_000  # 2025-05-05T18:00 in New York
CONTRACT = Contract("America/New_York", max_bps=100, normal_bps=80, min_bps=40, advertised_bps=100, required_bps=100)
RULES = sorted(builtin())
JUDGING = [name for name in RULES if builtin()[name].status != "facts_only"]
EXACT = {"cz-fixed-cert": (6, 900), "cz-mobile-cert": (6, 600), "si-2019": (5, 3600)}
_HOME: dict[str, Any] = {
    "network_type": "mobile",
    "sim_mccmnc": "23001",
    "net_mccmnc": "23001",
    "located": True,
}

outcomes: st.SearchStrategy[Mapping[str, Any]] = st.one_of(
    st.builds(lambda rate: {"rate_bps": rate}, st.sampled_from([0, 24, 25, 39, 40, 79, 80, 90, 100])),
    st.just({"failure": "eof_error"}),
    st.just({"failure": "eof_error", "rate_bps": 90}),
    st.sampled_from([{"not_started": "battery_low"}, {"not_started": "cross_traffic"}]),
)
samples = st.builds(
    lambda at_min, direction, flaws, outcome, rsrp_dbm: Sample(
        START_US + at_min * 60_000_000,
        direction,
        flaws=flaws,
        signals=(Signal("lte", 6300, rsrp_dbm),),
        **_HOME,
        **outcome,
    ),
    st.integers(0, 20).map(lambda n: n * 15),
    st.sampled_from([Direction.DOWN, Direction.DOWN, Direction.DOWN, Direction.UP]),
    st.sampled_from([(), (), (), ("wifi",)]),
    outcomes,
    st.sampled_from([-100, -110, None]),
)
lines = st.lists(samples, max_size=12)


def case(line: list[Sample]) -> Case:
    """The downloads of a line, its samples numbered as they come."""
    return Case(Direction.DOWN, CONTRACT, tuple(replace(one, index=n) for n, one in enumerate(line)))


def campaign(rule: str) -> st.SearchStrategy[list[Sample]]:
    """Complete campaigns of a rule with an exact count, whatever they measured."""
    n, gap_s = EXACT[rule]
    moments = [START_US - 6 * 3_600_000_000 + k * gap_s * 1_000_000 for k in range(n)]
    rates = st.lists(st.sampled_from([0, 24, 25, 39, 40, 79, 80, 100]), min_size=n, max_size=n)
    return rates.map(
        lambda values: [
            Sample(at_us, Direction.DOWN, rate_bps=value, signals=(Signal("lte", 6300, -90),), **_HOME)
            for at_us, value in zip(moments, values, strict=True)
        ]
    )


def said(rule: str, line: list[Sample]) -> tuple[Verdict, tuple[str, ...], tuple[str, ...], int]:
    """Verdict, met, failed and the number counted."""
    finding = judge(builtin()[rule], case(line))
    return finding.verdict, finding.met, finding.failed, finding.samples_used


@pytest.mark.parametrize("rule", RULES)
@given(lines, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(rule: str, line: list[Sample], chance: Any) -> None:
    """Same verdict, same names, same measurements left out (of equal ones any)."""
    shuffled = list(line)
    chance.shuffle(shuffled)
    one, other = judge(builtin()[rule], case(line)), judge(builtin()[rule], case(shuffled))
    assert (one.verdict, one.conditions, one.deviations) == (
        other.verdict,
        other.conditions,
        other.deviations,
    )

    def rejected(finding: Any, of: list[Sample]) -> list[tuple[str, str]]:
        return sorted((repr(of[each.index]), each.reason) for each in finding.samples_rejected)

    assert rejected(one, line) == rejected(other, shuffled)


@pytest.mark.parametrize("rule", RULES)
@given(lines, samples, st.integers(0, 12))
def test_what_takes_no_part_changes_nothing(rule: str, line: list[Sample], more: Sample, at: int) -> None:
    """Another direction, and what a low battery kept from starting, leave the finding as it was."""
    other_way = replace(more, direction=Direction.UP)
    never_ran = replace(more, rate_bps=None, failure=None, not_started="battery_low")
    for one in (other_way, never_ran):
        assert said(rule, [*line[:at], one, *line[at:]]) == said(rule, line)


@pytest.mark.parametrize("rule", RULES)
@given(lines, st.data())
def test_sending_twice_changes_nothing(rule: str, line: list[Sample], data: st.DataObject) -> None:
    """A copy is the measurement it copies."""
    copies = data.draw(st.lists(st.sampled_from(line), max_size=4)) if line else []
    assert said(rule, [*line, *copies]) == said(rule, line)


@pytest.mark.parametrize("rule", sorted(EXACT))
@given(st.data())
def test_leaving_a_measurement_out_never_helps(rule: str, data: st.DataObject) -> None:
    """A complete campaign less one is insufficient evidence, whatever it said before."""
    line = data.draw(campaign(rule))
    assert said(rule, line)[0] is not Verdict.INSUFFICIENT
    gone = data.draw(st.integers(0, len(line) - 1))
    verdict, met, failed, _ = said(rule, line[:gone] + line[gone + 1 :])
    assert (verdict, met) == (Verdict.INSUFFICIENT, ())
    assert "count" in failed


@pytest.mark.parametrize("rule", sorted(EXACT))
@given(st.data())
def test_a_slower_result_never_takes_a_deviation_away(rule: str, data: st.DataObject) -> None:
    """What was met stays met when one download is slower, or fails where failures count."""
    line = data.draw(campaign(rule))
    n = data.draw(st.integers(0, len(line) - 1))
    rate_bps = line[n].rate_bps or 0
    slower = replace(line[n], rate_bps=data.draw(st.integers(0, rate_bps)))
    assert set(said(rule, line)[1]) <= set(said(rule, [*line[:n], slower, *line[n + 1 :]])[1])


@pytest.mark.parametrize("rule", JUDGING)
@given(lines)
def test_a_verdict_follows_from_its_names(rule: str, line: list[Sample]) -> None:
    """Failed means insufficient and nothing judged; met means substantiated; neither means not."""
    verdict, met, failed, _ = said(rule, line)
    expected = Verdict.INSUFFICIENT if failed else Verdict.SUBSTANTIATED if met else Verdict.NOT_SUBSTANTIATED
    assert verdict is expected
    assert not (met and failed)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
names = st.sampled_from(
    [
        "direction",
        "contract",
        "measurements",
        "t",
        "time_zone",
        "rate_bps",
        "failure",
        "flaws",
        "signals",
        "min_bps",
    ]
)
likely = st.sampled_from(["down", "up", "round_trip", "Europe/Prague", "2025-04-08T18:00:00+02:00", 0, 1, "lte"])
values = st.recursive(
    scalars | likely,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=5),
    max_leaves=20,
)
near_cases = st.fixed_dictionaries(
    {
        "direction": likely,
        "contract": st.fixed_dictionaries(
            {"time_zone": st.just("Europe/Prague") | values}, optional={"min_bps": values}
        ),
        "measurements": st.lists(
            st.fixed_dictionaries(
                {"t": likely, "direction": likely},
                optional={
                    "rate_bps": values,
                    "rtt_us": values,
                    "failure": values,
                    "flaws": values,
                    "signals": values,
                },
            ),
            max_size=3,
        )
        | values,
    }
)


@given(values | near_cases)
def test_any_json_value_is_a_case_or_a_case_error(value: object) -> None:
    """Nothing else comes out of the reader, and what it accepts can be judged."""
    with suppress(CaseError):
        found = read_case(value)
        for rule in RULES:
            if found.direction in builtin()[rule].basis:
                assert judge(builtin()[rule], found).criterion == rule
