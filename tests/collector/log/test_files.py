"""A log's files: tiles and proofs of any size are those of the definition, and a log cut off anywhere goes on."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.errors import LedgerDamaged
from collector.log.files import TILE_WIDTH, LogFiles, split_leaves, tile_path
from shared.checkpoint import read_checkpoint
from shared.note import read_note
from shared.tree import Edge, check_consistency, check_inclusion, consistency, inclusion, leaf_hash

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[3].parent / "shared"))
FOLDER = SHARED / "vectors" / "integrity"
MANY = 3 * TILE_WIDTH**2 // 2  # tiles of three levels
LEAVES = [b"%d" % number * (1 + number % 3) for number in range(MANY)]


def root_after(size: int) -> bytes:
    """The root of so many leaves."""
    edge = Edge()
    for leaf in LEAVES[:size]:
        edge.append(leaf_hash(leaf))
    return edge.root()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a log of many leaves, written in pieces of all lengths."""
    folder = tmp_path_factory.mktemp("log")
    with LogFiles(folder, 0) as log:
        at = 0
        for piece in (1, 2, 255, 256, 257, 1000, MANY):
            log.append(LEAVES[at : at + piece])
            at += piece
        log.sync()
        assert log.size == MANY
    return folder


def test_proofs_and_roots(large: Path) -> None:
    """Roots, proofs and leaves are those of a tree that was never on disk."""
    with LogFiles(large, MANY) as log:
        for size in (1, 2, 255, 256, 257, 65_535, 65_536, 65_537, MANY):
            assert log.root(size) == root_after(size)
            for index in {0, size // 2, size - 1}:
                check_inclusion(leaf_hash(LEAVES[index]), index, size, inclusion(log.node, index, size), log.root(size))
            check_consistency(size, MANY, consistency(log.node, size, MANY), log.root(size), log.root())
        for index in (0, 255, 256, 65_536, MANY - 1):
            assert log.leaf(index) == LEAVES[index]
        assert list(log.leaves(250, 520)) == LEAVES[250:520]
        assert list(log.leaves(0, 0)) == []


def test_tiles(large: Path) -> None:
    """A tile holds the hashes of the subtrees below it, whole or so many of them; what the log has not got is told so."""
    with LogFiles(large, MANY) as log:
        assert log.hash_tile(0, 3) == b"".join(map(leaf_hash, LEAVES[768:1024]))
        assert log.hash_tile(0, 3, 5) == log.hash_tile(0, 3)[: 5 * 32]
        assert log.hash_tile(1, 0)[:32] == root_after(TILE_WIDTH)
        assert log.hash_tile(2, 0, 1) == root_after(TILE_WIDTH**2)
        assert split_leaves(log.entries_tile(2, 7)) == LEAVES[512:519]
        assert split_leaves(log.entries_tile(383)) == LEAVES[-256:]
        for level, index, width in (
            (0, 384, 1),
            (1, 1, 129),
            (2, 0, 2),
            (8, 0, 1),
            (-1, 0, 1),
            (0, -1, 1),
            (0, 0, 0),
            (0, 0, 257),
        ):
            with pytest.raises(IndexError, match="no tile"):
                log.hash_tile(level, index, width)
        for index, width in ((384, 1), (-1, 1), (0, 0), (0, 257)):
            with pytest.raises(IndexError, match="no tile entries"):
                log.entries_tile(index, width)
        for index in (-1, MANY):
            with pytest.raises(IndexError, match="not in a log"):
                log.leaf(index)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.integers(0, 300), max_size=4), st.data())
def test_cut_off_anywhere(tmp_path_factory: pytest.TempPathFactory, pieces: list[int], data: st.DataObject) -> None:
    """Whatever is behind the leaves that are surely whole is cut off, and the log goes on from there as if it had never been."""
    folder = tmp_path_factory.mktemp("log")
    with LogFiles(folder, 0) as log:
        at = 0
        for piece in pieces:
            log.append(LEAVES[at : at + piece])
            at += piece
    size = data.draw(st.integers(0, at))
    for file in sorted(folder.iterdir()):  # a torn end, or bytes of another world
        with file.open("ab") as opened:
            opened.write(data.draw(st.binary(max_size=40)))
    with LogFiles(folder, size) as log:
        assert (log.size, log.root()) == (size, root_after(size))
        log.append(LEAVES[size : size + 300])
        assert log.root() == root_after(size + 300)
        assert list(log.leaves(0, log.size)) == LEAVES[: size + 300]


@pytest.mark.parametrize("name", ["leaves", "leaves.at", "tile.0", "tile.1"])
@pytest.mark.parametrize("left", [0, 7])
def test_what_is_missing_is_named(tmp_path: Path, name: str, left: int) -> None:
    """A file that holds less than the log must have is damage, and is named."""
    with LogFiles(tmp_path, 0) as log:
        log.append(LEAVES[:600])
    os.truncate(tmp_path / name, left)
    with pytest.raises(LedgerDamaged, match=name.replace(".", r"\.")):
        LogFiles(tmp_path, 600)


def test_leaves_that_cannot_be(tmp_path: Path) -> None:
    """A leaf longer than its length can say is refused, and nothing of its group is kept; empty ones are leaves too."""
    with LogFiles(tmp_path, 0) as log:
        log.append([b""])
        with pytest.raises(ValueError, match="65535"):
            log.append([b"x", b"x" * 65_536])
        log.append([b"y" * 65_535])
        assert [len(leaf) for leaf in log.leaves(0, 2)] == [0, 65_535]
    with pytest.raises(LedgerDamaged, match="cut short"):
        split_leaves(b"\0\5abc")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk takes nothing the log stays as it was, and goes on afterwards."""
    with LogFiles(tmp_path, 0) as log:
        log.append(LEAVES[:10])
        with monkeypatch.context() as patch:
            patch.setattr(
                "collector.log.files.os.pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
            )
            with pytest.raises(OSError, match="No space left"):
                log.append(LEAVES[10:20])
        assert (log.size, log.root()) == (10, root_after(10))
        log.append(LEAVES[10:20])
        assert (list(log.leaves(0, 20)), log.root()) == (LEAVES[:20], root_after(20))


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((1, 999, 256), "tile/1/999"),
        ((0, 1234, 256), "tile/0/x001/234"),
        ((0, 1234067, 5), "tile/0/x001/x234/067.p/5"),
        ((None, 7, 23), "tile/entries/007.p/23"),
    ],
)
def test_paths(told: tuple[int | None, int, int], path: str) -> None:
    """Tiles are where everybody looks for them."""
    assert tile_path(*told) == path


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden vectors in {FOLDER}")
def test_vectors(tmp_path: Path) -> None:
    """A log that others have made is ours byte for byte: its tiles, and the root its checkpoint tells."""
    entries = (FOLDER / "log/tile/entries/000.p/23").read_bytes()
    with LogFiles(tmp_path, 0) as log:
        log.append(split_leaves(entries))
        assert log.entries_tile(0, 23) == entries
        assert log.hash_tile(0, 0, 23) == (FOLDER / "log/tile/0/000.p/23").read_bytes()
        told = read_checkpoint(read_note((FOLDER / "log/checkpoint").read_bytes()).text)
        assert (log.size, log.root()) == (told.size, told.root)
        earlier = read_checkpoint(read_note((FOLDER / "checkpoint.11").read_bytes()).text)
        check_consistency(11, 23, consistency(log.node, 11, 23), earlier.root, told.root)
