"""A server's keys: who was told one of them can follow it to those that came after, and to no others."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import json_values, key_of_scalar

from shared import strictjson
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage, TwoSuccessors, follow, lineage_of, read_told
from shared.rotation import Whose, make_rotation
from shared.strictjson import Json

KEYS = [key_of_scalar(0x5E4E + number) for number in range(6)]
PUBLIC = [key.public for key in KEYS]
PAST = [(old.public, make_rotation(Whose.COLLECTOR, old, new)) for old, new in itertools.pairwise(KEYS)]
LINES = [line for _, line in PAST]


@given(st.integers(0, 5), st.integers(0, 5), st.randoms(use_true_random=False))
def test_a_told_key_leads_to_the_newest(first: int, last: int, chance: random.Random) -> None:
    """From any key the rotations, in whatever order, lead to the last of them; those of older keys change nothing."""
    lines = LINES[:last]
    chance.shuffle(lines)
    found = follow(PUBLIC[first], lines, Whose.COLLECTOR)
    assert found.keys == tuple(PUBLIC[first : max(first, last) + 1])
    assert found.newest == PUBLIC[max(first, last)]
    assert found.since(PUBLIC[first].key_id) == max(0, last - first)


@given(st.integers(1, 5), st.randoms(use_true_random=False))
def test_a_whole_history(last: int, chance: random.Random) -> None:
    """A history in any order is the chain of keys it was made of; without any one of its rotations it is none."""
    past = PAST[:last]
    chance.shuffle(past)
    found = lineage_of(PUBLIC[last], past, Whose.COLLECTOR)
    assert (found.keys, found.past) == (tuple(PUBLIC[: last + 1]), PAST[:last])
    assert [found.of(key.key_id) for key in PUBLIC[: last + 1]] == PUBLIC[: last + 1]
    if last > 1:
        gap = chance.randrange(1, last)
        with pytest.raises(Malformed, match="do not lead to the one in use"):
            lineage_of(PUBLIC[last], [one for one in PAST[:last] if one != PAST[gap]], Whose.COLLECTOR)


def test_alone() -> None:
    """A key that took nobody's place is the only one of its line, and what another signed is not its."""
    alone = Lineage.alone(PUBLIC[0])
    assert (alone.newest, alone.past, alone.told, alone.since(PUBLIC[0].key_id)) == (PUBLIC[0], [], [], 0)
    assert lineage_of(PUBLIC[0], [], Whose.PORTAL) == alone
    with pytest.raises(Malformed, match=r"signed with another key .*, not with [0-9a-f]{16}…$"):
        alone.of(PUBLIC[1].key_id)
    with pytest.raises(Malformed, match="or one of the 2 before it"):
        lineage_of(PUBLIC[2], PAST[:2], Whose.COLLECTOR).since(PUBLIC[3].key_id)


def test_two_successors() -> None:
    """A key that named two others is followed to neither, and both are named."""
    other = make_rotation(Whose.COLLECTOR, KEYS[1], KEYS[5])
    with pytest.raises(TwoSuccessors) as raised:
        follow(PUBLIC[0], [*LINES[:2], other], Whose.COLLECTOR)
    assert all(key.key_id[:16] in str(raised.value) for key in (PUBLIC[1], PUBLIC[2], PUBLIC[5]))
    with pytest.raises(TwoSuccessors):
        lineage_of(PUBLIC[2], [*PAST[:2], (PUBLIC[1], other)], Whose.COLLECTOR)
    assert (
        follow(PUBLIC[2], [*LINES[:2], other], Whose.COLLECTOR).newest == PUBLIC[2]
    )  # of a key that was not asked for


def test_no_way_back() -> None:
    """A key that would follow itself, over others, is none to follow."""
    back = make_rotation(Whose.COLLECTOR, KEYS[2], KEYS[0])
    with pytest.raises(Malformed, match="lead back"):
        follow(PUBLIC[0], [*LINES[:2], back], Whose.COLLECTOR)


def test_purpose_is_covered() -> None:
    """A rotation of a key of another purpose leads nowhere."""
    with pytest.raises(Malformed, match="another kind"):
        follow(PUBLIC[0], LINES, Whose.PORTAL)


@given(st.integers(0, 5))
def test_what_is_told_is_read(last: int) -> None:
    """What is told of a line of keys gives the line again."""
    lineage = lineage_of(PUBLIC[last], PAST[:last], Whose.COLLECTOR)
    told: Json = strictjson.decode(strictjson.encode({"told": lineage.told}))["told"]
    assert lineage_of(PUBLIC[last], read_told(told), Whose.COLLECTOR) == lineage


@settings(max_examples=200)
@given(json_values | st.lists(st.fixed_dictionaries({"rotation": json_values, "spki": json_values})))
def test_anything_else_is_malformed(told: Json) -> None:
    """Whatever else is told is refused by name, and never a traceback."""
    try:
        found = read_told(told)
    except Malformed:
        return
    assert all(isinstance(key, PublicKey) for key, _ in found)
