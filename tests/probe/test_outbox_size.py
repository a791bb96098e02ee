"""What a season offline takes on disk, what it costs a card to write it, and what happens when the room is used up."""

import gc
import json
import os
import random
import shutil
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fakes.field import Field
from fakes.keeper import Keeper
from fakes.outboxed import BOOT, NAME, Boxed, fast_folder, seed

from probe.history import History
from probe.outbox import KEEP_RECEIPTS, KEEP_RECENT, LIMIT_BYTES, Outbox
from probe.outbox import box as tested
from probe.outbox import log as log_module
from probe.outbox.bodies import read_body
from probe.outbox.replay import Replay
from probe.outbox.tables import Row
from probe.packed import Packed
from shared import strictjson
from shared.record import write_record

OURS = Path(tested.__file__).parents[2]  # and not the tools that watch the tests
REAL_AGAIN = log_module.again
SLOTS_A_DAY, REAL_DAYS = 96, 2
HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000
SLOT_US = DAY_US // SLOTS_A_DAY
WRITTEN_BYTES = 10_000  # for each record, in whole pages of 4 KiB as a card writes them
BATCH_BYTES = 800  # of memory for each batch that waits: its numbers, and where its body lies
CLEANED_BYTES = 1_500  # written again for each record, in the steady state


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
    log = Replay(folder / NAME)
    log.load()
    return [[json.loads(line) for line in read_body(Packed(log.read(row.body))).lines] for row in log.state.unsent()]


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
@pytest.mark.parametrize(
    ("is_gone", "days"), [(True, 90), (False, 30)], ids=["no network, ninety days", "no collector, thirty days"]
)
def test_ninety_days_offline_fit(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
    is_gone: bool,
    days: int,
) -> None:
    """Days that nobody could send fit to the last record, with room for two hundred: failed tests with ladders, or good ones."""
    real = folder / "real"
    real.mkdir()
    bodies, made = days_of(real, monkeypatch, is_gone=is_gone), 0
    slots = {record.get("slot") for body in bodies for record in body} - {None}
    assert len(slots) >= REAL_DAYS * SLOTS_A_DAY - 1
    with closing(Boxed(folder, Keeper(is_away=True))) as boxed:
        for turn in range(days // REAL_DAYS):
            made += sum(live(boxed, body, turn * REAL_DAYS * DAY_US) for body in bodies)
        tally, log_bytes = boxed.box.tally(), boxed.box._log.whole_bytes
    with closing(Outbox(folder / NAME, seed)) as box:
        assert box.doubt is None
        assert box.tally() == tally
    in_all = (LIMIT_BYTES - LIMIT_BYTES // tested.DEAD_SHARE) * days // tally.used_bytes
    print(f"{made} records, {tally.used_bytes} bytes of {log_bytes} in {days} days: room for {in_all}")  # noqa: T201
    record_property("used_bytes", tally.used_bytes)
    assert (tally.next_seq, tally.lost, tally.unsealed) == (made, 0, 0)
    assert tally.unsent == len(bodies) * days // REAL_DAYS
    assert log_bytes == sum(file.stat().st_size for file in (folder / NAME).glob("*.log"))
    assert log_bytes <= 2 * tally.used_bytes + log_module.SPARE_BYTES + log_module.SEGMENT_BYTES <= LIMIT_BYTES
    assert in_all >= 200


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
    limit_bytes = 1_600_000  # of which the log takes two segments before it is cleaned
    with closing(Boxed(folder, keeper, limit_bytes)) as boxed:
        chance = random.Random(3)
        made = 0
        while boxed.box.tally().lost < 20:
            made += live(boxed, noise(chance))
        tally = boxed.box.tally()
        assert tally.used_bytes <= limit_bytes - limit_bytes // tested.DEAD_SHARE + 4_096  # the last batch, sealed
        assert boxed.box._log.whole_bytes <= limit_bytes + log_module.SPARE_BYTES
        assert tally.next_seq == made
        keeper.is_away = False
        assert boxed.send() is None
        boxed.slot()
        assert boxed.send() is None
        assert boxed.box.tally().lost == keeper.lost == tally.lost
        assert len(keeper.seqs) + keeper.lost == made + 2
        assert keeper.seqs[:50] == list(range(50))  # the oldest are kept


def whole_bytes(folder: Path) -> int:
    """How long the log is."""
    return sum(file.stat().st_size for file in (folder / NAME).glob("*.log"))


def test_the_log_shrinks_when_all_was_sent(folder: Path) -> None:
    """After a long time offline the room is given back, a segment at a time."""
    keeper = Keeper(is_away=True)
    with closing(Boxed(folder, keeper)) as boxed:
        for _ in range(40):
            noise = random.Random(boxed.box.tally().next_seq).randbytes(24_000).hex()
            with boxed.box.together():
                for _ in range(10):
                    seq = boxed.start()
                    boxed.box.finish(seq, write_record({"end": "ok", "pad": noise[seq % 99 :], "seq": seq}), BOOT)
                boxed.seal_all()
        large_bytes = whole_bytes(folder)
        keeper.is_away = False
        assert boxed.send() is None
        for _ in range(110):
            sizes = [file.stat().st_size for file in (folder / NAME).glob("*.log")]
            boxed.slot()
            assert boxed.send() is None
            assert whole_bytes(folder) > sum(sizes) - 6 * max(
                sizes
            )  # one for each of its transactions, never all at once
        assert large_bytes > 4 * log_module.SPARE_BYTES
        assert whole_bytes(folder) < large_bytes // 4


def test_what_cleaning_costs(folder: Path) -> None:
    """In the steady state, with a thousand receipts and all, what is written again is a part of what is written."""
    again: list[int] = []

    def counted(row: Row, data: bytes) -> Row:
        again.append(len(data) + 100)
        return REAL_AGAIN(row, data)

    with closing(Boxed(folder, Keeper())) as boxed, patch.object(log_module, "again", counted):
        records, chance = 0, random.Random(6)
        for number in range(4 * KEEP_RECEIPTS):
            seq = boxed.box.start(*[lambda seq: strictjson.encode({"boot": BOOT, "pad": "x" * 200, "seq": seq})] * 3)
            with boxed.box.together():
                for each in range(seq, seq + 3):
                    line = write_record({"end": "ok", "pad": chance.randbytes(300).hex(), "seq": each})
                    boxed.box.finish(each, line, BOOT, {"spent": b"%d" % each * 100})
                    records += 1
                boxed.seal_all()
            if number == 2 * KEEP_RECEIPTS:
                again.clear()
                records = 0
            boxed.box.receipted(number, b"r" * 700, 5)
        assert (
            whole_bytes(folder) <= 2 * boxed.box.tally().used_bytes + log_module.SPARE_BYTES + log_module.SEGMENT_BYTES
        )
    each_bytes = sum(again) // records
    print(f"{each_bytes} bytes written again for each of {records} records")  # noqa: T201
    assert 0 < each_bytes < CLEANED_BYTES


def test_what_waits_takes_little_memory(folder: Path) -> None:
    """Bodies and receipts stay on disk: a batch that waits takes some hundred bytes of memory, however large it is."""
    count = 500
    with closing(Boxed(folder, Keeper(is_away=True))) as boxed:
        boxed.slot(1)
        tracemalloc.start()
        for _ in range(count):
            boxed.slot(1)
        gc.collect()  # what is only waiting to be found is not what is kept
        kept = tracemalloc.take_snapshot()
        tracemalloc.stop()
    ours = [
        tracemalloc.Filter(True, name) for name in (f"{OURS}/probe/*", f"{OURS}/shared/*", "<string>")
    ]  # a row's constructor has no file
    kept_bytes = sum(one.size for one in kept.filter_traces(ours).statistics("filename"))
    assert 200 < kept_bytes // count < BATCH_BYTES


def test_receipts_and_bodies_are_thinned(folder: Path) -> None:
    """The last thousand receipts stay, the bodies of the last fifty batches or a few more, and nothing else grows."""
    with closing(Boxed(folder, Keeper())) as boxed:
        for number in range(KEEP_RECEIPTS + 2 * KEEP_RECENT + 7):
            boxed.slot(1)
            waiting = boxed.box.oldest_unsent()
            assert waiting is not None
            boxed.box.receipted(number, b"receipt", 5)
        numbers = [number for number, _ in boxed.box.receipts()]
        bodies = sum(row.body.length > 0 for row in boxed.box._log.state.sealed.values())
        assert KEEP_RECEIPTS <= len(numbers) <= KEEP_RECEIPTS + KEEP_RECENT
        assert numbers[-1] == KEEP_RECEIPTS + 2 * KEEP_RECENT + 6
        assert KEEP_RECENT <= bodies <= 2 * KEEP_RECENT
        assert boxed.box.tally().batches == numbers[-1] + 1
        assert len(boxed.box.recent()) == KEEP_RECENT
