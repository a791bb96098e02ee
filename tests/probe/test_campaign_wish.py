"""From a wish to a record: with or without an agent at work the same record, once."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from probe.campaign import NAME, NOTHING, RULE, Course, Past, State, read_course, read_kept_rule
from probe.campaign_wish import ASKED, MOST_PAST, NUMBERS, asked, begun, given_up, number_of, planned, read_numbers
from shared import strictjson
from shared.campaign import read_campaign
from shared.criteria.files import shipped
from shared.errors import Malformed
from shared.placing import Bounds
from shared.record import Record
from shared.sampling import read_rule

ZONE = ZoneInfo("Europe/Prague")
NOON_US = int(datetime(2026, 11, 22, 12, tzinfo=ZONE).timestamp()) * 1_000_000
TEXT = shipped()["si-2019.toml"]
RULE_OF = read_rule(TEXT, "si-2019.toml")


def campaign(number: int = 1) -> Course:
    """A campaign of the Slovenian rule."""
    return Course(planned(RULE_OF, ("down",), "evidence", Bounds(ZONE, NOON_US), b"k", "d" * 64, number))


def test_a_wish_becomes_the_record_and_what_is_kept_with_it() -> None:
    """One transaction: the plan is in the chain exactly if the device will follow it."""
    wanted = campaign().campaign
    answer = asked(None, begun(wanted, TEXT, None, None))
    assert answer is not None
    members, keep = answer
    assert read_campaign(Record(b"", members, 0)) == wanted
    assert read_course(keep[NAME]) == campaign()
    assert read_kept_rule(keep[RULE]) == RULE_OF
    assert keep[ASKED] == NOTHING
    assert asked(keep[NAME], keep[ASKED]) is None


def test_a_wish_is_answered_once() -> None:
    """Where the answer is kept and the wish was not cleared, nothing is fixed again."""
    wish = begun(campaign().campaign, TEXT, None, None)
    answer = asked(None, wish)
    assert answer is not None
    assert asked(answer[1][NAME], wish) is None


def test_giving_up_is_a_record_too() -> None:
    """It names the campaign, and from then on there is no start."""
    answer = asked(campaign().write(), given_up(campaign(), NOON_US))
    assert answer is not None
    members, keep = answer
    assert (members["event"], members["campaign"]) == ("stop", campaign().campaign.id)
    course = read_course(keep[NAME])
    assert course is not None
    assert course.stopped_us == NOON_US
    assert asked(keep[NAME], given_up(campaign(), NOON_US)) is None
    assert asked(None, given_up(campaign(), NOON_US)) is None


def test_what_was_tried_before_is_counted() -> None:
    """Campaigns are numbered by rule, and the list of those before goes on."""
    assert number_of("si-2019", None) == 1
    second = begun(campaign(2).campaign, TEXT, campaign(), State.BROKEN)
    answer = asked(campaign().write(), second)
    assert answer is not None
    course = read_course(answer[1][NAME])
    assert course is not None
    assert course.past == (Past(campaign().campaign.id, "si-2019", "broken"),)
    assert (number_of("si-2019", course), number_of("cz-fixed-cert", course)) == (3, 1)
    full = replace(course, past=course.past * MOST_PAST)
    told = strictjson.decode(begun(campaign(3).campaign, TEXT, full, State.STOPPED))["begin"]
    assert isinstance(told, dict)
    assert len(told["past"]) == MOST_PAST  # type: ignore[arg-type]


def test_planning_again_gives_the_same_plan() -> None:
    """Nobody can draw until he likes it; the next number draws anew."""
    assert campaign().campaign == campaign().campaign
    assert campaign().campaign.starts_us != campaign(2).campaign.starts_us


def test_the_id_tells_the_moment_too() -> None:
    """Rule, number and the moment before which nothing starts, in base 36: a lost count makes no second one of a name."""
    rule, number, from_us = campaign().campaign.id.split(".")
    assert (rule, number, int(from_us, 36)) == ("si-2019", "1", NOON_US)
    later = planned(RULE_OF, ("down",), "evidence", Bounds(ZONE, NOON_US + 1), b"k", "d" * 64, 1)
    assert later.id != campaign().campaign.id


def test_what_was_kept_and_cannot_be_read_is_in_no_new_ones_way() -> None:
    """A new campaign takes its place, with the next number; there is nothing to give up."""
    answer = asked(b"{", begun(campaign(3).campaign, TEXT, None, None, b'{"cz-fixed-cert":7,"si-2019":2}'))
    assert answer is not None
    assert read_course(answer[1][NAME]) == campaign(3)
    assert read_numbers(answer[1][NUMBERS]) == {"cz-fixed-cert": 7, "si-2019": 3}
    assert number_of("si-2019", None, answer[1][NUMBERS]) == 4
    assert asked(b"{", given_up(campaign(), NOON_US)) is None


def test_the_count_goes_on_when_the_list_is_cut() -> None:
    """However many campaigns of other rules there were since, and whatever became of the kept numbers."""
    assert number_of("cz-fixed-cert", campaign(2), b'{"cz-fixed-cert":60}') == 61
    assert number_of("si-2019", campaign(2), b"nonsense") == 3
    assert read_numbers(b'{"si-2019":"9"}') == {}


def test_what_cannot_be_read_is_refused() -> None:
    """A wish that says nothing known is not passed over in silence."""
    with pytest.raises(Malformed, match="wish"):
        asked(None, b'{"dance":1}')
