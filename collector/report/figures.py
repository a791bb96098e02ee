"""Figures of a line for people: how many tests, how fast, how many below the promise. Pure.

Only what the schedule wanted and a device signed is counted here; tests started by hand and imported ones are told of apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low

from collector.view import RecordRow
from collector.web.caption import FLOORS
from collector.web.marks import DIRECTIONS, is_transfer
from shared.record import End


@dataclass(frozen=True, slots=True)
class Direction:
    """Scheduled, signed tests in one direction, bit/s. `floor`: the promise they are held against, if there is one."""

    name: str
    tests: int
    worked: int
    failed: int
    flawed: int
    slowest_bps: int | None
    median_bps: int | None
    fastest_bps: int | None
    floor: str | None
    floor_bps: int
    below: int  # of those that worked


def directions(rows: Sequence[RecordRow], contract: Mapping[str, Mapping[str, int]]) -> tuple[Direction, ...]:
    """The figures of each direction in which there was a test."""
    found = []
    for name in DIRECTIONS:
        those = [row for row in rows if row.direction == name and _is_counted(row) and is_transfer(row)]
        rates = sorted(row.rate_bps for row in those if row.end == End.OK and row.rate_bps is not None)
        floor = floor_of(contract.get(name, {}))
        floor_bps = contract[name][floor] if floor else 0
        if those:
            found.append(
                Direction(
                    name=name,
                    tests=len(those),
                    worked=len(rates),
                    failed=len(those) - len(rates),
                    flawed=sum(bool(row.flaws) for row in those),
                    slowest_bps=rates[0] if rates else None,
                    median_bps=median_low(rates) if rates else None,
                    fastest_bps=rates[-1] if rates else None,
                    floor=floor,
                    floor_bps=floor_bps,
                    below=sum(rate < floor_bps for rate in rates),
                )
            )
    return tuple(found)


def floor_of(contract: Mapping[str, int]) -> str | None:
    """The name of the promise that results are held against, as in the page's captions."""
    return next((name for name in FLOORS if name in contract), None)


def _is_counted(row: RecordRow) -> bool:
    return row.provenance == "signed" and (row.slot is not None or row.campaign is not None)
