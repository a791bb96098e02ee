"""The golden vectors beside the repository hold byte for byte, and every bad one is refused as it must be.

They are third-party data in the folder `shared` next to the repository (or `SPEEDPROOF_SHARED`); without it
these tests are skipped.
"""

import base64
import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

import pytest
from strategies import key_of_scalar, ring

from shared import dsse, strictjson
from shared.batch import FIRST_PREV, BatchStatement, OpenedBatch, boot_name, open_batch, read_batch_statement
from shared.chain import START, Head, follow
from shared.enrolment import (
    code_mac,
    make_enrolment,
    make_request,
    read_enrolment,
    read_request,
    subscriber_hash,
)
from shared.errors import Refused
from shared.keys import FileKey, PublicKey
from shared.kpi import rate_bps
from shared.record import End, read_record, write_record
from shared.slots import SlotPlan, schedule_key
from shared.statement import Kind, Statement, read_statement

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
FOLDER = SHARED / "vectors" / "integrity"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden vectors in {FOLDER}")

BAD_NAMES = (
    "duplicate_json_key",
    "flipped_record_byte",
    "float_in_record",
    "malleated_signature",
    "seq_gap",
    "stale_prev",
    "two_signatures",
    "wrong_digest",
)
# The step is not in the answers themselves; it follows from the order of the checks.
BAD_STEPS = {
    "duplicate_json_key": 7,
    "flipped_record_byte": 6,
    "float_in_record": 7,
    "seq_gap": 13,
    "stale_prev": 12,
    "two_signatures": 2,
    "wrong_digest": 6,
}
KEY_NAMES = ("device_a", "device_b", "peer", "portal", "tsa_root", "tsa")


def read(name: str) -> bytes:
    """Read one vector."""
    return (FOLDER / name).read_bytes()


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    """Give every golden number."""
    numbers: dict[str, Any] = json.loads(read("golden.json"))
    return numbers


@pytest.fixture(scope="module")
def keys(golden: dict[str, Any]) -> dict[str, FileKey]:
    """Give the TEST ONLY P-256 keys by name."""
    return {name: key_of_scalar(int(golden["test_only_keys"][name]["private_scalar_hex"], 16)) for name in KEY_NAMES}


def skip_unless_deterministic(key: FileKey) -> None:
    """Skip where two signatures of one message differ."""
    if key.sign(b"twice") != key.sign(b"twice"):
        pytest.skip("signing is not deterministic with this build of cryptography")


def open_golden(number: int, keys: dict[str, FileKey]) -> OpenedBatch:
    """Open one of the golden batches."""
    return open_batch(read(f"batch-{number}.ndjson"), ring(keys["device_a"]))


def test_keys(golden: dict[str, Any], keys: dict[str, FileKey]) -> None:
    """A scalar gives the SPKI and the key id that are written down."""
    for name, key in keys.items():
        said = golden["test_only_keys"][name]
        assert dsse.b64(key.public.spki) == said["spki_b64"]
        assert key.public.key_id == said["key_id"]
        assert PublicKey.from_spki(base64.b64decode(said["spki_b64"])) == key.public


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("device.pub.pem", "device_a"),
        ("device_b.pub.pem", "device_b"),
        ("peer.pub.pem", "peer"),
        ("portal.pub.pem", "portal"),
    ],
)
def test_pem(keys: dict[str, FileKey], file: str, name: str) -> None:
    """A public key reads from PEM and is written as the same PEM."""
    key = PublicKey.from_pem(read(file))
    assert key == keys[name].public
    assert key.to_pem() == read(file)


def test_pae(golden: dict[str, Any]) -> None:
    """The PAE of the golden statement is pae.bin, and its SHA-256 the one written down."""
    encoded = dsse.pae(read("statement.json"))
    assert encoded == read("pae.bin")
    assert len(encoded) == golden["batch"]["pae_bytes"]
    assert hashlib.sha256(encoded).hexdigest() == golden["batch"]["pae_sha256"]


def test_signature(keys: dict[str, FileKey]) -> None:
    """The golden signature verifies, and signing the PAE gives it to the byte."""
    keys["device_a"].public.verify(read("sig.der"), read("pae.bin"))
    skip_unless_deterministic(keys["device_a"])
    assert keys["device_a"].sign(read("pae.bin")) == read("sig.der")


def test_statement_is_rebuilt(golden: dict[str, Any], keys: dict[str, FileKey]) -> None:
    """The golden predicate, beacon and all, gives the payload to the byte, and sealing it gives line 1."""
    predicate = strictjson.decode(read("statement.json"))["predicate"]
    assert isinstance(predicate, dict)
    told = Statement(Kind.BATCH, "records.ndjson", hashlib.sha256(read("records.ndjson")).hexdigest(), predicate)
    assert told.encode() == read("statement.json")
    assert hashlib.sha256(told.encode()).hexdigest() == golden["batch"]["statement_sha256"]
    skip_unless_deterministic(keys["device_a"])
    body = dsse.seal(told.encode(), keys["device_a"]) + b"\n" + read("records.ndjson")
    assert body == read("batch-2.ndjson")
    assert hashlib.sha256(body).hexdigest() == golden["batch"]["body_sha256"]


def test_records_are_rewritten(golden: dict[str, Any]) -> None:
    """Every golden record is written again as the bytes it was read from."""
    for name in ("batch-0.ndjson", "batch-1.ndjson", "batch-2.ndjson"):
        for line in read(name).split(b"\n")[1:-1]:
            assert write_record(read_record(line).fields) == line + b"\n"
    assert hashlib.sha256(read("records.ndjson")).hexdigest() == golden["batch"]["records_sha256"]


def test_opened_batch(golden: dict[str, Any], keys: dict[str, FileKey]) -> None:
    """The golden batch opens, and says what is written down of it."""
    opened = open_golden(2, keys)
    said = golden["batch"]
    assert opened.pae_sha256 == said["pae_sha256"]
    assert opened.said.prev == said["prev"]
    assert [opened.said.first_seq, opened.said.last_seq] == said["seq"]
    assert opened.said.boot == said["boot"]
    assert opened.said.dev == said["device_key_id"]
    assert opened.envelope.signature == base64.b64decode(said["signature_b64"])
    assert all(record.integer("slot") == said["slot"] for record in opened.records)
    assert opened.said == read_batch_statement(read_statement(read("statement.json"), Kind.BATCH))


def test_figures_have_an_end(keys: dict[str, FileKey]) -> None:
    """Golden records end in ways this version knows, and a rate comes from finished transfers only."""
    for number in range(3):
        for record in open_golden(number, keys).records:
            assert record.end is not None
            assert rate_bps(record) is None or record.end is End.OK


def test_chain(golden: dict[str, Any], keys: dict[str, FileKey]) -> None:
    """The golden batches chain from 64 zeros, and the heads are the ones written down."""
    said = golden["chain"]
    assert said["first_prev"] == FIRST_PREV
    head = START
    for number in range(3):
        opened = open_golden(number, keys)
        head = follow(head, opened.said, opened.pae_sha256)
        assert head.pae_sha256 == said["heads"][str(number)]
    assert head == head_of(said["after_batch_2"])


def head_of(state: dict[str, Any]) -> Head:
    """Read a state of the golden chain."""
    return Head(state["expect_batch"], state["expect_seq"], state["head"])


def test_boot_name(golden: dict[str, Any]) -> None:
    """The boot's name comes from the device and the boot id."""
    said = golden["batch"]
    boot_id = said["boot_input"].rsplit(" ", 1)[1]
    assert boot_name(said["device_key_id"], boot_id) == said["boot"]


def test_slot_starts(golden: dict[str, Any], keys: dict[str, FileKey]) -> None:
    """The cosignature gives the key of the draw, and the key every start."""
    said = golden["schedule"]
    size = said["cosignature_of_checkpoint"]
    last = read(f"checkpoint.{size}").decode().rstrip("\n").split("\n")[-1]
    key = schedule_key(base64.b64decode(last.rsplit(" ", 1)[1]))
    assert key.hex() == said["hmac_key_hex"]
    plan = SlotPlan(said["slot_s"], said["guard_s"])
    for slot, start_us in said["start_us"].items():
        assert plan.start_us(key, keys["device_a"].public.key_id, int(slot)) == start_us
        assert plan.slot_at(start_us) == int(slot)


def test_enrolment(golden: dict[str, Any], keys: dict[str, FileKey]) -> None:
    """Code, nonce and salt give the mac and the subscriber's hash, and the portal's line to the byte."""
    said = golden["enrolment"]
    nonce, salt = bytes.fromhex(said["nonce_hex"]), bytes.fromhex(said["salt_hex"])
    device, portal = keys["device_a"], keys["portal"]
    assert code_mac(said["code"], device.public.spki, nonce).hex() == said["mac_hex"]
    assert subscriber_hash(salt, said["subscriber"]) == said["sub_hex"]

    line = read("enrol.dsse.json").rstrip(b"\n")
    enrolment = read_enrolment(line, portal.public)
    assert (enrolment.key, enrolment.sub, enrolment.key_class) == (device.public, said["sub_hex"], "file")

    skip_unless_deterministic(portal)
    request = read_request(make_request(said["code"], nonce, device)).with_code(said["code"])
    assert make_enrolment(request, said["sub_hex"], enrolment.t_us, "file", portal) == line


def test_revocation_verifies(keys: dict[str, FileKey]) -> None:
    """The portal's revoke/v1 envelope verifies, and its payload is in the profile."""
    envelope = dsse.read_envelope(read("revoke.dsse.json").rstrip(b"\n"))
    told = strictjson.decode(envelope.verified_by(keys["portal"].public))
    assert told["predicateType"] == "https://speedproof.example/revoke/v1"


def test_transfer_verifies(golden: dict[str, Any], keys: dict[str, FileKey]) -> None:
    """The peer's transfer/v1 statement is in the profile and its signature over the PAE verifies."""
    payload, said = read("transfer.statement.json"), golden["transfer"]
    envelope = dsse.Envelope(payload, keys["peer"].public.key_id, base64.b64decode(said["signature_b64"]))
    assert envelope.verified_by(keys["peer"].public) == payload
    assert envelope.pae_sha256 == said["pae_sha256"]
    assert strictjson.encode(strictjson.decode(payload)) == payload


def test_no_bad_vector_is_missed() -> None:
    """Every bad vector is named here."""
    assert {f"{name}.ndjson" for name in BAD_NAMES} == set(json.loads(read("bad/expect.json"))["vectors"])


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_vector(golden: dict[str, Any], keys: dict[str, FileKey], name: str) -> None:
    """A bad vector is refused as its answer says, with what was expected; a repeat is recognised."""
    answer = json.loads(read("bad/expect.json"))["vectors"][f"{name}.ndjson"]
    state = golden["chain"][answer["state"]]

    def take() -> tuple[BatchStatement, str]:
        opened = open_batch(read(f"bad/{name}.ndjson"), ring(keys["device_a"]))
        if opened.pae_sha256 != state["head"]:
            follow(head_of(state), opened.said, opened.pae_sha256)
        return opened.said, opened.pae_sha256

    if answer.get("duplicate"):
        assert take() == (open_golden(2, keys).said, golden["batch"]["pae_sha256"])
        return
    with pytest.raises(Refused) as refused:
        take()
    assert (refused.value.step, refused.value.error) == (BAD_STEPS[name], answer["error"])
    if answer["status"] == 409:
        assert refused.value.expected == head_of(state).expected


def test_hmac_of_the_draw_is_the_standard_one(golden: dict[str, Any]) -> None:
    """The draw is recomputed here from the formula alone, without the module that makes it."""
    said = golden["schedule"]
    key, dev = bytes.fromhex(said["hmac_key_hex"]), golden["test_only_keys"]["device_a"]["key_id"]
    for slot, start_us in said["start_us"].items():
        drawn = hmac.new(key, f"sched/v1\n{dev}\n{slot}".encode(), hashlib.sha256).digest()[:8]
        room_us = (said["slot_s"] - said["guard_s"]) * 1_000_000
        assert int(slot) * said["slot_s"] * 1_000_000 + int.from_bytes(drawn, "big") % room_us == start_us
