"""What a season offline takes on disk, what it costs a card to write it, and what happens when the room is used up."""

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes.field import Field
from fakes.keeper import Keeper
from fakes.outboxed import BOOT, NAME, Boxed, fast_folder

from probe.history import History
from probe.outbox import KEEP_RECEIPTS, KEEP_RECENT, LIMIT_BYTES
from probe.outbox import box as tested
from probe.outbox.bodies import read_body
from probe.packed import Packed
from shared.record import write_record

SLOTS_A_DAY, DAYS, REAL_DAYS = 96, 90, 2
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
SLOT_US = DAY_US // SLOTS_A_DAY
WRITTEN_BYTES = 14_000  # for each record, in whole pages of 4 KiB as a card writes them; 10 kB is what we are after


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder where syncing costs nothing."""
    folder = fast_folder()
    yield folder
    shutil.rmtree(folder)


def days_of(folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_gone: bool) -> list[list[dict[str, Any]]]:
    """Two days of a phone that can hand over nothing: the records of every batch that was sealed."""
    days = Field(folder, is_gone=is_gone).put(monkeypatch)
    days.run(REAL_DAYS * DAY_US)
    with closing(sqlite3.connect(folder / NAME)) as db:
        found = db.execute("SELECT body FROM batch WHERE receipt IS NULL ORDER BY batch")
        return [[json.loads(line) for line in read_body(Packed(bytes(body))).lines] for (body,) in found]


def noise(chance: random.Random) -> list[dict[str, Any]]:
    """Four records that cannot be packed well."""
    return [{"end": "ok", "method": "fetch", "pad": chance.randbytes(300).hex()} for _ in range(4)]


def live(boxed: Boxed, records: Iterable[Mapping[str, Any]], later_us: int = 0) -> int:
    """Live through one batch once more, so much later; how many records that made. Spelt by hand: there are thousands."""
    box, made = boxed.box, 0
    with box.together():
        for told in records:
            seq = box.start(lambda seq: b'{"boot":"%s","seq":%d}' % (BOOT.encode(), seq))
            later = {name: told[name] + later_us for name in ("mono_us", "wall_us") if name in told} | {"seq": seq}
            later |= {"slot": told["slot"] + later_us // SLOT_US} if "slot" in told else {}
            line = json.dumps({**told, **later}, sort_keys=True, separators=(",", ":"))
            box.finish(seq, line.encode() + b"\n", BOOT)
            made += 1
        boxed.seal_all()
    return made


@pytest.mark.slow
@pytest.mark.parametrize("is_gone", [True, False], ids=["no network", "no collector"])
def test_ninety_days_offline_fit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None], is_gone: bool
) -> None:
    """Ninety days that nobody could send fit the disk budget to the last record: failed tests with their ladders, or good ones."""
    real = folder / "real"
    real.mkdir()
    bodies, made = days_of(real, monkeypatch, is_gone=is_gone), 0
    slots = {record.get("slot") for body in bodies for record in body} - {None}
    assert len(slots) >= REAL_DAYS * SLOTS_A_DAY - 1
    with closing(Boxed(folder, Keeper(is_away=True))) as boxed:
        for turn in range(DAYS // REAL_DAYS):
            made += sum(live(boxed, body, turn * REAL_DAYS * DAY_US) for body in bodies)
        tally, log_bytes = boxed.box.tally(), (folder / f"{NAME}-wal").stat().st_size
    in_all = LIMIT_BYTES * DAYS // tally.used_bytes
    print(f"{made} records, {tally.used_bytes} bytes in {DAYS} days: room for {in_all}")  # noqa: T201
    record_property("used_bytes", tally.used_bytes)
    assert (tally.next_seq, tally.lost, tally.unsealed) == (made, 0, 0)
    assert tally.unsent == len(bodies) * DAYS // REAL_DAYS
    assert (folder / NAME).stat().st_size + log_bytes <= LIMIT_BYTES


def written_bytes() -> int:
    """What this process has had written to disks so far."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(told["write_bytes"])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this system does not count what a process writes")
def test_what_a_record_costs_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole slots as the agent writes them, sent and receipted, history and place included: no more than it costs today."""
    probe_bytes = written_bytes()
    with (tmp_path / "probe").open("wb") as file:
        file.write(bytes(1 << 16))
        file.flush()
        os.fsync(file.fileno())
    if written_bytes() - probe_bytes < 1 << 16:
        pytest.skip("the temporary folder is not on a disk")
    days = Field(tmp_path, keeper=Keeper(), history=History(tmp_path / "history")).put(monkeypatch)
    days.run(HOUR_US)
    before_bytes = written_bytes()
    records = days.run(DAY_US)
    each_bytes = (written_bytes() - before_bytes) // len(records)
    print(f"{each_bytes} bytes written for each of {len(records)} records")  # noqa: T201
    assert len(records) > 3 * (SLOTS_A_DAY - 2)
    assert each_bytes < WRITTEN_BYTES


def test_a_full_outbox_counts_what_it_cannot_keep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit numbers are used, records are not kept, and the next batch says how many are lost."""
    monkeypatch.setattr(tested, "KEEP_RECENT", 5)  # a small outbox keeps little to look at
    monkeypatch.setattr(tested, "KEEP_RECEIPTS", 10)
    keeper = Keeper(is_away=True)
    with closing(Boxed(folder, keeper, tested.BESIDE_BYTES + 100_000)) as boxed:
        chance = random.Random(3)
        made = 0
        while boxed.box.tally().lost < 20:
            made += live(boxed, noise(chance))
        tally = boxed.box.tally()
        assert tally.used_bytes <= tally.limit_bytes - tested.BESIDE_BYTES + 4_096  # the last batch, sealed
        assert tally.next_seq == made
        keeper.is_away = False
        assert boxed.send() is None
        boxed.slot()
        assert boxed.send() is None
        assert boxed.box.tally().lost == keeper.lost == tally.lost
        assert len(keeper.seqs) + keeper.lost == made + 2
        assert keeper.seqs[:50] == list(range(50))  # the oldest are kept


def test_the_file_shrinks_when_all_was_sent(folder: Path) -> None:
    """After a long time offline the room is given back."""
    keeper = Keeper(is_away=True)
    with closing(Boxed(folder, keeper)) as boxed:
        for _ in range(20):
            seq = boxed.start()
            noise = random.Random(seq).randbytes(24_000).hex()
            boxed.box.finish(seq, write_record({"end": "ok", "pad": noise, "seq": seq}), BOOT)
            for _ in range(9):
                seq = boxed.start()
                boxed.box.finish(seq, write_record({"end": "ok", "pad": noise[seq % 99 :], "seq": seq}), BOOT)
            boxed.seal_all()
        large_bytes = (folder / NAME).stat().st_size
        keeper.is_away = False
        assert boxed.send() is None
        for _ in range(90):
            boxed.slot()
            assert boxed.send() is None
        assert large_bytes > tested.SHRINK_BYTES
        assert (folder / NAME).stat().st_size < large_bytes // 4


def test_receipts_and_bodies_are_thinned(folder: Path) -> None:
    """The last thousand receipts stay, the bodies of the last fifty batches or a few more, and nothing else grows."""
    with closing(Boxed(folder, Keeper())) as boxed:
        for number in range(KEEP_RECEIPTS + 2 * KEEP_RECENT + 7):
            boxed.slot(1)
            waiting = boxed.box.oldest_unsent()
            assert waiting is not None
            boxed.box.receipted(number, b"receipt", 5)
        numbers = [number for number, _ in boxed.box.receipts()]
        bodies = boxed.box._one("SELECT count(*) FROM sealed WHERE body IS NOT NULL")
        assert KEEP_RECEIPTS <= len(numbers) <= KEEP_RECEIPTS + KEEP_RECENT
        assert numbers[-1] == KEEP_RECEIPTS + 2 * KEEP_RECENT + 6
        assert KEEP_RECENT <= bodies <= 2 * KEEP_RECENT
        assert boxed.box.tally().batches == numbers[-1] + 1
        assert len(boxed.box.recent()) == KEEP_RECENT
