"""What the collector asks of an index, whichever engine keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from collector.ledger.frame import Entry
from collector.verify import Accepted
from collector.view import AlarmRow, ComplaintRow, Counts, DeviceRow, GradeCount, RecordRow
from shared.slots import SlotPlan


@dataclass(frozen=True, slots=True)
class Place:
    """Where the ledger holds an entry."""

    kind: str
    segment: str
    offset: int


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A record of the method `campaign`, as signed, with its place in its device's chain."""

    dev: str
    seq: int
    received_us: int
    line: str


class Store(Protocol):
    """An index over the ledger. Safe to read from any thread while one thread loads."""

    def loaded_no(self) -> int:
        """The number of the newest ledger entry in the index, 0 if there is none."""

    def load(self, entries: Sequence[Entry]) -> None:
        """Take in entries in order, each exactly once however often it is given; all of them or none."""

    def accepted(self, dev: str, batch: int) -> Accepted | None:
        """The identity and receipt of an accepted batch, None if it is not in the index."""

    def timeline(self, subscriber: str, since_us: int = 0) -> list[RecordRow]:
        """A subscriber's measurements in the order of time, device and sequence number."""

    def radio(self, subscriber: str, since_us: int = 0) -> dict[tuple[str, int], dict[str, Any]]:
        """The records that hold radio facts, by (device, seq)."""

    def notes(self, subscriber: str) -> dict[str, dict[int, dict[str, Any]]]:
        """What a subscriber's probes recorded of their presence and of their ladders, by device and sequence number."""

    def campaigns(self, subscriber: str) -> list[CampaignRow]:
        """The records by which a subscriber's campaigns were fixed or given up, by device and sequence number."""

    def counts(self, subscriber: str) -> dict[str, Counts]:
        """How a subscriber's measurements ended, by provenance; slots and losses are left at 0."""

    def grades(self, subscriber: str) -> list[GradeCount]:
        """How many of a subscriber's signed transfers have which grade, in the order of direction, grade and reason."""

    def filled_slots(self, dev: str) -> set[int]:
        """The slots of a device for which anything was received."""

    def devices(self, subscriber: str) -> list[tuple[DeviceRow, SlotPlan]]:
        """A subscriber's devices (never marked frozen here), each with its slots."""

    def complaints(self, subscriber: str) -> list[ComplaintRow]:
        """A subscriber's complaints, oldest first."""

    def alarms(self, subscriber: str) -> list[AlarmRow]:
        """Batches of a subscriber's devices that were refused and kept aside."""

    def places(self, subscriber: str) -> list[Place]:
        """Where the ledger holds everything about a subscriber's devices, in order."""

    def digest(self) -> dict[str, tuple[int, str]]:
        """Rows and a digest over them, by table."""

    def reopen(self) -> None:
        """Start the engine over after it has failed; raises IndexUnusable if that does not help."""

    def close(self) -> None:
        """Let go of the engine."""
