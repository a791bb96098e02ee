"""The key a collector signs its log's checkpoints with (Ed25519), in the spelling of signed notes.

    PRIVATE+KEY+name+id+base64(type || seed)      one line, in a file that only its owner reads

The name is the log's origin: a host name by itself. It is part of the key's id, so a log is never renamed: another name is
another log, with another key. Nor is its key in any backup: a ledger that was put back may have lost what its log has said
already, and goes on as a new log, of the same leaves up to there. `log.vkeys` has the public keys of all.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from collector.durable import write_whole
from collector.keyfiles import load_or_make
from shared.checkpoint import Checkpoint
from shared.dsse import b64, b64_exact
from shared.errors import Malformed, NoKey
from shared.note import ED25519, Note, NoteKey, sign

FILE: Final = "log.key"
PAST: Final = "log.vkeys"
_PREFIX: Final = "PRIVATE+KEY"
_SEED_BYTES: Final = 32
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")


class LogKey:
    """A log's private key."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        """Sign for the log of this name."""
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = NoteKey.of(name, ED25519, raw)

    @classmethod
    def generate(cls, name: str | None = None) -> Self:
        """A new key; without a name, one that no host has and no other log gets."""
        private = Ed25519PrivateKey.generate()
        return cls(name or f"log-{private.public_key().public_bytes_raw()[:8].hex()}.invalid", private)

    @classmethod
    def read(cls, told: str) -> Self:
        """Read a key's spelling; raises Malformed."""
        match told.strip().split("+", 4):
            case ["PRIVATE", "KEY", name, told_id, data] if (seed := b64_exact(data))[:1] == bytes([ED25519]):
                if len(seed) != 1 + _SEED_BYTES:
                    raise Malformed(f"an Ed25519 seed has {_SEED_BYTES} bytes")
                key = cls(name, Ed25519PrivateKey.from_private_bytes(seed[1:]))
                if key.public.id.hex() != told_id:
                    raise Malformed("the id of this key is not that of its name and seed")
                return key
        raise Malformed("a note's private key is PRIVATE+KEY+name+id+seed")

    @property
    def text(self) -> str:
        """Its spelling. A secret."""
        seed = bytes([ED25519]) + self._private.private_bytes_raw()
        return f"{_PREFIX}+{self.public.name}+{self.public.id.hex()}+{b64(seed)}"

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature."""
        return self._private.sign(message)

    def checkpoint(self, size: int, root: bytes) -> bytes:
        """A signed checkpoint of its log."""
        text = Checkpoint(self.public.name, size, root).text
        return Note(text, (sign(text, self),)).data


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness is asked, and its key."""

    url: str
    key: NoteKey


def is_origin(name: str) -> bool:
    """Whether a log can have this name: a host's, in lower case, of at least two labels."""
    return _HOST.fullmatch(name) is not None


def log_key(keys: Path, origin: str | None = None) -> LogKey:
    """The key of the log in a folder of keys, made first if there is none; raises NoKey."""
    past = past_logs(keys)

    def make() -> bytes:
        if origin in {one.name for one in past}:
            raise NoKey(
                f"{origin!r} is the name of the log that this ledger had before it was restored; a log never begins anew, "
                "so give this one another `origin` in collector.toml"
            )
        return f"{LogKey.generate(origin).text}\n".encode()

    key = load_or_make(keys / FILE, make, lambda data: LogKey.read(data.decode()))
    if origin is not None and key.public.name != origin:
        raise NoKey(
            f"the log over this folder is {key.public.name}, and is not renamed: take `origin = {origin!r}` out of collector.toml"
        )
    if key.public not in past:
        vkeys = [*(one.vkey for one in past), key.public.vkey]
        try:
            write_whole(keys / PAST, "".join(f"{one}\n" for one in vkeys).encode())
        except OSError as error:
            raise NoKey(f"cannot write {keys / PAST}: {error.strerror}") from error
    return key


def past_logs(keys: Path) -> list[NoteKey]:
    """The logs that this ledger has had, the one it has now last: by their keys old receipts are checked. Raises NoKey."""
    try:
        return [NoteKey.from_vkey(line) for line in (keys / PAST).read_text().splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, Malformed) as error:
        raise NoKey(f"cannot use {keys / PAST}: {error}") from error
