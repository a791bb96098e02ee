"""A card that gives back one byte that is not what was written: it costs what it is part of, and nothing else."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.keeper import Keeper
from fakes.outboxed import NAME, Boxed, copied, fast_folder, goes_on

from probe.outbox import Outbox

SEED, FLIPS = 5, 40
# table, column, key, and how many records are in it
COLUMNS = [
    ("start", "intent", "seq", "0"),
    ("start", "line", "seq", "1"),
    ("sealed", "body", "batch", "records"),
    ("again", "body", "id", "records"),
    ("receipt", "receipt", "batch", "0"),
    ("complaint", "line", "id", "0"),
    ("kept", "value", "name", "0"),
]


@dataclass(frozen=True)
class Image:
    """A folder whose agent was ended or cut off, and what the collector had by then."""

    folder: Path
    keeper: Keeper


@dataclass(frozen=True)
class Spot:
    """A blob in a database: `records` are lost with it at most."""

    table: str
    column: str
    key: str
    value: int | str
    length: int
    records: int


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
        boxed.box._db.execute("DELETE FROM sealed WHERE batch = 2")
        boxed.box.resume(keeper.head)
    found["again"] = saved(folder, keeper, "again")
    earlier, ahead = fast_folder(), Keeper()
    with closing(Boxed(earlier, ahead)) as boxed:
        boxed.slot()
        assert boxed.send() is None
    shutil.copyfile(earlier / NAME, earlier / "old")
    with closing(Boxed(earlier, ahead)) as boxed:
        boxed.slot(3)
        assert boxed.send() is None
    shutil.move(earlier / "old", earlier / NAME)
    (earlier / f"{NAME}-place").unlink()
    with closing(Boxed(earlier, ahead)) as boxed:
        boxed.slot()
        for _ in range(3):
            boxed.measure()
    found["to be moved"] = saved(earlier, ahead, "ahead")
    yield found
    for left in [folder, earlier, *(image.folder for image in found.values())]:
        shutil.rmtree(left)


def spots(file: Path) -> list[Spot]:
    """Every blob of a database."""
    found = []
    with closing(sqlite3.connect(file)) as db:
        for table, column, key, records in COLUMNS:
            rows = db.execute(f"SELECT {key}, length({column}), {records} FROM {table} WHERE {column} IS NOT NULL")
            found += [Spot(table, column, key, *row) for row in rows]
    return found


def flip(folder: Path, spot: Spot, offset: int, mask: int) -> None:
    """Change one byte of a blob, and leave the folder as cut off as it was."""
    has_log = (folder / f"{NAME}-wal").exists()
    with closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        query = f"SELECT {spot.column} FROM {spot.table} WHERE {spot.key} = ?"
        (blob,) = db.execute(query, (spot.value,)).fetchone()
        changed = blob[:offset] + bytes([blob[offset] ^ mask]) + blob[offset + 1 :]
        db.execute(f"UPDATE {spot.table} SET {spot.column} = ? WHERE {spot.key} = ?", (changed, spot.value))
    if has_log:
        (folder / f"{NAME}-wal").touch()


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
    """Any byte of any blob may flip: nothing stops, the chain goes on, and no record of another row is lost."""
    image, chance = images[name], random.Random(SEED)
    with copied(image.folder) as folder:
        found = spots(folder / NAME)
        without = survives(folder, image.keeper.copy())
    for spot in found + chance.choices(found, k=max(0, FLIPS - len(found))):
        offset, mask = chance.randrange(spot.length), chance.randrange(1, 256)
        with copied(image.folder) as folder:
            flip(folder, spot, offset, mask)
            lost = survives(folder, image.keeper.copy())
        assert 0 <= lost - without <= spot.records, f"{spot} at {offset} by {mask}"


@pytest.mark.parametrize("name", ["in order", "again", "to be moved"])
def test_a_flipped_byte_anywhere(images: dict[str, Image], name: str) -> None:
    """Any byte of the database may flip, those that say how to read it too: the chain goes on, whatever that costs."""
    image, chance = images[name], random.Random(SEED)
    data = (image.folder / NAME).read_bytes()
    form = [18, 19, 47, 60, data.index(b"draft INTEGER") + 5]  # SQLite's versions, our tables' version, a column's name
    for offset in form + chance.sample(range(len(data)), FLIPS):
        with copied(image.folder) as folder:
            changed = bytearray(data)
            changed[offset] ^= chance.randrange(1, 256)
            (folder / NAME).write_bytes(changed)
            survives(folder, image.keeper.copy())
