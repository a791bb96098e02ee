"""Seals: what is known for good of a segment that grows no more, in a file beside it (`000001.seal`).

    one line of strict JSON   {"first_no", "last_no", "prev", "segment", "sha256", "size"} LF

`prev` is the SHA-256 of the seal before (64 zeros before the first), so the seals are a chain: whoever has the newest
one notices any change in any sealed segment. A sealed segment is read-only and never written again. A seal holds
nothing that cannot be made again from its segment; one that is missing after a crash is.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from collector.durable import write_whole
from collector.errors import LedgerDamaged
from collector.ledger.frame import read_frame
from collector.ledger.names import seal_file, segment_name
from shared import statement, strictjson
from shared.errors import Malformed

_BEFORE_FIRST: Final = "0" * 64
_READ_ONLY: Final = 0o400


@dataclass(frozen=True, slots=True)
class Seal:
    """One sealed segment: its length and SHA-256, its first and last entry, the seal before it."""

    segment: str
    size: int
    sha256: str
    first_no: int
    last_no: int
    prev: str

    @property
    def line(self) -> bytes:
        """Its spelling, with the LF."""
        return strictjson.encode(asdict(self)) + b"\n"

    @property
    def identity(self) -> str:
        """What the next one names it by."""
        return hashlib.sha256(self.line).hexdigest() if self.segment else _BEFORE_FIRST


NO_SEAL: Final = Seal("", 0, "", 0, 0, "")  # what stands before the first one


def read_seal(line: bytes) -> Seal:
    """Read a seal; raises Malformed."""
    told = strictjson.decode(line.removesuffix(b"\n"))
    return Seal(
        statement.text(told, "segment"),
        statement.integer(told, "size"),
        statement.sha256_hex(told, "sha256"),
        statement.integer(told, "first_no"),
        statement.integer(told, "last_no"),
        statement.sha256_hex(told, "prev"),
    )


def seal_beside(path: Path) -> Seal | None:
    """The seal of a segment's file, None if it has none; raises LedgerDamaged."""
    file = path.with_suffix(".seal")
    try:
        return read_seal(file.read_bytes())
    except FileNotFoundError:
        return None
    except (Malformed, OSError) as error:
        raise LedgerDamaged(f"{file.name}: {error}") from error


def write_seal(folder: Path, seal: Seal) -> None:
    """Put a seal on disk, whole, and close its segment for writing; raises OSError."""
    segment = folder / seal.segment
    write_whole(segment.with_suffix(".seal"), seal.line)
    segment.chmod(_READ_ONLY)


def seal_of(folder: Path, number: int, prev: str) -> Seal:
    """Make the seal of a segment from what is in it; raises LedgerDamaged."""
    name = segment_name(number)
    data, offset, numbers = (folder / name).read_bytes(), 0, list[int]()
    while offset < len(data):
        try:
            entry, offset = read_frame(data, offset)
        except Malformed as error:
            raise LedgerDamaged(f"{name} at byte {offset}: {error}") from error
        numbers.append(entry.no)
    if not numbers:
        raise LedgerDamaged(f"{name} is empty, and others come after it")
    return Seal(name, len(data), hashlib.sha256(data).hexdigest(), numbers[0], numbers[-1], prev)


def seal_missing(folder: Path, growing: int) -> Seal:
    """Seal every segment before the growing one that has no seal yet; the last seal there is, also of the growing one.

    Raises LedgerDamaged if a seal does not follow the one before it, or cannot be read.
    """
    last = NO_SEAL
    for number in range(1, growing + 1):
        if seal_file(folder, number).exists():
            last = _next_seal(folder, number, last)
        elif number < growing:
            last = seal_of(folder, number, last.identity)
            write_seal(folder, last)
    return last


def _next_seal(folder: Path, number: int, before: Seal) -> Seal:
    file = seal_file(folder, number)
    try:
        seal = read_seal(file.read_bytes())
    except (Malformed, OSError) as error:
        raise LedgerDamaged(f"{file.name}: {error}") from error
    if (seal.segment, seal.first_no, seal.prev) != (segment_name(number), before.last_no + 1, before.identity):
        raise LedgerDamaged(f"{file.name} does not follow the seal before it")
    return seal


def is_sealed_as(seal: Seal, path: Path) -> bool:
    """Whether a file is the segment that was sealed; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return (path.stat().st_size, digest.hexdigest()) == (seal.size, seal.sha256)
