"""The entrance for batches over HTTP: every row of the table of answers, repeats, forks, crowds."""

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fakes.device import FAILED, Device, download
from fakes.logged import log_of, proven
from fakes.served import Answer, Served
from strategies import PORTAL

from collector.ledger.chains import Chains
from collector.ledger.frame import Draft, Entry, EntryKind
from collector.ledger.segments import read_entries
from collector.ledger.writer import Ledger
from collector.registry import Device as Enrolled
from shared import dsse, strictjson
from shared.batch import MAX_BODY_BYTES, SUBJECT, pae_sha256_of
from shared.keys import PublicKey
from shared.receipt import read_receipt
from shared.slots import SlotPlan
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
VECTORS = SHARED / "vectors" / "integrity"
OWN_VECTORS = Path(__file__).resolve().parents[1] / "vectors"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def entries(served: Served, *kinds: EntryKind) -> list[Entry]:
    """What the ledger holds of these kinds."""
    return [entry for entry in read_entries(served.services.ledger.folder) if entry.kind in kinds]


def expected(answer: Answer) -> tuple[int, int, str]:
    """What a 409 says the chain waits for."""
    return answer.told["expect_batch"], answer.told["expect_seq"], answer.told["head"]


def with_statement(device: Device, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The device's next batch, signed anew after something in its payload was changed."""
    line, _, rest = device.seal().partition(b"\n")
    fields = json.loads(dsse.read_envelope(line).payload)
    change(fields)
    return dsse.seal(strictjson.encode(fields), device.key) + b"\n" + rest


def with_envelope(body: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A batch whose envelope was changed and spelt well."""
    line, _, rest = body.partition(b"\n")
    fields = json.loads(line)
    change(fields)
    return strictjson.encode(fields) + b"\n" + rest


def malleated(body: bytes) -> bytes:
    """The same batch with the other signature that fits: (r, n - s)."""

    def other(fields: dict[str, Any]) -> None:
        r, s = decode_dss_signature(base64.b64decode(fields["signatures"][0]["sig"]))
        fields["signatures"][0]["sig"] = base64.b64encode(encode_dss_signature(r, P256_ORDER - s)).decode()

    return with_envelope(body, other)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table of answers: what is sent by a device whose chain stands at batch 1, and the answer."""

    make: Callable[[Device], bytes]
    status: int
    error: str
    step: int


def _flipped(body: bytes, place: int) -> bytes:
    bad = bytearray(body)
    bad[place] ^= 0x01
    return bytes(bad)


def _two_signatures(fields: dict[str, Any]) -> None:
    fields["signatures"] *= 2


def _other_signature(fields: dict[str, Any]) -> None:
    other = Device().key.sign(b"something else")
    fields["signatures"][0]["sig"] = base64.b64encode(other).decode()


def _of_records(device: Device, rest: bytes, n: int, last: int | None = None, lost: int = 0) -> bytes:
    """A batch over these very bytes as records."""
    predicate: strictjson.JsonObject = {
        "agent": "test/0", "batch": device.batch, "boot": "b", "dev": device.dev, "lost": lost, "n": n,
        "prev": device.prev, "sealed_mono_us": 1, "sealed_wall_us": 1,
        "seq": [device.seq, device.seq + n - 1 if last is None else last],
    }  # fmt: skip
    told = Statement(Kind.BATCH, SUBJECT, hashlib.sha256(rest).hexdigest(), predicate)
    return dsse.seal(told.encode(), device.key) + b"\n" + rest


def _null_in_payload(device: Device) -> bytes:
    line, _, rest = device.seal().partition(b"\n")
    payload = dsse.read_envelope(line).payload.replace(b'"agent":"test/0"', b'"agent":null')
    return dsse.seal(payload, device.key) + b"\n" + rest


TABLE = {
    "1_too_large": Row(lambda d: d.seal() + b"x" * MAX_BODY_BYTES, 413, "too_large", 1),
    "2_empty": Row(lambda _: b"", 400, "bad_format", 2),
    "2_no_line_feed": Row(lambda d: d.seal().partition(b"\n")[0], 400, "bad_format", 2),
    "2_two_signatures": Row(lambda d: with_envelope(d.seal(), _two_signatures), 400, "bad_format", 2),
    "2_bom": Row(lambda d: b"\xef\xbb\xbf" + d.seal(), 400, "bad_format", 2),
    "2_long_line": Row(lambda d: b" " * 20_000 + d.seal(), 400, "bad_format", 2),
    "3_unknown_key": Row(lambda _: Device().seal(), 403, "unknown_key", 3),
    "4_other_signature": Row(lambda d: with_envelope(d.seal(), _other_signature), 422, "bad_signature", 4),
    "5_null": Row(_null_in_payload, 400, "bad_format", 5),
    "5_other_type": Row(lambda d: with_statement(d, lambda f: f.update(_type="x")), 422, "bad_statement", 5),
    "5_other_dev": Row(
        lambda d: with_statement(d, lambda f: f["predicate"].update(dev="0" * 64)), 422, "bad_statement", 5
    ),
    "6_flipped_record": Row(lambda d: _flipped(d.seal(), -3), 422, "bad_digest", 6),
    "7_no_final_line_feed": Row(lambda d: _of_records(d, b'{"seq":1}', 1), 400, "bad_format", 7),
    "7_float": Row(lambda d: _of_records(d, b'{"rtt":1.5,"seq":1}\n', 1), 400, "bad_format", 7),
    "7_empty_line": Row(lambda d: _of_records(d, b'{"seq":1}\n\n', 2), 400, "bad_format", 7),
    "7_twice_a_key": Row(lambda d: _of_records(d, b'{"seq":1,"seq":1}\n', 1), 400, "bad_format", 7),
    "7_deep": Row(
        lambda d: _of_records(d, b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b',"seq":1}\n', 1), 400, "bad_format", 7
    ),
    "7_long_integer": Row(lambda d: _of_records(d, b'{"a":' + b"9" * 5000 + b',"seq":1}\n', 1), 400, "bad_format", 7),
    "7_not_utf_8": Row(lambda d: _of_records(d, b'{"a":"\xff","seq":1}\n', 1), 400, "bad_format", 7),
    "8_n": Row(lambda d: _of_records(d, b'{"seq":1}\n', 2), 422, "bad_statement", 8),
    "8_lost": Row(lambda d: _of_records(d, b'{"seq":1}\n', 1, last=5), 422, "bad_statement", 8),
    "8_seq": Row(lambda d: _of_records(d, b'{"seq":7}\n', 1), 422, "bad_statement", 8),
    "11_fork": Row(lambda d: d.seal(download(dur_us=7), batch=0, prev="0" * 64, first_seq=0), 409, "chain_fork", 11),
    "11_gap": Row(lambda d: d.seal(batch=2), 409, "chain_gap", 11),
    "12_prev": Row(lambda d: d.seal(prev="1" * 64), 409, "chain_fork", 12),
    "13_seq_ahead": Row(lambda d: d.seal(first_seq=3), 409, "chain_gap", 13),
    "13_seq_behind": Row(lambda d: d.seal(first_seq=0), 409, "chain_gap", 13),
}


@pytest.mark.parametrize("name", TABLE)
def test_table_of_answers(served: Served, device: Device, name: str) -> None:
    """Each row answers with its status, error and step; a 409 says enough to resume; nothing is accepted."""
    assert served.post_batch(device.next()).status == 201
    row = TABLE[name]
    answer = served.post_batch(row.make(device))
    assert (answer.status, answer.error, answer.told["step"]) == (row.status, row.error, row.step)
    if row.status == 409:
        assert expected(answer) == (1, 1, device.prev)
    assert len(entries(served, EntryKind.BATCH)) == 1
    kept_aside = entries(served, EntryKind.REFUSED)
    assert len(kept_aside) == (1 if row.error == "chain_fork" else 0)
    after = served.post_batch(device.seal())
    if row.step == 11 and row.error == "chain_fork":
        assert (after.status, after.error) == (403, "frozen_key")
    else:
        assert after.status == 201


def test_media_type_and_coding(served: Served, device: Device) -> None:
    """Another media type or content coding is 415; gzip is taken, and parameters of the type do not matter."""
    body = device.seal()
    for headers in (
        {"Content-Type": "application/json"},
        {"Content-Type": ""},
        {"Content-Encoding": "br"},
        {"Content-Encoding": "gzip, gzip"},
    ):
        answer = served.post_batch(body, **headers)
        assert (answer.status, answer.error, answer.told["step"]) == (415, "bad_media_type", 1)
    packed = {"Content-Type": "Application/VND.speedproof.batch; x=y", "Content-Encoding": "GZIP"}
    assert served.post_batch(gzip.compress(body), **packed).status == 201


def test_receipt(served: Served, device: Device) -> None:
    """A kept batch is answered with the collector's signature over SHA-256(PAE), and is on disk as it was sent."""
    body = device.next(download(), FAILED)
    answer = served.post_batch(body)
    assert (answer.status, answer.headers["content-type"]) == (201, "application/vnd.speedproof.receipt+json")
    told = strictjson.decode(served.send("GET", "/v1/collector").body)
    key = PublicKey.from_spki(dsse.b64_exact(told["collector"]))
    receipt = read_receipt(strictjson.encode(answer.told["receipt"]), key, pae_sha256_of(body))
    assert (receipt.dev, receipt.batch) == (device.dev, 0)
    assert [entry.body for entry in entries(served, EntryKind.BATCH)] == [body]


@pytest.mark.threat("T6")
def test_repeat_is_answered_with_the_first_receipt(served: Served, device: Device) -> None:
    """A batch sent again, by itself or with the other signature that fits, is 200 with the first receipt; no row, no leaf."""
    bodies, log = device.chain(3), log_of(served)
    first = [served.post_batch(body) for body in bodies]
    served.services.clock.advance(5_000_000)  # type: ignore[attr-defined]
    for body, before in zip(bodies, first, strict=True):
        for again in (body, malleated(body)):
            answer = served.post_batch(again)
            assert (answer.status, answer.told["receipt"]) == (200, before.told["receipt"])
            bundle, witnessed = proven(answer, device, log)
            assert bundle.leaf == proven(before, device, log)[0].leaf
            assert witnessed.checkpoint.size == 4  # with the enrolment
    assert len(entries(served, EntryKind.BATCH)) == 3
    assert served.case("anna")["counts"]["signed"]["ok"] == 3


def test_lost_records_are_counted(served: Served, device: Device) -> None:
    """Numbers declared lost are no gap, and are shown."""
    assert served.post_batch(device.next(download(), lost=4)).status == 201
    assert served.post_batch(device.next()).status == 201
    assert served.case("anna")["counts"]["signed"]["lost"] == 4


@pytest.mark.threat("T17")
def test_fork_freezes_and_alarms(served: Served, device: Device) -> None:
    """Two batches of one number freeze the key: the other one is kept aside once, shown as an alarm, and nothing more is taken."""
    first = device.next()
    assert served.post_batch(first).status == 201
    device.next()
    other = device.seal(download(dur_us=5), batch=0, prev="0" * 64, first_seq=0)
    answer = served.post_batch(other)
    assert (answer.status, answer.error, answer.told["step"]) == (409, "chain_fork", 11)
    for body in (other, first, device.seal()):
        assert served.post_batch(body).error == "frozen_key"
    assert [entry.body for entry in entries(served, EntryKind.REFUSED)] == [other]
    case = served.case("anna")
    assert [(one["dev"], one["batch"], one["error"]) for one in case["alarms"]] == [(device.dev, 0, "chain_fork")]
    assert case["devices"][0]["frozen"] is True
    assert case["counts"]["signed"]["ok"] == 1


def test_other_predecessor_does_not_freeze(served: Served, device: Device) -> None:
    """A batch after another head alarms and is kept aside once; the chain goes on."""
    served.post_batch(device.next())
    wrong = device.seal(prev="1" * 64)
    for _ in range(2):
        answer = served.post_batch(wrong)
        assert (answer.status, answer.error, answer.told["step"]) == (409, "chain_fork", 12)
    assert [entry.body for entry in entries(served, EntryKind.REFUSED)] == [wrong]
    case = served.case("anna")
    assert [one["batch"] for one in case["alarms"]] == [1]
    assert case["devices"][0]["frozen"] is False
    assert served.post_batch(device.next()).status == 201


def test_gap_says_how_to_resume(served: Served, device: Device) -> None:
    """After a 409 the missing batches can be sent in their order, and then the one that came too early."""
    bodies = device.chain(3)
    assert expected(served.post_batch(bodies[2])) == (0, 0, "0" * 64)
    assert [served.post_batch(body).status for body in bodies] == [201, 201, 201]
    assert entries(served, EntryKind.REFUSED) == []


def test_same_batch_from_many_at_once(served: Served, device: Device) -> None:
    """Of twenty uploads of one batch at one moment one is 201 and the others 200, all with one receipt, kept once."""
    body = device.next()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: served.post_batch(body), range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.body for answer in answers}) == 1
    assert len(entries(served, EntryKind.BATCH)) == 1
    assert served.case("anna")["counts"]["signed"]["ok"] == 1


def test_two_forks_at_once(served: Served, device: Device) -> None:
    """Of several first batches at one moment one is accepted and another freezes the key, kept once; whichever they are."""
    bodies = [device.seal(download(dur_us=number + 1)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(served.post_batch, bodies))
    assert [answer.status for answer in answers].count(201) == 1
    refused = {answer.error for answer in answers if answer.status != 201}
    assert "chain_fork" in refused
    assert refused <= {"chain_fork", "frozen_key"}
    assert served.post_batch(bodies[0]).error == "frozen_key"
    assert len(entries(served, EntryKind.REFUSED)) == 1


def test_devices_do_not_wait_for_each_other(served: Served) -> None:
    """Devices of several lines send at once, and each line has its own."""
    devices = [served.enrolled(f"line-{number % 2}") for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda one: [served.post_batch(body) for body in one.chain(5)], devices))
    assert {answer.status for some in answers for answer in some} == {201}
    assert [served.case(name)["counts"]["signed"]["ok"] for name in ("line-0", "line-1")] == [15, 15]


def test_full_disk_is_503(served: Served, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing can be kept the answer is 503 with Retry-After, and the same batch is taken once there is room."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    body = device.next()
    with monkeypatch.context() as patch:
        patch.setattr("collector.ledger.book.os.fdatasync", full)
        answer = served.post_batch(body)
    assert (answer.status, answer.error) == (503, "storage_full")
    assert 30 <= int(answer.headers["retry-after"]) <= 60
    assert entries(served, EntryKind.BATCH) == []
    assert served.post_batch(body).status == 201


def test_figures_beyond_the_index_do_not_stop_it(served: Served, device: Device) -> None:
    """Absurd but well-formed records are kept; figures too large to be figures are none, and the index goes on."""
    absurd: list[JsonObject] = [
        download(received_bytes=2**53 - 1, dur_us=1),
        download(wall_us=-(2**53 - 1)),
        {"end": "ok", "method": "a\0b", "flaws": ["\0", "ü"], "slot": -5},
        {"end": "?", "method": 7, "rtt_us": [-1, -(2**53 - 1)], "ctx": [], "radio": "x"},
        {"method": "latency", "end": "ok", "rtt_us": [2**53 - 1], "radio": {"signals": [{"radio": 5}], "located": 1}},
        {"method": "download", "end": "ok", "radio": [], "slot": 1, "wall_us": 1},
    ]
    assert served.post_batch(device.next(*absurd)).status == 201
    assert served.post_batch(device.next()).status == 201
    assert served.case("anna")["devices"][0]["batches"] == 2
    assert served.send("GET", "/subscriber/anna", headers={"Cookie": f"speedproof_desk={served.token}"}).status == 200


def golden_device(served: Served, key: PublicKey) -> None:
    """Enrol a key whose private half nobody here has, at the start of its chain, for the line `golden`."""
    served.add("golden")
    asked = Statement(Kind.ENROL_REQUEST, "device", key.key_id, {"spki": dsse.b64(key.spki)}).encode()
    request: JsonObject = {"p": dsse.b64(asked), "s": ""}
    told = Statement(Kind.ENROL, "device", key.key_id, {"request": request, "t_us": 0}).encode()
    meta: JsonObject = {"guard_s": SlotPlan().guard_s, "slot_s": SlotPlan().slot_s, "subscriber": "golden"}
    served.services.ledger.append(Draft(EntryKind.ENROLMENT, meta, dsse.seal(told, PORTAL) + b"\n")).result()
    enrolled = Enrolled(key, "golden", SlotPlan(), 0, "AAAA", b"")
    served.services.registry.devices[key.key_id] = enrolled


def chains(served: Served) -> Chains:
    """Where the chains stand for whoever writes the ledger."""
    ledger = served.services.ledger
    assert isinstance(ledger, Ledger)
    return ledger._book.chains


ABOUT = json.loads((OWN_VECTORS / "vectors.json").read_bytes())
OWN = {path.parent.name: json.loads(path.read_bytes()) for path in OWN_VECTORS.glob("bad/*/expect.json")}


@pytest.mark.parametrize("state", sorted(ABOUT["states"]))
def test_own_vectors(served: Served, state: str) -> None:
    """Every bad batch of this repository is answered over HTTP as its expect.json says, from the state it names."""
    keys = {name: PublicKey.from_spki(base64.b64decode(said["spki_b64"])) for name, said in ABOUT["keys"].items()}
    before, devices = ABOUT["states"][state], served.services.registry.devices
    golden_device(served, keys["device_a"])
    first = {
        number: served.post_batch((OWN_VECTORS / "good" / f"batch-{number}.ndjson").read_bytes())
        for number in range(before["expect"]["batch"])
    }
    assert {answer.status for answer in first.values()} <= {201}
    standing = {name: before["keys"].get(name) for name in keys}
    for name, said in standing.items():
        if said is not None and keys[name].key_id not in devices:
            golden_device(served, keys[name])
    at_start, standings = dict(devices), dict(chains(served).standings)
    for name, expect in sorted(OWN.items()):
        if expect["state"] != state or expect["error"] == "revoked_key":
            continue
        devices.update(at_start)
        chains(served).standings.update(standings)
        for key_name, said in standing.items():
            if said == "frozen":
                devices[keys[key_name].key_id] = replace(at_start[keys[key_name].key_id], frozen_us=1)
        answer = served.post_batch((OWN_VECTORS / "bad" / name / "batch.ndjson").read_bytes())
        if expect["error"] == "repeat":
            assert (answer.status, answer.body) == (200, first[before["expect"]["batch"] - 1].body), name
            continue
        assert (answer.status, answer.error, answer.told["step"]) == (
            expect["status"], expect["error"], expect["step"],
        ), name  # fmt: skip
    assert len(entries(served, EntryKind.BATCH)) == len(first)


BAD = json.loads((VECTORS / "bad" / "expect.json").read_bytes())["vectors"] if VECTORS.exists() else {}


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors in the folder `shared` beside the repository are absent")
@pytest.mark.parametrize("name", sorted(BAD) or ["none"])
def test_shared_vectors(served: Served, name: str) -> None:
    """The golden batches are accepted, and each bad one is answered as expected from its state."""
    golden_device(served, PublicKey.from_pem((VECTORS / "device.pub.pem").read_bytes()))
    bodies = [(VECTORS / f"batch-{number}.ndjson").read_bytes() for number in range(3)]
    states = {"after_batch_1": 2, "after_batch_2": 3}
    before = [served.post_batch(body) for body in bodies[: states[BAD[name]["state"]]]]
    assert {answer.status for answer in before} == {201}
    answer = served.post_batch((VECTORS / "bad" / name).read_bytes())
    assert answer.status == BAD[name]["status"]
    if BAD[name].get("duplicate"):
        assert answer.body == before[2].body
    else:
        assert answer.error == BAD[name]["error"]
    assert len(entries(served, EntryKind.BATCH)) == len(before)
