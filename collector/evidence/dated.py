"""Between which moments each batch of an evidence file was made; needs nothing but `shared`.

    log/witnesses       the witnesses whom the collector asks, a vkey a line
    log/times.ndjson    cosigned checkpoints by size: {"hashes", "note"}, the note, and the proof (base64) that the tree of
                        log/checkpoint begins with its tree: what is below its size was there when it was cosigned

Not before: the time in the cosignature that a batch names (its beacon). Not after: the first cosigned checkpoint that has its
leaf. Both are a witness's word, and nobody's who has a part in the case. Whose witnesses these are the reader knows from
elsewhere; if he names none, those that the collector asks are taken, and it is said.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import Final

from collector.evidence.logged import Trust
from collector.evidence.removed import SealedBatch, name_of
from shared import statement, strictjson
from shared.batch import OpenedBatch
from shared.beacon import Beacon, read_beacon
from shared.bracket import TOLERANCE_US, Bracket, TimeGrade, time_grade
from shared.checkpoint import Checkpoint, Witnessed, cosigned_in, read_checkpoint
from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.note import NoteKey, WrongNote, read_note
from shared.strictjson import JsonObject
from shared.tree import WrongProof, check_consistency

TIMES: Final = "log/times.ndjson"
WITNESSES: Final = "log/witnesses"
CLOCKS_US: Final = 60_000_000  # by so much the clocks of two witnesses may differ
_SECOND_US: Final = 1_000_000
_HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A cosigned checkpoint, and the proof that a larger tree begins with its tree."""

    note: bytes
    hashes: tuple[bytes, ...]

    @property
    def line(self) -> bytes:
        """Its line in TIMES."""
        told: JsonObject = {"hashes": [b64(one) for one in self.hashes], "note": self.note.decode()}
        return strictjson.encode(told) + b"\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """How large the log was when: sizes and times (unix µs), both rising."""

    sizes: tuple[int, ...] = ()
    times_us: tuple[int, ...] = ()

    def until_us(self, index: int | None) -> int | None:
        """Not after this did a leaf come into the log; None if nothing tells."""
        at = len(self.sizes) if index is None else bisect_right(self.sizes, index)
        return self.times_us[at] if at < len(self.sizes) else None


def seen_of(marks: Iterable[tuple[int, int]]) -> Seen:
    """Of (size, unix µs) in any order: for each size the earliest moment at which the log was so large."""
    found: list[tuple[int, int]] = []
    for size, time_us in sorted(marks, key=lambda one: (-one[0], one[1])):
        if not found or size < found[-1][0]:
            found.append((size, min(time_us, found[-1][1] if found else time_us)))
    return Seen(*zip(*reversed(found), strict=True)) if found else Seen()


def witnesses_of(files: Mapping[str, bytes], trust: Trust) -> list[NoteKey]:
    """Those whom the reader trusts, or else those whom the collector asks; raises Malformed."""
    told = trust.witnesses or files.get(WITNESSES, b"").decode("utf-8", "replace").splitlines()
    return [NoteKey.from_vkey(one) for one in told]


def marks_in(
    files: Mapping[str, bytes], log: NoteKey, witnesses: Sequence[NoteKey], quorum: int, whole: Checkpoint
) -> list[tuple[int, int]]:
    """How large the log was when (unix µs), by the cosigned checkpoints that are here; raises Malformed naming what is wrong."""
    marks = []
    for number, line in enumerate(files.get(TIMES, b"").split(b"\n")[:-1]):
        told = strictjson.decode(line)
        hashes = told.get("hashes")
        if not isinstance(hashes, list):
            raise Malformed(f"{TIMES}: line {number + 1} has no hashes")
        try:
            note = read_note(statement.text(told, "note").encode())
            one = read_checkpoint(
                note.text
            )  # that the log signed it too need not be seen: it is proven to be of the log
            if one.origin != log.name:
                raise WrongNote(f"a checkpoint of {one.origin}, not of {log.name}")
            found = Witnessed(one, note, cosigned_in(note, witnesses))
            proof = tuple(b64_exact(node) for node in hashes)
            check_consistency(one.size, whole.size, proof, one.root, whole.root)
        except (Malformed, WrongProof) as error:
            raise Malformed(f"{TIMES}: line {number + 1}: {error}") from error
        time_s = found.by_quorum_s(quorum)
        if time_s is not None:  # of witnesses that are not trusted nothing counts
            marks.append((one.size, time_s * _SECOND_US))
    return marks


@dataclass(slots=True)
class _Told:
    """What has been found so far."""

    grades: Counter[TimeGrade] = field(default_factory=Counter)
    widths_us: list[int] = field(default_factory=list)
    skewed: int = 0
    most_us: int = 0

    def in_words(self, *, trusted: bool) -> str:
        """All of it in one phrase."""
        batches = ", ".join(f"{self.grades[grade]} {grade.value}" for grade in TimeGrade)
        told = f"batches: {batches}"
        if self.widths_us:
            told += f"; half of them are known within {median_low(self.widths_us) / 60 / _SECOND_US:.0f} minutes"
            told += f", all that are known within {max(self.widths_us) / _HOUR_US:.1f} hours"
        if self.skewed:
            off = f"{abs(self.most_us) / _HOUR_US:.1f} hours at most"
            told += f"; the device's clock was wrong for {self.skewed} records, by {off}"
        return told + (
            "" if trusted else "; by the witnesses whom the collector asks: compare them with what you were told"
        )


def dated(
    chains: Iterable[Sequence[OpenedBatch | SealedBatch]],
    leaves: Mapping[str, int],
    seen: Seen,
    witnesses: Sequence[NoteKey],
    origin: str | None,
    *,
    trusted: bool,
) -> str:
    """What is known of when, in words; raises Malformed for a batch whose two ends contradict each other."""
    told, checked = _Told(), set[bytes]()
    for batch in (batch for chain in chains for batch in chain):
        name = name_of(batch)
        try:
            beacon = _beacon(batch, witnesses, checked)
        except Malformed as error:
            raise Malformed(f"{name}: {error}") from error
        index = leaves.get(name)
        since_us = None if beacon is None else beacon.t_s * _SECOND_US
        until_us = seen.until_us(index)
        if (
            beacon is not None
            and index is not None
            and beacon.checkpoint.origin == origin
            and beacon.checkpoint.size > index
        ):
            raise Malformed(
                f"{name}: names a checkpoint of {beacon.checkpoint.size} leaves, and is leaf {index} itself"
            )
        if since_us is not None and until_us is not None and since_us > until_us + CLOCKS_US:
            raise Malformed(
                f"{name}: was in the log {(since_us - until_us) // _SECOND_US} s before it can have been made"
            )
        told.grades[time_grade(since_us, until_us)] += 1
        if since_us is not None and until_us is not None:
            told.widths_us.append(max(0, until_us - since_us))
        _skew(told, batch, beacon, until_us)
    return told.in_words(trusted=trusted)


def _beacon(batch: OpenedBatch | SealedBatch, witnesses: Sequence[NoteKey], checked: set[bytes]) -> Beacon | None:
    """The beacon of one of these witnesses that a batch names; raises Malformed if it is not his."""
    if "beacon" not in batch.said.predicate:
        return None
    beacon = read_beacon(batch.said.predicate["beacon"])
    witness = beacon.witness_in(witnesses)
    if witness is None:
        return None
    told = b"%d\n%b%b" % (beacon.t_s, beacon.cosig, beacon.checkpoint.text.encode())
    if told not in checked:  # many batches name the same one
        beacon.check(witness)
        checked.add(told)
    return beacon


def _skew(told: _Told, batch: OpenedBatch | SealedBatch, beacon: Beacon | None, until_us: int | None) -> None:
    """Count the records of a batch whose wall clock cannot have been right."""
    if not isinstance(batch, OpenedBatch) or until_us is None:
        return
    said = batch.said
    bracket = Bracket(
        None if beacon is None else beacon.t_s * _SECOND_US,
        until_us,
        said.sealed_mono_us,
        None if beacon is None else beacon.mono_us,
    )
    for record in batch.records:
        wall_us = record.integer("wall_us")
        if wall_us is None:
            continue
        placed_us = bracket.placed_us(wall_us, record.integer("mono_us"), same_boot=record.text("boot") is None)
        if abs(wall_us - placed_us) > TOLERANCE_US:
            told.skewed += 1
            told.most_us = max(told.most_us, wall_us - placed_us, key=abs)
