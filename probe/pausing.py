"""A pause: until when nothing is measured because somebody asked for it. Pure; the run loop asks, the commands tell.

The kept value `pause` is an object: {"since_us", "until_us"}, without `until_us` until somebody resumes, empty without a
pause. A slot that falls into a pause is recorded as not started, reason `paused`: a pause is shown, never a gap.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import strictjson
from shared.errors import Malformed
from shared.statement import integer
from shared.strictjson import JsonObject

NAME = "pause"  # of the kept value
NO_PAUSE = b"{}"
HOW = 'say for how long, such as 2h, 30m or 3d, "until 18:00", or "forever"'
_UNIT_US = {"m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_SPAN = re.compile(r"([1-9][0-9]{0,3})\s*(m|h|d)(in|ins|inute|inutes|our|ours|ay|ays)?")
_MOMENT = re.compile(r"([01]?[0-9]|2[0-3])[:.]([0-5][0-9])")
_MOST_US = 366 * _UNIT_US["d"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when, and until when (None: until somebody resumes)."""

    since_us: int
    until_us: int | None = None

    def holds_at(self, wall_us: int) -> bool:
        """Whether nothing is to be measured at this moment.

        A pause that seems to lie ahead was begun under another clock; one with an end is then over, so that a clock that
        was years wrong never keeps a device silent for years.
        """
        return self.until_us is None or self.since_us <= wall_us < self.until_us


def read_words(words: Sequence[str], now_us: int, local: Callable[[int], datetime]) -> Pause:
    """A pause from now on, as somebody typed it; `local` tells a moment in this place's time. Raises Malformed."""
    typed = " ".join(words).strip().lower()
    if typed == "forever":
        return Pause(now_us)
    if found := _SPAN.fullmatch(typed.removeprefix("for ").strip()):
        span_us = int(found[1]) * _UNIT_US[found[2]]
        if span_us > _MOST_US:
            raise Malformed('a pause is at most 366 days; "forever" lasts until you resume')
        return Pause(now_us, now_us + span_us)
    if found := _MOMENT.fullmatch(typed.removeprefix("until ").strip()):
        return Pause(now_us, _next_us(int(found[1]), int(found[2]), now_us, local))
    raise Malformed(f"{typed[:80]!r} is no time to pause for: {HOW}")


def _next_us(hour: int, minute: int, now_us: int, local: Callable[[int], datetime]) -> int:
    """The next moment at which the clocks of this place show this time, whether they are changed before it or not."""
    today = local(now_us).replace(hour=hour, minute=minute, second=0, microsecond=0)
    at_us = _moment_us(today, local)
    return at_us if at_us > now_us else _moment_us(today + timedelta(days=1), local)


def _moment_us(shown: datetime, local: Callable[[int], datetime]) -> int:
    """When the clocks show this; `shown` has the offset of now, which need not be the one of then."""
    guess_us = int(shown.timestamp()) * 1_000_000
    then, now = local(guess_us).utcoffset() or timedelta(0), shown.utcoffset() or timedelta(0)
    return guess_us - (then - now) // timedelta(microseconds=1)


def write_pause(pause: Pause) -> bytes:
    """Spell the kept value."""
    told: JsonObject = {"since_us": pause.since_us}
    return strictjson.encode(told if pause.until_us is None else told | {"until_us": pause.until_us})


def read_pause(kept: bytes | None) -> Pause | None:
    """The pause of the kept value, None without one; raises Malformed."""
    if not kept or kept == NO_PAUSE:
        return None
    told = strictjson.decode(kept)
    return Pause(integer(told, "since_us"), integer(told, "until_us") if "until_us" in told else None)
