"""Several processes at one outbox, one of which cleans: what the others look at is never half of it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.disk import Disk, put
from fakes.keeper import Keeper
from fakes.outboxed import NAME, Boxed, fast_folder, seed, small_segments

from probe import sealed
from probe.errors import StateUnusable
from probe.outbox import Outbox, files
from probe.outbox.replay import TURNS, Replay


@pytest.fixture
def boxed() -> Iterator[Boxed]:
    """Give an agent whose log is cleaned all the time."""
    folder = fast_folder()
    with small_segments(600, 0), closing(Boxed(folder, Keeper())) as boxed:
        for _ in range(4):
            boxed.slot()
        yield boxed
    shutil.rmtree(folder)


def folder_of(boxed: Boxed) -> Path:
    """Where it is."""
    return boxed.box._log.folder


def clean(boxed: Boxed) -> None:
    """Write until every segment there is was cleaned away."""
    newest = files.segments(folder_of(boxed))[-1]
    while files.segments(folder_of(boxed))[0] <= newest:
        boxed.box.keep("turn", (boxed.box.kept("turn") or b"") + b"x")


class Racing:
    """Cleans under whoever reads a segment, so many times."""

    def __init__(self, boxed: Boxed, times: int) -> None:
        self.boxed, self.times, self.read = boxed, times, files.read

    def __call__(self, folder: Path, segment: int, offset: int = 0, length: int = -1) -> bytes:
        """Read, after others cleaned."""
        if self.times and folder == folder_of(self.boxed):
            times, self.times = self.times, 0
            clean(self.boxed)
            self.times = times - 1
        return self.read(folder, segment, offset, length)


@pytest.mark.parametrize("times", [1, 2])
def test_cleaned_while_it_is_opened_and_read(boxed: Boxed, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Whoever replays, catches up or reads rows while everything moves finds all of it, and no damage."""
    expected, recent = boxed.box.tally(), boxed.box.recent()
    monkeypatch.setattr(files, "read", racing := Racing(boxed, times))
    log = Replay(folder_of(boxed))
    log.load()
    assert log.damage is None
    with closing(Outbox(folder_of(boxed), seed)) as other:
        for _ in range(2):
            clean(boxed)
            racing.times = times
            assert other.recent() == recent
            assert racing.times == 0
            assert (other.tally().next_seq, other.tally().unsent) == (expected.next_seq, expected.unsent)
    racing.times = times
    assert [number for number, _ in sealed.bodies(folder_of(boxed))] == [0, 1, 2, 3]


def test_cleaned_again_and_again(boxed: Boxed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever never gets to the end says so, and tries no longer."""
    monkeypatch.setattr(files, "read", Racing(boxed, 10 * TURNS))
    with pytest.raises(StateUnusable, match="cannot be read"):
        Replay(folder_of(boxed)).load()


def test_one_who_slept_over_all_of_it(boxed: Boxed) -> None:
    """A process that looks again after every segment it knew is gone has missed nothing, and writes on."""
    with closing(Outbox(folder_of(boxed), seed)) as other:
        version = other.version
        clean(boxed)
        boxed.slot()
        assert other.version != version
        assert other.tally() == boxed.box.tally()
        other.keep("mark", b"1")
        assert boxed.box.kept("mark") == b"1"
    with closing(Outbox(folder_of(boxed), seed)) as again:
        assert again.tally() == boxed.box.tally()


def test_a_frame_that_was_seen_and_then_refused(boxed: Boxed) -> None:
    """What one saw of a write that the disk refused in the end is forgotten when another one stands in its place."""
    with put(Disk()) as disk, closing(Outbox(folder_of(boxed), seed)) as other:
        disk.takes_bytes, disk.is_stuck = 10_000, True
        disk.fill()
        with pytest.raises(StateUnusable):
            boxed.box.keep("mark", b"refused")
        assert other.kept("mark") == b"refused"  # it stands there, for the moment
        disk.has_room()
        boxed.box.keep("mark", b"another, and longer")
        assert other.kept("mark") == b"another, and longer"
        other.keep("last", b"1")
        assert boxed.box.kept("last") == b"1"


def test_only_who_writes_cleans(boxed: Boxed) -> None:
    """Looking at a log that has much to clean changes none of its files."""
    with small_segments(600, 1_000_000):
        for number in range(60):
            boxed.box.keep("turn", b"%d" % number * 20)
    boxed.close()
    before = {file.name: file.read_bytes() for file in folder_of(boxed).iterdir()}
    with closing(Outbox(folder_of(boxed), seed)) as other:
        assert other.kept("turn") == b"59" * 20
    assert {file.name: file.read_bytes() for file in folder_of(boxed).iterdir()} == before
    assert (folder_of(boxed)).name == NAME
