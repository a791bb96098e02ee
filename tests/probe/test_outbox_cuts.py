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
from fakes.outboxed import NAME, Boxed, copied, fast_folder, goes_on, seed
from probe.outbox.store import PAGE_BYTES

from probe.outbox import opening

SEED, CUTS = 4, 40
FILES = (NAME, f"{NAME}-wal", f"{NAME}-shm", f"{NAME}-place")


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
    """Give images of one life: sealed and not sent, sent and not heard, sent, written back in part, in the middle of a test."""
    folder, keeper, found = fast_folder(), Keeper(), {}
    boxed = Boxed(folder, keeper)
    boxed.box.keep("selftest", b"{}")
    for _ in range(3):
        boxed.slot()
        assert boxed.send() is None
    boxed.box._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    boxed.slot()
    found["sealed, not sent"] = snap(folder, keeper, "sealed")
    keeper.is_mute = True
    boxed.send()
    keeper.is_mute = False
    found["sent, not heard"] = snap(folder, keeper, "mute")
    assert boxed.send() is None
    found["sent"] = snap(folder, keeper, "sent")
    boxed.box._db.execute("PRAGMA wal_checkpoint(FULL)")
    keeper.is_away = True
    for _ in range(3):
        boxed.slot()
        boxed.send()
    boxed.measure()
    boxed.start()
    keeper.is_away = False
    found["offline, in a test"] = snap(folder, keeper, "offline")
    boxed.close()
    yield found
    for left in [folder, *(image.folder for image in found.values())]:
        shutil.rmtree(left)


def offsets(size: int, chance: random.Random, cuts: int) -> list[int]:
    """Give places to cut at: the ends, around pages and frames, and anywhere."""
    edges = {0, 1, 16, 100, 512, size - 1, size}
    pages = {page + near for page in range(0, size, PAGE_BYTES) for near in (-1, 0, 1)}
    frames = {frame + near for frame in range(32, size, 24 + PAGE_BYTES) for near in (-1, 0, 1, 24)}
    anywhere = {chance.randrange(size + 1) for _ in range(cuts)}
    some = sorted(pages | frames)
    chosen = edges | anywhere | set(chance.sample(some, min(len(some), cuts)))
    return sorted(at for at in chosen if 0 <= at <= size)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("moment", ["sealed, not sent", "sent, not heard", "sent", "offline, in a test"])
def test_any_file_cut_anywhere(images: dict[str, Image], moment: str, name: str) -> None:
    """Wherever one file ends, what the collector has stays, the chain goes on, and no number is delivered twice."""
    image = images[moment]
    size = (image.folder / name).stat().st_size
    cuts = CUTS // 8 if name.endswith("-shm") else CUTS  # of an index that is made anew
    for at in offsets(size, random.Random(SEED), cuts):
        with copied(image.folder) as folder:
            os.truncate(folder / name, at)
            goes_on(folder, image.keeper.copy())


def test_a_disk_that_takes_everything_back(images: dict[str, Image]) -> None:
    """A device whose whole folder went back to a moment before a batch was sent asks, and does not fork its chain."""
    for later in ("sent, not heard", "sent", "offline, in a test"):
        with copied(images["sealed, not sent"].folder) as folder:
            goes_on(folder, images[later].keeper.copy())


@pytest.mark.parametrize(
    "lost", [(NAME,), (f"{NAME}-place",), (NAME, f"{NAME}-wal"), (NAME, f"{NAME}-wal", f"{NAME}-place")]
)
def test_files_that_are_gone_or_empty(images: dict[str, Image], lost: tuple[str, ...]) -> None:
    """Whichever files a power cut emptied or took, the chain goes on; only if all are taken is the outbox a new one."""
    for image in images.values():
        with copied(image.folder) as folder:
            for name in lost:
                (folder / name).write_bytes(b"")
            goes_on(folder, image.keeper.copy())
        with copied(image.folder) as folder:
            for name in lost:
                (folder / name).unlink()
            if len(lost) < 3:
                goes_on(folder, image.keeper.copy())


def test_what_can_be_read_of_a_damaged_file_arrives(images: dict[str, Image]) -> None:
    """A damaged database is set aside whole, and what can be read of it is kept, and sent under the same key."""
    image = images["offline, in a test"]
    delivered = []
    for page in range(2, (image.folder / NAME).stat().st_size // PAGE_BYTES + 1):
        with copied(image.folder) as folder:
            with (folder / NAME).open("r+b") as file:
                file.seek((page - 1) * PAGE_BYTES)
                file.write(bytes([0xFF]) * PAGE_BYTES)
            before = (folder / NAME).read_bytes()
            boxed = goes_on(folder, keeper := image.keeper.copy())
            if boxed.box.set_aside is None:
                continue  # a newer copy of this page was in the log
            assert boxed.box.doubt == "it was damaged"
            assert boxed.box.set_aside.name == f"{NAME}.set-aside-1"
            assert len(boxed.box.set_aside.read_bytes()) >= len(before)
            delivered.append(len(keeper.seqs) - len(image.keeper.seqs) - 4)  # four were measured since
            with closing(Boxed(folder, keeper)) as again:
                assert again.box.seed == seed()  # the place knows it too
    assert len(delivered) > 3
    assert max(delivered) == 8


@pytest.mark.parametrize("step", range(1, 8))
def test_mending_is_cut_off(images: dict[str, Image], monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Wherever mending is cut off, whoever opens next ends it, and the damaged file is still there."""
    image = images["offline, in a test"]
    with copied(image.folder) as folder:
        os.truncate(folder / NAME, (folder / NAME).stat().st_size // 2)
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
            patch.setattr(opening, "carry_over", counted(opening.carry_over))
            with suppress(PowerCut):
                Boxed(folder, image.keeper.copy()).close()
        goes_on(folder, image.keeper.copy())
        assert len(list(folder.glob("*.set-aside-?"))) == 1


class PowerCut(BaseException):
    """Nothing comes after it."""
