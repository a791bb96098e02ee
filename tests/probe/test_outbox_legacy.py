"""An outbox of an earlier version, in SQLite: carried over once, whole or as far as it can be read, and set aside."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from fakes.keeper import Keeper
from fakes.outboxed import NAME, goes_on, record, seed
from strategies import COLLECTOR, DEVICE, ring

from probe.outbox import Outbox, Stored, files, is_there
from probe.packed import Packed, pack_line
from probe.seal import Sealed, seal
from shared import strictjson
from shared.batch import open_batch
from shared.chain import START, Head
from shared.receipt import make_receipt

OLD = f"{NAME}.sqlite"
FIRST_VERSION = """
CREATE TABLE chain (one INTEGER PRIMARY KEY CHECK (one = 1), next_seq INTEGER NOT NULL,
                    batch INTEGER NOT NULL, seq INTEGER NOT NULL, head TEXT NOT NULL, seed BLOB NOT NULL);
CREATE TABLE intent (seq INTEGER PRIMARY KEY, line BLOB NOT NULL);
CREATE TABLE record (seq INTEGER PRIMARY KEY, line BLOB NOT NULL, boot TEXT NOT NULL);
CREATE TABLE batch (batch INTEGER PRIMARY KEY, pae_sha256 TEXT NOT NULL, records INTEGER NOT NULL,
                    body BLOB, receipt BLOB, received_us INTEGER);
CREATE TABLE complaint (id INTEGER PRIMARY KEY, line BLOB NOT NULL UNIQUE, sent INTEGER NOT NULL DEFAULT 0);
CREATE TABLE recent (seq INTEGER PRIMARY KEY, line BLOB NOT NULL);
"""
SECOND_VERSION = """
CREATE TABLE chain (one INTEGER PRIMARY KEY CHECK (one = 1), next_seq INTEGER NOT NULL, batch INTEGER NOT NULL,
                    seq INTEGER NOT NULL, head TEXT NOT NULL, seed BLOB NOT NULL, lost INTEGER NOT NULL,
                    asking_from INTEGER);
CREATE TABLE start (seq INTEGER PRIMARY KEY, intent BLOB, boot TEXT, line BLOB);
CREATE VIEW intent AS SELECT seq, intent AS line FROM start WHERE intent IS NOT NULL;
CREATE VIEW record AS SELECT seq, line, boot FROM start WHERE line IS NOT NULL;
CREATE TABLE sealed (batch INTEGER PRIMARY KEY, first_seq INTEGER, last_seq INTEGER, records INTEGER NOT NULL,
                     pae_sha256 TEXT NOT NULL, draft INTEGER NOT NULL, body BLOB);
CREATE TABLE receipt (batch INTEGER PRIMARY KEY, received_us INTEGER NOT NULL, receipt BLOB NOT NULL);
CREATE VIEW batch AS SELECT * FROM sealed LEFT JOIN receipt USING (batch);
CREATE TABLE again (id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
                    records INTEGER NOT NULL, moved INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE complaint (id INTEGER PRIMARY KEY, line BLOB NOT NULL UNIQUE, sent INTEGER NOT NULL DEFAULT 0);
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


def sealed_pair(head: Head) -> Sealed:
    """Seal two records after a head."""
    stored = [Stored(seq, record(seq), "b") for seq in (head.seq, head.seq + 1)]
    return seal(stored, head, "b", 1, 2, DEVICE)


def second(folder: Path) -> Keeper:
    """Make an outbox of version 2 with a batch sent, one not, two records, an open start, a word and a value; the collector then."""
    keeper = Keeper()
    one = sealed_pair(START)
    two = sealed_pair(one.head)
    opened = open_batch(one.body, ring(DEVICE))
    keeper.head, keeper.kept = one.head, [opened]
    receipt = make_receipt(opened, 5, COLLECTOR)
    keeper.receipts[one.pae_sha256] = strictjson.decode(receipt)
    with closing(sqlite3.connect(folder / OLD)) as db:
        db.executescript(SECOND_VERSION)
        db.execute("INSERT INTO chain VALUES (1, 4, 2, 4, ?, ?, 0, NULL)", (two.pae_sha256, seed()))
        for batch, each in enumerate((one, two)):
            numbers = (batch, 2 * batch, 2 * batch + 1, 2, each.pae_sha256, 0, Packed.of(each.body).gzip)
            db.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?)", numbers)
        db.execute("INSERT INTO receipt VALUES (0, 5, ?)", (receipt,))
        for seq in (4, 5):
            db.execute("INSERT INTO start VALUES (?, NULL, 'b', ?)", (seq, pack_line(record(seq))))
        db.execute("INSERT INTO start VALUES (6, ?, NULL, NULL)", (strictjson.encode({"boot": "b", "seq": 6}),))
        db.execute("INSERT INTO complaint (line) VALUES (?)", (b"slow",))
        db.execute("INSERT INTO kept VALUES ('pause', ?)", (b"1",))
        db.execute("PRAGMA user_version=2")
        db.commit()
    return keeper


def test_an_outbox_of_the_second_version(tmp_path: Path) -> None:
    """All of it is there, asked for once; the old file is set aside whole, and nothing is carried over a second time."""
    keeper = second(tmp_path)
    data = (tmp_path / OLD).read_bytes()
    assert is_there(tmp_path / NAME)
    with closing(Outbox(tmp_path / NAME, lambda: bytes(1))) as box:
        assert box.doubt == "it is of an earlier version"
        assert box.set_aside is not None
        assert (box.set_aside / OLD).read_bytes() == data
        assert not (tmp_path / OLD).exists()
        assert (box.seed, box.head.batch, box.tally().next_seq) == (seed(), 2, 7)
        assert box.open_intents() == [(6, strictjson.encode({"boot": "b", "seq": 6}))]
        assert [number for number, _ in box.receipts()] == [0]
        assert [line for _, line in box.unsent_complaints()] == [b"slow"]
        assert box.kept("pause") == b"1"
    assert goes_on(tmp_path, keeper).box.doubt is None
    assert keeper.seqs == list(range(11))
    assert keeper.lost == 0


def test_an_outbox_of_the_first_version(tmp_path: Path) -> None:
    """What the first program left, records, intents, bodies not packed, words, is carried over whole."""
    told = {"boot": "b", "seq": 3}
    sealed = sealed_pair(START)
    with closing(sqlite3.connect(tmp_path / OLD)) as db:
        db.executescript(FIRST_VERSION)
        db.execute("INSERT INTO chain VALUES (1, 4, 1, 2, ?, ?)", (sealed.pae_sha256, seed()))
        db.execute("INSERT INTO intent VALUES (3, ?)", (strictjson.encode(told),))
        db.execute("INSERT INTO record VALUES (2, ?, 'b')", (record(2),))
        db.execute("INSERT INTO batch VALUES (0, ?, 2, ?, NULL, NULL)", (sealed.pae_sha256, sealed.body))
        db.execute("INSERT INTO complaint (line) VALUES (?)", (b"slow",))
        db.commit()
    with closing(Outbox(tmp_path / NAME, lambda: bytes(1))) as box:
        assert (box.head, box.seed) == (sealed.head, seed())
        assert box.open_intents() == [(3, strictjson.encode(told))]
        assert [one.seq for one in box.sealable()] == [2]
        assert [line for _, line in box.unsent_complaints()] == [b"slow"]
        box.resume(START)
        waiting = box.oldest_unsent()
        assert waiting is not None
        assert waiting.body == sealed.body
        assert box.tally().next_seq == 4


class PowerCut(BaseException):
    """Nothing comes after it."""


@pytest.mark.parametrize("step", range(1, 8))
def test_carrying_over_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Wherever it is cut off, whoever opens next ends it, and the old file is still there."""
    keeper, calls = second(tmp_path), 0
    data = (tmp_path / OLD).read_bytes()

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
            Outbox(tmp_path / NAME, lambda: bytes(1)).close()
    goes_on(tmp_path, keeper)
    assert keeper.seqs == list(range(11))
    assert [file.read_bytes() for file in tmp_path.rglob(OLD)] == [data]


@pytest.mark.parametrize("length", [0, 100, 600, 4096, 20_000])
def test_a_damaged_one(tmp_path: Path, length: int) -> None:
    """What can be read of a file that is cut or overwritten is carried over, and the device goes on."""
    keeper = second(tmp_path)
    if length < 20_000:
        os.truncate(tmp_path / OLD, length)
    else:
        with (tmp_path / OLD).open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 4096)
    goes_on(tmp_path, keeper)
