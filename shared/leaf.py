"""The leaf of something signed, as the log holds it: Rekor v2's `hashedrekord` 0.0.2 over SHA-256(PAE).

It names the digest, the signature and the public key, and nothing else of what was signed. Whoever has the three can make it
again byte for byte, so a leaf is never believed: it is compared.
"""

from shared import strictjson
from shared.dsse import b64, b64_exact
from shared.errors import Malformed

API_VERSION = "0.0.2"
KIND = "hashedrekord"
KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256"
_LEAF = (  # base64 needs no escapes, so this is JCS
    f'{{"apiVersion":"{API_VERSION}","kind":"{KIND}","spec":{{"hashedRekordV002":'
    '{"data":{"algorithm":"SHA2_256","digest":"%s"},'
    '"signature":{"content":"%s","verifier":{"keyDetails":"%s","publicKey":{"rawBytes":"%s"}}}}}}'
)


def leaf_of(pae_sha256: str, signature: bytes, spki: bytes) -> bytes:
    """The leaf's bytes: JCS, one line, no LF. `signature` is DER, `pae_sha256` hex."""
    return (_LEAF % (b64(bytes.fromhex(pae_sha256)), b64(signature), KEY_DETAILS, b64(spki))).encode()


def signature_in(leaf: bytes) -> bytes:
    """The signature (DER) in a leaf: what a time-stamp in a Sigstore bundle is over. Raises Malformed."""
    match strictjson.decode(leaf):
        case {"spec": {"hashedRekordV002": {"signature": {"content": content}}}}:
            return b64_exact(content)
    raise Malformed("a leaf without a signature")
