"""The leaf of something signed, as the log holds it: Rekor v2's `hashedrekord` 0.0.2 over SHA-256(PAE).

It names the digest, the signature and the public key, and nothing else of what was signed. Whoever has the three can make it
again byte for byte, so a leaf is never believed: it is compared.
"""

from shared.dsse import b64
from shared.strictjson import JsonObject, encode

API_VERSION = "0.0.2"
KIND = "hashedrekord"
KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256"


def leaf_of(pae_sha256: str, signature: bytes, spki: bytes) -> bytes:
    """The leaf's bytes: JCS, one line, no LF. `signature` is DER, `pae_sha256` hex."""
    verifier: JsonObject = {"keyDetails": KEY_DETAILS, "publicKey": {"rawBytes": b64(spki)}}
    record: JsonObject = {
        "data": {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(pae_sha256))},
        "signature": {"content": b64(signature), "verifier": verifier},
    }
    return encode({"apiVersion": API_VERSION, "kind": KIND, "spec": {"hashedRekordV002": record}})
