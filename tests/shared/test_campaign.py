"""A campaign's record: what it says is read back, and what contradicts itself is refused."""

from dataclasses import replace
from typing import Any

import pytest

from shared.campaign import LATE_US, Campaign, read_campaign, stopped
from shared.errors import Malformed
from shared.record import End, Record, read_record, write_record
from shared.strictjson import JsonObject

HOUR_US = 3_600_000_000
PLANNED = Campaign(
    id="cz-fixed-cert.1",
    number=1,
    criterion="cz-fixed-cert",
    version="1",
    sha256="a" * 64,
    directions=("down", "up"),
    plan="evidence",
    time_zone="Europe/Prague",
    from_us=HOUR_US,
    until_us=3 * HOUR_US,
    starts_us=(HOUR_US, 2 * HOUR_US),
)


def record_of(members: JsonObject) -> Record:
    """The members as a record that was signed."""
    return read_record(write_record(members | {"seq": 7, "wall_us": 5, "mono_us": 5})[:-1])


@pytest.mark.parametrize("campaign", [PLANNED, replace(PLANNED, quiet=((1320, 360), (720, 780)))])
def test_what_is_written_is_read_back(campaign: Campaign) -> None:
    """Every member survives the strict profile."""
    assert read_campaign(record_of(campaign.members())) == campaign


def test_a_start_runs_its_directions_methods() -> None:
    """One after the other, in the order of the directions."""
    assert PLANNED.methods == ("download", "upload")
    assert replace(PLANNED, directions=("round_trip",)).methods == ("latency",)


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "download"},
        {"event": "stop"},
        {"ver": 2},
        {"campaign": ""},
        {"campaign": "a b"},
        {"campaign": "x" * 65},
        {"number": 0},
        {"criterion": 5},
        {"criterion_sha256": "A" * 64},
        {"directions": []},
        {"directions": ["down", "down"]},
        {"directions": ["sideways"]},
        {"starts_us": []},
        {"starts_us": [HOUR_US, HOUR_US + LATE_US]},
        {"starts_us": [2 * HOUR_US, HOUR_US]},
        {"starts_us": [HOUR_US - 1]},
        {"starts_us": [3 * HOUR_US]},
        {"starts_us": "soon"},
        {"late_us": LATE_US + 1},
        {"late_us": -1},
        {"from_us": "now"},
        {"quiet": [1]},
        {"quiet": [0, 1441]},
    ],
)
def test_what_contradicts_itself_is_no_campaign(changed: dict[str, Any]) -> None:
    """A plan that cannot have been meant plans nothing."""
    with pytest.raises(Malformed):
        read_campaign(record_of(PLANNED.members() | changed))


def test_giving_up_is_another_record() -> None:
    """It names the campaign and is no start."""
    told = stopped("cz-fixed-cert.1")
    assert (told["event"], told["campaign"], told["end"]) == ("stop", "cz-fixed-cert.1", End.OK)
    with pytest.raises(Malformed, match="not the start"):
        read_campaign(record_of(told))


@pytest.mark.parametrize(
    ("direction", "k", "at_us", "is_planned"),
    [
        ("down", 0, HOUR_US, True),
        ("up", 1, 2 * HOUR_US + LATE_US, True),
        ("down", 0, HOUR_US - 1, False),
        ("down", 0, HOUR_US + LATE_US + 1, False),
        ("round_trip", 0, HOUR_US, False),
        ("down", 2, HOUR_US, False),
        ("down", -1, 2 * HOUR_US, False),
    ],
)
def test_a_test_is_the_planned_one_or_is_told_why_not(direction: str, k: int, at_us: int, is_planned: bool) -> None:
    """Direction, number and moment, the tolerance included and no microsecond more."""
    assert (PLANNED.objection(direction, k, at_us) is None) is is_planned
