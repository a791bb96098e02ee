"""A device with an outbox and a keeper: measures nothing, but starts, finishes, seals and sends as the agent does."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fakes.clock import FakeClock
from fakes.fast import fast_folder as fast_folder
from fakes.keeper import Keeper, drive
from strategies import COLLECTOR, DEVICE

from probe.answers import Blocked, Later
from probe.outbox import LIMIT_BYTES, Outbox
from probe.outbox import log as log_module
from probe.outbox.files import name
from probe.outbox.replay import Replay
from probe.seal import question, seal
from probe.upload import Uploader
from shared import strictjson
from shared.chain import START, follow
from shared.errors import Malformed
from shared.record import End, write_record

NAME = "outbox"
BOOT = "b" * 22


def seed() -> bytes:
    """Give a seed."""
    return bytes(range(32))


def another_seed() -> bytes:
    """Give the seed that shows that a new chain was begun."""
    return b"n" * 32


def record(seq: int, size: int = 0) -> bytes:
    """Make a record's line of a size."""
    return write_record({"end": "ok", "pad": "x" * size, "seq": seq})


class Boxed:
    """An agent's outbox in a folder, and what is done with it."""

    def __init__(self, folder: Path, keeper: Keeper, limit_bytes: int = LIMIT_BYTES) -> None:
        """Open it as an agent that starts: what a crash left open is closed."""
        self.keeper, self.clock = keeper, FakeClock()
        self.box = Outbox(folder / NAME, another_seed if (folder / NAME).exists() else seed, limit_bytes)
        self.sent_bytes: list[int] = []
        self.uploader = Uploader(
            self.box, keeper, COLLECTOR.public, lambda _: None, device=self, on_sent=self.sent_bytes.append  # type: ignore[arg-type]
        )  # fmt: skip
        for seq, line in self.box.open_intents():
            try:
                boot = str(strictjson.decode(line).get("boot", BOOT))
            except Malformed:
                boot = BOOT
            self.box.finish(seq, write_record({"end": End.ABORTED.value, "seq": seq}), boot)

    def start(self) -> int:
        """Start."""
        return self.box.start(lambda seq: strictjson.encode({"boot": BOOT, "seq": seq}))

    def measure(self, size: int = 300, keep: Mapping[str, bytes] | None = None) -> int:
        """Start and finish one measurement; its number."""
        seq = self.start()
        self.box.finish(seq, record(seq, size), BOOT, keep)
        return seq

    def seal_all(self) -> int:
        """Seal what can be sealed."""
        made = 0
        while found := self.box.sealable():
            sealed = seal(found, self.box.head, BOOT, self.clock.mono_us(), self.clock.wall_us(), DEVICE)
            self.box.seal(sealed.body, sealed.pae_sha256, sealed.head, len(found))
            made += 1
        return made

    def question(self) -> bytes:
        """Ask where the chain stands."""
        return question(BOOT, self.clock.mono_us(), self.clock.wall_us(), DEVICE)

    def slot(self, count: int = 2) -> None:
        """Measure a few times and seal."""
        for _ in range(count):
            self.measure()
        self.seal_all()

    def send(self) -> Later | Blocked | None:
        """Send what waits."""
        return drive(self.uploader.send_all())

    def close(self) -> None:
        """End in order."""
        self.box.close()


def goes_on(folder: Path, keeper: Keeper) -> Boxed:
    """Check that an agent over this folder measures, seals and sends, and that its chain at the keeper is whole."""
    before = [one.pae_sha256 for one in keeper.kept]
    with closing(Boxed(folder, keeper)) as boxed:
        first = boxed.measure()
        assert boxed.measure() == first + 1
        boxed.seal_all()
        assert boxed.send() is None
        boxed.slot()
        assert boxed.send() is None
        tally = boxed.box.tally()
        assert (tally.unsent, tally.unsealed, tally.is_asking) == (0, 0, False)
    assert not keeper.is_frozen
    assert "chain_fork" not in keeper.refused
    assert [one.pae_sha256 for one in keeper.kept][: len(before)] == before
    head = START
    for one in keeper.kept:
        head = follow(head, one.said, one.pae_sha256)
    assert head == keeper.head
    assert keeper.seqs == sorted(set(keeper.seqs))
    assert len(keeper.seqs) + keeper.lost == keeper.head.seq == tally.next_seq
    assert keeper.lost == tally.lost or tally.lost < keeper.lost
    return boxed


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """Give a copy of a folder, as a power cut would leave it; it is gone afterwards."""
    copy = fast_folder()
    try:
        for file in folder.iterdir():
            (shutil.copytree if file.is_dir() else shutil.copyfile)(file, copy / file.name)
        yield copy
    finally:
        shutil.rmtree(copy)


@contextmanager
def small_segments(segment_bytes: int = 1500, spare_bytes: int = 3000) -> Iterator[None]:
    """Let logs begin new segments and clean old ones all the time."""
    with patch.multiple(log_module, SEGMENT_BYTES=segment_bytes, SPARE_BYTES=spare_bytes):
        yield


def die(box: Outbox) -> None:
    """End as a process that is killed: the kernel lets go of its locks, and nothing is written any more."""
    box._session._hold.close()
    box._log.close()


def row_of(folder: Path, table: str, key: int | str) -> Any:
    """A row as the files have it; None if it is not there."""
    log = Replay(folder)
    log.load()
    return log.state.table(table).get(key)


def spoil(folder: Path, table: str, key: int, data: bytes) -> None:
    """Write other bytes over a row's in the log of an outbox, as a card does that goes bad."""
    log = Replay(folder)
    log.load()
    row = log.state.table(table)[key]
    blob, file = row[-1], folder / name(row[-1].segment)
    whole = bytearray(file.read_bytes())
    whole[blob.offset : blob.offset + blob.length] = data.ljust(blob.length, b"\0")[: blob.length]
    file.write_bytes(whole)
