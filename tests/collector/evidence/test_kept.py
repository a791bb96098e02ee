"""T11: whoever drops a batch is found out by the customer who kept its receipt."""

from collections.abc import Mapping

import pytest
from fakes.case import Case

from collector.evidence.check import Step, check_evidence
from collector.evidence.logged import Trust
from collector.ingest import Ingest
from shared import dsse, strictjson
from shared.batch import open_batch
from shared.keys import FileKey
from shared.receipt import make_receipt

Files = dict[str, bytes]


@pytest.fixture
async def export(case: Case) -> Files:
    """What the first device would export: the receipts and proofs of all of its batches, as they come when one asks again."""
    kept, ingest, dev = {"README.txt": b"x"}, Ingest(case.services), case.history.devices[0].dev
    for number, name in enumerate(sorted(one for one in case.files if one.startswith(f"batches/{dev}"))):
        answer = await ingest.take(case.files[name])
        assert answer.bundle is not None
        kept |= {f"receipts/{number:06}.json": answer.receipt, f"receipts/{number:06}.sigstore.json": answer.bundle}
    return kept


def last(case: Case, files: Mapping[str, bytes], kept: Files) -> Step:
    """The step that compares, if it is gone through, else the one that fails."""
    trust = Trust(case.services.collector_key.public.key_id, case.services.log_key.public.vkey)
    steps = check_evidence(dict(files), trust, kept)
    return next((step for step in steps if step.name == "kept"), steps[-1])


async def test_all_is_here(case: Case, export: Files) -> None:
    """Every receipt is of a batch in the evidence, and its proof holds."""
    step = last(case, case.files, export)
    assert (step.no, step.name, step.holds) == (13, "kept", True)
    assert step.detail == "3 receipts of the customer's, each for a batch that is here; 3 proven by the log"
    bare = {name: data for name, data in export.items() if "sigstore" not in name}
    assert last(case, case.files, bare).detail.endswith("0 proven by the log")


@pytest.mark.threat("T11")
async def test_a_batch_was_dropped(case: Case, export: Files) -> None:
    """The file by itself holds; beside the customer's receipts it does not, and the batch is named."""
    files = case.without_newest()
    assert check_evidence(files)[-1].holds
    step = last(case, files, export)
    assert (step.no, step.holds) == (13, False)
    assert step.detail.startswith("receipts/000002.json: the collector has acknowledged batch 2 of device ")


async def test_what_came_later(case: Case, export: Files) -> None:
    """A batch that was received after the evidence was made is not missed."""
    device = case.history.devices[0]
    body = device.seal()
    opened = open_batch(body, lambda _: device.key.public)
    later = make_receipt(opened, 2**52, case.services.collector_key)
    step = last(case, case.files, export | {"receipts/000003.json": later})
    assert step.holds
    assert step.detail.endswith("; 1 of batches that came later")


@pytest.mark.parametrize("how", ["no receipts", "another collector", "no envelope", "another proof", "spoilt proof"])
async def test_what_nobody_gave_him(case: Case, export: Files, how: str) -> None:
    """What is no receipt of this collector's, or no proof of this batch, accuses nobody: it is named as what it is."""
    first = "receipts/000000.json"
    match how:
        case "no receipts":
            kept = {"README.txt": b"x"}
        case "another collector":
            envelope = dsse.read_envelope(export[first])
            kept = export | {first: dsse.seal(envelope.payload, FileKey.generate())}
        case "no envelope":
            kept = export | {first: b"{}"}
        case "another proof":
            kept = export | {"receipts/000000.sigstore.json": export["receipts/000001.sigstore.json"]}
        case _:
            told = strictjson.decode(export["receipts/000000.sigstore.json"])
            told["verificationMaterial"]["tlogEntries"][0]["logIndex"] = "77"  # type: ignore[index,call-overload]
            kept = export | {"receipts/000000.sigstore.json": strictjson.encode(told)}
    step = last(case, case.files, kept)
    assert (step.no, step.holds) == (13, False)
    assert how == "no receipts" or "receipts/000000" in step.detail
