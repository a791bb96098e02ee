"""Sealing: whatever the records are, the batches open, chain, and stay within their limits."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import DEVICE, record_members, ring

from probe.outbox import Outbox, Stored
from probe.seal import AGENT, Sealed, question, seal
from shared.batch import MAX_BODY_BYTES, open_batch
from shared.chain import START, Head, follow
from shared.errors import ChainGap
from shared.record import MAX_RECORD_BYTES, write_record
from shared.strictjson import MAX_INTEGER, decode

NOW = "now-boot"


def sealed_of(records: Sequence[Stored], head: Head = START) -> Sealed:
    """Seal at a fixed moment."""
    return seal(records, head, NOW, 7, 9, DEVICE)


@st.composite
def stored(draw: st.DrawFn) -> list[Stored]:
    """Records with rising numbers, some lost in between, some of an earlier boot."""
    seq, found = draw(st.integers(0, 3)), []
    for step in draw(st.lists(st.integers(1, 3), min_size=1, max_size=8)):
        boot = draw(st.sampled_from([NOW, "boot-before", "boot-long-ago"]))
        found.append(Stored(seq, write_record(draw(record_members(seq))), boot))
        seq += step
    return found


@given(parts=st.lists(stored(), min_size=1, max_size=3))
@settings(deadline=None)
def test_any_records_seal_into_a_chain(parts: list[list[Stored]]) -> None:
    """Every batch opens, follows the one before it, and counts as lost exactly the numbers without a record."""
    head = walked = START
    for part in parts:
        moved = [Stored(one.seq + head.seq, _numbered(one, head.seq), one.boot) for one in part]
        made = sealed_of(moved, head)
        opened = open_batch(made.body, ring(DEVICE))
        walked = follow(walked, opened.said, opened.pae_sha256)
        assert made.head == walked
        assert opened.pae_sha256 == made.pae_sha256
        assert [one.seq for one in opened.records] == [one.seq for one in moved]
        assert opened.said.lost == moved[-1].seq + 1 - head.seq - len(moved)
        assert (opened.said.agent, opened.said.boot) == (AGENT, NOW)
        assert (opened.said.sealed_mono_us, opened.said.sealed_wall_us) == (7, 9)
        head = made.head


def _numbered(one: Stored, by: int) -> bytes:
    return write_record({**decode(one.line[:-1]), "seq": one.seq + by})


@given(records=stored())
@settings(deadline=None)
def test_records_of_an_earlier_boot_say_so(records: list[Stored]) -> None:
    """A record keeps its bytes if it was made in the boot it is sealed in, and names its own boot otherwise."""
    opened = open_batch(sealed_of(records).body, ring(DEVICE))
    for one, record in zip(records, opened.records, strict=True):
        if one.boot == NOW:
            assert record.line + b"\n" == one.line
        else:
            assert record.text("boot") == one.boot


def test_equal_records_seal_into_equal_bytes() -> None:
    """Sealing draws no chance: the same records at the same moment are the same batch."""
    records = [Stored(0, write_record({"end": "ok", "seq": 0}), NOW)]
    assert sealed_of(records) == sealed_of(records)


def test_a_flood_of_the_largest_records_stays_below_the_limit(tmp_path: Path) -> None:
    """However large the records and however old their boot, no batch is more than a collector takes."""
    with contextlib.closing(Outbox(tmp_path / "o", lambda: bytes(32))) as box:
        largest = MAX_RECORD_BYTES - len(write_record({"boot": "b" * 22, "pad": "", "seq": 99})) + 1
        for number in range(80):
            seq = box.start(lambda _: b"")
            box.finish(seq, write_record({"pad": "x" * (largest if number % 2 else 60_000), "seq": seq}), "b" * 22)
        sizes, head = [], START
        while found := box.sealable():
            made = sealed_of(found, box.head)
            box.seal(made.body, made.pae_sha256, made.head, len(found))
            opened = open_batch(made.body, ring(DEVICE))
            head = follow(head, opened.said, opened.pae_sha256)
            sizes.append(len(made.body))
        assert head.seq == 80
        assert len(sizes) > 1
        assert max(sizes) < MAX_BODY_BYTES // 2 + MAX_RECORD_BYTES


@given(batch=st.integers(0, MAX_INTEGER - 1), seq=st.integers(0, MAX_INTEGER - 1))
@settings(deadline=None)
def test_a_question_is_never_taken(batch: int, seq: int) -> None:
    """Wherever a chain stands, the question is a good batch that comes too early, and never one that forks."""
    opened = open_batch(question(NOW, 7, 9, DEVICE), ring(DEVICE))
    head = Head(batch, seq, "c" * 64)
    with pytest.raises(ChainGap) as caught:
        follow(head, opened.said, opened.pae_sha256)
    assert caught.value.expected == head.expected
