"""What a season offline takes on disk, what it costs a card to write it, and what happens when the room is used up."""

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.field import light_slot
from fakes.keeper import Keeper
from fakes.outboxed import BOOT, NAME, Boxed, fast_folder

from probe.outbox import KEEP_RECEIPTS, KEEP_RECENT, LIMIT_BYTES
from probe.outbox import box as tested
from shared import strictjson
from shared.record import write_record

SLOTS_A_DAY, DAYS = 96, 90
WRITTEN_BYTES = 10_000  # for each record


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder where syncing costs nothing."""
    folder = fast_folder()
    yield folder
    shutil.rmtree(folder)


def live(boxed: Boxed, slot: int, chance: random.Random) -> int:
    """Live through one slot; how many records that made."""
    records = light_slot(slot, chance)
    for members in records:
        seq = boxed.box.start(lambda seq, told=members: _intent(seq, told))
        boxed.box.finish(seq, write_record(members | {"seq": seq}), BOOT, with_next=True)
    boxed.seal_all()
    boxed.send()
    return len(records)


def _intent(seq: int, told: strictjson.JsonObject) -> bytes:
    known = {name: told[name] for name in ("method", "mono_us", "peer", "slot", "ver", "wall_us")}
    return strictjson.encode(known | {"boot": BOOT, "plan": "quick", "seq": seq})


def test_ninety_days_offline_fit(folder: Path, record_property: Callable[[str, object], None]) -> None:
    """Ninety days of light slots that nobody could send fit the disk budget, with what stands beside them."""
    chance = random.Random(1)
    with closing(Boxed(folder, Keeper(is_away=True))) as boxed:
        used = []
        for day in range(2):
            for slot in range(SLOTS_A_DAY):
                live(boxed, day * SLOTS_A_DAY + slot, chance)
            used.append(boxed.box.tally().used_bytes)
        log_bytes = (folder / f"{NAME}-wal").stat().st_size
    day_bytes = used[1] - used[0]
    whole_bytes = used[0] + (DAYS - 1) * day_bytes + tested.BESIDE_BYTES
    record_property("day_bytes", day_bytes)
    print(f"{day_bytes} bytes a day, {whole_bytes} in {DAYS} days, {LIMIT_BYTES // day_bytes} days in all")  # noqa: T201
    assert log_bytes <= tested.BESIDE_BYTES
    assert whole_bytes <= LIMIT_BYTES


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="this system does not count what a process writes")
def test_what_a_record_costs_a_card(folder: Path) -> None:
    """Measured, sealed, sent and receipted, with all that SQLite writes twice, a record costs less than 10 kB of writing."""

    def written_bytes() -> int:
        told = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
        return int(told["wchar"])

    chance = random.Random(2)
    with closing(Boxed(folder, Keeper())) as boxed:
        for slot in range(20):
            live(boxed, slot, chance)
        before_bytes = written_bytes()
        records = sum(live(boxed, 20 + slot, chance) for slot in range(150))
        each_bytes = (written_bytes() - before_bytes) // records
    print(f"{each_bytes} bytes written for each record")  # noqa: T201
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
            made += live(boxed, made, chance)
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
