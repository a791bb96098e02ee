"""The history: months of lines, bounded, harmless to lose."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe import history as module
from probe.history import FOLDER, MOST_MONTHS, MOST_WAITING, TOGETHER, History
from probe.moments import DAY_US
from shared.record import write_record
from shared.strictjson import JsonObject

NOV_US = 1_794_000_000_000_000  # 6 Nov 2026
MONTH_US = 30 * DAY_US


def members(seq: int, at_us: int = NOV_US) -> JsonObject:
    """A finished measurement."""
    return {"seq": seq, "wall_us": at_us, "method": "latency", "end": "ok", "rtt_us": [35_000], "slot": seq}


def seqs(history: History, from_us: int = 0) -> list[int]:
    """What is remembered, by its numbers."""
    return [one.seq for one in history.since(from_us)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a history is kept."""
    return tmp_path / FOLDER


def test_nothing_is_remembered_at_first(folder: Path) -> None:
    """A history that was never written is empty, and reading makes no folder."""
    history = History(folder)
    assert (history.since(0), history.files()) == ([], [])
    history.close()
    assert not folder.exists()


def test_lines_are_appended_together(folder: Path) -> None:
    """Every two dozen lines are one append, so that a slow card is not worn out by small ones."""
    history = History(folder)
    for seq in range(TOGETHER):
        assert seqs(History(folder)) == []
        history.add(members(seq))
        history.flush()
    assert seqs(History(folder)) == list(range(TOGETHER))


def test_closing(folder: Path) -> None:
    """At the end of a run whatever waits is written; another process reads it then."""
    history = History(folder)
    history.add(members(1))
    history.add(members(2, NOV_US + 1))
    assert seqs(History(folder)) == []
    history.close()
    assert seqs(History(folder)) == [1, 2]
    assert [file.name for file in history.files()] == ["2026-11.ndjson"]
    assert (folder / "2026-11.ndjson").stat().st_mode & 0o777 == 0o600
    assert len((folder / "2026-11.ndjson").read_bytes()) < 2 * 200


def test_what_is_no_measurement_is_left_out(folder: Path) -> None:
    """Members without a moment or a method leave no line."""
    history = History(folder)
    history.add({"seq": 1})
    history.close()
    assert not folder.exists()


def test_a_month_that_is_over_is_packed(folder: Path) -> None:
    """With the first line of a month the others are packed, and are read as before."""
    history = History(folder)
    for seq in range(3):
        history.add(members(seq, NOV_US + seq * MONTH_US))
        history.close()
    assert [file.name for file in history.files()] == ["2026-11.ndjson.gz", "2026-12.ndjson.gz", "2027-01.ndjson"]
    assert seqs(history) == [0, 1, 2]
    assert seqs(history, NOV_US + 1) == [1, 2]


def test_after_thirteen_months_the_oldest_goes(folder: Path) -> None:
    """The history is bounded by the number of its months."""
    history = History(folder)
    for seq in range(20):
        history.add(members(seq, NOV_US + seq * MONTH_US))
        history.close()
    assert len(history.files()) <= MOST_MONTHS
    assert seqs(history)[-1] == 19
    assert seqs(history)[0] > 5


def test_a_clock_set_back_into_a_packed_month(folder: Path) -> None:
    """Lines that come late into a month are added to what is packed, and none is lost."""
    history = History(folder)
    for seq, at_us in enumerate((NOV_US, NOV_US + MONTH_US, NOV_US + 1, NOV_US + MONTH_US + 1)):
        history.add(members(seq, at_us))
        history.close()
    assert sorted(seqs(history)) == [0, 1, 2, 3]
    history.add(members(4, -1))
    history.close()
    assert sorted(one.seq for one in History(folder).since(0)) == [0, 1, 2, 3]


def test_a_full_month_takes_no_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month is bounded: what goes beyond is forgotten, and nothing is raised."""
    monkeypatch.setattr(module, "MOST_BYTES", 300)
    history = History(folder)
    for seq in range(20):
        history.add(members(seq))
        history.close()
    assert (folder / "2026-11.ndjson").stat().st_size <= 300
    assert seqs(history) == list(range(len(seqs(history))))


def test_a_disk_that_takes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk refuses, lines wait in memory up to a bound; they are written when it takes them again."""
    history = History(folder)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("probe.history.os.open", refuse)
        for seq in range(MOST_WAITING + 5):
            history.add(members(seq))
        history.close()
        assert seqs(history) == []
    history.close()
    assert seqs(history) == list(range(5, MOST_WAITING + 5))


def test_a_line_that_was_cut_short(folder: Path) -> None:
    """Whatever byte a crash cut the file at, whole lines are read and the next line is not joined to the torn one."""
    history = History(folder)
    for seq in range(3):
        history.add(members(seq))
    history.close()
    file = folder / "2026-11.ndjson"
    whole = file.read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        again = History(folder)
        kept = whole[:length].count(b"\n")
        torn = [2] if length == len(whole) - 1 else []
        assert seqs(again) in ([*range(kept)], [*range(kept + 1)], torn)
        again.add(members(9, NOV_US + 5))
        again.close()
        assert seqs(again)[-1] == 9
        assert seqs(again)[:kept] == list(range(kept))


@settings(max_examples=30, deadline=None)
@given(junk=st.binary(max_size=300), packed=st.booleans())
def test_a_damaged_file_stops_nobody(tmp_path_factory: pytest.TempPathFactory, junk: bytes, packed: bool) -> None:
    """Any bytes in place of a month are read without an error, and measuring goes on beside them."""
    folder = tmp_path_factory.mktemp("history") / FOLDER
    folder.mkdir()
    (folder / ("2026-10.ndjson.gz" if packed else "2026-10.ndjson")).write_bytes(junk)
    history = History(folder)
    history.add(members(1))
    history.close()
    assert seqs(history)[-1:] == [1]


def test_a_packed_month_that_was_cut_gives_what_comes_before(folder: Path) -> None:
    """Damage in a packed month costs what comes after it."""
    folder.mkdir()
    history = History(folder)
    lines = b"".join(module.write(one) for one in _many(200))
    (folder / "2026-11.ndjson.gz").write_bytes(gzip.compress(lines)[:-200])
    assert 0 < len(history.since(0)) < 200


def _many(count: int) -> list[module.Remembered]:
    return [
        module.Remembered(seq, NOV_US + seq * 7919, "latency", "ok", rtt_us=seq * 7919 % 9973) for seq in range(count)
    ]


def test_what_a_crash_kept_from_the_file_is_brought_in(folder: Path) -> None:
    """`catch_up` adds what the outbox still has and the history does not, once, over the end of a month too."""
    history = History(folder)
    history.add(members(1, NOV_US))
    history.close()
    lines = [write_record(members(seq, NOV_US + (seq - 1) * MONTH_US // 2)) for seq in (3, 2, 1)]
    assert history.catch_up([*lines, b"junk\n"]) == 2
    assert seqs(history) == [1, 2, 3]
    assert History(folder).catch_up(lines) == 0
    assert History(folder).catch_up([]) == 0


def test_a_lost_history_is_rebuilt_from_what_the_outbox_has(folder: Path) -> None:
    """With the folder gone, the records that are still in the outbox make the new one."""
    lines = [write_record(members(seq)) for seq in range(5)]
    history = History(folder)
    assert [one.seq for one in history.since(0, lines)] == [0, 1, 2, 3, 4]
    assert history.catch_up(lines) == 5
    assert seqs(History(folder)) == [0, 1, 2, 3, 4]


def test_the_same_start_is_shown_once(folder: Path) -> None:
    """What both the history and the outbox have is one measurement; a new key's numbers begin anew beside the old ones."""
    history = History(folder)
    history.add(members(1))
    history.add(members(1, NOV_US + 9))
    history.close()
    assert [one.at_us for one in history.since(0, [write_record(members(1))])] == [NOV_US, NOV_US + 9]


def test_a_month_that_cannot_be_read_stands_in_nobodys_way(folder: Path) -> None:
    """A file the disk does not give back any more is passed over: what comes is written, and the other months are read."""
    history = History(folder)
    history.add(members(1, NOV_US))
    history.close()
    (folder / "2026-12.ndjson").symlink_to("nowhere")
    assert history.catch_up([write_record(members(2, NOV_US + 2 * MONTH_US))]) == 1
    assert seqs(History(folder)) == [1, 2]
