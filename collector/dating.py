"""How well it is known when a device measured: what of it is shown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimesView:
    """How well it is known when a device measured: batches by grade, and what its wall clock said that cannot be.

    `live`: received within a day after the moment before which, by a witness's clock, it was not sealed; `offline`: later;
    `undated`: no witness that the collector asks says so.
    """

    dev: str
    live: int
    offline: int
    undated: int
    longest_us: int | None  # from that moment to its receipt, at most
    skewed: int  # records whose wall clock cannot have been right
    most_skew_us: int | None  # by so much at most; ahead is positive
