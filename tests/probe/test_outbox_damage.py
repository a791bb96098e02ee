"""The outbox on a disk that is full, cannot be written, or gave back less than it was given."""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.disk import Disk, put
from fakes.outboxed import NAME, copied, die, fast_folder, record, seed, small_segments
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from strategies import DEVICE

from probe.errors import StateUnusable
from probe.outbox import NotWritten, Outbox, hold
from probe.seal import seal

MS_RDONLY, MS_REMOUNT = 1, 32


def measure(box: Outbox) -> int:
    """Start and finish one measurement."""
    seq = box.start(lambda number: b"%d" % number)
    box.finish(seq, record(seq, 2000), "boot")
    return seq


def seal_all(box: Outbox) -> None:
    """Seal what there is."""
    found = box.sealable()
    sealed = seal(found, box.head, "boot", 1, 2, DEVICE)
    box.seal(sealed.body, sealed.pae_sha256, sealed.head, len(found))


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an outbox as a power cut leaves it, in two segments."""
    folder, saved = tmp_path_factory.mktemp("worn"), tmp_path_factory.mktemp("saved") / "image"
    box = Outbox(folder / NAME, seed)
    for _ in range(6):
        measure(box)
        measure(box)
        seal_all(box)
    box.receipted(0, b"receipt", 1)
    with small_segments(4000, 100_000):
        for _ in range(4):
            measure(box)
            seal_all(box)
        box.start(lambda number: b"%d" % number)
    shutil.copytree(folder, saved)
    box.close()
    return saved


@given(
    data=st.data(),
    which=st.sampled_from(["00000001.log", "00000002.log", "place"]),
    junk=st.binary(min_size=1, max_size=4096),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_overwritten(worn: Path, data: st.DataObject, which: str, junk: bytes) -> None:
    """Whatever a broken card gives back, no error but the outbox's own comes out."""
    with copied(worn) as folder:
        with (folder / NAME / which).open("r+b") as file:
            file.seek(data.draw(st.integers(0, (folder / NAME / which).stat().st_size)))
            file.write(junk)
        _use(folder / NAME)


def _use(file: Path) -> None:
    with contextlib.suppress(StateUnusable), contextlib.closing(Outbox(file, seed)) as box:
        for ask in (box.tally, box.sealable, box.recent, box.receipts, box.oldest_unsent, box.open_intents):
            ask()
        measure(box)


@given(junk=st.binary(min_size=0, max_size=2000))
@example(junk=b"\xf5SP\n" + bytes(600))
@settings(deadline=None, max_examples=40)
def test_a_file_that_is_no_log(junk: bytes) -> None:
    """Another kind of file is set aside as it is, and the chain is asked for, not begun again."""
    folder = fast_folder()
    try:
        (folder / NAME).mkdir()
        (folder / NAME / "00000001.log").write_bytes(junk)
        with contextlib.closing(Outbox(folder / NAME, seed)) as box:
            assert box.tally().is_asking
            assert box.set_aside is not None
            assert (box.set_aside / "00000001.log").read_bytes() == junk
            assert measure(box) == 0
    finally:
        shutil.rmtree(folder)


def test_damage_is_not_mended_under_a_writer(worn: Path) -> None:
    """Whoever is not alone refuses a damaged log by name and leaves it where it is."""
    with copied(worn) as folder, contextlib.closing(Outbox(folder / NAME, seed)) as box:
        with contextlib.closing(Outbox(folder / NAME, seed)) as other:
            assert other.doubt is None
        file = folder / NAME / "00000001.log"
        data = bytearray(file.read_bytes())
        data[0] ^= 1
        file.write_bytes(data)
        with pytest.raises(StateUnusable, match="damaged"):
            Outbox(folder / NAME, seed)
        data[0] ^= 1
        file.write_bytes(data)
        assert measure(box) > 0
        assert not list(folder.rglob("set-aside-*"))


def test_a_log_cut_under_a_writer(worn: Path) -> None:
    """A log that goes back while it is open takes nothing more; whoever opens it next asks."""
    with copied(worn) as folder:
        box = Outbox(folder / NAME, seed)
        file = max((folder / NAME).glob("*.log"))
        before = file.read_bytes()
        measure(box)
        file.write_bytes(before)
        with pytest.raises(StateUnusable, match="went back in time"):
            measure(box)
        with pytest.raises(StateUnusable, match="went back in time"):
            box.tally()
        box.close()
        with contextlib.closing(Outbox(folder / NAME, seed)) as again:
            assert again.tally().is_asking


def test_a_file_in_its_place(tmp_path: Path) -> None:
    """A file where the folder should be is refused by name."""
    (tmp_path / NAME).touch()
    with pytest.raises(StateUnusable, match="cannot be used"):
        Outbox(tmp_path / NAME, seed)


def test_another_program_that_holds_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that waits in vain for another says so; afterwards it writes."""
    monkeypatch.setattr(hold, "PATIENCE_S", 0.02)
    with (
        contextlib.closing(Outbox(tmp_path / NAME, seed)) as box,
        contextlib.closing(Outbox(tmp_path / NAME, seed)) as other,
    ):
        with other.together(), pytest.raises(StateUnusable, match="somebody else writes"):
            measure(box)
        assert measure(box) == 0


@pytest.mark.parametrize("takes_bytes", [0, 1, 30, 10_000])
@pytest.mark.parametrize("is_stuck", [False, True])
def test_what_the_disk_did_not_take_hides_nothing(tmp_path: Path, takes_bytes: int, is_stuck: bool) -> None:
    """A refused write leaves nothing, whatever part of it was taken, and what is written later is found by everybody."""
    with put(Disk()) as disk, contextlib.closing(Outbox(tmp_path / NAME, seed)) as box:
        measure(box)
        before, disk.takes_bytes = box.tally(), takes_bytes
        disk.fill()
        disk.is_stuck = is_stuck
        for _ in range(2):
            with pytest.raises(NotWritten, match="disk full" if not is_stuck else "disk full|no answer"):
                box.start(lambda _: bytes(20_000))
        assert box.tally() == before
        disk.has_room()
        assert measure(box) == 1
        seal_all(box)
        with contextlib.closing(Outbox(tmp_path / NAME, seed)) as other:
            assert other.tally() == box.tally()
        die(box)
        with contextlib.closing(Outbox(tmp_path / NAME, seed)) as again:
            assert again.set_aside is None
            assert (again.tally().next_seq, again.tally().batches, again.tally().lost) == (2, 1, 0)


def test_another_process_that_went_on_behind_what_was_refused(tmp_path: Path) -> None:
    """What the disk kept of a refused write, and somebody else built upon, is not cut off under him."""
    with (
        put(Disk()) as disk,
        contextlib.closing(Outbox(tmp_path / NAME, seed)) as box,
        contextlib.closing(Outbox(tmp_path / NAME, seed)) as other,
    ):
        disk.fill()
        disk.takes_bytes, disk.is_stuck = 10_000, True
        with pytest.raises(NotWritten):
            box.keep("mark", b"1")
        assert box.kept("mark") is None
        disk.has_room()
        other.keep("pause", b"2")
        box.keep("last", b"3")
        assert [box.kept(name) for name in ("mark", "pause", "last")] == [b"1", b"2", b"3"]
        assert other.kept("last") == b"3"


def mount(source: str, target: Path, kind: str, flags: int, options: str) -> bool:
    """Mount, if this process may."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.mount(source.encode(), str(target).encode(), kind.encode(), flags, options.encode())
    return bool(done == 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of its own with 400 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not mount("tmpfs", folder, "tmpfs", 0, "size=400k"):
        pytest.skip("needs root, and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """A full disk takes no intent, loses nothing it took, and all goes on once there is room again."""
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        measure(box)
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        done, opened = 1, 0
        try:
            while True:
                seq = box.start(lambda number: bytes(3000) + b"%d" % number)
                opened = 1
                box.finish(seq, record(seq, 3000), "boot")
                done, opened = done + 1, 0
        except StateUnusable as error:
            assert "No space" in str(error)  # noqa: PT017 - where it comes is not known
        tally = box.tally()
        assert (tally.unsealed, tally.open_intents, tally.next_seq) == (done, opened, done + opened)
        with pytest.raises(StateUnusable):
            box.start(lambda _: bytes(20_000))
        assert box.tally() == tally
        assert box.open_intents() == []  # what ended meanwhile is held, and nobody's to abort
        ballast.unlink()
        assert measure(box) == tally.next_seq
        seal_all(box)
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        assert box.head.seq == tally.next_seq + 1
        assert box.tally().lost == 0


def test_a_new_outbox_on_a_full_disk(small_disk: Path) -> None:
    """An outbox that cannot be made says so, and can be made later."""
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with pytest.raises(StateUnusable, match="cannot be used"):
        Outbox(small_disk / NAME, seed)
    ballast.unlink()
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        assert measure(box) == 0


def test_a_disk_that_cannot_be_written(small_disk: Path) -> None:
    """A folder that became read-only, as worn-out cards do, is refused by name."""
    with contextlib.closing(Outbox(small_disk / NAME, seed)) as box:
        measure(box)
    if not mount("tmpfs", small_disk, "tmpfs", MS_REMOUNT | MS_RDONLY, ""):
        pytest.skip("this kernel does not remount")
    with pytest.raises(StateUnusable, match="cannot be used"):
        Outbox(small_disk / NAME, seed)
