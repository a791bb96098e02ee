"""A group of sheets on its way into the ledger: what is decided, where each goes, and what has to be undone if it fails."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from collector.errors import CollectorError, StorageFull
from collector.ledger.chains import Chains, Older, Repeat, Standing
from collector.ledger.changed import CHANGES
from collector.ledger.frame import Entry, Sheet, Spot, read_frame
from collector.ledger.segments import Place
from shared.errors import Malformed, Refused
from shared.tree import Edge

Outcome = Spot | Repeat | Older | Refused | CollectorError


@dataclass(frozen=True, slots=True)
class Placed:
    """A sheet with its place in the ledger, before it is on disk."""

    number: int  # in its group
    sheet: Sheet
    spot: Spot
    tree: int | None = None  # the number of the leaf that it becomes

    @property
    def entry(self) -> Entry:
        """The entry it is to become."""
        return entry_at(self.sheet.frame(self.spot.no, self.spot.at_us, self.tree), self.spot)


@dataclass(slots=True)
class Group:
    """Sheets that are written together, decided by `chains`."""

    sheets: Sequence[Sheet]
    chains: Chains
    begins: Place
    ends: Place
    placed: list[Placed] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)  # the hashes of those that are leaves of the log
    edge: Edge = field(default_factory=Edge)  # of the log's tree on which they grow
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by place in the group
    undo: dict[str, Standing | None] = field(default_factory=dict)  # None: there was none

    def in_order(self) -> list[Outcome]:
        """What came of each sheet."""
        return [self.outcomes[number] for number in range(len(self.sheets))]


def tell(group: Group, entry: Entry) -> Outcome | None:
    """What comes of an entry that is no batch instead of being written, None if it may be.

    What it changes of keys holds for the rest of the group already.
    """
    chains = group.chains
    try:
        chains.check(entry)
    except (Malformed, KeyError) as error:  # or it would stop every start from now on
        return StorageFull(f"nothing was kept: this can be no entry: {error}")
    except Refused as refusal:
        return refusal
    if entry.kind in CHANGES:
        for dev in chains.touched(entry):
            group.undo.setdefault(dev, chains.standings.get(dev))
        chains.change(entry)
    return None


def undo(group: Group) -> None:
    """Put the chains back to where they stood before the group."""
    for dev, standing in group.undo.items():
        if standing is None:
            group.chains.standings.pop(dev, None)
        else:
            group.chains.standings[dev] = standing


def entry_at(frame: bytes, spot: Spot) -> Entry:
    """A frame read back, at its place."""
    entry, _ = read_frame(frame, 0, spot.segment)
    return replace(entry, offset=spot.offset)


def digest_of(path: Path) -> "hashlib._Hash":
    """The SHA-256 of a file so far, none if there is none, to be gone on with."""
    digest = hashlib.sha256()
    if path.exists():
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest


def write_all(file: int, data: bytes) -> None:
    """Write, however often the system takes only a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
