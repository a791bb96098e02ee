"""Merkle trees as a transparency log has them (RFC 6962, section 2.1), and the checks of proofs (RFC 9162, 2.1.3.2 and 2.1.4.2).

A leaf's hash and a node's differ in their first byte, so neither can pass for the other. Whoever has a tree gives it as
`Nodes`: the hash of the complete subtree of 2**level leaves that begins at leaf index * 2**level. Pure.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from shared.errors import Malformed

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MOST_LEVELS = 63  # of a tree that a 64-bit number counts; no proof is longer than that and one
Nodes = Callable[[int, int], bytes]


class WrongProof(Malformed):
    """A proof that does not prove what it is given for."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Edge:
    """The right edge of a growing tree: the hashes of the complete subtrees it consists of, the largest first."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """Begin empty, or where an edge stood; raises Malformed if these cannot be the hashes of a tree of that size."""
        self.size, self.hashes = size, [*hashes]
        if size < 0 or len(self.hashes) != size.bit_count() or any(len(one) != HASH_BYTES for one in self.hashes):
            raise Malformed(f"a tree of {size} leaves has another edge")

    def __eq__(self, other: object) -> bool:
        """The same size and hashes."""
        return isinstance(other, Edge) and (self.size, self.hashes) == (other.size, other.hashes)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Take in the next leaf's hash; the subtrees that are complete by it, as (level, index, hash), the leaf first."""
        made = [(0, self.size, leaf)]
        level, index = 0, self.size
        while index & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            level, index = level + 1, index >> 1
            made.append((level, index, leaf))
        self.hashes.append(leaf)
        self.size += 1
        return made

    def root(self) -> bytes:
        """The root of the tree as it is."""
        return _folded(self.hashes)


def root_of(nodes: Nodes, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return _hash_of(nodes, 0, size)


def inclusion(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The proof that leaf `index` is in the tree of the first `size` leaves (RFC 6962, PATH); raises ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    begin, end, others = 0, size, list[tuple[int, int]]()
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            others.append((middle, end))
            end = middle
        else:
            others.append((begin, middle))
            begin = middle
    return [_hash_of(nodes, *one) for one in reversed(others)]


def consistency(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """The proof that the tree of the first `new` leaves begins with that of the first `old` (RFC 6962, PROOF).

    Raises ValueError.
    """
    if not 0 < old <= new:
        raise ValueError(f"a tree of {new} does not begin with one of {old}")
    begin, end, is_whole, others = 0, new, True, list[tuple[int, int]]()
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            others.append((middle, end))
            end = middle
        else:
            others.append((begin, middle))
            begin, is_whole = middle, False
    if not is_whole:
        others.append((begin, end))
    return [_hash_of(nodes, *one) for one in reversed(others)]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return only if a leaf of this hash is number `index` of the tree with this size and root; raises WrongProof."""
    if not 0 <= index < size:
        raise WrongProof(f"leaf {index} is not in a tree of {size}")
    _check_hashes((leaf, root, *proof))
    found = leaf
    for one, is_left in _climb(index, size - 1, proof):
        found = node_hash(one, found) if is_left else node_hash(found, one)
    if found != root:
        raise WrongProof("the leaf is not in the tree with this root")


def check_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Return only if the tree of `new` leaves with its root begins with that of `old`; raises WrongProof.

    Every tree begins with the empty one, and needs no proof for that.
    """
    if not 0 <= old <= new:
        raise WrongProof(f"a tree of {new} does not begin with one of {old}")
    _check_hashes((old_root, new_root, *proof))
    if old in (0, new):
        if proof:
            raise WrongProof("the proof is too long")
        if old_root != (new_root if old else EMPTY_ROOT):
            raise WrongProof("one size, two roots")
        return
    hashes = iter(proof if old & (old - 1) else (old_root, *proof))
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = _next(hashes)
    for one, is_left in _climb(place, last, hashes):
        if is_left:
            before = node_hash(one, before)
        after = node_hash(one, after) if is_left else node_hash(after, one)
    if before != old_root:
        raise WrongProof("the proof does not begin at the old root")
    if after != new_root:
        raise WrongProof("the new tree does not begin with the old one")


def _climb(place: int, last: int, proof: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The hashes of a proof on the way from one node to the root, each with whether it stands at the left.

    `place` and `last`: the node's number on its level, and that of the level's last one. Raises WrongProof in the end or
    before, if there are more or fewer than levels.
    """
    for one in proof:
        if last == 0:
            raise WrongProof("the proof is too long")
        is_left = bool(place & 1) or place == last
        yield one, is_left
        while is_left and place and not place & 1:  # a last node without a brother goes up as it is
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    if last:
        raise WrongProof("the proof is too short")


def _next(hashes: Iterator[bytes]) -> bytes:
    try:
        return next(hashes)
    except StopIteration:
        raise WrongProof("the proof is too short") from None


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > MOST_LEVELS + 3:
        raise WrongProof("the proof is too long")
    if any(len(one) != HASH_BYTES for one in hashes):
        raise WrongProof(f"a hash has {HASH_BYTES} bytes")


def _split(size: int) -> int:
    """The largest power of two below a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _hash_of(nodes: Nodes, begin: int, end: int) -> bytes:
    """The hash over leaves of which the first stands where a subtree of at least their number begins."""
    parts, at = list[bytes](), begin
    while at < end:
        level = (end - at).bit_length() - 1
        parts.append(nodes(level, at >> level))
        at += 1 << level
    return _folded(parts)


def _folded(hashes: Sequence[bytes]) -> bytes:
    """The hash over subtrees that stand beside each other, the largest first."""
    if not hashes:
        return EMPTY_ROOT
    found = hashes[-1]
    for one in reversed(hashes[:-1]):
        found = node_hash(one, found)
    return found
