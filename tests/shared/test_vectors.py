"""The repository's own vectors: good ones hold, bad ones fail at their step, and none has drifted."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared import dsse
from shared.batch import OpenedBatch, open_batch
from shared.chain import START, Head, follow
from shared.complaint import read_complaint
from shared.enrolment import read_enrolment, read_request
from shared.errors import FrozenKey, Refused, RevokedKey, UnknownKey
from shared.keys import FileKey, PublicKey
from shared.receipt import read_receipt

REPOSITORY = Path(__file__).resolve().parents[2]
VECTORS = REPOSITORY / "tests" / "vectors"
GOOD = VECTORS / "good"
ABOUT = json.loads((VECTORS / "vectors.json").read_bytes())
KEYS = {name: PublicKey.from_spki(base64.b64decode(said["spki_b64"])) for name, said in ABOUT["keys"].items()}
EXPECTED = {path.parent.name: json.loads(path.read_bytes()) for path in VECTORS.glob("bad/*/expect.json")}
STANDING = {"revoked": RevokedKey, "frozen": FrozenKey}


def key_of_state(state: dict[str, Any]) -> Callable[[str], PublicKey]:
    """Look keys up as a collector in this state does."""

    def key_of(key_id: str) -> PublicKey:
        for name, standing in state["keys"].items():
            if KEYS[name].key_id == key_id:
                if standing in STANDING:
                    raise STANDING[standing](3, standing)
                return KEYS[name]
        raise UnknownKey(3, "nobody enrolled this key")

    return key_of


def take(body: bytes, state: dict[str, Any]) -> OpenedBatch:
    """Do what a collector in this state does with a body: open it, know a repeat, follow the chain."""
    opened = open_batch(body, key_of_state(state))
    expect = state["expect"]
    if opened.pae_sha256 != expect["head"]:
        follow(Head(expect["batch"], expect["seq"], expect["head"]), opened.said, opened.pae_sha256)
    return opened


def test_good_batches_form_one_chain() -> None:
    """The good batches of one device follow each other from the start."""
    head = START
    for number in range(3):
        opened = open_batch((GOOD / f"batch-{number}.ndjson").read_bytes(), lambda _: KEYS["device_a"])
        head = follow(head, opened.said, opened.pae_sha256)
    expect = ABOUT["states"]["after_batch_2"]["expect"]
    assert head == Head(expect["batch"], expect["seq"], expect["head"])


def test_good_batch_of_a_later_version() -> None:
    """Members nobody knows yet are kept in statement, predicate and record, and refused in none."""
    opened = take((GOOD / "batch-2-of-a-later-version.ndjson").read_bytes(), ABOUT["states"]["after_batch_1"])
    assert opened.said.predicate["more"] == {"a": []}
    assert opened.records[0].fields["future"] == {"list": [[], {}, True, 2**53 - 1, 1 - 2**53]}
    assert opened.records[0].text("note") == "ü \u2028 📶 \x7f"


def test_good_receipt() -> None:
    """A receipt once given is read by every later version."""
    receipt = read_receipt(
        (GOOD / "receipt.dsse.json").read_bytes(),
        KEYS["collector"],
        open_batch((GOOD / "batch-0.ndjson").read_bytes(), lambda _: KEYS["device_a"]).pae_sha256,
    )
    assert (receipt.dev, receipt.batch) == (KEYS["device_a"].key_id, 0)


def test_good_complaint() -> None:
    """A complaint once signed is read by every later version."""
    envelope = dsse.read_envelope((GOOD / "complaint.dsse.json").read_bytes())
    assert read_complaint(envelope, KEYS["device_a"]).text == "Videos stop every evening."


def test_good_enrolment() -> None:
    """A request and an enrolment once signed are read by every later version."""
    request = read_request((GOOD / "enrol-request.dsse.json").read_bytes())
    assert request.with_code("7K3M9QX2TA").key == KEYS["device_a"]
    enrolment = read_enrolment((GOOD / "enrolment.dsse.json").read_bytes(), KEYS["portal"])
    assert (enrolment.key, enrolment.key_class) == (KEYS["device_a"], "file")


@pytest.mark.threat("T18")
@pytest.mark.parametrize("name", sorted(name for name, said in EXPECTED.items() if said["error"] != "repeat"))
def test_bad_vector(name: str) -> None:
    """A bad batch is refused at the step, and with the error, that its expect.json names."""
    expect = EXPECTED[name]
    state = ABOUT["states"][expect["state"]]
    with pytest.raises(Refused) as refused:
        take((VECTORS / "bad" / name / "batch.ndjson").read_bytes(), state)
    assert (refused.value.step, refused.value.error) == (expect["step"], expect["error"])
    if expect["status"] == 409:
        assert refused.value.expected is not None
        assert refused.value.expected.head == state["expect"]["head"]


@pytest.mark.parametrize("name", sorted(name for name, said in EXPECTED.items() if said["error"] == "repeat"))
def test_repeat(name: str) -> None:
    """A repeat, its signature changed or not, is known by SHA-256(PAE) and would not follow as new."""
    state = ABOUT["states"][EXPECTED[name]["state"]]
    opened = take((VECTORS / "bad" / name / "batch.ndjson").read_bytes(), state)
    assert opened.pae_sha256 == state["expect"]["head"]
    with pytest.raises(Refused) as refused:
        follow(Head(3, 10, opened.pae_sha256), opened.said, opened.pae_sha256)
    assert refused.value.error == "chain_fork"


def test_every_step_has_vectors() -> None:
    """Each step that needs no beacon and no huge body has a batch that fails there."""
    assert {said["step"] for said in EXPECTED.values()} == {2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13}


def test_vectors_have_not_drifted(tmp_path: Path) -> None:
    """The generator gives the committed files, all of them and no others, to the byte."""
    signer = FileKey.generate()
    if signer.sign(b"twice") != signer.sign(b"twice"):
        pytest.skip("signing is not deterministic with this build of cryptography")
    subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "make_vectors.py", tmp_path],
        check=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(REPOSITORY)},
    )

    def files_below(folder: Path) -> dict[str, bytes]:
        paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    there = files_below(VECTORS)
    made_once = {
        name for name in there if name.startswith(("evidence/", "criteria/"))
    }  # by scripts/keep_evidence.py; by hand
    assert files_below(tmp_path) == {name: data for name, data in there.items() if name not in made_once}
