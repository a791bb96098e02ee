"""A group of leaves at once is the same tree as leaf by leaf, and every proof in it is the RFC's."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.log.growth import Growth
from shared.tree import EMPTY_ROOT, Edge, check_inclusion, inclusion


def leaves_of(begin: int, end: int) -> list[bytes]:
    """Hashes of leaves, told from each other by their numbers."""
    return [hashlib.sha256(b"\0%d" % number).digest() for number in range(begin, end)]


@given(st.integers(0, 300), st.integers(0, 80))
def test_a_group_is_its_leaves(begin: int, more: int) -> None:
    """Edge and root are those of the leaves one by one; each proof is the one a whole tree gives, and it holds."""
    nodes: dict[tuple[int, int], bytes] = {}
    one_by_one = Edge()
    for number, leaf in enumerate(leaves_of(0, begin + more)):
        if number == begin:
            before = Edge(one_by_one.size, one_by_one.hashes)
        nodes |= {(level, index): made for level, index, made in one_by_one.append(leaf)}
    if not more:
        before = Edge(one_by_one.size, one_by_one.hashes)
    grown = Growth(before, leaves_of(begin, begin + more))
    assert grown.edge == one_by_one
    assert grown.root() == one_by_one.root()
    for index, leaf in enumerate(leaves_of(begin, begin + more), begin):
        proof = grown.proof(index)
        assert proof == inclusion(lambda level, at: nodes[level, at], index, begin + more)
        check_inclusion(leaf, index, begin + more, proof, grown.root())


@given(st.lists(st.integers(0, 40), max_size=12))
def test_group_after_group(sizes: list[int]) -> None:
    """However leaves are grouped, the tree is the same."""
    edge = Edge()
    for size in sizes:
        edge = Growth(edge, leaves_of(edge.size, edge.size + size)).edge
    assert edge == Growth(Edge(), leaves_of(0, sum(sizes))).edge


def test_nothing() -> None:
    """An empty group changes nothing, and an empty tree has a root."""
    assert Growth(Edge(), ()).root() == EMPTY_ROOT
    edge = Growth(Edge(), leaves_of(0, 5)).edge
    assert Growth(edge, ()).root() == edge.root()


@pytest.mark.parametrize("index", [-1, 4, 7])
def test_only_new_leaves_are_proven(index: int) -> None:
    """What is before or behind the group has no proof here."""
    with pytest.raises(IndexError):
        Growth(Growth(Edge(), leaves_of(0, 5)).edge, leaves_of(5, 7)).proof(index)
