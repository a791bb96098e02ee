"""How a device's key comes to belong to a line: one-time code, request by the device, answer by the portal.

    code       ten symbols of Crockford's base32 (50 bit), shown once to the authenticated subscriber
    request    enrol-request/v1 by the new key: {mac, nonce, spki}, mac = HMAC-SHA-256(code, "enrol/v1" LF
               SHA-256(spki) nonce): only who knew the code could have bound this key to it; `key`, its class, is the
               device's own word (absent: `file`)
    enrolment  enrol/v1 by the portal's key: {alg, dev, key, request, sub, t_us}; sub = SHA-256(salt subscriber)

The shape is that of RFC 8555, section 7.3.4.
"""

import hashlib
import hmac
from dataclasses import dataclass

from shared import dsse, statement
from shared.dsse import Envelope, b64, b64_exact
from shared.errors import Malformed
from shared.keys import ALGORITHM, PublicKey, Signer
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject

CODE_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 10
NONCE_BYTES = 16
SALT_BYTES = 32
FILE_CLASS = "file"  # a key in a file, which its program's user can read
KEY_CLASSES = (FILE_CLASS, "keystore", "tpm")
_ALIKE = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


def read_code(typed: str) -> str:
    """A code as a person typed it, in its one spelling; raises Malformed if it cannot be one."""
    code = typed.strip().upper().translate(_ALIKE)
    if len(code) != CODE_LENGTH or any(symbol not in CODE_SYMBOLS for symbol in code):
        raise Malformed(f"a code has {CODE_LENGTH} letters and digits, for instance 7K3M9-QX2TA")
    return code


def make_code(chance: bytes) -> str:
    """A code from at least seven bytes of chance; raises ValueError for fewer."""
    if len(chance) < 7:  # noqa: PLR2004 - ten symbols of five bits
        raise ValueError("a code needs seven bytes of chance")
    drawn = int.from_bytes(chance, "big")
    return "".join(CODE_SYMBOLS[drawn >> (5 * place) & 31] for place in range(CODE_LENGTH))


def show_code(code: str) -> str:
    """A code as people read it aloud: two groups of five."""
    return f"{code[:5]}-{code[5:]}"


def code_mac(code: str, spki: bytes, nonce: bytes) -> bytes:
    """What binds a key to a code."""
    message = b"enrol/v1\n" + hashlib.sha256(spki).digest() + nonce
    return hmac.digest(code.encode(), message, "sha256")


def subscriber_hash(salt: bytes, subscriber: str) -> str:
    """The subscriber as the log sees him; the salt is shown in evidence only."""
    return hashlib.sha256(salt + subscriber.encode()).hexdigest()


def read_key_class(predicate: JsonObject) -> str:
    """Where a key is kept, as its device says: the member `key`, absent `file`; raises Malformed for what is no class."""
    found = statement.text(predicate, "key") if "key" in predicate else FILE_CLASS
    if found not in KEY_CLASSES:
        raise Malformed(f"a key is kept in one of {', '.join(KEY_CLASSES)}")
    return found


def make_request(code: str, nonce: bytes, signer: Signer, key_class: str = FILE_CLASS) -> bytes:
    """The enrol-request/v1 envelope line of a new key."""
    spki = signer.public.spki
    predicate: JsonObject = {
        "mac": b64(code_mac(code, spki, nonce)),
        "nonce": b64(nonce),
        "spki": b64(spki),
    }
    if key_class != FILE_CLASS:
        predicate["key"] = key_class
    told = Statement(Kind.ENROL_REQUEST, "device", signer.public.key_id, predicate)
    return dsse.seal(told.encode(), signer)


@dataclass(frozen=True, slots=True)
class EnrolRequest:
    """A request whose signature is by the key inside it; the code has not been checked."""

    key: PublicKey
    nonce: bytes
    mac: bytes
    envelope: Envelope
    key_class: str = FILE_CLASS

    def with_code(self, code: str) -> "EnrolRequest":
        """Itself, if this code made the mac; raises Malformed."""
        if not hmac.compare_digest(self.mac, code_mac(code, self.key.spki, self.nonce)):
            raise Malformed("the request was not made with this code")
        return self


def read_request(line: bytes) -> EnrolRequest:
    """Read an enrol-request/v1 envelope line and check that the key inside signed it; raises Malformed."""
    envelope = dsse.read_envelope(line)
    told = statement.read_statement(envelope.payload, Kind.ENROL_REQUEST)
    key = PublicKey.from_spki(b64_exact(told.predicate.get("spki")))
    envelope.verified_by(key)
    nonce = b64_exact(told.predicate.get("nonce"))
    if len(nonce) != NONCE_BYTES:
        raise Malformed(f"a nonce has {NONCE_BYTES} bytes")
    if told.subject_sha256 != key.key_id:
        raise Malformed("the subject is not the key")
    mac, key_class = b64_exact(told.predicate.get("mac")), read_key_class(told.predicate)
    return EnrolRequest(key, nonce, mac, envelope, key_class)


def make_enrolment(request: EnrolRequest, sub: str, t_us: int, key_class: str, portal: Signer) -> bytes:
    """The enrol/v1 envelope line: the portal says that this key measures this (salted) line."""
    predicate: JsonObject = {
        "alg": ALGORITHM,
        "dev": request.key.key_id,
        "key": key_class,
        "request": {"p": b64(request.envelope.payload), "s": b64(request.envelope.signature)},
        "sub": sub,
        "t_us": t_us,
    }
    return dsse.seal(Statement(Kind.ENROL, "device", request.key.key_id, predicate).encode(), portal)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A device's key and the salted line it measures, as the portal signed it."""

    key: PublicKey
    sub: str
    t_us: int
    key_class: str


def read_enrolment(line: bytes, portal: PublicKey) -> Enrolment:
    """Read an enrol/v1 envelope line; raises Malformed unless the portal and the device's key signed their parts."""
    envelope = dsse.read_envelope(line)
    told = statement.read_statement(envelope.verified_by(portal), Kind.ENROL)
    match told.predicate.get("request"):
        case {"p": str(p), "s": str(s)}:
            inner = Envelope(b64_exact(p), told.subject_sha256, b64_exact(s))
        case _:
            raise Malformed("an enrolment without its request")
    asked = statement.read_statement(inner.payload, Kind.ENROL_REQUEST)
    key = PublicKey.from_spki(b64_exact(asked.predicate.get("spki")))
    inner.verified_by(key)
    if asked.subject_sha256 != key.key_id:
        raise Malformed("the subject of the request is not its key")
    if not key.key_id == told.subject_sha256 == statement.sha256_hex(told.predicate, "dev"):
        raise Malformed("the enrolment names another key than the request")
    if told.predicate.get("alg") != ALGORITHM:
        raise Malformed("alg is not " + ALGORITHM)
    return Enrolment(
        key,
        statement.sha256_hex(told.predicate, "sub"),
        statement.integer(told.predicate, "t_us"),
        statement.text(told.predicate, "key"),
    )
