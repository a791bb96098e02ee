"""Signed notes (C2SP signed-note): a text, and under it signatures of named keys. Logs sign with them, witnesses cosign.

    text        lines of UTF-8 without control characters, each ending in LF
    blank line
    signatures  — SP name SP base64(key id, 4 bytes || signature) LF

A key's id is the start of SHA-256(name LF type key); `vkey`, its spelling for people, is name+hex(id)+base64(type || key). Types
here: 1, Ed25519 over the text; 4, a cosignature (C2SP tlog-cosignature), Ed25519 over a time and the text. Signatures of keys
that are not known are passed over; one of a known key that does not fit spoils the note. Pure.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.primitives import Public, chosen

ED25519: Final = 1
COSIGNATURE: Final = 4
MAX_NOTE_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_TIME_BYTES: Final = 8
_DASH: Final = "\u2014 "
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class WrongNote(Malformed):
    """A note that is not signed by whom it has to be, or by one of them wrongly."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One line under a note. Nobody has checked it yet."""

    name: str
    blob: bytes  # key id, then what the key's type makes of the rest

    @property
    def line(self) -> str:
        """Its spelling, with the LF."""
        return f"{_DASH}{self.name} {b64(self.blob)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signatures."""

    text: str
    signatures: tuple[Signature, ...]

    @property
    def data(self) -> bytes:
        """Its spelling."""
        return "".join([self.text, "\n", *(one.line for one in self.signatures)]).encode()


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key that signs notes, by its name."""

    name: str
    type: int
    key: bytes
    _public: Public = field(repr=False, compare=False)

    @classmethod
    def of(cls, name: str, kind: int, key: bytes) -> Self:
        """A key of one of the types above; raises Malformed."""
        if not _NAME.fullmatch(name):
            raise Malformed("a key's name is text without space and +")
        if kind not in (ED25519, COSIGNATURE) or len(key) != _KEY_BYTES:
            raise Malformed(f"a key of type {kind} with {len(key)} bytes is none that is known here")
        try:
            return cls(name, kind, key, chosen().ed25519(key))
        except ValueError as error:
            raise Malformed("not an Ed25519 public key") from error

    @classmethod
    def from_vkey(cls, vkey: str) -> Self:
        """Read a key's spelling; raises Malformed."""
        match vkey.strip().split("+", 2):
            case [name, told_id, told] if data := b64_exact(told):
                key = cls.of(name, data[0], data[1:])
                if told_id == key.id.hex():
                    return key
                raise Malformed("the id in this vkey is not that of its key")
        raise Malformed("a vkey is name+id+key")

    @property
    def id(self) -> bytes:
        """Its id, 4 bytes."""
        return self.whole_id[:_ID_BYTES]

    @property
    def whole_id(self) -> bytes:
        """What the id is the start of: a log's id elsewhere (Sigstore's `logId.keyId`)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.key).digest()

    @property
    def vkey(self) -> str:
        """Its spelling for people."""
        return f"{self.name}+{self.id.hex()}+{b64(bytes([self.type]) + self.key)}"

    def is_of(self, signature: Signature) -> bool:
        """Whether a signature says that it is this key's."""
        return signature.name == self.name and signature.blob.startswith(self.id)

    def check(self, signature: Signature, text: str) -> int | None:
        """Return only if a signature fits this text: the time (unix s) that it vouches for, None of type 1. Raises WrongNote."""
        blob, message, time_s = signature.blob[_ID_BYTES:], text.encode(), None
        if self.type == COSIGNATURE:
            time_s = int.from_bytes(blob[:_TIME_BYTES], "big")
            blob, message = blob[_TIME_BYTES:], cosigned(time_s, text)
        if not self.is_of(signature) or len(blob) != _SIGNATURE_BYTES:
            raise WrongNote(f"not a signature of {self.name}")
        try:
            self._public.verify(blob, message)
        except ValueError as error:
            raise WrongNote(f"the signature of {self.name} does not fit") from error
        return time_s


class NoteSigner(Protocol):
    """Whatever can sign notes."""

    @property
    def public(self) -> NoteKey:
        """The public half."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature."""


def sign(text: str, signer: NoteSigner, time_s: int | None = None) -> Signature:
    """Sign a text, with a time if the key is one for cosignatures."""
    if (signer.public.type == COSIGNATURE) != (time_s is not None):
        raise ValueError("a cosignature has a time, and nothing else has")
    if time_s is None:
        return Signature(signer.public.name, signer.public.id + signer.sign(text.encode()))
    told = time_s.to_bytes(_TIME_BYTES, "big")
    return Signature(signer.public.name, signer.public.id + told + signer.sign(cosigned(time_s, text)))


def cosigned(time_s: int, text: str) -> bytes:
    """What a cosignature covers."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def read_note(data: bytes) -> Note:
    """Read a note; raises Malformed. Its signatures are not checked."""
    if len(data) > MAX_NOTE_BYTES:
        raise Malformed(f"a note of more than {MAX_NOTE_BYTES} bytes")
    try:
        told = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("a note is UTF-8") from error
    if _CONTROL.search(told):
        raise Malformed("a note has no control characters")
    text, found, under = told.rpartition("\n\n")
    if not found or not text or not under.endswith("\n"):
        raise Malformed("a note is a text, a blank line, and signatures, each line ending in a line feed")
    lines = under[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed(f"a note with more than {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(read_signature(line) for line in lines))


def read_signature(line: str) -> Signature:
    """Read a signature line without its LF; raises Malformed."""
    name, found, told = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not found or not _NAME.fullmatch(name):
        raise Malformed("a signature line is a dash, a name and base64")
    blob = b64_exact(told)
    if len(blob) <= _ID_BYTES:
        raise Malformed("a signature without its key's id")
    return Signature(name, blob)


def check_note(note: Note, keys: Iterable[NoteKey]) -> dict[str, int | None]:
    """Who of these has signed, with the time each vouches for; raises WrongNote if a signature of one of them does not fit."""
    found: dict[str, int | None] = {}
    for key in keys:
        for signature in note.signatures:
            if key.is_of(signature):
                found[key.name] = key.check(signature, note.text)
                break
    return found
