"""Says of each case what a verifier of somebody else says. Runs in an environment of its own, with nothing of ours.

stdin: a JSON list of cases, each with its `tool`; stdout: a list of texts, "ok" or why not. Bytes are base64.
"""

import base64
import copy
import json
import sys
from typing import Any

Case = dict[str, Any]


def b64(text: str) -> bytes:
    """Bytes."""
    return base64.b64decode(text, validate=True)


def securesystemslib_dsse(case: Case) -> None:
    """One signature over the PAE, by this key."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    key = SSlibKey(case["keyid"], "ecdsa", "ecdsa-sha2-nistp256", {"public": case["pem"]})
    Envelope.from_dict(copy.deepcopy(case["envelope"])).verify([key], 1)  # from_dict changes its argument


def pymerkle_root(case: Case) -> None:
    """The root of these leaves."""
    from pymerkle import InmemoryTree

    tree = InmemoryTree(algorithm="sha256")
    for leaf in case["leaves"]:
        tree.append_entry(b64(leaf))
    if tree.get_state() != b64(case["root"]):
        raise ValueError("another root")


def sigstore_entry(case: Case) -> None:
    """The checkpoint's signature and root, and the leaf's place, as sigstore-python checks a bundle's entry."""
    from sigstore._internal.merkle import verify_merkle_inclusion
    from sigstore._internal.rekor.checkpoint import verify_checkpoint
    from sigstore._internal.trust import Keyring
    from sigstore.models import TransparencyLogEntry
    from sigstore_models.common import v1 as common
    from sigstore_models.rekor import v1 as rekor

    entry = TransparencyLogEntry(rekor.TransparencyLogEntry.from_json(json.dumps(case["entry"])))
    key = common.PublicKey(raw_bytes=case["spki"], key_details=common.PublicKeyDetails.PKIX_ED25519)
    verify_merkle_inclusion(entry)
    verify_checkpoint(Keyring([key]), entry)


def rfc3161_token(case: Case) -> None:
    """A token over these bytes, below this root."""
    from cryptography import x509
    from rfc3161_client import VerifierBuilder, decode_timestamp_response

    verifier = VerifierBuilder()
    for root in x509.load_pem_x509_certificates(case["pem"].encode()):
        verifier = verifier.add_root_certificate(root)
    verifier.build().verify_message(decode_timestamp_response(b64(case["token"])), b64(case["data"]))


def aics_note(case: Case) -> None:
    """A checkpoint that this log has signed, with so many of these witnesses."""
    from aics_tlog import parse_checkpoint, parse_note, parse_vkey, verify_checkpoint

    keys = [parse_vkey(one) for one in case.get("witnesses", [])]
    note = parse_note(case["note"])
    found = verify_checkpoint(note, parse_vkey(case["vkey"]), keys, case.get("quorum", 0))
    if not found.ok:
        raise ValueError(found.error or "no quorum")
    told = parse_checkpoint(note.text)
    if "size" in case and (told.size, told.root) != (case["size"], b64(case["root"])):
        raise ValueError("another tree")


def aics_inclusion(case: Case) -> None:
    """A leaf's place in a tree."""
    from aics_tlog import leaf_hash, verify_inclusion

    proof = [b64(one) for one in case["hashes"]]
    if not verify_inclusion(leaf_hash(b64(case["leaf"])), case["index"], case["size"], proof, b64(case["root"])):
        raise ValueError("no inclusion")


def aics_consistency(case: Case) -> None:
    """One tree begins with another."""
    from aics_tlog import verify_consistency

    proof = [b64(one) for one in case["hashes"]]
    if not verify_consistency(case["old"], case["new"], b64(case["old_root"]), b64(case["new_root"]), proof):
        raise ValueError("no consistency")


def aics_tiles(case: Case) -> None:
    """All tiles of a log that listens: each hash and each entry, up to the root of its checkpoint."""
    from aics_tlog import HttpTileReader, audit_tiles, parse_checkpoint, parse_note, parse_vkey, verify_checkpoint

    reader = HttpTileReader([case["url"]])
    note = parse_note(reader.read_checkpoint())
    if not verify_checkpoint(note, parse_vkey(case["vkey"])).ok:
        raise ValueError("not this log's")
    told = parse_checkpoint(note.text)
    audit_tiles(reader, told.size, told.root)
    if told.size < case["least"]:
        raise ValueError(f"{told.size} leaves")


TOOLS = {
    "aics-tlog consistency": aics_consistency,
    "aics-tlog inclusion": aics_inclusion,
    "aics-tlog note": aics_note,
    "aics-tlog tiles": aics_tiles,
    "pymerkle": pymerkle_root,
    "rfc3161-client": rfc3161_token,
    "securesystemslib": securesystemslib_dsse,
    "sigstore": sigstore_entry,
}


def say(case: Case) -> str:
    """What a tool says of a case."""
    try:
        TOOLS[case["tool"]](case)
    except Exception as error:  # noqa: BLE001 - whatever a tool raises is its answer
        return f"{type(error).__name__}: {error}"
    return "ok"


json.dump([say(case) for case in json.load(sys.stdin)], sys.stdout)
