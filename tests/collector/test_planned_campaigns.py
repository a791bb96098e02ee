"""What the probe plans for a rule is what the judge of that rule takes for complete: the two sides agree."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from fakes.campaigns import Line, campaign_of
from fakes.criteria import EVERY_HOUR
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.campaigns import fixed_campaigns
from collector.findings import judge_line
from collector.judge.criterion import Criterion, builtin, load_criterion
from collector.registry import Subscriber
from collector.view import FindingView
from shared.campaign import LATE_US
from shared.criteria.completeness import Condition
from shared.criteria.files import shipped
from shared.sampling import read_rule

MADE_UP = {
    "every-hour": EVERY_HOUR.replace("draft", "facts_only"),
}
TEXTS = {name.removesuffix(".toml"): text for name, text in shipped().items()}
TEXTS |= {name: text.encode() for name, text in MADE_UP.items()}
CRITERIA = {**builtin(), **{name: load_criterion(text, name) for name, text in MADE_UP.items()}}
EVERY = {
    "max_bps": 100_000_000, "normal_bps": 60_000_000, "min_bps": 30_000_000, "advertised_bps": 100_000_000,
    "required_bps": 25_000_000,
}  # fmt: skip
SUBSCRIBER = Subscriber("line-1", "Europe/Prague", "", {"down": EVERY, "up": EVERY, "round_trip": {}}, None, 0)
PRAGUE = ZoneInfo("Europe/Prague")


def finding_of(name: str, from_us: int, key: bytes, late_us: int) -> FindingView:
    """The judge's finding on a campaign that went as planned, but so late."""
    campaign = campaign_of(read_rule(TEXTS[name], name), "Europe/Prague", from_us, key=key)
    line = Line()
    line.fix(campaign)
    line.run(campaign, [{"rate_bps": 1_000_000}] * len(campaign.starts_us), late_us)
    return judge_line(CRITERIA[name], SUBSCRIBER, line.rows, {}, {}, from_us, fixed_campaigns(line.fixed))[0].findings[
        0
    ]


def unmet_of(criterion: Criterion, finding: FindingView) -> set[str]:
    """The completeness conditions that failed; what a test shows of its network is another matter."""
    return {one.name for one in criterion.completeness} & set(finding.failed)


@pytest.mark.parametrize("name", sorted(TEXTS))
@settings(max_examples=12, deadline=None)
@given(
    st.integers(1_767_222_000, 1_827_871_200),  # 2026 and 2027
    st.binary(min_size=4, max_size=4),
    st.integers(0, LATE_US),
)
def test_every_condition_of_the_judge_holds(name: str, begins_s: int, key: bytes, late_us: int) -> None:
    """All tests at their planned moments or so much later: a set the rule judges, whatever was measured."""
    finding = finding_of(name, begins_s * 1_000_000, key, late_us)
    assert unmet_of(CRITERIA[name], finding) == set()
    assert finding.campaign == f"{CRITERIA[name].id}.1"


@pytest.mark.parametrize("first", [(2026, 10, 24), (2026, 10, 25), (2027, 3, 27), (2027, 3, 28)])
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_so_on_days_on_which_the_clocks_are_changed(name: str, first: tuple[int, int, int]) -> None:
    """25 October 2026 has 25 hours in Prague, 28 March 2027 has 23."""
    from_us = int(datetime(*first, tzinfo=PRAGUE).timestamp()) * 1_000_000
    assert unmet_of(CRITERIA[name], finding_of(name, from_us, b"k", LATE_US)) == set()


def test_conditions_are_one_code_on_both_sides() -> None:
    """The judge's conditions are those the planner asks, of one class and read from one row."""
    for name, criterion in builtin().items():
        assert criterion.completeness == read_rule(TEXTS[name], name).completeness
        assert all(isinstance(one, Condition) for one in criterion.completeness)
