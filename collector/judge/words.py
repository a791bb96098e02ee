"""Figures in plain English, exact to the last digit: "9.99999975 Mbit/s" must not read as "10 Mbit/s".

Only wording; compares nothing and rounds nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from collector.judge.sample import Direction

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
AMOUNTS: Final[Mapping[str, str]] = MappingProxyType(
    {"<": "fewer than", "<=": "at most", "==": "exactly", ">=": "at least", ">": "more than"}
)
LEVELS: Final[Mapping[str, str]] = MappingProxyType(
    {"<": "below", "<=": "at most", "==": "exactly", ">=": "at least", ">": "above"}
)


def decimal(units: int, digits: int) -> str:
    """`units` of 10^-digits as a decimal number without trailing zeros."""
    whole, rest = divmod(units, 10**digits)
    return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".")


def figure(hundredths: int, unit: str) -> str:
    """A hundredfold value in bit/s or µs as Mbit/s or ms."""
    return f"{decimal(hundredths, 8)} Mbit/s" if unit == "bps" else f"{decimal(hundredths, 5)} ms"


def duration(us: int) -> str:
    """A span of time in hours, minutes and seconds, exact to the microsecond."""
    minutes, rest_us = divmod(us, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else ""]
    if rest_us or not any(parts):
        parts.append(f"{decimal(rest_us, 6)} s")
    return " ".join(part for part in parts if part)


def counted(number: int, noun: str) -> str:
    """A number with its noun, plural unless it is one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def promise(name: str) -> str:
    """A contract value by its member's name: "minimum speed"."""
    return f"{PROMISES[name]} speed" if name.endswith("_bps") else name.removesuffix("_us").replace("_", " ")
