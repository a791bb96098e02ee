"""Trees and their proofs: by the definition, by vectors of others, and against every way to bend them."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Malformed
from shared.tree import (
    EMPTY_ROOT,
    Edge,
    WrongProof,
    check_consistency,
    check_inclusion,
    consistency,
    inclusion,
    leaf_hash,
    node_hash,
    root_of,
)

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
VECTORS = SHARED / "vectors" / "integrity" / "tree.json"
SIZES = st.integers(1, 130)


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, MTH."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    middle = 1
    while 2 * middle < len(leaves):
        middle *= 2
    return hashlib.sha256(b"\1" + by_definition(leaves[:middle]) + by_definition(leaves[middle:])).digest()


class Grown:
    """A tree of numbered leaves, with every complete subtree's hash."""

    def __init__(self, size: int) -> None:
        """Grow it."""
        self.edge, self.hashes = Edge(), dict[tuple[int, int], bytes]()
        self.leaves = [leaf_hash(str(number).encode()) for number in range(size)]
        for leaf in self.leaves:
            for level, index, made in self.edge.append(leaf):
                self.hashes[level, index] = made

    def nodes(self, level: int, index: int) -> bytes:
        """A subtree's hash."""
        return self.hashes[level, index]


TREE = Grown(130)
ROOTS = [by_definition(TREE.leaves[:size]) for size in range(131)]


def test_roots() -> None:
    """The root of any size is the one of the definition, from the edge as from the subtrees; the empty tree has one too."""
    assert ROOTS[0] == EMPTY_ROOT == Edge().root() == root_of(TREE.nodes, 0)
    for size in range(1, 131):
        grown = Grown(size)
        assert grown.edge.root() == root_of(TREE.nodes, size) == ROOTS[size]
        assert Edge(size, grown.edge.hashes).root() == ROOTS[size]


@given(SIZES, st.data())
def test_inclusion(size: int, data: st.DataObject) -> None:
    """The proof of any leaf holds for its hash, place and root, and for no other."""
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion(TREE.nodes, index, size)
    check_inclusion(TREE.leaves[index], index, size, proof, ROOTS[size])
    other = data.draw(st.integers(0, 129).filter(lambda one: one != index))
    wrong: list[tuple[bytes, int, int, list[bytes], bytes]] = [
        (TREE.leaves[other], index, size, proof, ROOTS[size]),
        (TREE.leaves[index], index, size, proof, ROOTS[size - 1]),
        (TREE.leaves[index], size, size, proof, ROOTS[size]),
        (TREE.leaves[index], -1, size, proof, ROOTS[size]),
        (TREE.leaves[index], index, size, [*proof, ROOTS[1]], ROOTS[size]),
        (TREE.leaves[index], index, size, [*proof, b"short"], ROOTS[size]),
        (TREE.leaves[index], index, size, proof * 70 or [ROOTS[1]] * 70, ROOTS[size]),
    ]
    wrong += [(TREE.leaves[index], index, size, bent, ROOTS[size]) for bent in bends(proof, data)]
    if other < size:
        wrong.append((TREE.leaves[index], other, size, proof, ROOTS[size]))
    for one in wrong:
        with pytest.raises(WrongProof):
            check_inclusion(*one)


@given(SIZES, st.data())
def test_consistency(new: int, data: st.DataObject) -> None:
    """The proof between any two sizes holds for their two roots, and for no others."""
    old = data.draw(st.integers(1, new))
    proof = consistency(TREE.nodes, old, new)
    check_consistency(old, new, proof, ROOTS[old], ROOTS[new])
    wrong: list[tuple[int, int, list[bytes], bytes, bytes]] = [
        (old, new, proof, ROOTS[old - 1], ROOTS[new]),
        (old, new, proof, ROOTS[old], ROOTS[new - 1]),
        (old, new, [*proof, ROOTS[1]], ROOTS[old], ROOTS[new]),
        (new + 1, new, proof, ROOTS[old], ROOTS[new]),
        (-1, new, proof, ROOTS[old], ROOTS[new]),
        (old, new, [*proof, b"short"], ROOTS[old], ROOTS[new]),
    ]
    wrong += [(old, new, bent, ROOTS[old], ROOTS[new]) for bent in bends(proof, data)]
    for one in wrong:
        with pytest.raises(WrongProof):
            check_consistency(*one)


def bends(proof: list[bytes], data: st.DataObject) -> list[list[bytes]]:
    """A proof with one bit turned, without one of its hashes, and with two in the other order."""
    if not proof:
        return []
    place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
    turned = bytearray(proof[place])
    turned[bit // 8] ^= 1 << bit % 8
    found = [[*proof[:place], bytes(turned), *proof[place + 1 :]], [*proof[:place], *proof[place + 1 :]]]
    if place:
        found.append([*proof[: place - 1], proof[place], proof[place - 1], *proof[place + 1 :]])
    return found


def test_the_empty_tree() -> None:
    """Every tree begins with the empty one, which has one root; one size has one root."""
    check_consistency(0, 7, [], EMPTY_ROOT, ROOTS[7])
    check_consistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT)
    with pytest.raises(WrongProof, match="one size, two roots"):
        check_consistency(0, 7, [], ROOTS[1], ROOTS[7])
    with pytest.raises(WrongProof, match="one size, two roots"):
        check_consistency(5, 5, [], ROOTS[5], ROOTS[6])
    with pytest.raises(WrongProof, match="too long"):
        check_consistency(0, 7, [ROOTS[1]], EMPTY_ROOT, ROOTS[7])
    with pytest.raises(WrongProof, match="too short"):
        check_consistency(3, 5, [], ROOTS[3], ROOTS[5])


def test_what_there_is_no_proof_of() -> None:
    """Nobody can ask for a proof of what is not in the tree, or of a tree that is larger, or go on from an edge that is none."""
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="not in a tree"):
            inclusion(TREE.nodes, index, size)
    for old, new in ((6, 5), (0, 5), (-1, 5)):
        with pytest.raises(ValueError, match="does not begin"):
            consistency(TREE.nodes, old, new)
    for size, hashes in ((-1, []), (3, [ROOTS[1]]), (1, [b"short"])):
        with pytest.raises(Malformed, match="another edge"):
            Edge(size, hashes)


def test_a_node_is_no_leaf() -> None:
    """Two hashes as the data of a leaf do not make the node above them."""
    assert leaf_hash(ROOTS[1] + ROOTS[2]) != node_hash(ROOTS[1], ROOTS[2])


@pytest.mark.skipif(not VECTORS.is_file(), reason=f"no vectors in {VECTORS}")
def test_vectors() -> None:
    """Roots and proofs made by others are ours, byte for byte."""
    told: dict[str, Any] = json.loads(VECTORS.read_bytes())
    roots = {int(size): base64.b64decode(root) for size, root in told["root"].items()}
    tree, found = Grown(0), {}
    for number in range(max(roots) + 1):
        if number in roots:
            found[number] = tree.edge.root()
        for level, index, made in tree.edge.append(leaf_hash(str(number).encode())):
            tree.hashes[level, index] = made
    assert found == roots
    for one in told["inclusion"]:
        assert inclusion(tree.nodes, one["index"], one["size"]) == [*map(base64.b64decode, one["hashes"])]
    for one in told["consistency"]:
        assert consistency(tree.nodes, one["old"], one["new"]) == [*map(base64.b64decode, one["hashes"])]


def test_edges_are_compared_by_what_they_are() -> None:
    """Two edges of one tree are equal, whoever made them; nothing else is."""
    assert Edge(1, [bytes(32)]) == Edge(1, [bytes(32)])
    assert Edge(1, [bytes(32)]) != Edge(1, [b"x" * 32])
    assert Edge() != 0
