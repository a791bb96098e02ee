"""What verifiers of others need of an evidence file: each batch's Sigstore bundle (v0.3), the key, and a root of trust.

    <device's key id>/<number>.sigstore.json    the bundle of one of its batches
    <device's key id>/key.pem                   the key that signed them
    trusted_root.json                           the log whose key the reader was told, the authority whose certificates he named

The bundles are made of what has been checked. The root of trust holds nothing of the file's own but the certificate of whoever
made the time-stamps, which lies below the reader's.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from collector.evidence.found import Found
from collector.evidence.logged import log_key_of
from collector.evidence.removed import name_of
from collector.evidence.stamped import sigstore_bundles, tokens_of
from shared import strictjson
from shared.dsse import b64
from shared.errors import Malformed
from shared.note import NoteKey
from shared.strictjson import Json, JsonObject
from shared.timestamp import chain_of, read_roots

Chain = tuple[bytes, ...]  # certificates (DER), the root last
TRUSTED_ROOT: Final = "trusted_root.json"
_ED25519_SPKI: Final = bytes.fromhex("302a300506032b6570032100")  # RFC 8410, section 4: what stands before the 32 bytes
_VALID: Final[JsonObject] = {"start": "1970-01-01T00:00:00Z"}


def taken_out(found: Found) -> Mapping[str, bytes]:
    """All of it by name, once every step holds; raises Malformed if the file has no log."""
    log = log_key_of(found.files, found.trust)
    if log is None:
        raise Malformed("the evidence is of a collector without a log: there are no bundles of it")
    members: dict[str, bytes] = {}
    batches = {name_of(batch): batch for chain in found.batches.values() for batch in chain}
    keys = {name: found.devices[batch.envelope.key_id] for name, batch in batches.items()}
    for name, bundle in sigstore_bundles(
        found.files, keys, log
    ):  # not of those from before there was a log, or of another's
        members[f"{keys[name].key_id}/{batches[name].said.batch:08d}.sigstore.json"] = bundle + b"\n"
        members[f"{keys[name].key_id}/key.pem"] = keys[name].to_pem()
    if found.trust.vkey is not None:
        members[TRUSTED_ROOT] = strictjson.encode(root_of_trust(log, _chains(found))) + b"\n"
    return members


def root_of_trust(log: NoteKey, chains: Sequence[Chain], by: str = "the reader") -> JsonObject:
    """Sigstore's trusted root (v0.1) with one log, and an authority for each of these chains, all of them named by somebody."""
    spki: JsonObject = {"keyDetails": "PKIX_ED25519", "rawBytes": b64(_ED25519_SPKI + log.key), "validFor": _VALID}
    tlog: JsonObject = {
        "baseUrl": f"https://{log.name}",
        "hashAlgorithm": "SHA2_256",
        "logId": {"keyId": b64(log.whole_id)},
        "publicKey": spki,
    }
    return {
        "certificateAuthorities": [],
        "ctlogs": [],
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "timestampAuthorities": [_authority(chain, by) for chain in chains],
        "tlogs": [tlog],
    }


def _authority(chain: Chain, by: str) -> JsonObject:
    certificates: list[Json] = [{"rawBytes": b64(one)} for one in chain]
    subject: JsonObject = {"commonName": f"as named by {by}", "organization": f"as named by {by}"}
    return {
        "certChain": {"certificates": certificates},
        "subject": subject,
        "uri": "https://tsa.invalid",
        "validFor": _VALID,
    }


def _chains(found: Found) -> list[Chain]:
    """Of the authorities whom the reader named those whose tokens are here."""
    tokens = tokens_of(found.files)
    if found.trust.tsa_roots is None:
        return []
    return sorted({chain_of(token, read_roots(found.trust.tsa_roots)) for token in tokens.values()})
