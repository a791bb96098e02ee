"""Figures with their units, short enough to be read out over the phone.

A measured rate is cut and never rounded up, a measured delay never rounded down, so that no figure seems to
reach a promise it missed: 9.99 Mbit/s must not read as the 10 Mbit/s it is held against. What a contract
promises is given exactly. Compares nothing.
"""

from fractions import Fraction
from typing import Final

_MBIT: Final = 1_000_000
_VOLUMES: Final = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB"))
_SPANS_US: Final = ((86_400_000_000, "day"), (3_600_000_000, "hour"), (60_000_000, "minute"))


def rate(rate_bps: int) -> str:
    """A measured rate: "8.4 Mbit/s"; three digits at most, cut."""
    if 0 < rate_bps < _MBIT // 10:
        return f"{rate_bps // 1000} kbit/s" if rate_bps >= 1000 else "under 1 kbit/s"
    return f"{_cut(rate_bps, _MBIT)} Mbit/s"


def short_rate(rate_bps: int) -> str:
    """A measured rate in Mbit/s without its unit, two digits at most below 100, cut: "8.4", "27", "186"."""
    if 0 < rate_bps < _MBIT // 10:
        return "<0.1"
    whole, tenths = divmod(rate_bps * 10 // _MBIT, 10)
    return f"{whole:,}" if whole >= 10 else f"{whole}.{tenths}"


def promised_rate(rate_bps: int) -> str:
    """A rate out of a contract, exact to the last digit."""
    whole, rest = divmod(rate_bps, _MBIT)
    tail = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{whole:,}{tail} Mbit/s"


def delay(delay_us: int) -> str:
    """A measured delay: "41 ms"; three digits at most, rounded up."""
    if delay_us >= 10_000_000:
        return f"{_cut(-(-delay_us // 100_000) * 100_000, 1_000_000)} s"
    if delay_us >= 10_000:
        return f"{-(-delay_us // 1000):,} ms"
    return f"{_cut(-(-delay_us // 100) * 100, 1000)} ms"


def promised_delay(delay_us: int) -> str:
    """A delay out of a contract, exact to the last digit."""
    whole, rest = divmod(delay_us, 1000)
    tail = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{whole:,}{tail} ms"


def loss(loss_pm: int) -> str:
    """Lost packets per thousand as a percentage: "2 % lost"."""
    whole, tenths = divmod(loss_pm, 10)
    return f"{whole}.{tenths} % lost" if tenths else f"{whole} % lost" if whole else "none lost"


def volume(size_bytes: int) -> str:
    """An amount of data: "1.2 MB"; decimal units, cut."""
    for unit_bytes, name in _VOLUMES:
        if size_bytes >= unit_bytes:
            return f"{_cut(size_bytes, unit_bytes)} {name}"
    return counted(size_bytes, "byte")


def took(dur_us: int) -> str:
    """How long something took, rounded up: "840 ms", "3.1 s"."""
    return delay(dur_us) if dur_us < 1_000_000 else f"{_cut(-(-dur_us // 100_000) * 100_000, 1_000_000)} s"


def span(span_us: int) -> str:
    """A stretch of time in its largest whole unit, at least a minute: "12 minutes", "3 days"."""
    for unit_us, name in _SPANS_US:
        if span_us >= unit_us:
            return counted(-(-span_us // unit_us), name)
    return "1 minute"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: "1 download", "18 downloads"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _cut(amount: int, unit: int) -> str:
    """Amount over unit, cut to three digits: 0.84, 8.4, 41.3, 186."""
    value = Fraction(amount, unit)
    digits = 2 if value < 1 else 1 if value < 100 else 0
    whole, rest = divmod(int(value * 10**digits), 10**digits)
    tail = f".{rest:0{digits}d}".rstrip("0") if digits and rest else ""
    return f"{whole:,}{tail}"
