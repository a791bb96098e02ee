"""The bad batches of the test vectors: batch 2 of one device, each time with exactly one thing wrong.

One function per step of FORMAT.md's table of answers, and a row per defect: name, body, why. Writes no file.
Not made: a body beyond 4 MiB (step 1), beacons (step 10). All keys are TEST ONLY.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from shared import dsse
from shared.batch import FIRST_PREV, SUBJECT, Sealing, boot_name, pae_sha256_of, seal_batch
from shared.keys import FileKey
from shared.record import write_record
from shared.statement import Kind
from shared.strictjson import Json

WALL_US = 1_800_000_000_000_000
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# Wider than Json: what is wrong is often what the profile refuses.
Members: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """A batch with one defect, and the answer it must get."""

    name: str
    step: int
    error: str
    body: bytes
    why: str
    state: str = "after_batch_1"


def test_only_key(scalar: int) -> FileKey:
    """The key with this private number. TEST ONLY: anyone can make it."""
    pem = ec.derive_private_key(scalar, ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return FileKey.from_pem(pem)


SCALARS = {"device_a": 0xA11CE, "device_b": 0xB0B, "collector": 0xC0113C7, "portal": 0x9047, "stranger": 5}
KEYS = {name: test_only_key(scalar) for name, scalar in SCALARS.items()}
DEVICE = KEYS["device_a"]
BOOT = boot_name(DEVICE.public.key_id, "test-only-boot-0001")


def record(seq: int, **members: Json) -> bytes:
    """One latency record with its LF."""
    told: dict[str, Json] = {"end": "ok", "method": "latency", "rtt_us": [40_111, -1, 41_871], "seq": seq}
    return write_record(told | {"mono_us": 1_000_000 * seq, "wall_us": WALL_US + 1_000_000 * seq} | members)


def sealed(lines: tuple[bytes, ...], batch: int, prev: str, seq: tuple[int, int]) -> bytes:
    """A batch as the device seals it."""
    at_us = 1_000_000 * (seq[1] + 1)
    place = Sealing("speedproof-probe/0.1.0", batch, BOOT, prev, *seq, at_us, WALL_US + at_us)
    return seal_batch(lines, place, DEVICE)


FIRST = sealed((record(0), record(1, end="aborted", method="fetch")), 0, FIRST_PREV, (0, 1))
SECOND = sealed((record(2), record(5)), 1, pae_sha256_of(FIRST), (2, 6))
RECORDS = (record(7), record(8), record(9))
THIRD = sealed(RECORDS, 2, pae_sha256_of(SECOND), (7, 9))
LINE, _, REST = THIRD.partition(b"\n")
ENVELOPE: Members = json.loads(LINE)
PAYLOAD = base64.b64decode(ENVELOPE["payload"])
SIGNATURE = base64.b64decode(ENVELOPE["signatures"][0]["sig"])


def spelt(value: object) -> bytes:
    """JSON in the profile's spelling, whatever it says."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def enveloped(**members: object) -> bytes:
    """Batch 2 with other members in its envelope."""
    return spelt(ENVELOPE | members) + b"\n" + REST


def signed_as(*, keyid: str = DEVICE.public.key_id, sig: bytes | str = SIGNATURE) -> bytes:
    """Batch 2 with another signature or key id."""
    text = sig if isinstance(sig, str) else dsse.b64(sig)
    return enveloped(signatures=[{"keyid": keyid, "sig": text}])


def saying(payload: bytes, rest: bytes = REST, signer: FileKey = DEVICE) -> bytes:
    """Batch 2 with another payload, truly signed."""
    return dsse.seal(payload, signer) + b"\n" + rest


def stating(statement: Members | None = None, rest: bytes = REST, **predicate: "Json | None") -> bytes:
    """Batch 2 with other members in its statement or predicate, truly signed; None takes a member away."""
    told: Members = json.loads(PAYLOAD)
    told["subject"] = [{"digest": {"sha256": hashlib.sha256(rest).hexdigest()}, "name": SUBJECT}]
    told["predicate"] = {k: v for k, v in (told["predicate"] | predicate).items() if v is not None}
    told |= statement or {}
    return saying(spelt({k: v for k, v in told.items() if v is not None}), rest)


def bad_envelopes() -> Iterator[Bad]:
    """Step 2: line 1 is not one closed envelope in the profile."""
    sign, text = ENVELOPE["signatures"][0], ENVELOPE["payload"]
    bare = text.rstrip("=")
    loose = bare[:-1] + chr(ord(bare[-1]) + 1) + text[len(bare) :]
    backwards = json.dumps(dict(reversed(ENVELOPE.items())), separators=(",", ":")).encode()
    for name, body, why in (
        ("no_line_feed", LINE, "an envelope alone, without the LF that ends line 1"),
        ("bom", b"\xef\xbb\xbf" + THIRD, "a byte order mark before the envelope"),
        ("envelope_utf_16", LINE.decode().encode("utf-16-be") + b"\n" + REST, "json would read it"),
        ("envelope_not_utf_8", LINE.replace(b"vnd", b"\xff") + b"\n" + REST, "a byte that no UTF-8 text has"),
        ("envelope_white_space", LINE.replace(b":", b": ", 1) + b"\n" + REST, "a blank between tokens"),
        ("envelope_carriage_return", LINE + b"\r\n" + REST, "line 1 ends in CR LF"),
        ("envelope_unsorted", backwards + b"\n" + REST, "members in another order"),
        ("envelope_key_twice", b'{"payload":"",' + THIRD[1:], "two values under one key"),
        ("envelope_is_a_list", b"[" + LINE + b"]\n" + REST, "an envelope inside a list"),
        ("envelope_extra_member", enveloped(alg="none"), "the envelope is closed"),
        ("payload_type_other", enveloped(payloadType="application/json"), "not a statement"),
        ("payload_not_text", enveloped(payload=1), "a payload that is a number"),
        ("payload_base64_unpadded", enveloped(payload=bare), "base64 without its padding"),
        ("payload_base64_loose_bits", enveloped(payload=loose), "bits after the last byte"),
        ("payload_base64_folded", enveloped(payload=text[:76] + "\n" + text[76:]), "in lines, as in MIME"),
        ("no_signature", enveloped(signatures=[]), "nobody signed"),
        ("two_signatures", enveloped(signatures=[sign, sign]), "exactly one signature is allowed"),
        ("signature_extra_member", enveloped(signatures=[sign | {"alg": "ES256"}]), "closed, too"),
        ("signature_is_text", enveloped(signatures=[sign["sig"]]), "a signature without its key id"),
        ("keyid_upper_case", signed_as(keyid=DEVICE.public.key_id.upper()), "a key id has one spelling"),
        ("keyid_short", signed_as(keyid=DEVICE.public.key_id[:16]), "a key id is whole"),
    ):
        yield Bad(name, 2, "bad_format", body, why)


def bad_keys() -> Iterator[Bad]:
    """Step 3: the key is unknown, revoked or frozen; the batch itself is good."""
    stranger = saying(PAYLOAD, signer=KEYS["stranger"])
    yield Bad("unknown_key", 3, "unknown_key", stranger, "signed with a key nobody enrolled")
    yield Bad("revoked_key", 3, "revoked_key", THIRD, "the key was revoked before", "device_a_revoked")
    yield Bad("frozen_key", 3, "frozen_key", THIRD, "the key forked its chain before", "device_a_frozen")


def bad_signatures() -> Iterator[Bad]:
    """Step 4: the signature is not strict DER of this key over this PAE."""
    r, s = decode_dss_signature(SIGNATURE)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    pae = dsse.pae(PAYLOAD)
    by_hand = ec.derive_private_key(SCALARS["device_a"], ec.SECP256R1())
    sha384 = by_hand.sign(pae, ec.ECDSA(hashes.SHA384(), deterministic_signing=True))
    plain = DEVICE.sign(dsse.pae(PAYLOAD, "text/plain"))
    other = dsse.b64(PAYLOAD.replace(b'"lost":0', b'"lost":1'))
    junk = dsse.b64(PAYLOAD + b"\n")
    for name, body, why in (
        ("signature_of_other_payload", enveloped(payload=other), "a digit changed after signing"),
        ("signature_checked_before_payload", enveloped(payload=junk), "never looks at the payload"),
        ("signature_of_bare_payload", signed_as(sig=DEVICE.sign(PAYLOAD)), "over the payload itself"),
        ("signature_of_other_type", signed_as(sig=plain), "over the PAE of another type"),
        ("signature_by_another_key", signed_as(sig=KEYS["device_b"].sign(pae)), "keyid only picks the key"),
        ("signature_with_sha_384", signed_as(sig=sha384), "one algorithm per key"),
        ("raw_r_s_signature", signed_as(sig=raw), "r||s as in JOSE"),
        ("ber_long_length", signed_as(sig=SIGNATURE[:1] + b"\x81" + SIGNATURE[1:]), "as only BER permits"),
        ("signature_trailing_byte", signed_as(sig=SIGNATURE + b"\0"), "a byte after the signature"),
        ("signature_empty", signed_as(sig=b""), "no bytes at all"),
        ("signature_of_zeros", signed_as(sig=encode_dss_signature(0, 0)), "r = s = 0"),
    ):
        yield Bad(name, 4, "bad_signature", body, why)


def bad_payloads() -> Iterator[Bad]:
    """Step 5: truly signed, but not a batch statement in the profile."""
    for name, payload, why in (
        ("payload_empty", b"", "nothing was signed"),
        ("payload_white_space", PAYLOAD + b"\n", "an LF after the statement"),
        ("payload_with_null", PAYLOAD.replace(b'"lost":0', b'"lost":null'), "a null"),
        ("payload_with_float", PAYLOAD.replace(b'"lost":0', b'"lost":0.0'), "a float"),
    ):
        yield Bad(name, 5, "bad_format", saying(payload), why)
    subject: Members = json.loads(PAYLOAD)["subject"][0]
    upper: Members = subject | {"digest": {"sha256": subject["digest"]["sha256"].upper()}}
    sha512: Members = subject | {"digest": {"sha512": "0" * 128}}
    for name, body, why in (
        ("statement_type_other", stating({"_type": "https://in-toto.io/Statement/v0.1"}), "another version"),
        ("statement_of_other_kind", stating({"predicateType": Kind.RECEIPT.value}), "a receipt is no batch"),
        ("statement_without_predicate", stating({"predicate": None}), "nothing is said"),
        ("two_subjects", stating({"subject": [subject, subject]}), "exactly one subject is allowed"),
        ("subject_renamed", stating({"subject": [subject | {"name": "other.ndjson"}]}), "another subject"),
        ("subject_digest_upper_case", stating({"subject": [upper]}), "hex is lower case"),
        ("subject_of_sha_512", stating({"subject": [sha512]}), "no SHA-256"),
        ("dev_of_another_key", stating(dev=KEYS["device_b"].public.key_id), "dev is not the key that signed"),
        ("dev_missing", stating(dev=None), "no dev"),
        ("batch_is_true", stating(batch=True), "true is no number"),
        ("lost_negative", stating(lost=-1), "fewer than none lost"),
        ("n_is_text", stating(n="3"), "a number spelt as text"),
        ("prev_short", stating(prev="0"), "prev is not a SHA-256"),
        ("seq_backwards", stating(seq=[9, 7]), "last before first"),
        ("seq_of_three", stating(seq=[7, 8, 9]), "seq is first and last"),
        ("seq_of_booleans", stating(seq=[False, True]), "booleans are no numbers"),
        ("sealed_without_clock", stating(sealed_mono_us=None), "no monotonic time"),
    ):
        yield Bad(name, 5, "bad_statement", body, why)


def bad_digests() -> Iterator[Bad]:
    """Step 6: the records changed after sealing."""
    one, two, three = RECORDS
    for name, rest, why in (
        ("record_digit_changed", REST.replace(b"40111", b"40112", 1), "a digit of a round trip changed"),
        ("record_removed", one + three, "a record taken out"),
        ("record_added", REST + record(10), "a record put in"),
        ("records_swapped", two + one + three, "the same records in another order"),
        ("records_with_carriage_returns", REST.replace(b"\n", b"\r\n"), "line ends changed on the way"),
        ("records_cut_off", REST[:-1], "the last byte did not arrive"),
    ):
        yield Bad(name, 6, "bad_digest", LINE + b"\n" + rest, why)


def bad_records() -> Iterator[Bad]:
    """Step 7: truly sealed, but the last line is not a record in the profile."""
    one, two, three = RECORDS
    for name, line, why in (
        ("records_without_final_lf", three[:-1], "the last line does not end"),
        ("empty_line", b"\n" + three, "a line with nothing in it"),
        ("record_is_a_list", b"[9]\n", "not an object"),
        ("record_not_utf_8", three.replace(b"latency", b"latenc\xff"), "a byte that no UTF-8 text has"),
        ("record_bom", b"\xef\xbb\xbf" + three, "a byte order mark before a record"),
        ("record_carriage_return", three[:-1] + b"\r\n", "CR LF"),
        ("record_white_space", three.replace(b",", b", ", 1), "a blank between tokens"),
        ("record_unsorted", b'{"seq":9,"end":"ok"}\n', "members in another order"),
        ("record_key_twice", b'{"seq":8,"seq":9}\n', "two values under one key"),
        ("record_key_not_ascii", '{"seq":9,"\u00fcber":1}\n'.encode(), "a key beyond ASCII"),
        ("record_needless_escape", b'{"end":"\\u006fk","seq":9}\n', "a letter escaped"),
        ("record_escaped_slash", b'{"host":"a\\/b","seq":9}\n', "a slash escaped"),
        ("record_lone_surrogate", b'{"end":"\\ud800","seq":9}\n', "half a character"),
        ("record_control_character", b'{"end":"\x01","seq":9}\n', "a control character not escaped"),
        ("null_in_record", b'{"end":null,"seq":9}\n', "a null"),
        ("float_in_record", b'{"dur_us":1.5,"seq":9}\n', "a float"),
        ("exponent_in_record", b'{"dur_us":1e6,"seq":9}\n', "an exponent"),
        ("nan_in_record", b'{"dur_us":NaN,"seq":9}\n', "not a JSON number"),
        ("minus_zero_in_record", b'{"dur_us":-0,"seq":9}\n', "-0"),
        ("integer_too_large", b'{"dur_us":9007199254740992,"seq":9}\n', "2^53"),
        ("record_too_deep", b'{"deep":' + b"[" * 16 + b"]" * 16 + b',"seq":9}\n', "seventeen levels"),
        ("record_without_seq", b'{"end":"ok"}\n', "no sequence number"),
        ("record_seq_negative", b'{"seq":-9}\n', "a sequence number below zero"),
        ("record_seq_is_text", b'{"seq":"9"}\n', "a sequence number spelt as text"),
    ):
        yield Bad(name, 7, "bad_format", stating(rest=one + two + line), why)
    yield Bad("no_records", 7, "bad_format", stating(rest=b""), "a statement over nothing")


def bad_counts() -> Iterator[Bad]:
    """Step 8: n, lost and seq do not fit the records."""
    one, two, three = RECORDS
    for name, body, why in (
        ("n_one_short", stating(n=2, lost=1), "n is one less than the records"),
        ("n_one_over", stating(rest=one + two), "n is one more than the records"),
        ("lost_not_said", stating(rest=one + three, n=2), "a number used up, and not called lost"),
        ("lost_without_room", stating(lost=1), "more lost than seq has room for"),
        ("seq_not_rising", stating(rest=one + two + two), "one number twice"),
        ("seq_falling", stating(rest=one + three + two), "numbers go back"),
        ("seq_outside_before", stating(rest=record(6) + one + two), "a number before the first"),
        ("seq_outside_after", stating(rest=two + three + record(10)), "a number after the last"),
    ):
        yield Bad(name, 8, "bad_statement", body, why)


def bad_links() -> Iterator[Bad]:
    """Steps 9 and 11 to 13: a good batch that is a repeat or does not come next."""
    r, s = decode_dss_signature(SIGNATURE)
    twin = signed_as(sig=encode_dss_signature(r, P256_ORDER - s))
    first, second = pae_sha256_of(FIRST), pae_sha256_of(SECOND)
    other = hashlib.sha256(b"the head of another device").hexdigest()
    again = sealed((record(2), record(6)), 1, first, (2, 6))
    for name, step, error, body, why in (
        ("batch_skipped", 11, "chain_gap", stating(batch=3), "batch 2 has not come yet"),
        ("batch_number_again", 11, "chain_fork", again, "another batch 1 than the accepted one"),
        ("prev_of_batch_before_last", 12, "chain_fork", stating(prev=first), "an older batch"),
        ("prev_of_another_device", 12, "chain_fork", stating(prev=other), "prev is nobody's batch here"),
        ("prev_of_first_batch", 12, "chain_fork", stating(prev=FIRST_PREV), "a chain that starts anew"),
        ("seq_gap_hidden", 13, "chain_gap", sealed(RECORDS[1:], 2, second, (8, 9)), "7 is missing"),
        ("seq_used_again", 13, "chain_gap", sealed((record(6), *RECORDS), 2, second, (6, 9)), "6 again"),
    ):
        yield Bad(name, step, error, body, why)
    yield Bad("repeat", 9, "repeat", THIRD, "the very same batch again", "after_batch_2")
    yield Bad("repeat_malleated", 9, "repeat", twin, "(r, n-s) verifies and is no new batch", "after_batch_2")


def all_bad() -> tuple[Bad, ...]:
    """Every defect, in the order of the steps."""
    steps = (bad_envelopes, bad_keys, bad_signatures, bad_payloads)
    later = (bad_digests, bad_records, bad_counts, bad_links)
    return tuple(bad for step in steps + later for bad in step())
