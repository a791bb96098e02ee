"""When the line is bad for a while: pure. So many bad slots in a row ask for one confirming test; recovery is noted once.

A slot is *bad* if its object or its packets did not arrive, or if a rate or a round trip is far from what this device is
used to: a quarter of its own median rate, four times its own median round trip (ours; at least eight earlier results are
needed, so a line that was always slow is not bad, only slow). A slot is *unclear*, and changes nothing, if the probe
itself was in the way: any flaw, nothing started.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from shared import kpi, strictjson
from shared.errors import Malformed
from shared.record import Record
from shared.strictjson import Json, JsonObject

Outcome = Literal["good", "bad", "unclear"]
Event = Literal["confirm", "recovered"]
BAD_IN_A_ROW: Final = 3
GOOD_IN_A_ROW: Final = 3
LEAST_HISTORY: Final = 8
MOST_HISTORY: Final = 16
FACTOR: Final = 4
JUDGED: Final = ("latency", "fetch", "download", "upload")
Usual = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Watch:
    """How the last slots went, and what this device is used to, by method and plan."""

    bad: int = 0
    good: int = 0
    since_us: int | None = None  # of the first bad slot of an episode that was confirmed
    first_bad_us: int | None = None
    usual: Usual = ()

    def seen(self, results: Sequence[JsonObject], at_us: int) -> tuple["Watch", Event | None]:
        """After one more slot; what is to be done now."""
        outcomes = [self._outcome(one) for one in results]
        learnt = replace(self, usual=_learn(self.usual, results)) if "bad" not in outcomes else self
        if "bad" in outcomes:
            return learnt.after_bad(at_us)
        return learnt.after_good() if "good" in outcomes else (learnt, None)

    def after_bad(self, at_us: int) -> tuple["Watch", Event | None]:
        """After a bad slot that began at this moment."""
        first_us = at_us if self.bad == 0 or self.first_bad_us is None else self.first_bad_us
        worse = replace(self, bad=self.bad + 1, good=0, first_bad_us=first_us)
        if worse.bad >= BAD_IN_A_ROW and self.since_us is None:
            return replace(worse, since_us=first_us), "confirm"
        return worse, None

    def after_good(self) -> tuple["Watch", Event | None]:
        """After a good slot."""
        better = replace(self, bad=0, good=min(self.good + 1, GOOD_IN_A_ROW), first_bad_us=None)
        if self.since_us is not None and better.good >= GOOD_IN_A_ROW:
            return replace(better, since_us=None), "recovered"
        return better, None

    def _outcome(self, result: JsonObject) -> Outcome:
        if result.get("method") not in JUDGED or result.get("flaws") or result.get("end") not in {"ok", "failed"}:
            return "unclear"
        if result["end"] == "failed":
            return "bad"
        figure, more_is_better = _figure(result)
        if figure is None:
            return "bad" if result["method"] == "latency" else "unclear"
        earlier = dict(self.usual).get(_kind(result), ())
        if len(earlier) < LEAST_HISTORY:
            return "good"
        middle = sorted(earlier)[len(earlier) // 2]
        return "bad" if (figure * FACTOR < middle if more_is_better else figure > middle * FACTOR) else "good"

    def write(self) -> bytes:
        """As kept in the outbox."""
        usual: dict[str, Json] = {kind: list(figures) for kind, figures in self.usual}
        told: JsonObject = {"bad": self.bad, "good": self.good, "usual": usual}
        told |= {} if self.since_us is None else {"since_us": self.since_us}
        told |= {} if self.first_bad_us is None else {"first_bad_us": self.first_bad_us}
        return strictjson.encode(told)

    @classmethod
    def read(cls, kept: bytes | None) -> "Watch":
        """What was kept; what cannot be read is begun anew: an event is a courtesy, not evidence."""
        try:
            told = Record(b"", strictjson.decode(kept or b"{}"), 0)
        except Malformed:
            return cls()
        usual = told.fields.get("usual")
        kinds = usual if isinstance(usual, Mapping) else {}
        rows = ((str(kind), Record(b"", kinds, 0).integers(kind)[-MOST_HISTORY:]) for kind in kinds)
        return cls(
            told.integer("bad") or 0,
            told.integer("good") or 0,
            told.integer("since_us"),
            told.integer("first_bad_us"),
            tuple((kind, figures) for kind, figures in rows if figures),
        )


def _figure(result: JsonObject) -> tuple[int | None, bool]:
    """What a result is compared by, and whether more of it is better."""
    record = Record(b"", result, 0)
    if result["method"] == "latency":
        return kpi.rtt_median_us(record), False
    return kpi.rate_bps(record), True


def _kind(result: JsonObject) -> str:
    return f"{result.get('method')}/{result.get('plan')}"


def _learn(usual: Usual, results: Sequence[JsonObject]) -> Usual:
    found = dict(usual)
    for result in results:
        if result.get("method") in JUDGED and result.get("end") == "ok" and not result.get("flaws"):
            figure, _ = _figure(result)
            if figure is not None:
                kind = _kind(result)
                found[kind] = (*found.get(kind, ()), figure)[-MOST_HISTORY:]
    return tuple(found.items())
