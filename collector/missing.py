"""What the desk is shown of what is missing, or came late: plain values, part of a case (`collector.view`)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """The slots of a device that are asked about, from one to before another."""

    dev: str
    slot_s: int
    first_slot: int
    stop_slot: int


@dataclass(frozen=True, slots=True)
class WindowRow:
    """Of the starts wanted of one direction on one UTC day (since 1970), how many were slow and how many are missing."""

    day: int
    way: str  # down, up; any: whether a test failed
    scheduled: int
    slow: int
    missing: int


@dataclass(frozen=True, slots=True)
class GapRow:
    """Numbers of a device's starts without a record: from the first to the last, so many; between these moments, if known."""

    dev: str
    first_seq: int
    last_seq: int
    missing: int
    from_us: int | None
    to_us: int


@dataclass(frozen=True, slots=True)
class OmissionView:
    """What is missing of a line's measurements, and what can be said all the same (`shared.omission`)."""

    heavy_every: int
    least_bps: dict[str, int] = field(default_factory=dict)  # by direction: slower than that is slow
    planned: tuple[PlannedRow, ...] = ()
    windows: tuple[WindowRow, ...] = ()
    gaps: tuple[GapRow, ...] = ()


@dataclass(frozen=True, slots=True)
class DelayRow:
    """Records of a device that came late: made from one moment on (its clock), the last received at another (ours).

    `put_off`, `refused`, `silent`: how many of its tries meanwhile were answered so, as the device recorded; 0 if it did not.
    """

    dev: str
    records: int
    from_us: int
    received_us: int
    longest_us: int
    put_off: int = 0
    refused: int = 0
    silent: int = 0
