"""The device's place in its chain, in a small file of its own, and with it the mark of an orderly end.

Whoever is alone when it closes writes where the chain stands and where exactly the log ends. Before the next run appends
anything, the mark is taken back, and that is on disk first; the rest stays as a lower bound. So a log is certain only if the
mark is there and the log ends in that very frame, begins with that very segment, and its frames are a chain:

    the power was cut, or a process       the mark is not there: the first frame was not written before it was gone
    the log is shorter, even by whole     it ends in another frame than the mark says; or the mark was taken back when
    frames, down to an older orderly end  the run began whose frames are missing
    this file is of an earlier time       its mark names an earlier end than the log's, or there is none
    this file is gone, cut or flipped     it has no check that fits: nothing is known
    the segments are gone, this is not    the mark names a log that is not there; the chain is asked for from here on
    all of it is gone                     a new outbox, which only an enrolment makes
    all of it is of one earlier time      only then nothing shows, if that was the moment of an orderly end

One line of strict JSON with its LF. Written whole or not at all: a new file, synced, put in the old one's place. Decides nothing.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probe.durable import write_whole
from probe.errors import StateUnusable
from shared import strictjson
from shared.chain import Head
from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.statement import integer, sha256_hex

PLACE: Final = "place"  # its name in the outbox's folder


@dataclass(frozen=True, slots=True)
class End:
    """Where a log begins and ends: its first and last segment, the last one's length, the last frame's check."""

    first: int
    segment: int
    length: int
    check: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where the chain stood, the next start's number then, and the seed of the slots; `end` is the mark of an orderly end."""

    head: Head
    next_seq: int
    seed: bytes
    end: End | None = None

    def encode(self) -> bytes:
        """Spell it as one line."""
        head, end = self.head, self.end
        told: strictjson.JsonObject = {
            "batch": head.batch,
            "head": head.pae_sha256,
            "next_seq": self.next_seq,
            "seed": b64(self.seed),
            "seq": head.seq,
        }
        told |= {} if end is None else {"end": [end.first, end.segment, end.length, end.check]}
        return strictjson.encode(told | {"check": zlib.crc32(strictjson.encode(told))}) + b"\n"

    def is_beyond(self, head: Head) -> bool:
        """Whether it knows of a later place than this one, or of another one like it."""
        return self.head.batch > head.batch or (self.head.batch == head.batch and self.head != head)


def read_place(data: bytes, *, checked: bool = True) -> Place:
    """Read the line; raises Malformed. One that an earlier version wrote has no check."""
    if not data.endswith(b"\n"):
        raise Malformed("the line is cut")
    told = strictjson.decode(data[:-1])
    if checked and told.pop("check", None) != zlib.crc32(strictjson.encode(told)):
        raise Malformed("the line is damaged")
    head = Head(integer(told, "batch"), integer(told, "seq"), sha256_hex(told, "head"))
    match told.get("end"):
        case [int(first), int(segment), int(length), int(check)]:
            end: End | None = End(first, segment, length, check)
        case None:
            end = None
        case _:
            raise Malformed("the end is none")
    return Place(head, integer(told, "next_seq"), b64_exact(told.get("seed")), end)


@dataclass(frozen=True, slots=True)
class PlaceFile:
    """The file it is in."""

    path: Path
    checked: bool = True

    def read(self) -> Place | None:
        """What it says; None if it is not there or says nothing that can be read."""
        try:
            return read_place(self.path.read_bytes(), checked=self.checked)
        except (OSError, Malformed):
            return None

    def write(self, place: Place) -> None:
        """Put it on disk; raises StateUnusable."""
        try:
            write_whole(self.path, place.encode())
        except OSError as error:
            raise StateUnusable(f"{self.path} cannot be written: {error.strerror}") from error
