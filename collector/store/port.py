"""What the collector asks of an index, whichever engine keeps it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from collector.dating import TimesView
from collector.ledger.frame import Entry
from collector.store.answers import (
    CellFigures,
    CellHour,
    CellOperator,
    DayFigures,
    Fleet,
    LocalDay,
    TransferFact,
)
from collector.store.left import Left
from collector.view import AlarmRow, ComplaintRow, Counts, DeviceRow, GradeCount, RecordRow, RemovedRow
from shared.slots import SlotPlan

ALL_SLOTS: Final = 2**62  # beyond any number that a slot can have


@dataclass(frozen=True, slots=True)
class Place:
    """Where the ledger holds an entry."""

    kind: str
    segment: str
    offset: int
    stream: int = 0  # of which ledger


@dataclass(frozen=True, slots=True)
class AcceptedAt:
    """The identity of an accepted batch, and where the ledger holds it with the receipt that was given."""

    pae_sha256: str
    place: Place


@dataclass(frozen=True, slots=True)
class HeldBatch:
    """A batch as the index has it. `n`: the records it says it has; `found`: those that are in the index."""

    entry_no: int
    dev: str
    batch: int
    pae_sha256: str
    segment: str
    offset: int
    n: int
    found: int
    received_us: int
    gone: bool  # its records were removed by a rule of retention


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A record of the method `campaign`, as signed, with its place in its device's chain."""

    dev: str
    seq: int
    received_us: int
    line: str


class Asked(Protocol):
    """The questions an index answers. Safe from any thread, unless it says otherwise."""

    def loaded_no(self, stream: int = 0) -> int:
        """The number of the newest entry of a stream (a collector's ledger) in the index, 0 if there is none."""

    def accepted(self, dev: str, batch: int) -> AcceptedAt | None:
        """The identity of an accepted batch and its place in the ledger, None if it is not in the index."""

    def held_batches(self, after_no: int, up_to_no: int, stream: int = 0) -> list[HeldBatch]:
        """The batches of a stretch of a stream's ledger as the index has them, in the ledger's order."""

    def known_transfers(self, sessions: Sequence[int]) -> set[str]:
        """The identities (SHA-256(PAE), hex) of the peers' statements in the index whose session has one of these numbers."""

    def transfers(self, subscriber: str) -> list[TransferFact]:
        """The peers' statements about a subscriber's devices, each once, in the order of time, device and session."""

    def rows_made(self, table: str, numbers: Sequence[int], stream: int = 0) -> list[dict[str, Any]]:
        """What a table (`collector.store.rows.MADE`) has of some entries of a stream's ledger, by column."""

    def newest_us(self, after_no: int, up_to_no: int, stream: int = 0) -> int | None:
        """When the newest batch of a stretch of a stream's ledger was received (unix µs), None if it has no batch."""

    def left_of(self, after_no: int, up_to_no: int, stream: int = 0) -> dict[int, Left]:
        """What there is to note of the records of a stretch of a stream's ledger before they are removed, by entry number."""

    def complained(self) -> dict[str, int]:
        """The subscribers who ever complained, each with when his newest complaint was received (unix µs)."""

    def removed(self, subscriber: str) -> list[RemovedRow]:
        """The batches of a subscriber's devices whose records were removed, one row for each device that has any."""

    def timeline(self, subscriber: str, since_us: int = 0) -> list[RecordRow]:
        """A subscriber's measurements in the order of time, device and sequence number."""

    def radio(self, subscriber: str, since_us: int = 0) -> dict[tuple[str, int], dict[str, Any]]:
        """The radio facts of the records that hold any, as member `radio`, by (device, seq).

        Of the primary cell what FORMAT.md names, of further ones `radio`, `channel`, `rsrp_dbm`.
        """

    def notes(self, subscriber: str) -> dict[str, dict[int, dict[str, Any]]]:
        """What a subscriber's probes recorded of their presence and of their ladders, by device and sequence number."""

    def campaigns(self, subscriber: str) -> list[CampaignRow]:
        """The records by which a subscriber's campaigns were fixed or given up, by device and sequence number."""

    def counts(self, subscriber: str) -> dict[str, Counts]:
        """How a subscriber's measurements ended, by provenance; slots and losses are left at 0."""

    def grades(self, subscriber: str) -> list[GradeCount]:
        """How many of a subscriber's signed transfers have which grade, in the order of direction, grade and reason."""

    def filled_slots(self, dev: str, first: int = -ALL_SLOTS, stop: int = ALL_SLOTS) -> set[int]:
        """The slots of a device from `first` to before `stop` for which anything was received."""

    def devices(self, subscriber: str) -> list[tuple[DeviceRow, SlotPlan]]:
        """A subscriber's devices (never marked frozen here), each with its slots."""

    def times(self, subscriber: str) -> list[TimesView]:
        """How well it is known when a subscriber's devices measured, by their batches; what clocks said is left out."""

    def complaints(self, subscriber: str) -> list[ComplaintRow]:
        """A subscriber's complaints, oldest first."""

    def alarms(self, subscriber: str) -> list[AlarmRow]:
        """Batches of a subscriber's devices that were refused and kept aside."""

    def places(self, subscriber: str) -> list[Place]:
        """Where the ledger holds everything about a subscriber's devices, in order."""

    def line_days(self, subscriber: str, since_us: int = 0) -> list[DayFigures]:
        """A line's daily figures, from the day (UTC) of a moment on, in order."""

    def cell_days(self, operator: str | None, cell: int, since_us: int = 0) -> list[DayFigures]:
        """A cell's daily figures, from the day (UTC) of a moment on, in order."""

    def local_days(self, subscriber: str, edges_us: Sequence[int]) -> list[LocalDay]:
        """A line's days with any signed measurement, in order: `edges_us` says when each begins, its last when the last ends."""

    def cell_hours(
        self, since_us: int, until_us: int, direction: str = "down", most: int = 100, least_devices: int = 0
    ) -> list[CellHour]:
        """The worst hours of cells between two moments, at most so many: least mean rate, or most mean round trip, first.

        Only hours of at least so many devices.
        """

    def cell_hours_of(
        self, operator: str | None, cell: int, since_us: int, until_us: int, direction: str = "down", most: int = 10_000
    ) -> list[CellHour]:
        """The hours of one cell between two moments, in the order of time, at most so many."""

    def cell_operators(self, cell: int, most: int = 100) -> list[CellOperator]:
        """The operators in whose networks a cell of this number was measured, in order, at most so many."""

    def worst_cells(
        self, since_us: int, until_us: int, direction: str, least_n: int, least_devices: int, most: int
    ) -> list[CellFigures]:
        """The worst cells between two moments, at most so many, of those with so many measurements that ran, by so many devices.

        Worst is the least median rate, or the greatest median round trip, where a failure counts as no rate at all, or as a
        round trip without end.
        """

    def heard(self, since_us: int) -> int:
        """How many devices were heard since a moment."""

    def fleet(self, since_us: int, most: int = 100) -> Fleet:
        """How all devices are since a moment; of the silent ones at most so many."""


class Store(Asked, Protocol):
    """An index over the ledger. Safe to read from any thread while one thread loads."""

    def moment(self) -> AbstractContextManager[Asked]:
        """Entered, gives the questions, all answered by one state, for one thread; nobody who loads waits for that."""

    def load(self, entries: Sequence[Entry], stream: int = 0) -> None:
        """Take in entries of a stream in order, each exactly once however often it is given; all of them or none.

        Raises IndexLags if they speak of a line or device that another stream has made and that is not loaded yet.
        """

    def forget(self, numbers: Sequence[int], stream: int = 0) -> int:
        """Let go of the records of these batches (entry numbers); how many records that were. Again: nothing.

        Their figures stay in the sums of their days, their sessions stay used, and the batches stay known as `gone`.
        """

    def compact(self) -> int:
        """Sort what has arrived since the last time into one run, if it is enough for one; how many records were moved.

        No answer changes by it. Loads and questions go on meanwhile.
        """

    def digest(self) -> dict[str, tuple[int, str]]:
        """Rows and a digest over them, by table."""

    def reopen(self) -> None:
        """Start the engine over after it has failed; raises IndexUnusable if that does not help."""

    def close(self) -> None:
        """Let go of the engine."""
