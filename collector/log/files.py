"""A log's leaves and tiles on disk, all of it derived from the ledger: what is missing or torn is made again.

    leaves       every leaf: its length as two bytes, big-endian, then its bytes
    leaves.at    for each 256 leaves, where the first of them begins in `leaves`: eight bytes, big-endian
    tile.L       the hash of each complete subtree of 256**L leaves, 32 bytes each: hash tiles (C2SP tlog-tiles), end to end

A tile is a slice of a file, so nothing is written twice and a partial tile costs nothing. Files only grow. `append` writes what
`sync` makes durable; whoever opens the folder says how many leaves are surely whole, and what is behind them is cut off.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from collector.durable import sync_folder
from collector.errors import LedgerDamaged
from shared.tree import HASH_BYTES, Edge, leaf_hash, node_hash, root_of

TILE_BITS: Final = 8
TILE_WIDTH: Final = 1 << TILE_BITS
MAX_LEAF_BYTES: Final = 0xFFFF
LENGTH_BYTES: Final = 2
LEAVES: Final = "leaves"
HASHES: Final = "tile.0"
_PLACE_BYTES: Final = 8
_LEVELS: Final = 8  # 256**8 leaves


class LogFiles:
    """One log's files, open for their one writer; reading goes by `pread` and is safe from any thread."""

    def __init__(self, folder: Path, size: int) -> None:
        """Open the files of a log of `size` leaves; raises LedgerDamaged if less is there, OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._files: dict[str, int] = {}
        self._leaves_end = 0
        try:
            self._cut(size)
            self._edge = Edge(size, [self.node(level, index) for level, index in _edge(size)])
        except BaseException:
            self.close()
            raise
        sync_folder(folder)

    def __enter__(self) -> Self:
        """Nothing more."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._edge.size

    def close(self) -> None:
        """Let go of the files."""
        while self._files:
            os.close(self._files.popitem()[1])

    def append(self, leaves: Iterable[bytes]) -> None:
        """Write further leaves; raises OSError, and then the files are as they were but for bytes that nobody reads."""
        at, places, data, hashes = self._leaves_end, bytearray(), bytearray(), [bytearray() for _ in range(_LEVELS)]
        edge = Edge(self.size, self._edge.hashes)
        for leaf in leaves:
            if len(leaf) > MAX_LEAF_BYTES:
                raise ValueError(f"a leaf has at most {MAX_LEAF_BYTES} bytes")
            if not edge.size % TILE_WIDTH:
                places += (at + len(data)).to_bytes(_PLACE_BYTES, "big")
            data += len(leaf).to_bytes(LENGTH_BYTES, "big") + leaf
            for level, _, made in edge.append(leaf_hash(leaf)):
                if not level % TILE_BITS:
                    hashes[level // TILE_BITS] += made
        size = self.size
        write_at(self._file(LEAVES), data, at)
        write_at(self._file("leaves.at"), places, _PLACE_BYTES * -(-size // TILE_WIDTH))
        for level, some in enumerate(hashes):
            if some:
                write_at(self._file(f"tile.{level}"), some, HASH_BYTES * (size >> TILE_BITS * level))
        self._leaves_end, self._edge = at + len(data), edge  # in this order for whoever reads meanwhile

    def sync(self) -> None:
        """Make durable what was appended; raises OSError."""
        for file in self._files.values():
            os.fsync(file)

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree (`shared.tree.Nodes`), from one tile."""
        base, above = divmod(level, TILE_BITS)
        found = self._hashes(base, index << above, 1 << above)
        while len(found) > 1:
            found = [node_hash(*pair) for pair in zip(found[::2], found[1::2], strict=True)]
        return found[0]

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves, of all by default."""
        return root_of(self.node, self.size if size is None else size)

    def leaf(self, index: int) -> bytes:
        """One leaf; raises IndexError."""
        if not 0 <= index < self.size:
            raise IndexError(f"leaf {index} is not in a log of {self.size}")
        return next(self.leaves(index, index + 1))

    def leaves(self, begin: int, end: int) -> Iterator[bytes]:
        """The leaves from one to before another."""
        for tile in range(begin >> TILE_BITS, -(-end >> TILE_BITS) if end else 0):
            first = tile << TILE_BITS
            for number, leaf in enumerate(
                split_leaves(self.entries_tile(tile, min(TILE_WIDTH, self.size - first))), first
            ):
                if begin <= number < end:
                    yield leaf

    def hash_tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """A hash tile, or its first `width` hashes; raises IndexError if the log has not got them (yet)."""
        if not (0 <= level < _LEVELS and 0 < width <= TILE_WIDTH and index >= 0) or (
            index * TILE_WIDTH + width > self.size >> TILE_BITS * level
        ):
            raise IndexError(f"no tile {level}/{index} of {width} in a log of {self.size}")
        return _read(self._file(f"tile.{level}"), HASH_BYTES * width, HASH_BYTES * TILE_WIDTH * index)

    def entries_tile(self, index: int, width: int = TILE_WIDTH) -> bytes:
        """The leaves beside a hash tile of level 0, each behind its length; raises IndexError."""
        if not (0 < width <= TILE_WIDTH and index >= 0) or index * TILE_WIDTH + width > self.size:
            raise IndexError(f"no tile entries/{index} of {width} in a log of {self.size}")
        begin, end = (
            self._place(index),
            self._leaves_end if (index + 1) << TILE_BITS >= self.size else self._place(index + 1),
        )
        data, at = _read(self._file(LEAVES), end - begin, begin), 0
        for _ in range(width):
            at += LENGTH_BYTES + int.from_bytes(data[at : at + LENGTH_BYTES], "big")
        return data[:at]

    def _place(self, tile: int) -> int:
        return int.from_bytes(_read(self._file("leaves.at"), _PLACE_BYTES, _PLACE_BYTES * tile), "big")

    def _hashes(self, base: int, first: int, count: int) -> Sequence[bytes]:
        data = _read(self._file(f"tile.{base}"), HASH_BYTES * count, HASH_BYTES * first)
        return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]

    def _file(self, name: str) -> int:
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return file

    def _cut(self, size: int) -> None:
        """Cut off whatever is behind so many leaves."""
        whole, rest = size >> TILE_BITS, size % TILE_WIDTH
        os.ftruncate(
            self._file("leaves.at"), min(_length(self._file("leaves.at")), _PLACE_BYTES * (whole + bool(rest)))
        )
        for level in range(_LEVELS):
            wanted = HASH_BYTES * (size >> TILE_BITS * level)
            if not wanted and not (self._folder / f"tile.{level}").exists():
                continue
            if _length(self._file(f"tile.{level}")) < wanted:
                raise LedgerDamaged(f"the log's tile.{level} holds less than {size} leaves")
            os.ftruncate(self._file(f"tile.{level}"), wanted)
        leaves, end = self._file(LEAVES), 0
        if size:
            if _length(self._file("leaves.at")) < _PLACE_BYTES * (whole + bool(rest)):
                raise LedgerDamaged(f"the log's leaves.at holds less than {size} leaves")
            first = (size - 1) >> TILE_BITS
            end = self._place(first)
            for _ in range(size - (first << TILE_BITS)):
                told = os.pread(leaves, LENGTH_BYTES, end)
                end += LENGTH_BYTES + int.from_bytes(told, "big")
                if len(told) < LENGTH_BYTES or end > _length(leaves):
                    raise LedgerDamaged(f"the log's leaves are less than {size}")
        os.ftruncate(leaves, end)
        self._leaves_end = end


def split_leaves(data: bytes) -> list[bytes]:
    """The leaves of an entries tile; raises LedgerDamaged if it is cut short."""
    found, at = list[bytes](), 0
    while at < len(data):
        end = at + LENGTH_BYTES + int.from_bytes(data[at : at + LENGTH_BYTES], "big")
        if end > len(data) or at + LENGTH_BYTES > len(data):
            raise LedgerDamaged("an entries tile is cut short")
        found.append(data[at + LENGTH_BYTES : end])
        at = end
    return found


def tile_path(level: int | None, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is served (C2SP tlog-tiles); `level` None: of entries."""
    digits = f"{index:03d}"
    groups = [digits[max(0, at - 3) : at].rjust(3, "0") for at in range(len(digits), 0, -3)][::-1]
    spelt = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{'entries' if level is None else level}/{spelt}" + (f".p/{width}" if width < TILE_WIDTH else "")


def _edge(size: int) -> Iterator[tuple[int, int]]:
    """The complete subtrees a tree of this size consists of, the largest first."""
    at = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield level, at >> level
            at += 1 << level


def _length(file: int) -> int:
    return os.fstat(file).st_size


def _read(file: int, size: int, at: int) -> bytes:
    data = os.pread(file, size, at)
    if len(data) != size:
        raise LedgerDamaged("a file of the log is shorter than the log")
    return data


def write_at(file: int, data: bytes | bytearray, at: int) -> None:
    """Write all of it there, however often the system takes only a part; raises OSError."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written
