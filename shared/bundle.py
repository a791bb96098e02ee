"""What proves that something signed is in a log: a Sigstore bundle v0.3, so that programs which are not ours can check it too.

It holds the envelope, the leaf, the proof that the leaf is in the tree of a checkpoint, that checkpoint with its cosignatures,
and RFC 3161 tokens over the signature if there are any. Nothing in it is believed: `check_bundle` makes the leaf again and
follows each link to keys that are known from elsewhere. Tokens are not looked at here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared import dsse, statement, strictjson
from shared.checkpoint import Witnessed, open_checkpoint
from shared.dsse import Envelope, b64, b64_exact
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.leaf import API_VERSION, KIND, leaf_of
from shared.note import NoteKey
from shared.strictjson import Encode, Json, JsonObject
from shared.tree import check_inclusion, leaf_hash

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is in a log: where, in the tree of which checkpoint."""

    index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: bytes  # the signed note


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle as read. Nobody has checked it yet."""

    envelope: Envelope
    leaf: bytes
    log_id: bytes
    proof: Proof
    tokens: tuple[bytes, ...] = ()  # RFC 3161, over the signature's bytes


def write_bundle(bundle: Bundle, encode: Encode = strictjson.encode) -> bytes:
    """Spell a bundle: one line of strict JSON without its LF. `encode` writes what `strictjson.encode` does."""
    proof = bundle.proof
    entry: JsonObject = {
        "canonicalizedBody": b64(bundle.leaf),
        "inclusionProof": {
            "checkpoint": {"envelope": proof.checkpoint.decode()},
            "hashes": [b64(one) for one in proof.hashes],
            "logIndex": str(proof.index),
            "rootHash": b64(proof.root),
            "treeSize": str(proof.size),
        },
        "kindVersion": {"kind": KIND, "version": API_VERSION},
        "logId": {"keyId": b64(bundle.log_id)},
        "logIndex": str(proof.index),
    }
    material: JsonObject = {"publicKey": {"hint": bundle.envelope.key_id}, "tlogEntries": [entry]}
    if bundle.tokens:
        stamps: list[Json] = [{"signedTimestamp": b64(token)} for token in bundle.tokens]
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    envelope: JsonObject = {
        "payload": b64(bundle.envelope.payload),
        "payloadType": dsse.PAYLOAD_TYPE,
        "signatures": [{"keyid": bundle.envelope.key_id, "sig": b64(bundle.envelope.signature)}],
    }
    return encode({"dsseEnvelope": envelope, "mediaType": MEDIA_TYPE, "verificationMaterial": material})


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle; raises Malformed."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise Malformed(f"a bundle of more than {MAX_BUNDLE_BYTES} bytes")
    told = strictjson.decode(data)
    if told.get("mediaType") != MEDIA_TYPE:
        raise Malformed("mediaType is not " + MEDIA_TYPE)
    envelope = dsse.read_envelope(strictjson.encode(_object(told, "dsseEnvelope")))
    material = _object(told, "verificationMaterial")
    if statement.text(_object(material, "publicKey"), "hint") != envelope.key_id:
        raise Malformed("the bundle names another key than its envelope")
    entry = _only(material, "tlogEntries")
    kind = _object(entry, "kindVersion")
    if (kind.get("kind"), kind.get("version")) != (KIND, API_VERSION):
        raise Malformed(f"the leaf is no {KIND} {API_VERSION}")
    proof = _object(entry, "inclusionProof")
    if entry.get("logIndex") != proof.get("logIndex"):
        raise Malformed("two indices for one leaf")
    hashes = proof.get("hashes")
    if not isinstance(hashes, list):
        raise Malformed("hashes is not a list")
    return Bundle(
        envelope,
        b64_exact(entry.get("canonicalizedBody")),
        b64_exact(_object(entry, "logId").get("keyId")),
        Proof(
            _number(proof, "logIndex"),
            _number(proof, "treeSize"),
            b64_exact(proof.get("rootHash")),
            tuple(b64_exact(one) for one in hashes),
            statement.text(_object(proof, "checkpoint"), "envelope").encode(),
        ),
        _tokens(material),
    )


def check_bundle(bundle: Bundle, key: PublicKey, log: NoteKey, witnesses: Sequence[NoteKey] = ()) -> Witnessed:
    """Return only if what `key` signed is in this log: the checkpoint it is proven by. Raises Malformed in one of its kinds.

    WrongSignature: the envelope; WrongNote: the checkpoint or a cosignature; WrongProof: the leaf's place in the tree.
    """
    bundle.envelope.verified_by(key)
    if bundle.leaf != leaf_of(bundle.envelope.pae_sha256, bundle.envelope.signature, key.spki):
        raise Malformed("the leaf is not of this envelope")
    if bundle.log_id != log.whole_id:
        raise Malformed("the leaf is in another log")
    return check_proof(leaf_hash(bundle.leaf), bundle.proof, log, witnesses)


def check_proof(leaf: bytes, proof: Proof, log: NoteKey, witnesses: Sequence[NoteKey] = ()) -> Witnessed:
    """Return only if a leaf of this hash is in the tree of the proof's checkpoint, which the log has signed."""
    found = open_checkpoint(proof.checkpoint, log, witnesses)
    if (found.checkpoint.size, found.checkpoint.root) != (proof.size, proof.root):
        raise Malformed("the proof is for another tree than its checkpoint's")
    check_inclusion(leaf, proof.index, proof.size, proof.hashes, proof.root)
    return found


def _tokens(material: JsonObject) -> tuple[bytes, ...]:
    if "timestampVerificationData" not in material:
        return ()
    stamps = _object(material, "timestampVerificationData").get("rfc3161Timestamps")
    if not isinstance(stamps, list):
        raise Malformed("rfc3161Timestamps is not a list")
    found = []
    for one in stamps:
        if not isinstance(one, dict):
            raise Malformed("a time-stamp is not an object")
        found.append(b64_exact(one.get("signedTimestamp")))
    return tuple(found)


def _object(fields: JsonObject, name: str) -> JsonObject:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"{name} is not an object")
    return value


def _only(fields: JsonObject, name: str) -> JsonObject:
    match fields.get(name):
        case [dict(one)]:
            return one
    raise Malformed(f"{name} is not one object in a list")


def _number(fields: JsonObject, name: str) -> int:
    value = statement.text(fields, name)
    if not value.isascii() or not value.isdecimal() or str(number := int(value[:16])) != value:
        raise Malformed(f"{name} is not a decimal number")
    return number
