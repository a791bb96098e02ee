"""A card that gives back one byte that is not what was written: it costs what it is part of, and nothing else."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.keeper import Keeper
from fakes.outboxed import NAME, Boxed, copied, die, fast_folder, goes_on, small_segments

from probe.outbox import Outbox, files
from probe.outbox.frames import HEADER, Change, Frame, read_frames
from probe.outbox.tables import Again, Ended, Intent, Sealed

SEED, FLIPS = 5, int(os.environ.get("SPEEDPROOF_FLIPS", "20"))


@dataclass(frozen=True)
class Image:
    """A folder whose agent was ended or cut off, and what the collector had by then."""

    folder: Path
    keeper: Keeper


@dataclass(frozen=True)
class Spot:
    """Bytes of a segment that belong together: `records` are lost with them at most."""

    segment: str
    begins: int
    ends: int
    records: int
    what: str


def saved(folder: Path, keeper: Keeper, name: str) -> Image:
    """Take an image."""
    target = folder.with_name(f"{folder.name}-{name}")
    shutil.copytree(folder, target)
    return Image(target, keeper.copy())


def live(folder: Path, keeper: Keeper) -> Boxed:
    """Live a little: sent, sealed and not sent, measured and not sealed, complained, kept, and in the middle of a test."""
    boxed = Boxed(folder, keeper)
    boxed.box.keep("pause", b'{"until":5}')
    boxed.box.add_complaint(b'{"it is":"slow"}')
    for _ in range(2):
        boxed.slot()
        assert boxed.send() is None
    boxed.box.add_complaint(b'{"it is":"slower"}')
    for _ in range(2):
        boxed.slot()
    for _ in range(3):
        boxed.measure()
    boxed.start()
    return boxed


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, Image]]:
    """Give images that end in order, cut off, with bodies to be sealed again, and with numbers that have to be moved."""
    folder, keeper, found = fast_folder(), Keeper(), {}
    boxed = live(folder, keeper)
    found["cut off"] = saved(folder, keeper, "cut-off")
    boxed.close()
    found["in order"] = saved(folder, keeper, "in-order")
    with closing(Boxed(folder, keeper)) as boxed:
        boxed.slot()
        with boxed.box._write() as log:
            log.drop("sealed", 2)
        boxed.box.resume(keeper.head)
    found["again"] = saved(folder, keeper, "again")
    earlier, ahead = fast_folder(), Keeper()
    with closing(Boxed(earlier, ahead)) as boxed:
        boxed.slot()
        assert boxed.send() is None
    shutil.copytree(earlier / NAME, earlier / "old")
    with closing(Boxed(earlier, ahead)) as boxed:
        boxed.slot(3)
        assert boxed.send() is None
    shutil.rmtree(earlier / NAME)
    (earlier / "old").rename(earlier / NAME)
    (earlier / NAME / "place").unlink()
    with closing(Boxed(earlier, ahead)) as boxed:
        boxed.slot()
        for _ in range(3):
            boxed.measure()
    found["to be moved"] = saved(earlier, ahead, "ahead")
    yield found
    for left in [folder, earlier, *(image.folder for image in found.values())]:
        shutil.rmtree(left)


def spots(folder: Path) -> list[Spot]:
    """Every frame's header and packed part, and every large row's bytes; but of the last frame, which may be torn, none."""
    found = []
    for number in files.segments(folder / NAME):
        data, name = (folder / NAME / files.name(number)).read_bytes(), files.name(number)
        for one in read_frames(data, number):
            rows = list(one.change.puts.values())
            large = [row for row in rows if row[-1].held is None and row[-1].length and row[-1].segment == number]
            large = [row for row in large if one.start < row[-1].offset < one.end]
            begins = min((row[-1].offset for row in large), default=one.end)
            found.append(Spot(name, one.start, begins, sum(map(_records, rows)), f"frame {_said(one.change)}"))
            found += [
                Spot(name, row[-1].offset, row[-1].offset + row[-1].length, _records(row), type(row).__name__)
                for row in large
            ]
    return [one for one in found if (one.segment, one.ends) < (name, _last(data).start + 1)]


def _last(data: bytes) -> Frame:
    return list(read_frames(data, 1))[-1]


def _records(row: object) -> int:
    match row:
        case Sealed() | Again():
            return row.records
        case Ended() | Intent():
            return 1
    return 0


def _said(change: Change) -> str:
    return " ".join(f"{table} {key}" for table, key in [*change.puts, *change.drops])


def flip(folder: Path, spot: Spot, offset: int, mask: int) -> None:
    """Change one byte."""
    file = folder / NAME / spot.segment
    data = bytearray(file.read_bytes())
    data[spot.begins + offset] ^= mask
    file.write_bytes(data)


def look(box: Outbox) -> None:
    """Read all there is."""
    box.recent()
    box.tally()
    box.receipts()
    box.open_intents()
    box.unsent_complaints()
    box.kept("pause")


def survives(folder: Path, keeper: Keeper) -> int:
    """Check that everything goes on over a folder; how many numbers are lost in the end."""
    with closing(Outbox(folder / NAME, lambda: bytes(32))) as box:
        look(box)
    with closing(Boxed(folder, keeper)) as boxed:
        look(boxed.box)
        for _ in range(3):
            boxed.send()
            look(boxed.box)
        boxed.box.sealable()
    goes_on(folder, keeper)
    return keeper.lost


@pytest.mark.parametrize("name", ["in order", "cut off", "again", "to be moved"])
def test_a_flipped_byte_costs_only_what_it_is_part_of(images: dict[str, Image], name: str) -> None:
    """Any byte of any row or frame may flip: nothing stops, the chain goes on, and no record of another one is lost."""
    image, chance = images[name], random.Random(SEED)
    with copied(image.folder) as folder:
        found = spots(folder)
        without = survives(folder, image.keeper.copy())
    assert len(found) > 10
    for spot in found + chance.choices(found, k=max(0, FLIPS - len(found))):
        offset, mask = chance.randrange(spot.ends - spot.begins), chance.randrange(1, 256)
        with copied(image.folder) as folder:
            flip(folder, spot, offset, mask)
            lost = survives(folder, image.keeper.copy())
        assert lost - without <= spot.records, f"{spot} at {offset} by {mask}"


@pytest.mark.parametrize("name", ["in order", "again"])
def test_a_flipped_byte_of_a_cleaned_log(images: dict[str, Image], name: str) -> None:
    """What was cleaned together is not lost together: each row stands in a frame of its own."""
    image, chance = images[name], random.Random(SEED)
    with copied(image.folder) as folder:
        with small_segments(1, 0), closing(Outbox(folder / NAME, lambda: bytes(32))) as box:
            first = files.segments(folder / NAME)[-1]
            for number in range(300):
                box.keep("turn", b"%d" % number)
            assert files.segments(folder / NAME)[0] > first
        cleaned = Image(folder, image.keeper)
        found = spots(folder)
        for spot in chance.choices(found, k=FLIPS // 2):
            with copied(cleaned.folder) as copy:
                flip(copy, spot, chance.randrange(spot.ends - spot.begins), chance.randrange(1, 256))
                without = image.keeper.lost
                assert survives(copy, image.keeper.copy()) - without <= max(1, spot.records) + (name == "again") * 4, (
                    spot
                )


@pytest.mark.parametrize("name", ["in order", "cut off", "again", "to be moved"])
def test_a_flipped_byte_anywhere(images: dict[str, Image], name: str) -> None:
    """Any byte of any file may flip, those that say how to read it too: the chain goes on, and if it cost a frame it shows."""
    image, chance = images[name], random.Random(SEED)
    for file in [*(files.name(number) for number in files.segments(image.folder / NAME)), "place"]:
        data = (image.folder / NAME / file).read_bytes()
        heads = [at for one in read_frames(data, 1) for at in range(one.start, one.start + HEADER.size)]
        some = chance.sample(heads, min(len(heads), FLIPS // 2)) + chance.sample(
            range(len(data)), min(len(data), FLIPS // 2)
        )
        for offset in some:
            with copied(image.folder) as folder:
                changed = bytearray(data)
                changed[offset] ^= chance.randrange(1, 256)
                (folder / NAME / file).write_bytes(changed)
                if offset in heads or file == "place":
                    with closing(Outbox(folder / NAME, lambda: bytes(32))) as box:
                        assert box.doubt is not None
                survives(folder, image.keeper.copy())


def test_a_last_frame_that_was_acknowledged_and_flipped(images: dict[str, Image]) -> None:
    """After an orderly end the last frame counts though bytes of a row in it flipped: the mark says that it was whole."""
    image = images["in order"]
    with copied(image.folder) as folder:
        boxed = Boxed(folder, image.keeper.copy())
        boxed.measure()
        with boxed.box.together():
            boxed.measure()
        boxed.close()
        file = folder / NAME / files.name(files.segments(folder / NAME)[-1])
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
        boxed = Boxed(folder, image.keeper.copy())
        assert boxed.box.doubt is None
        before = boxed.box.tally()
        boxed.seal_all()
        assert boxed.box.tally().lost == before.lost + 1
        boxed.close()
        die(boxed.box)
