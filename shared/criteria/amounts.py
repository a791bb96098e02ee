"""Amounts and lengths of time in plain English, exact to the last digit. Only wording; compares and rounds nothing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

AMOUNTS: Final[Mapping[str, str]] = MappingProxyType(
    {"<": "fewer than", "<=": "at most", "==": "exactly", ">=": "at least", ">": "more than"}
)


def decimal(units: int, digits: int) -> str:
    """`units` of 10^-digits as a decimal number without trailing zeros."""
    whole, rest = divmod(units, 10**digits)
    return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".")


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
