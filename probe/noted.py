"""What a probe or a person noted between tests, in words, and how far a ladder reached. Pure text.

These records measure nothing. A name that has no words yet is shown as it is, its underscores as spaces.
"""

from typing import Final

from probe.moments import span
from shared.record import Record

NAMES: Final = {"presence": "probe", "episode": "line", "mark": "you said", "campaign": "campaign"}
EVENTS: Final = {  # of `presence` and `episode`
    "started": "started",
    "stopped": "stopped",
    "resumed": "the device slept",
    "clock_stepped": "the device's clock was set",
    "link_lost": "the connection went away",
    "link_back": "the connection came back",
    "link_flapped": "the connection came and went",
    "disk_refused": "this device’s disk took nothing for a while",
    "not_accepted": "the collector took nothing for a while",
    "alive": "there, and nothing to do",
    "bad": "it has become bad",
    "recovered": "it has recovered",
}
RUNGS: Final = {  # of `reach`: who or what was the last to answer
    "link": "this device's own link",
    "address": "this device's own address",
    "route": "this device's own link",
    "gateway": "the router",
    "dns": "a name lookup, perhaps from memory",
    "resolver": "the resolver",
    "collector": "the collector",
    "peer": "the measurement server",
    "object": "the measurement server",
    "independent": "an ordinary host",
}


def in_words(record: Record) -> str:
    """What was noted."""
    match record.method:
        case "mark":
            return f"“{words}”" if (words := record.text("words")) else "it is bad now"
        case "campaign":
            act = "given up" if record.text("act") == "stop" else "fixed"
            return f"{record.text('campaign') or 'a plan of tests'} was {act}"
        case _:
            return _event(record)


def _event(record: Record) -> str:
    told = _named(EVENTS, record.text("event")) or "something was noted"
    off_us, slept_us = record.integer("off_us"), record.integer("slept_us")
    if off_us is not None:
        return f"{told} after {span(off_us)} off"
    return told if slept_us is None else f"{told} for {span(slept_us)}"


def reached(record: Record) -> str:
    """Who was the last to answer on a ladder; empty if nobody was."""
    return _named(RUNGS, record.text("reached"))


def _named(table: dict[str, str], name: str | None) -> str:
    return table.get(name, name.replace("_", " ")) if name else ""
