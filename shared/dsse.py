"""DSSE envelopes, version 1, with exactly one signature.

What is signed is the pre-authentication encoding (PAE) over the type and the raw payload, so nothing is ever
canonicalised in order to verify. The SHA-256 of the PAE is the identity of what was signed: a signature is not, since
(r, n-s) verifies whenever (r, s) does. The envelope is closed: no member may be added.
"""

import binascii
import hashlib
import re
from dataclasses import dataclass

from shared import strictjson
from shared.errors import Malformed
from shared.keys import PublicKey, Signer
from shared.strictjson import Decode, Encode

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_ENVELOPE_BYTES = 16 * 1024
HEX64 = re.compile(r"[0-9a-f]{64}")
_SPELT = (
    re.compile(  # an envelope as it must be spelt, to the letter: whatever this matches the strict reader takes too
        rb'\{"payload":"([A-Za-z0-9+/=]*)","payloadType":"application/vnd\.in-toto\+json",'
        rb'"signatures":\[\{"keyid":"([0-9a-f]{64})","sig":"([A-Za-z0-9+/=]*)"\}\]\}'
    )
)


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The bytes a signature covers: DSSEv1 SP len(type) SP type SP len(payload) SP payload."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def b64_exact(text: object) -> bytes:
    """Read standard base64 that has one spelling only; raises Malformed."""
    if not isinstance(text, str):
        raise Malformed("not base64 text")
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"not base64: {error}") from error
    if b64(data) != text:
        raise Malformed("base64 with loose trailing bits")
    return data


def b64(data: bytes) -> str:
    """Standard base64 with padding."""
    return binascii.b2a_base64(data, newline=False).decode()


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed payload whose signature nobody has checked yet."""

    payload: bytes
    key_id: str
    signature: bytes

    @property
    def pae_sha256(self) -> str:
        """SHA-256 of the PAE, lower-case hex: the identity of what was signed."""
        return hashlib.sha256(pae(self.payload)).hexdigest()

    def verified_by(self, key: PublicKey) -> bytes:
        """The payload, if `key` signed it; raises WrongSignature. `key_id` is not believed, it only picks the key."""
        key.verify(self.signature, pae(self.payload))
        return self.payload


def seal(payload: bytes, signer: Signer, encode: Encode = strictjson.encode) -> bytes:
    """Sign a payload and spell the envelope: one line without its LF."""
    envelope: strictjson.JsonObject = {
        "payload": b64(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": signer.public.key_id, "sig": b64(signer.sign(pae(payload)))}],
    }
    return encode(envelope)


def read_envelope(line: bytes, decode: Decode = strictjson.decode) -> Envelope:
    """Read one envelope line without its LF; raises Malformed. `decode` takes what `strictjson.decode` takes, no more."""
    if len(line) > MAX_ENVELOPE_BYTES:
        raise Malformed(f"an envelope of more than {MAX_ENVELOPE_BYTES} bytes")
    spelt = _SPELT.fullmatch(line)
    if spelt is not None:  # as every good one: for speed
        payload, keyid, signature = spelt.groups()
        return Envelope(b64_exact(payload.decode()), keyid.decode(), b64_exact(signature.decode()))
    fields = decode(line)
    if fields.keys() != {"payload", "payloadType", "signatures"}:
        raise Malformed("an envelope has exactly payload, payloadType and signatures")
    if fields["payloadType"] != PAYLOAD_TYPE:
        raise Malformed("payloadType is not " + PAYLOAD_TYPE)
    signatures = fields["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise Malformed("exactly one signature is allowed")
    one = signatures[0]
    if not isinstance(one, dict) or one.keys() != {"keyid", "sig"}:
        raise Malformed("a signature has exactly keyid and sig")
    if not isinstance(one["keyid"], str) or not HEX64.fullmatch(one["keyid"]):
        raise Malformed("keyid is not 64 lower-case hex digits")
    b64_exact(fields["payload"])
    b64_exact(one["sig"])
    raise Malformed("not in the one permitted spelling")  # which `decode` should have said
