"""What happened beside measuring, in words: starts and stops, sleep, a link that went away, marks, bad times. Pure text."""

from collections.abc import Mapping
from typing import Final

from probe.moments import span
from probe.noted import EVENTS
from probe.remembered import Remembered

_AFTER: Final[Mapping[str, str]] = {  # how a run before a start had ended
    "first": "the probe ran for the first time",
    "stop": "the probe was started again after it had been stopped",
    "cut_off": "the probe was started again after it had been cut off",
    "reboot": "the probe was started again after the device had been restarted",
}
_EPISODES: Final[Mapping[str, str]] = {
    "bad": "the line was bad for a while, so a test to confirm it was asked for",
    "recovered": "the line was good again",
}
_SPANS: Final[Mapping[str, str]] = {"started": "off for", "resumed": "for", "clock_stepped": "by"}


def happened(one: Remembered) -> str:
    """One thing in words; empty for a mere sign of life, and for what has no words yet."""
    event = one.event or ""
    if one.method == "mark":
        return f"you marked: it is bad now ({one.words})" if one.words else "you marked: it is bad now"
    if one.method == "campaign":
        return f"a campaign for rule {one.words} was begun" if event == "start" else "the campaign was stopped"
    if one.method == "episode":
        return _EPISODES.get(event, "")
    if one.method != "presence" or event == "alive":
        return ""
    words = _AFTER.get(one.after or "", "the probe was started") if event == "started" else EVENTS.get(event, "")
    lasted = f", {_SPANS[event]} {span(one.span_us)}" if one.span_us is not None and event in _SPANS else ""
    return words + lasted if words else ""
