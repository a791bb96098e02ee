"""The power is cut, and a file of the outbox has lost its end: the device goes on, and its key is never frozen."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.keeper import Keeper
from fakes.outboxed import NAME, Boxed, copied, die, fast_folder, goes_on, seed, small_segments

from probe.outbox import Outbox, files
from probe.outbox.frames import HEADER, read_frames
from probe.outbox.place import PlaceFile

SEED, CUTS = 4, int(os.environ.get("SPEEDPROOF_CUTS", "8"))  # beside the end of each frame
MOMENTS = ("sealed, not sent", "sent, not heard", "sent", "offline, in a test", "in order", "in order, sent since")


@dataclass(frozen=True)
class Image:
    """A folder as a power cut found it, and what the collector had by then."""

    folder: Path
    keeper: Keeper


def snap(folder: Path, keeper: Keeper, name: str) -> Image:
    """Take an image."""
    with copied(folder) as copy:
        saved = folder.with_name(f"{folder.name}-{name}")
        shutil.copytree(copy, saved)
    return Image(saved, keeper.copy())


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, Image]]:
    """Give images of one life: sealed and not sent, sent and not heard, sent, in the middle of a test, and ended in order."""
    folder, keeper, found = fast_folder(), Keeper(), {}
    with small_segments(2500, 100_000):
        boxed = Boxed(folder, keeper)
        boxed.box.keep("selftest", b"{}")
        for _ in range(3):
            boxed.slot()
            assert boxed.send() is None
        boxed.slot()
        found["sealed, not sent"] = snap(folder, keeper, "sealed")
        keeper.is_mute = True
        boxed.send()
        keeper.is_mute = False
        found["sent, not heard"] = snap(folder, keeper, "mute")
        assert boxed.send() is None
        found["sent"] = snap(folder, keeper, "sent")
        keeper.is_away = True
        for _ in range(3):
            boxed.slot()
            boxed.send()
        boxed.measure()
        boxed.start()
        keeper.is_away = False
        found["offline, in a test"] = snap(folder, keeper, "offline")
        boxed.close()
        found["in order"] = snap(folder, keeper, "order")
        with closing(Boxed(folder, keeper)) as boxed:
            boxed.slot()
            assert boxed.send() is None
        found["in order, sent since"] = snap(folder, keeper, "since")
    assert len(files.segments(folder / NAME)) >= 3
    yield found
    for left in [folder, *(image.folder for image in found.values())]:
        shutil.rmtree(left)


def logs(folder: Path) -> list[Path]:
    """Every segment of an outbox, the oldest first."""
    return [folder / NAME / files.name(number) for number in files.segments(folder / NAME)]


def offsets(data: bytes, chance: random.Random, cuts: int) -> list[int]:
    """Give places to cut at: the ends, every frame's edges and its header's, and anywhere."""
    size = len(data)
    edges = {0, 1, 16, 100, size - 1, size}
    frames = list(read_frames(data, 1))
    around = {
        at + near for one in frames for at in (one.start, one.start + HEADER.size, one.end) for near in (-1, 0, 1)
    }
    anywhere = {chance.randrange(size + 1) for _ in range(cuts)}
    exact = {one.end for one in frames}
    chosen = edges | anywhere | exact | set(chance.sample(sorted(around), min(len(around), cuts)))
    return sorted(at for at in chosen if 0 <= at <= size)


@pytest.mark.parametrize("moment", MOMENTS)
def test_any_segment_cut_anywhere(images: dict[str, Image], moment: str) -> None:
    """Wherever a segment ends, between frames too, what the collector has stays, the chain goes on, no number comes twice."""
    image = images[moment]
    for log in logs(image.folder):
        data = log.read_bytes()
        for at in offsets(data, random.Random(SEED), CUTS):
            with copied(image.folder) as folder:
                os.truncate(folder / NAME / log.name, at)
                boxed = goes_on(folder, image.keeper.copy())
                is_certain = at == len(data) and moment.startswith("in order")
                assert (boxed.box.doubt is None) == is_certain, (log.name, at)


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_place_cut_anywhere(images: dict[str, Image], moment: str) -> None:
    """A place that lost its end says nothing, and the collector is asked."""
    image = images[moment]
    data = (image.folder / NAME / "place").read_bytes()
    for at in range(0, len(data) + 1, 7):
        with copied(image.folder) as folder:
            os.truncate(folder / NAME / "place", at)
            assert goes_on(folder, image.keeper.copy()).box.doubt == "its place in the chain is not known"


def test_every_byte_of_the_last_frame(images: dict[str, Image]) -> None:
    """Whatever is missing of the last frame, none of it counts; of all before it, everything does."""
    image = images["offline, in a test"]
    log = logs(image.folder)[-1]
    data = log.read_bytes()
    last = list(read_frames(data, 1))[-1]
    for at in range(last.start, len(data)):
        with copied(image.folder) as folder:
            os.truncate(folder / NAME / log.name, at)
            with closing(Boxed(folder, image.keeper.copy())) as boxed:
                assert boxed.box.doubt == "whoever used it last was cut off"
                assert boxed.box.set_aside is None
                assert boxed.box.tally().next_seq == 15  # the start in that frame never was


def test_a_last_frame_whose_pages_are_there_in_part(images: dict[str, Image]) -> None:
    """A power cut may leave the length and the first page, and nothing of the others: none of that frame counts either."""
    image = images["in order"]
    with copied(image.folder) as folder:
        boxed = Boxed(folder, image.keeper.copy())
        before = boxed.box.tally()
        boxed.box.keep("pause", b"1")
        with boxed.box.together():
            boxed.measure(3000)
            boxed.measure(3000)
        with copied(folder) as cut:
            boxed.close()
            file = logs(cut)[-1]
            file.write_bytes(file.read_bytes()[:-20] + bytes(20))
            with closing(Boxed(cut, image.keeper.copy())) as after:
                assert after.box.kept("pause") == b"1"
                assert after.box.tally().next_seq == before.next_seq
                assert after.box.doubt == "whoever used it last was cut off"


def test_a_disk_that_takes_everything_back(images: dict[str, Image]) -> None:
    """A device whose whole folder went back to a moment before a batch was sent asks, and does not fork its chain."""
    for later in MOMENTS[1:]:
        with copied(images["sealed, not sent"].folder) as folder:
            goes_on(folder, images[later].keeper.copy())


def test_a_log_that_went_back_to_an_orderly_end(images: dict[str, Image]) -> None:
    """All segments as an earlier orderly end left them, beside a place of later: it shows, whether that run ended or not."""
    earlier, later = images["in order"], images["in order, sent since"]
    for is_marked in (True, False):
        with copied(later.folder) as folder:
            for log in logs(folder):
                log.unlink()
            for log in logs(earlier.folder):
                shutil.copy(log, folder / NAME)
            file = PlaceFile(folder / NAME / "place")
            place = file.read()
            assert place is not None
            if not is_marked:
                file.write(type(place)(place.head, place.next_seq, place.seed))
            boxed = goes_on(folder, later.keeper.copy())
            assert boxed.box.doubt == ("it went back in time" if is_marked else "whoever used it last was cut off")


def test_a_place_of_an_earlier_time(images: dict[str, Image]) -> None:
    """An earlier mark of an orderly end is none of a log that went on since."""
    earlier, later = images["in order"], images["in order, sent since"]
    with copied(later.folder) as folder:
        shutil.copy(earlier.folder / NAME / "place", folder / NAME / "place")
        assert goes_on(folder, later.keeper.copy()).box.doubt == "it went back in time"


def test_a_mark_is_taken_back_before_anything_is_written(images: dict[str, Image]) -> None:
    """Looking leaves the mark; the first frame, whoever writes it, finds it gone; and the last one out leaves another."""
    image = images["in order"]
    with copied(image.folder) as folder:
        file = PlaceFile(folder / NAME / "place")
        before = file.path.read_bytes()
        one = Outbox(folder / NAME, seed)
        assert one.doubt is None
        with closing(Outbox(folder / NAME, seed)) as beside:
            assert beside.tally() == one.tally()
        one.close()
        assert file.path.read_bytes() == before
        one, other = Outbox(folder / NAME, seed), Outbox(folder / NAME, seed)
        other.keep("pause", b"1")
        place = file.read()
        assert place is not None
        assert place.end is None
        other.close()
        assert file.read() == place  # somebody still has it open
        one.close()
        assert file.path.read_bytes() != before
        with closing(Boxed(folder, image.keeper.copy())) as again:
            assert again.box.doubt is None
            assert again.box.kept("pause") == b"1"


def test_whoever_was_killed_leaves_no_mark(images: dict[str, Image]) -> None:
    """What a killed process left half written is cut off by the next writer, and hides nothing that comes after it."""
    image = images["in order"]
    with copied(image.folder) as folder:
        agent, beside = Boxed(folder, image.keeper.copy()), Boxed(folder, image.keeper.copy())
        agent.measure()
        with logs(folder)[-1].open("ab") as log:
            log.write(list_of_frames(log.name)[-1][:-3])
        die(agent.box)
        beside.box.keep("pause", b"after")
        beside.close()
        with closing(Boxed(folder, image.keeper.copy())) as again:
            assert again.box.doubt is None
            assert again.box.kept("pause") == b"after"


def list_of_frames(file: str) -> list[bytes]:
    """The frames of a segment as bytes."""
    data = Path(file).read_bytes()
    return [data[one.start : one.end] for one in read_frames(data, 1)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_files_that_are_gone_or_empty(images: dict[str, Image], moment: str) -> None:
    """Whichever files a power cut emptied or took, the chain goes on; only if all are taken is the outbox a new one."""
    image = images[moment]
    segments = [log.name for log in logs(image.folder)]
    chosen = [[one] for one in segments] + [["place"], segments, segments[:-1], segments[1:], [*segments, "place"]]
    for lost in chosen:
        with copied(image.folder) as folder:
            for name in lost:
                (folder / NAME / name).write_bytes(b"")
            assert goes_on(folder, image.keeper.copy()).box.doubt is not None, lost
        with copied(image.folder) as folder:
            for name in lost:
                (folder / NAME / name).unlink()
            if len(lost) <= len(segments):
                assert goes_on(folder, image.keeper.copy()).box.doubt is not None, lost
    with copied(image.folder) as folder:
        for name in segments:
            (folder / NAME / name).unlink()
        (folder / NAME / "place").write_bytes(b"{")  # nothing is known but that there was one
        assert goes_on(folder, image.keeper.copy()).box.doubt == "it was gone"


def test_what_can_be_read_of_a_damaged_log_arrives(images: dict[str, Image]) -> None:
    """A damaged log is set aside whole, and what can be read of it is kept, and sent under the same key."""
    image = images["offline, in a test"]
    delivered = []
    for log in logs(image.folder):
        data = log.read_bytes()
        for one in read_frames(data, 1):
            if (log, one.end) == (logs(image.folder)[-1], len(data)):
                continue  # a torn end, and no damage
            with copied(image.folder) as folder:
                changed = data[: one.start] + b"\xff" * (one.end - one.start) + data[one.end :]
                (folder / NAME / log.name).write_bytes(changed)
                boxed = goes_on(folder, keeper := image.keeper.copy())
                assert boxed.box.doubt == "it was damaged", (log.name, one.start, one.change)
                assert boxed.box.set_aside is not None
                assert (boxed.box.set_aside / log.name).read_bytes() == changed
                assert not (folder / NAME / log.name).exists()
                delivered.append(len(keeper.seqs) - len(image.keeper.seqs) - 4)  # four were measured since
                with closing(Boxed(folder, keeper)) as again:
                    assert again.box.seed == seed()  # the place knows it too
                    assert again.box.doubt is None
    assert len(delivered) > 20
    assert max(delivered) == 8
    assert min(delivered) >= 5  # a frame has no more than a slot's three


@pytest.mark.parametrize("step", range(1, 12))
def test_mending_is_cut_off(images: dict[str, Image], monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Wherever mending is cut off, whoever opens next ends it, all that can be read is there, and so is the damaged log."""
    image = images["offline, in a test"]
    damaged = logs(image.folder)[1]
    data = bytearray(damaged.read_bytes())
    data[list(read_frames(bytes(data), 1))[2].start] ^= 1
    with copied(image.folder) as folder, small_segments(2500, 100_000):
        (folder / NAME / damaged.name).write_bytes(data)
        calls = 0

        def counted(real: Callable[..., None]) -> Callable[..., None]:
            def call(*told: object) -> None:
                nonlocal calls
                calls += 1
                if calls == step:
                    raise PowerCut
                real(*told)

            return call

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", counted(Path.replace))
            patch.setattr(files, "sync", counted(files.sync))
            with suppress(PowerCut):
                Boxed(folder, image.keeper.copy()).close()
        goes_on(folder, keeper := image.keeper.copy())
        assert len(set(keeper.seqs)) + keeper.lost == 20
        assert keeper.lost <= 3
        kept = [file for file in folder.rglob(damaged.name) if file.parent.name.startswith("set-aside-")]
        assert [file.read_bytes() for file in kept] == [bytes(data)]


class PowerCut(BaseException):
    """Nothing comes after it."""
