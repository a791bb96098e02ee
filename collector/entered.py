"""What the ledger holds of the server's own keys: where each rotation stands, and each log that followed another."""

from bisect import bisect_right
from dataclasses import dataclass, field

from collector.ledger.frame import Entry, EntryKind
from shared.dsse import read_envelope


@dataclass(frozen=True, slots=True)
class Entered:
    """Where in the ledger an entry stands."""

    no: int
    segment: str
    offset: int


@dataclass(slots=True)
class OwnKeys:
    """The entries so far. The first rotation of a key counts."""

    rotations: dict[str, Entered] = field(default_factory=dict)  # by the older key's id
    logs: list[Entered] = field(default_factory=list)

    def apply(self, entry: Entry) -> None:
        """Take in an entry of one of these kinds; raises Malformed."""
        at = Entered(entry.no, entry.segment, entry.offset)
        if entry.kind is EntryKind.NEXT_LOG:
            self.logs.append(at)
        else:
            self.rotations.setdefault(read_envelope(entry.body[:-1]).key_id, at)

    def logs_before(self, no: int) -> int:
        """How many logs there had been before the one that an entry is in: 0, it is in the first."""
        return bisect_right(self.logs, no, key=lambda one: one.no)
