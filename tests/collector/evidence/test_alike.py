"""One verdict: whatever `speedproof-verify` makes of a file or of a line, the scripts of `verify.html` make of it too (T19)."""

import base64
import contextlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes.case import Case
from fakes.scripted import NEEDS_NODE, Scripts, told_alike, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import json_objects, json_values, wild

from collector.evidence.archive import NotEvidence, read_archive
from collector.evidence.casefile import read_case
from collector.evidence.logged import Trust
from shared.batch import OpenedBatch, open_batch
from shared.chain import Head, follow
from shared.dsse import b64_exact, read_envelope
from shared.errors import Malformed, Refused, UnknownKey
from shared.keys import PublicKey
from shared.strictjson import decode, encode

pytestmark = [NEEDS_NODE, pytest.mark.threat("T19")]
TESTS = Path(__file__).resolve().parents[2]
GOLDEN = TESTS.parents[1] / "shared" / "vectors" / "integrity"


def module(path: Path) -> Any:
    """Another file of tests, for its corpus."""
    spec = importlib.util.spec_from_file_location(f"corpus_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


TAMPERINGS = module(Path(__file__).with_name("test_check.py")).TAMPERINGS
_MARKS = module(TESTS / "shared" / "test_strictjson.py").test_refused_bytes.pytestmark
(REFUSED_BYTES,) = (mark.args[1] for mark in _MARKS if mark.name == "parametrize")


def alike(
    node: Scripts, files: Mapping[str, bytes], kept: Mapping[str, bytes] | None = None, **trust: Any
) -> tuple[int, str]:
    """The program's last step and its words, once the page has told all of them alike, but those it leaves to the program."""
    last = told_alike(node, files, Trust(**trust), kept)[-1]
    return last.no, last.detail


def test_real_evidence(case: Case, node: Scripts) -> None:
    """Every step holds on the page too, in the same words, whatever the reader was told elsewhere."""
    collector, vkey = case.services.collector_key.public.key_id, case.services.log_key.public.vkey
    alike(node, case.files)
    alike(node, case.files, collector=collector, vkey=vkey)
    assert "not by the key you were told" in alike(node, case.files, collector="0" * 64)[1]


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering(case: Case, node: Scripts, name: str) -> None:
    """Each tampering fails on the page at the same step for the same reason."""
    no, tamper, reason = TAMPERINGS[name]
    failed, detail = alike(node, tamper(case))
    assert (failed, reason in detail) == (no, True)


def test_flipped_bytes(case: Case, node: Scripts) -> None:
    """A byte flipped in any member, under the old manifest or one made to fit, fails at the same step."""
    files = case.files
    for name, data in files.items():
        for place in {0, len(data) // 3, len(data) // 2, len(data) - 2}:
            bad = bytearray(data)
            bad[place] ^= 0x01
            changed = files | {name: bytes(bad)}
            for tampered in (changed,) if name.startswith("manifest") else (changed, case.signed_anew(changed)):
                with contextlib.suppress(NotEvidence):  # to both
                    alike(node, tampered)


CASES: dict[str, Callable[[bytes], bytes]] = {
    "verdicts_twice": lambda c: c.replace(b'"verdicts": [', b'"verdicts": [], "verdicts": [', 1),
    "counts_twice": lambda c: c.replace(b'"counts": {', b'"counts": {}, "counts": {', 1),
    "utf_16": lambda c: c.decode().encode("utf-16"),
    "utf_16_le": lambda c: c.decode().encode("utf-16-le"),
    "bom": lambda c: b"\xef\xbb\xbf" + c,
    "nan": lambda c: c.replace(b'"alarms": [', b'"alarms": [NaN, ', 1),
    "infinity": lambda c: c.replace(b'"alarms": [', b'"alarms": [-Infinity, ', 1),
    "fraction": lambda c: c.replace(b'"ok": 3', b'"ok": 3.0'),
    "exponent": lambda c: c.replace(b'"ok": 3', b'"ok": 0.3e1'),
    "n_is_a_fraction": lambda c: c.replace(b'"n": 6', b'"n": 6.0'),
    "another_fraction": lambda c: c.replace(b'"ok": 3', b'"ok": 3.5'),
    "text": lambda c: c.replace(b'"ok": 3', b'"ok": "3"'),
    "true": lambda c: c.replace(b'"not_started": 1', b'"not_started": true'),
    "huge": lambda c: c.replace(b'"ok": 3', b'"ok": 3' + b"0" * 30),
    "of_too_many_digits": lambda c: c.replace(b'"ok": 3', b'"ok": 3' + b"0" * 5000),
    "lone_surrogate": lambda c: c.replace(b'"reason": "no_', b'"reason": "\\ud800'),
    "verdicts_an_object": lambda c: re.sub(rb'"verdicts": .*', b'"verdicts": {}}', c, flags=re.DOTALL),
    "verdicts_of_numbers": lambda c: re.sub(rb'"verdicts": .*', b'"verdicts": [1]}', c, flags=re.DOTALL),
    "counts_a_list": lambda c: c.replace(b'"counts": {', b'"counts": [], "more": {', 1),
    "signed_a_list": lambda c: c.replace(b'"signed": {', b'"signed": [], "more": {', 1),
    "grades_null": lambda c: re.sub(rb'"grades": \[.*?\]', b'"grades": null', c, flags=re.DOTALL),
    "no_grades": lambda c: c.replace(b'"grades"', b'"marks"'),
    "a_list": lambda _: b"[]",
    "nothing": lambda _: b"",
    "cut_off": lambda c: c[: len(c) // 2],
    "two": lambda c: c + c,
    "vertical_tab": lambda c: c.replace(b"\n", b"\x0b", 1),
    "not_utf_8": lambda c: c.replace(b"evening", b"even\xffng"),
    "control_character": lambda c: c.replace(b"evening", b"even\x01ng"),
}


@pytest.mark.parametrize("name", CASES)
def test_odd_cases(case: Case, node: Scripts, name: str) -> None:
    """A case that two readers could read differently is refused by both, or is one thing to both."""
    changed = CASES[name](case.files["case.json"])
    assert changed != case.files["case.json"]
    _, told = alike(node, case.signed_anew(case.files | {"case.json": changed}))
    assert ("case" in told) == (name not in ("fraction", "exponent", "true", "no_grades"))


def test_members_that_are_no_evidence(case: Case, node: Scripts) -> None:
    """Without a manifest that can be read it is evidence to neither."""
    for manifest in (
        b"",
        b"{}",
        b"[]",
        b'{"format":"speedproof-evidence/2"}',
        b'{"format":1}',
        b'{"a":' * 100_000,
        case.files["manifest.json"] * 2,
    ):
        files = case.files | {"manifest.json": manifest}
        with pytest.raises(NotEvidence):
            alike(node, files)


def read(data: bytes, reader: Callable[[bytes], object] = decode) -> str:
    """How bytes are read here: their only spelling, or the reason."""
    try:
        value = reader(data)
    except Malformed as error:
        return words(str(error))
    return base64.b64encode(encode(value)).decode()  # type: ignore[arg-type]  # what decode gives


def read_by(node: Scripts, data: bytes) -> str:
    """How they are read on the page."""
    told = node.ask("decode", data=data)
    return str(told["ok"]) if "ok" in told else words(told["malformed"])


@pytest.mark.parametrize("data", [data for data, _ in REFUSED_BYTES], ids=range(len(REFUSED_BYTES)))
def test_strict_json_that_is_refused(node: Scripts, data: bytes) -> None:
    """The corpus of refused bytes is refused for the same reasons."""
    assert read_by(node, data) == read(data)
    assert "malformed" in node.ask("decode", data=data)


TRICKS = [
    b'{"__proto__":1}', b'{"__proto__":{"a":1},"a":2}', b'{"constructor":1,"toString":2}', b'{"1":1,"a":2,"10":3}', b'{"1":1,"10":2,"2":3}',
    b'{"10":1,"2":2}', b'{"2":1,"10":2}', b'{"a":"\xef\xbb\xbf"}', b'{"a":"\xf0\x9f\x93\xb6"}', b'{"a":"\\ud83d\\udcf6"}', b'{"a":"\\uD83D"}', b'{"a":-0}',
    b'{"a":-0.0}', b'{"a":1E400}', b'{"a":9007199254740993}', b'{"a":-9007199254740991}', b'{"a":[9007199254740992.0]}', b'{"a":"\xc0\x80"}',
    b'{"a":"\xf4\x90\x80\x80"}', b'{"a":"\xe2\x28\xa1"}', b'{"a":"\xe2\x82"}', b'{"a":"\x7f"}', b'{"a":"\\u007f"}', b'{"a":"\xe2\x80\xa8"}',
    b'{"a":1,}', b'{"a":[1,]}', b'{"a":.5}', b'{"a":+1}', b'{"a":1.}', b'{"a":0x10}', b'{"a":1n}', b'{"a":1_0}', b'{"a":"\\x41"}', b'{"a":"\\u12"}',
    b'{"a":"\\u12g4"}', b'{"a":/**/1}', b'{"a":undefined}', b'{"a":True}', b"\x00", b'{"a":\x00}', b'{"\x00":1}', b'{"\\u0000":1}', b'{"a":1}\x00',
    '{"a":\u00a01}'.encode(), "\u2028{}".encode(), b"\xef\xbb\xbf{}", b"{}\r\n", b"{}{", b'{"a":{"a":1,"a":2},"a":3}', b'{"\'":1,"\'":2}',
    b'{"\\u00e9":1,"\\u00e9":2}', b'{"a":{"\\u00e9":1,"\\u00e9":2},"a":1}', b'{"a":{"\\ud83d\\udcf6\\n\\\\":1,"\\ud83d\\udcf6\\n\\\\":2},"a":1}',
    b'{"a":-}', b'{"a":--1}', b'{"a":1e}', b'{"a":1e+}', b'{"a":NaN', b'{"a":null', b'{"a":1.5', b'{"a":tru}', b'{"a":"', b'{"a"', b"{a:1}",
    b'{"a":' + b"9" * 4300 + b"}", b'{"a":' + b"9" * 4301 + b"}", b'{"a":-' + b"9" * 4300 + b"}", b'{"a":' + b"[" * 15 + b"]" * 15 + b"}",
    b'{"a":' + b'{"a":' * 15 + b"1" + b"}" * 16, b'{"a":' + b'{"a":' * 16 + b"1" + b"}" * 17,
]  # fmt: skip


@pytest.mark.parametrize("data", TRICKS, ids=range(len(TRICKS)))
def test_tricks_of_each_language(node: Scripts, data: bytes) -> None:
    """What one language takes and the other does not, or reads otherwise, is read alike."""
    assert read_by(node, data) == read(data)


def near(data: bytes) -> st.SearchStrategy[bytes]:
    """Bytes with some of JSON's own characters put in, put in place of others, or cut out."""
    piece = st.sampled_from([b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"0", b"-", b".", b"e", b"1", b" ", b"\n", b"null", b"true", b"NaN", b"\\u", b"\\ud800", b'"a":', b"\xff", b"\xc3", b"\xed\xa0\x80", "é".encode(), b"9007199254740992"])  # fmt: skip
    edit = st.tuples(st.integers(0, len(data)), st.integers(0, 3), piece | st.just(b""))

    def edited(edits: list[tuple[int, int, bytes]]) -> bytes:
        out = data
        for place, cut, put in edits:
            out = out[:place] + put + out[place + cut :]
        return out

    return st.lists(edit, min_size=1, max_size=3).map(edited)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.one_of(wild(json_objects.map(encode)), json_objects.map(encode), json_objects.map(encode).flatmap(near)))
def test_any_document(node: Scripts, data: bytes) -> None:
    """Any bytes are read alike: the same value, or refused for the same reason."""
    assert read_by(node, data) == read(data)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.dictionaries(st.text(max_size=4), json_values | st.none() | st.floats(), max_size=4)
    .map(json.dumps)
    .map(str.encode)
    .flatmap(near)
)
def test_any_case(node: Scripts, data: bytes) -> None:
    """Any bytes are a case to both, or to neither."""
    try:
        read_case(data)
    except Malformed:
        assert "malformed" in node.ask("case", data=data)
    else:
        assert node.ask("case", data=data) == {"ok": "read"}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.sampled_from("AQgw+/=-_ \né"), max_size=12)
    | st.binary(max_size=12).map(base64.b64encode).map(bytes.decode)
)
def test_any_base64(node: Scripts, text: str) -> None:
    """Base64 has one spelling for both."""
    told = node.ask("b64", text=text)
    if "ok" in told:
        assert base64.b64decode(told["ok"]) == b64_exact(text)
    else:
        with pytest.raises(Malformed) as refused:
            b64_exact(text)
        assert words(told["malformed"]) == words(str(refused.value))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=5), max_size=6))
def test_any_order(node: Scripts, texts: list[str]) -> None:
    """Names stand in one order, that of code points, for both."""
    texts = [text for text in texts if not re.search("[\ud800-\udfff]", text)]
    assert node.ask("sorted", texts=texts)["ok"] == sorted(texts)


def opened(body: bytes, keys: Mapping[str, PublicKey], head: Head | None = None) -> str:
    """What becomes of a batch here."""

    def key_of(key_id: str) -> PublicKey:
        if key_id not in keys:
            raise UnknownKey(3, "nobody enrolled this key")
        return keys[key_id]

    try:
        found: OpenedBatch = open_batch(body, key_of)
        if head is not None and head.pae_sha256 != found.pae_sha256:
            follow(head, found.said, found.pae_sha256)
    except Refused as error:
        return words(str(error))
    return found.pae_sha256


def opened_by(node: Scripts, body: bytes, keys: Mapping[str, PublicKey], head: Head | None = None) -> str:
    """What becomes of it on the page."""
    told = node.ask(
        "batch",
        data=body,
        keys=[key.spki for key in keys.values()],
        head=head and {"batch": head.batch, "seq": head.seq, "identity": head.pae_sha256},
    )
    return str(told["ok"]) if "ok" in told else words(told["refused"])


ABOUT = json.loads((TESTS / "vectors" / "vectors.json").read_bytes())
VECTORS = {
    path.parent.name: json.loads(path.read_bytes()) for path in sorted((TESTS / "vectors").glob("bad/*/expect.json"))
}
KEYS = {name: PublicKey.from_spki(base64.b64decode(said["spki_b64"])) for name, said in ABOUT["keys"].items()}


@pytest.mark.parametrize(
    "name", [name for name, said in VECTORS.items() if said["error"] not in ("revoked_key", "frozen_key")]
)
def test_bad_vectors(node: Scripts, name: str) -> None:
    """Each bad batch of the vectors fails at the same step with the same error and reason."""
    said, body = VECTORS[name], (TESTS / "vectors" / "bad" / name / "batch.ndjson").read_bytes()
    state = ABOUT["states"][said["state"]]
    keys = {KEYS[key].key_id: KEYS[key] for key in state["keys"]}
    expect = state["expect"]
    head = Head(expect["batch"], expect["seq"], expect["head"])
    told = opened_by(node, body, keys, head)
    assert told == opened(body, keys, head)
    assert said["error"] == "repeat" or said["error"] in told


def test_good_vectors(node: Scripts) -> None:
    """The good batches, one of a later version among them, are the same batches to both."""
    keys = {key.key_id: key for key in KEYS.values()}
    for file in sorted((TESTS / "vectors" / "good").glob("batch-*.ndjson")):
        told = opened_by(node, file.read_bytes(), keys)
        assert told == opened(file.read_bytes(), keys)
        assert re.fullmatch("[0-9a-f]{64}", told)


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden vectors in {GOLDEN}")
def test_golden_vectors(node: Scripts) -> None:
    """The golden batches hold and each of the bad ones is refused alike; so is every byte of one flipped."""
    key = PublicKey.from_pem((GOLDEN / "device.pub.pem").read_bytes())
    keys = {key.key_id: key}
    head = Head(2, 7, read_envelope((GOLDEN / "batch-1.ndjson").read_bytes().partition(b"\n")[0]).pae_sha256)
    for file in (*sorted(GOLDEN.glob("batch-*.ndjson")), *sorted(GOLDEN.glob("bad/*.ndjson"))):
        body = file.read_bytes()
        chained = None if file.name in ("batch-0.ndjson", "batch-1.ndjson", "malleated_signature.ndjson") else head
        assert opened_by(node, body, keys, chained) == opened(body, keys, chained), file.name
    body = (GOLDEN / "batch-2.ndjson").read_bytes()
    for place in range(0, len(body), 7):
        bad = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert opened_by(node, bad, keys) == opened(bad, keys), place


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_of_a_zip(case: Case, node: Scripts, data: st.DataObject) -> None:
    """A zip damaged anywhere holds the same members for both, or is evidence for neither."""
    bad = bytearray(case.zipped)
    for _ in range(data.draw(st.integers(1, 3))):
        bad[data.draw(st.integers(0, len(bad) - 1) | st.integers(len(bad) - 3000, len(bad) - 1))] = data.draw(
            st.integers(0, 255)
        )
    cut = bytes(bad[: data.draw(st.just(len(bad)) | st.integers(0, len(bad)))])
    told = node.ask("zip", data=cut)
    if "ok" in told:
        assert set(told["ok"]) == set(read_archive(cut))
    else:
        with pytest.raises(NotEvidence):
            read_archive(cut)
