"""At which moment the index puts a record: what its wall clock said, if that can be; else the nearest that can. Pure.

What can be follows from what the ledger holds (`shared.bracket`): when the batch came, before when a witness says that it was not
sealed, and the device's steady clock. So a clock that was moved moves no measurement into another window, nor into a slot more.
"""

from collector.ledger.frame import Entry
from collector.store.rows import FactRow
from collector.store.said import Said
from shared.bracket import Bracket


def bracket_of(entry: Entry, sealed_mono_us: int, beacon_mono_us: int | None) -> Bracket:
    """Between which moments a batch was sealed, as far as was known when it came."""
    since_s = entry.meta.get("since_s")
    return Bracket(since_s * 1_000_000 if type(since_s) is int else None, entry.at_us, sealed_mono_us, beacon_mono_us)


def place(row: FactRow, record: Said, bracket: Bracket, slot_us: int) -> None:
    """Put a record, with its slot, where it can be; and note by how much its wall clock was wrong."""
    wall_us = row.at_us
    row.at_us = bracket.placed_us(wall_us, record.mono_us, same_boot=record.boot is None)
    if row.at_us != wall_us:
        row.skew_us = wall_us - row.at_us
        if row.slot is not None:
            row.slot += row.at_us // slot_us - wall_us // slot_us
