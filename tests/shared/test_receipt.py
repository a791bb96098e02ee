"""Receipts: one collector's word for one very batch."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import COLLECTOR, DEVICE, OTHER_DEVICE, Link, batches, json_values, ring, wild

from shared import dsse
from shared.batch import FIRST_PREV, Sealing, open_batch, seal_batch
from shared.errors import Malformed
from shared.receipt import SUBJECT, Receipt, make_receipt, read_receipt
from shared.record import write_record
from shared.statement import Kind, Statement

PLACE = Sealing("agent", 0, "boot", FIRST_PREV, 0, 0, 0, 0)
OPENED = open_batch(seal_batch((write_record({"seq": 0}),), PLACE, DEVICE), ring(DEVICE))
OTHER = open_batch(seal_batch((write_record({"a": 1, "seq": 0}),), PLACE, DEVICE), ring(DEVICE))
LINE = make_receipt(OPENED, 7, COLLECTOR)
PREDICATE: dict[str, Any] = {
    "batch": 0,
    "collector": COLLECTOR.public.key_id,
    "dev": DEVICE.public.key_id,
    "received_us": 7,
}


@settings(deadline=None, max_examples=40)
@given(batches(), st.integers(0, 2**53 - 1))
def test_reading_undoes_making(batch: Link, received_us: int) -> None:
    """A receipt names the batch, its device, the collector and the time."""
    opened = open_batch(batch.body, ring(DEVICE))
    receipt = read_receipt(make_receipt(opened, received_us, COLLECTOR), COLLECTOR.public, opened.pae_sha256)
    assert receipt == Receipt(
        DEVICE.public.key_id, opened.said.batch, opened.pae_sha256, received_us, COLLECTOR.public.key_id
    )


def test_receipt_for_another_batch() -> None:
    """The receipt for one batch is none for another, even of the same number."""
    with pytest.raises(Malformed, match="another batch"):
        read_receipt(LINE, COLLECTOR.public, OTHER.pae_sha256)


def test_receipt_by_another_collector() -> None:
    """A receipt that another key signed is none."""
    with pytest.raises(Malformed, match="another key"):
        read_receipt(LINE, OTHER_DEVICE.public, OPENED.pae_sha256)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (Statement(Kind.BATCH, SUBJECT, OPENED.pae_sha256, PREDICATE), "predicateType"),
        (Statement(Kind.RECEIPT, "records.ndjson", OPENED.pae_sha256, PREDICATE), "another batch"),
        (Statement(Kind.RECEIPT, SUBJECT, OPENED.pae_sha256, PREDICATE | {"dev": "x"}), "dev"),
        (Statement(Kind.RECEIPT, SUBJECT, OPENED.pae_sha256, PREDICATE | {"batch": -1}), "batch"),
        (
            Statement(Kind.RECEIPT, SUBJECT, OPENED.pae_sha256, PREDICATE | {"received_us": "7"}),
            "received_us",
        ),
        (Statement(Kind.RECEIPT, SUBJECT, OPENED.pae_sha256, PREDICATE | {"collector": 1}), "collector"),
    ],
)
def test_bad_receipts(told: Statement, why: str) -> None:
    """A signed receipt of another kind, for another subject, or without its members is refused."""
    with pytest.raises(Malformed, match=why):
        read_receipt(dsse.seal(told.encode(), COLLECTOR), COLLECTOR.public, OPENED.pae_sha256)


@settings(deadline=None, max_examples=100)
@given(wild(st.just(LINE)))
def test_any_bytes_as_receipt(line: bytes) -> None:
    """Any bytes but the receipt itself are refused as Malformed."""
    if line == LINE:
        return
    with pytest.raises(Malformed):
        read_receipt(line, COLLECTOR.public, OPENED.pae_sha256)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(PREDICATE)), json_values, min_size=1))
def test_any_signed_members(change: dict[str, Any]) -> None:
    """Any members a collector may sign are refused as Malformed, or say what it said."""
    told = Statement(Kind.RECEIPT, SUBJECT, OPENED.pae_sha256, PREDICATE | change)
    try:
        receipt = read_receipt(dsse.seal(told.encode(), COLLECTOR), COLLECTOR.public, OPENED.pae_sha256)
    except Malformed:
        return
    assert (receipt.batch, receipt.received_us) == (told.predicate["batch"], told.predicate["received_us"])
