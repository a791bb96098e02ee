"""What became of a transfer of which there is a peer's word: was a record of it ever delivered? Pure.

A peer's statement names the start it was for (`seq`). A device's numbers count starts and its batches come in order, so once a
batch speaks for that number or a later one, no record of it can come any more (FORMAT.md, section 10).

    delivered     there is a record of that number, or one that bears the statement, which can be about it
    removed       the collector has removed the records of the batch that speaks for it by its rule: nothing can be said
    denied        there is a record of that number, and it is about another transfer, or says that nothing of the kind was started
    passed_over   the device's chain has gone on beyond that number, without a record of it
    overdue       nothing of the device from that number on has come for longer than PATIENCE_US since the transfer ended
    awaited       it ended lately, or its statement names no number: its record may still come, or be there unrecognised
"""

from collections.abc import Hashable, Iterable
from enum import StrEnum
from typing import Final

from shared.record import UNCOUNTED, End
from shared.transfer import Direction

PATIENCE_US: Final = 86_400_000_000  # ours: as long as a beacon is fresh; a device in a cellar uploads once a day
# Methods that move no load, and those whose name says which way theirs goes; of any other it is not known.
NO_LOAD: Final = UNCOUNTED | {"latency", "dns", "path", "fetch"}
_OTHER_WAY: Final = {Direction.DOWN: "upload", Direction.UP: "download"}


class Standing(StrEnum):
    """What became of a transfer; in the order in which one is chosen."""

    DELIVERED = "delivered"
    REMOVED = "removed"
    DENIED = "denied"
    PASSED_OVER = "passed_over"
    OVERDUE = "overdue"
    AWAITED = "awaited"


# Of these nothing is known that the device should have told.
NEVER_DELIVERED: Final = frozenset({Standing.DENIED, Standing.PASSED_OVER, Standing.OVERDUE})


def standing_of(
    direction: Direction,
    told: Iterable[tuple[str, str]],
    *,
    other: bool,
    passed: bool,
    removed: bool,
    numbered: bool,
    age_us: int,
) -> Standing:
    """What became of a transfer.

    `told`: method and end of each record of its number that bears no other transfer's statement, or that bears its own;
    `other`: a record of its number bears another's; `passed`: a batch speaks for its number or a later one; `removed`: the
    records of that batch are gone by a rule; `numbered`: its statement names a number; `age_us`: how long ago it ended.
    """
    records = list(told)
    if any(can_be(direction, method, end) for method, end in records):
        return Standing.DELIVERED
    if removed:
        return Standing.REMOVED
    if records or other:
        return Standing.DENIED
    if passed:
        return Standing.PASSED_OVER
    return Standing.OVERDUE if numbered and age_us > PATIENCE_US else Standing.AWAITED


def can_be(direction: Direction, method: str, end: str) -> bool:
    """Whether a record of this method that ended so can be about a transfer in this direction."""
    return end != End.NOT_STARTED and method not in NO_LOAD and method != _OTHER_WAY[direction]


def one_for_each(standings: Iterable[tuple[Hashable, Standing]]) -> list[Standing]:
    """The same, but of several transfers for one start (an equal key) only the first is delivered: one record is about one.

    So whoever puts his device back to before a good result and measures again, under the same number, has denied the first.
    """
    seen, found = set[Hashable](), list[Standing]()
    for key, standing in standings:
        again = standing is Standing.DELIVERED and key in seen
        found.append(Standing.DENIED if again else standing)
        if standing is Standing.DELIVERED:
            seen.add(key)
    return found
