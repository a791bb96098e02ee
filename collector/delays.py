"""Records that came late, and where the hours went as far as anybody can tell. Pure.

When a record was made is told by its device's clock, when it was received by ours. What lies between may have been the network,
the device, or this collector, which did not take it: the device keeps count of its tries and of who answered, and signs that
(`presence`, `not_accepted`). So a collector that lets somebody wait is named by the very records it let wait.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from collector.view import DelayRow, RecordRow

LATE_US: Final = 3_600_000_000  # a device sends every quarter of an hour
SET_US: Final = 1_577_836_800_000_000  # 2020: a clock before that was never set
EVENT: Final = "not_accepted"
COUNTS: Final = ("put_off", "refused", "silent")
Notes = Mapping[str, Mapping[int, Mapping[str, Any]]]


def delays_of(rows: Sequence[RecordRow], notes: Notes) -> tuple[DelayRow, ...]:
    """Each run of records of a device that came later than an hour after they were made, with the device's own account."""
    found: list[DelayRow] = []
    signed = [row for row in rows if row.provenance == "signed"]
    for dev in sorted({row.dev for row in signed}):
        chain = sorted((row for row in signed if row.dev == dev), key=lambda row: row.seq)
        for is_late, group in groupby(chain, key=_is_late):
            if is_late:
                found.append(_delay(dev, tuple(group), tuple(_accounts(chain, notes.get(dev, {})))))
    return tuple(sorted(found, key=lambda one: (one.received_us, one.dev)))


def _is_late(row: RecordRow) -> bool:
    return row.at_us > SET_US and row.received_us - row.at_us > LATE_US


def _accounts(
    chain: Sequence[RecordRow], told: Mapping[int, Mapping[str, Any]]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """From when to when the device says that it was in vain, and how often it was put off, refused, or not answered."""
    for row in chain:
        note = told.get(row.seq, {})
        since_us = note.get("since_wall_us")
        if row.method == "presence" and note.get("event") == EVENT and type(since_us) is int:
            counts = tuple(count if type(count := note.get(name)) is int else 0 for name in COUNTS)
            yield since_us, row.at_us, counts


def _delay(dev: str, late: Sequence[RecordRow], accounts: Sequence[tuple[int, int, tuple[int, ...]]]) -> DelayRow:
    from_us, to_us = min(row.at_us for row in late), max(row.received_us for row in late)
    tries = [counts for since_us, until_us, counts in accounts if since_us <= to_us and until_us >= from_us]
    put_off, refused, silent = (sum(counts[place] for counts in tries) for place in range(len(COUNTS)))
    longest_us = max(row.received_us - row.at_us for row in late)
    return DelayRow(dev, len(late), from_us, to_us, longest_us, put_off, refused, silent)
