"""What is known of a line's slots, in words: which kind how often and for how long, and every interruption by itself.

Tables first, then sentences. A slot is a stretch of time in which one test was due, so how long something lasted is told in
whole slots. A name that no table holds is shown as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from collector.view import PresenceView, RecordRow, Stand, Stretch
from collector.web.quantities import counted
from collector.web.vocabulary import REASONS, said
from shared.failure import IN_WORDS

MOST_INTERRUPTIONS: Final = 12
_UNITS: Final = ((86_400, "day"), (3600, "h"), (60, "min"))
_FAILURES: Final[Mapping[str, str]] = {failure.value: words for failure, words in IN_WORDS.items()}
# What is known of a slot: a label, and the sentence that explains it; in the order in which they are shown.
STANDS: Final[Mapping[Stand, tuple[str, str]]] = MappingProxyType(
    {
        "measured": ("Measured", "A test was due and one worked."),
        "down": (
            "Network down",
            "The probe ran and its tests failed; the device had a connection, and nobody beyond its first router answered.",
        ),
        "no_link": (
            "No connection",
            "The probe ran, and the device had no connection: no coverage, airplane mode and a pulled cable look the same.",
        ),
        "failed": (
            "Failed otherwise",
            "The probe ran and its tests failed; something answered, or nobody looked what does.",
        ),
        "held_back": ("Held back", "The probe ran and did not test, and recorded why."),
        "asleep": ("Device asleep", "The device slept and told so when it woke."),
        "off": ("Probe off", "Nothing ran: the probe told so at its next start. It says nothing of the network."),
        "not_delivered": ("Not delivered", "Tests were begun, and their records never arrived."),
        "unknown": ("Not known", "Nothing has arrived that says anything about it. It may still come."),
    }
)
# Why nothing ran, or why nothing is known.
ABSENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "stop": "it had been stopped",
        "cut_off": "the program was ended from outside",
        "reboot": "the device went down",
        "first": "it had not run before",
        "unknown": "it is not known how it ended",
        "clock_stepped": "the device’s clock was set past it",
    }
)
# What a note of the probe says.
EVENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "started": "was started",
        "stopped": "was stopped",
        "resumed": "woke with the device after a sleep",
        "clock_stepped": "noticed that the device’s clock was set",
        "link_lost": "saw the device’s connection go away",
        "link_back": "saw the device’s connection come back",
        "link_flapped": "saw the device’s connection come and go",
        "disk_refused": "could not write anything down for a while",
        "not_accepted": "had not been rid of what it measured for a while",
        "alive": "was there, with nothing to do",
        "bad": "noticed that the line had become bad",
        "recovered": "noticed that the line had recovered",
    }
)
# How far a ladder reached: who or what was the last to answer.
RUNGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "link": "the device’s own link",
        "address": "the device’s own address",
        "route": "the device’s own link",
        "gateway": "the first router",
        "dns": "a name lookup, perhaps out of a cache",
        "resolver": "the resolver",
        "collector": "the collector",
        "peer": "the measurement server",
        "object": "the measurement server",
        "independent": "an ordinary host",
    }
)


@dataclass(frozen=True, slots=True)
class Lasted:
    """One kind of slot with its label and meaning, how many there are, and how long they are together."""

    stand: Stand
    label: str
    meaning: str
    slots: int
    length: str


def totals(view: PresenceView) -> tuple[Lasted, ...]:
    """Each kind of slot that there is, in the order in which they are shown."""
    return tuple(
        Lasted(stand, label, meaning, view.slots[stand], length(view.slots[stand] * view.slot_s))
        for stand, (label, meaning) in STANDS.items()
        if view.slots.get(stand)
    )


def summary(view: PresenceView) -> str:
    """All of it in a sentence."""
    every = sum(view.slots.values())
    if not every:
        return "No test has been due yet."
    parts = [
        f"{one.slots:,} {one.label[:1].lower()}{one.label[1:]}"
        + ("" if one.stand == "measured" else f" ({one.length})")
        for one in totals(view)
    ]
    return f"Of {counted(every, 'slot')} of {length(view.slot_s)}: {', '.join(parts)}."


def interruptions(view: PresenceView) -> tuple[Stretch, ...]:
    """Every stretch in which no test worked, the newest first."""
    return tuple(one for one in reversed(view.stretches) if one.stand != "measured")


def what(stretch: Stretch) -> str:
    """What a stretch was, and why if that is known."""
    label, _ = STANDS[stretch.stand]
    why = _why(stretch)
    return f"{label}: {why}" if why else label


def _why(stretch: Stretch) -> str:
    if stretch.detail is None:
        return ""
    match stretch.stand:
        case "held_back":
            return said(REASONS, stretch.detail)
        case "down" | "failed" | "no_link":
            return said(_FAILURES, stretch.detail)
        case _:
            return said(ABSENCES, stretch.detail)


def length(total_s: int) -> str:
    """How long something lasted, in its two largest units: "45 min", "2 h 30 min", "3 days 4 h"."""
    parts: list[str] = []
    for unit_s, name in _UNITS:
        number, total_s = divmod(total_s, unit_s)
        if number or parts:
            parts.append(counted(number, name) if name == "day" else f"{number:,} {name}")
    shown = [part for part in parts[:2] if not part.startswith("0 ")]
    return " ".join(shown) or f"{total_s} s"


def note(row: RecordRow) -> str:
    """What a note says: the customer's own words, or what the probe noticed."""
    if row.method == "mark":
        return f"“{row.says}”" if row.says else "it is bad now"
    return said(EVENTS, row.says) if row.says else "noted something"


def last_to_answer(row: RecordRow) -> str:
    """Who was the last to answer on a ladder that did not hold."""
    return f"the last to answer was {said(RUNGS, row.says)}" if row.says else "nothing answered"
