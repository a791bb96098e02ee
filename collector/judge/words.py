"""Figures in plain English, exact to the last digit: "9.99999975 Mbit/s" must not read as "10 Mbit/s".

Only wording; compares nothing and rounds nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from collector.judge.sample import Direction
from shared.criteria.amounts import decimal

RESULTS: Final[Mapping[Direction, str]] = MappingProxyType(
    {Direction.DOWN: "downloads", Direction.UP: "uploads", Direction.ROUND_TRIP: "round trips"}
)
PROMISES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "max_bps": "maximum",
        "normal_bps": "normally available",
        "min_bps": "minimum",
        "advertised_bps": "advertised",
        "estimated_max_bps": "estimated maximum",
        "required_bps": "required",
        "max_delay_us": "agreed longest delay of",
    }
)
LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {"<": "below", "<=": "at most", "==": "exactly", ">=": "at least", ">": "above"}
)


def figure(hundredths: int, unit: str) -> str:
    """A hundredfold value in bit/s or µs as Mbit/s or ms."""
    return f"{decimal(hundredths, 8)} Mbit/s" if unit == "bps" else f"{decimal(hundredths, 5)} ms"


def promise(name: str) -> str:
    """A contract value by its member's name: "minimum speed"."""
    return f"{PROMISES[name]} speed" if name.endswith("_bps") else name.removesuffix("_us").replace("_", " ")
