"""Grading the records of an evidence file anew, and comparing with what its case says; needs nothing but `shared`.

Which peers are believed is the collector's choice: their keys are in the file, under the collector's signature. A session
is looked for among the records of the same device, all of which are in the file, so the answer cannot hang on other lines.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.evidence.casefile import read_case
from shared.batch import OpenedBatch
from shared.errors import Malformed
from shared.grade import DIRECTION, Grade, Peers, grade, trusting, unless_used
from shared.keys import PublicKey

FOLDER = "keys/peers/"
Told = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records have which direction, grade and reason."""

    counted: Mapping[Told, int]
    limited: frozenset[tuple[str, int]] = field(default=frozenset(), compare=False)  # whose peer saw a slow reader

    def in_words(self) -> str:
        """The counts in one phrase."""
        total = sum(self.counted.values())
        both = sum(n for (_, found, _), n in self.counted.items() if found == Grade.COUNTER_SIGNED)
        reasons = Counter[str]()
        for (_, _, reason), n in self.counted.items():
            reasons[reason or ""] += n
        why = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons.items()) if reason)
        return f"{both} of {total} transfers counter-signed" + (f", the others one-sided: {why}" if why else "")


def peers_in(files: Mapping[str, bytes]) -> Peers:
    """The peers whose keys are in the file; raises Malformed if one is not the key its name says."""
    keys = []
    for name in sorted(files):
        if name.startswith(FOLDER):
            key = PublicKey.from_pem(files[name])
            if name != f"{FOLDER}{key.key_id}.pem":
                raise Malformed(f"{name}: not the key its name says")
            keys.append(key)
    return trusting(keys)


def regrade(chains: Iterable[Iterable[OpenedBatch]], peers: Peers) -> Tally:
    """The grades of all records of these devices' chains, each chain in its order."""
    counted: Counter[Told] = Counter()
    used: set[str] = set()
    limited: set[tuple[str, int]] = set()
    for record, dev in ((record, batch.said.dev) for chain in chains for batch in chain for record in batch.records):
        alone = grade(record, dev, peers)
        if alone is None:
            continue
        found = unless_used(alone, used)
        if alone.session is not None:
            used.add(alone.session)
        counted[DIRECTION[record.method].value, found.grade.value, found.reason and found.reason.value] += 1
        limited |= {(dev, record.seq)} if found.receiver_limited else set()
    return Tally(counted, frozenset(limited))


def told_in(case: bytes) -> Tally | None:
    """The grades that a case says its records have, None if it was made before there were any; raises Malformed."""
    match read_case(case):
        case {"grades": list(grades)}:
            return Tally(dict(map(_told, grades)))
        case {"grades": _}:
            raise Malformed("case.json holds no grades that can be read")
        case _:
            return None


def _told(one: object) -> tuple[Told, int]:
    match one:
        case {"direction": str(direction), "grade": str(found), "reason": None | str() as reason, "n": int(n)}:
            return (direction, found, reason), n
        case _:
            raise Malformed("case.json holds a grade that cannot be read")
