"""The device's place in its chain, in a small file of its own: what tells a database that went back in time from a true one.

It is on disk before a sealed body may leave the device, so a database that stands before it has forgotten something that
others may have seen. Written whole or not at all: a new file, synced, put in the old one's place. One line of strict
JSON with its LF; what is cut is no such line. Decides nothing.
"""

from dataclasses import dataclass
from pathlib import Path

from probe.durable import write_whole
from probe.errors import StateUnusable
from shared import strictjson
from shared.chain import Head
from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.statement import integer, sha256_hex


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chain stood when something was last let go, the next start's number then, and the seed of the slots."""

    head: Head
    next_seq: int
    seed: bytes

    def encode(self) -> bytes:
        """Spell it as one line."""
        head = self.head
        told: strictjson.JsonObject = {
            "batch": head.batch,
            "head": head.pae_sha256,
            "next_seq": self.next_seq,
            "seed": b64(self.seed),
            "seq": head.seq,
        }
        return strictjson.encode(told) + b"\n"


def read_place(data: bytes) -> Place:
    """Read the line; raises Malformed."""
    if not data.endswith(b"\n"):
        raise Malformed("the line is cut")
    told = strictjson.decode(data[:-1])
    head = Head(integer(told, "batch"), integer(told, "seq"), sha256_hex(told, "head"))
    return Place(head, integer(told, "next_seq"), b64_exact(told.get("seed")))


@dataclass(frozen=True, slots=True)
class PlaceFile:
    """The file it is in."""

    path: Path

    def read(self) -> Place | None:
        """What it says; None if it is not there or says nothing that can be read."""
        try:
            return read_place(self.path.read_bytes())
        except (OSError, Malformed):
            return None

    def write(self, place: Place) -> None:
        """Put it on disk; raises StateUnusable."""
        try:
            write_whole(self.path, place.encode())
        except OSError as error:
            raise StateUnusable(f"{self.path} cannot be written: {error.strerror}") from error
