"""A tree with a group's leaves appended at once: its new edge and root, and the proof of each new leaf.

What is hashed is hashed once: the nodes above the new leaves are made level by level, a last one without a neighbour is
carried up as it is, and proofs are read off (RFC 6962, 2.1.1, as in the climb of RFC 9162, 2.1.3.2). Pure.
"""

from collections.abc import Sequence
from hashlib import sha256

from shared.tree import EMPTY_ROOT, Edge


class Growth:
    """The tree after a group. `edge` is where the next one goes on."""

    __slots__ = ("_levels", "begin", "edge")

    def __init__(self, edge: Edge, leaves: Sequence[bytes]) -> None:
        """Append the hashes of some leaves to the tree that has this edge, which stays as it is."""
        self.begin, size = edge.size, edge.size + len(leaves)
        known = dict(zip((level for level in _levels_of(edge.size)), edge.hashes, strict=True))
        self._levels: list[tuple[int, list[bytes]]] = []  # the index of the first node there, and the nodes from it on
        if leaves:
            self._make(known, list(leaves), size)
        self.edge = Edge(size, [self._complete(known, level, size) for level in _levels_of(size)])

    def root(self) -> bytes:
        """The root of the whole tree."""
        if not self._levels:
            return self.edge.root() if self.edge.size else EMPTY_ROOT
        return self._levels[-1][1][0]

    def proof(self, index: int) -> list[bytes]:
        """That one of the new leaves is in the whole tree, the lowest hash first; raises IndexError."""
        if not self.begin <= index < self.edge.size:
            raise IndexError(f"leaf {index} is not one of {self.begin} to {self.edge.size - 1}")
        found = []
        for first, nodes in self._levels[:-1]:
            beside = (index ^ 1) - first
            if beside < len(nodes):
                found.append(nodes[beside])
            index >>= 1
        return found

    def _make(self, known: dict[int, bytes], nodes: list[bytes], size: int) -> None:
        first, last, level = self.begin, size - 1, 0
        while True:
            if first & 1:
                first -= 1
                nodes.insert(0, known[level])
            self._levels.append((first, nodes))
            if not last:
                return
            above = [sha256(b"\1" + nodes[at] + nodes[at + 1]).digest() for at in range(0, len(nodes) - 1, 2)]
            if len(nodes) & 1:
                above.append(nodes[-1])
            first, last, level, nodes = first >> 1, last >> 1, level + 1, above

    def _complete(self, known: dict[int, bytes], level: int, size: int) -> bytes:
        """The last complete subtree of 2**level leaves."""
        index = (size >> level) - 1
        if level < len(self._levels) and index >= self._levels[level][0]:
            return self._levels[level][1][index - self._levels[level][0]]
        return known[level]


def _levels_of(size: int) -> list[int]:
    """The levels of the complete subtrees that a tree of this size consists of, the largest first."""
    return [level for level in reversed(range(size.bit_length())) if size >> level & 1]
