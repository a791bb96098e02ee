"""Chains: batches in order follow, and any other order, gap or substitute shows."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, Link, chains, ring

from shared.batch import FIRST_PREV, Sealing, open_batch, seal_batch
from shared.chain import START, Head, follow
from shared.errors import ChainFork, ChainGap, Expected
from shared.record import write_record

BODY = seal_batch((write_record({"seq": 0}),), Sealing("agent", 0, "boot", FIRST_PREV, 0, 0, 0, 0), DEVICE)


def walk(bodies: Iterable[bytes]) -> Head:
    """Follow a device's batches from the start."""
    head = START
    for body in bodies:
        opened = open_batch(body, ring(DEVICE))
        head = follow(head, opened.said, opened.pae_sha256)
    return head


def test_start() -> None:
    """A new device's chain waits for batch 0, sequence number 0, and 64 zeros."""
    assert START.expected == Expected(0, 0, FIRST_PREV)


@settings(deadline=None, max_examples=30)
@given(chains())
def test_batches_in_order_follow(links: Sequence[Link]) -> None:
    """A device's batches in order lead to the head after the last."""
    last = links[-1]
    head = walk(link.body for link in links)
    assert head == Head(len(links), last.sealing.last_seq + 1, open_batch(last.body, ring(DEVICE)).pae_sha256)


@settings(deadline=None, max_examples=30)
@given(chains(least=2), st.data())
def test_a_missing_batch_shows(links: Sequence[Link], data: st.DataObject) -> None:
    """A batch taken out of a chain shows at the next; only the last is missed by nobody yet."""
    gone = data.draw(st.integers(0, len(links) - 2))
    with pytest.raises(ChainGap) as refused:
        walk(link.body for number, link in enumerate(links) if number != gone)
    assert refused.value.step == 11
    assert refused.value.expected is not None
    assert refused.value.expected.batch == gone
    assert refused.value.expected.seq == links[gone].sealing.first_seq


@settings(deadline=None, max_examples=30)
@given(chains(least=2), st.data())
def test_swapped_batches_show(links: Sequence[Link], data: st.DataObject) -> None:
    """Two batches swapped do not follow."""
    one = data.draw(st.integers(0, len(links) - 2))
    two = data.draw(st.integers(one + 1, len(links) - 1))
    bodies = [link.body for link in links]
    bodies[one], bodies[two] = bodies[two], bodies[one]
    with pytest.raises(ChainGap):
        walk(bodies)


@settings(deadline=None, max_examples=30)
@given(chains(least=2), st.data())
def test_a_substitute_shows(links: Sequence[Link], data: st.DataObject) -> None:
    """A batch sealed anew by the device itself, one good result left out, is a fork at the batch after it."""
    at = data.draw(st.integers(0, len(links) - 2))
    link = links[at]
    other = (*link.lines[:-1], write_record({"seq": link.sealing.last_seq, "substitute": True}))
    bodies = [link.body for link in links]
    bodies[at] = seal_batch(other, link.sealing, DEVICE)
    with pytest.raises(ChainFork) as refused:
        walk(bodies)
    assert refused.value.step == 12


@settings(deadline=None, max_examples=30)
@given(chains(), st.data())
def test_a_batch_never_follows_twice(links: Sequence[Link], data: st.DataObject) -> None:
    """An accepted batch does not follow again: a repeat must be answered before."""
    head = walk(link.body for link in links)
    again = open_batch(data.draw(st.sampled_from(links)).body, ring(DEVICE))
    with pytest.raises(ChainFork) as refused:
        follow(head, again.said, again.pae_sha256)
    assert (refused.value.step, refused.value.expected) == (11, head.expected)


@pytest.mark.parametrize(
    ("waiting", "error", "step"),
    [
        (Head(1, 3, FIRST_PREV), ChainFork, 11),
        (Head(-1, 0, FIRST_PREV), ChainGap, 11),
        (Head(0, 0, "1" * 64), ChainFork, 12),
        (Head(0, 1, FIRST_PREV), ChainGap, 13),
        (Head(0, -1, FIRST_PREV), ChainGap, 13),
        (Head(1, 1, "1" * 64), ChainFork, 11),
        (Head(0, 1, "1" * 64), ChainFork, 12),
    ],
)
def test_order_of_the_checks(waiting: Head, error: type[ChainFork | ChainGap], step: int) -> None:
    """Number, predecessor and sequence number are looked at in this order; each tells what was expected."""
    said = open_batch(BODY, ring(DEVICE)).said
    with pytest.raises(error) as refused:
        follow(waiting, said, "2" * 64)
    assert refused.value.step == step
    assert refused.value.expected == waiting.expected


def test_lost_numbers_are_used_up() -> None:
    """The next sequence number comes after the lost ones too."""
    opened = open_batch(BODY, ring(DEVICE))
    assert follow(START, replace(opened.said, last_seq=9), opened.pae_sha256) == Head(1, 10, opened.pae_sha256)
