"""How well it is known when a device measured, in words."""

from collector.dating import TimesView
from collector.view import RecordRow
from collector.web.presence import length
from collector.web.quantities import counted

_SECOND_US = 1_000_000


def sentence(times: TimesView) -> str:
    """What is known of when a device's batches were made, and whether its clock was right; empty without batches."""
    told = []
    if times.live:
        told.append(f"{counted(times.live, 'batch', 'batches')} came within a day after a moment that a witness signed")
    if times.offline:
        longest = "" if times.longest_us is None else f" ({length(times.longest_us // _SECOND_US)} at most)"
        told.append(f"{counted(times.offline, 'batch', 'batches')} later than that{longest}")
    if times.undated:
        told.append(
            f"of {counted(times.undated, 'batch', 'batches')} no witness says since when they can have been made"
        )
    if not told:
        return ""
    return "; ".join(told) + "." + _clock(times)


def _clock(times: TimesView) -> str:
    if times.most_skew_us is None:
        return ""
    return (
        f" The device’s clock was wrong for {counted(times.skewed, 'record')}, {_off(times.most_skew_us)} at most;"
        " they are shown, and judged, at the nearest moment at which they can have been made."
    )


def skewed(row: RecordRow) -> str:
    """By how much the device's clock was wrong for a record; empty if it can have been right."""
    return "" if row.skew_us is None else f"clock {_off(row.skew_us)}"


def _off(skew_us: int) -> str:
    return f"{length(abs(skew_us) // _SECOND_US)} {'fast' if skew_us > 0 else 'slow'}"
