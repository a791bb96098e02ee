"""Signs of life between two tests: sleep, a clock that was set, a link that went away and came back, an hour of quiet. Pure.

A small state machine: whoever waits for the next test says every few seconds what the clocks and the link show, and
gets the members of the records that this is worth, mostly none. Time is an argument.

A link that flaps and a phone that dozes must not fill the outbox. A link counts as lost, or as back, once that has lasted
`STEADY_US`; of each event at most one record is made in `QUIET_US`. What falls in between is added up and told with the next
record of its kind: sleep and steps of the clock as their sums, short changes of the link as `flaps`. Nothing is told twice.
"""

from dataclasses import dataclass, field
from typing import Final

from probe.naming import public_name
from probe.presence import Event, Moment, noted
from probe.surroundings import Link
from shared.strictjson import JsonObject

STEADY_US: Final = 15_000_000  # a hand-over, or a DHCP lease that is renewed, is shorter than that
QUIET_US: Final = 900_000_000  # one slot of the usual length
SILENCE_US: Final = 3_600_000_000
SLEPT_US: Final = 10_000_000  # less is a busy machine, or a phone between two breaths
STEPPED_US: Final = 1_000_000  # ten minutes of the fastest slewing (500 ppm: adjtime) are less


@dataclass(slots=True)
class _Sum:
    """Something that was added up since it was last told: how often, how much, and since which moment."""

    times: int = 0
    total_us: int = 0
    since: Moment | None = None

    def add(self, amount_us: int, since: Moment) -> None:
        """Count one more."""
        self.times += 1
        self.total_us += amount_us
        self.since = self.since or since


@dataclass(slots=True)
class Signs:
    """What was seen since the last look, and what was told of it. `since_us`: when the run began, by the monotonic clock."""

    since_us: int
    _last: Moment | None = None
    _slept: _Sum = field(default_factory=_Sum)
    _stepped: _Sum = field(default_factory=_Sum)
    _flaps: _Sum = field(default_factory=_Sum)
    _told_lost: bool = False
    _is_lost: bool = False
    _changed: Moment | None = None  # since when the link is not as it was told
    _told_us: dict[Event, int] = field(default_factory=dict)
    _recorded_us: int = field(init=False)

    def __post_init__(self) -> None:
        self._recorded_us = self.since_us

    def recorded(self, mono_us: int) -> None:
        """Take the news that a record of any kind was made: it is a sign of life too."""
        self._recorded_us = max(self._recorded_us, mono_us)

    def seen(self, now: Moment, link: Link, state: str = "waiting") -> tuple[JsonObject, ...]:
        """Look at clocks and link; the members of the records that are due, which the caller then makes."""
        self._look_at_clocks(now)
        self._look_at_link(now, is_lost=not link.has_way)
        due = [*self._due(now, link)]
        if not due and now.mono_us - self._recorded_us >= SILENCE_US:
            due.append(self._tell("alive", now, state=state, synced=now.synced))
        self._last = now
        return tuple(due)

    def _look_at_clocks(self, now: Moment) -> None:
        last = self._last
        if last is None or last.boot != now.boot:
            return
        passed_us = now.mono_us - last.mono_us
        if now.awake_us is not None and last.awake_us is not None:
            slept_us = passed_us - (now.awake_us - last.awake_us)
            if slept_us >= SLEPT_US:
                self._slept.add(slept_us, last)
        step_us = now.wall_us - last.wall_us - passed_us
        if abs(step_us) >= STEPPED_US:
            self._stepped.add(step_us, last)

    def _look_at_link(self, now: Moment, *, is_lost: bool) -> None:
        if is_lost == self._is_lost:
            return
        self._is_lost = is_lost
        if is_lost != self._told_lost:
            self._changed = now
        elif self._changed is not None:  # as it was told again, before that could be told
            self._flaps.add(now.mono_us - self._changed.mono_us, self._changed)
            self._changed = None

    def _due(self, now: Moment, link: Link) -> list[JsonObject]:
        due = []
        if self._slept.times and self._may("resumed", now):
            slept, self._slept = self._slept, _Sum()
            due.append(self._tell("resumed", now, slept_us=slept.total_us, **_summed(slept)))
        if self._stepped.times and self._may("clock_stepped", now):
            step, self._stepped = self._stepped, _Sum()
            members = {"step_us": step.total_us, "synced": now.synced}
            due.append(self._tell("clock_stepped", now, **members, **_summed(step)))
        event: Event = "link_lost" if self._is_lost else "link_back"
        changed = self._changed
        if changed is not None and now.mono_us - changed.mono_us >= STEADY_US and self._may(event, now):
            self._told_lost, self._changed = self._is_lost, None
            due.append(
                self._tell(event, now, interface=public_name(link.interface), **_since(changed), **self._flapped())
            )
        elif self._flaps.times and self._may("link_flapped", now) and self._has_flapped_long(now):
            since = _since(self._flaps.since)
            due.append(
                self._tell("link_flapped", now, interface=public_name(link.interface), **since, **self._flapped())
            )
        return due

    def _has_flapped_long(self, now: Moment) -> bool:
        """Whether short changes have waited so long for a lasting one that they are told by themselves."""
        return self._flaps.since is not None and now.mono_us - self._flaps.since.mono_us >= SILENCE_US

    def _flapped(self) -> dict[str, int]:
        flaps, self._flaps = self._flaps, _Sum()
        return {"flaps": flaps.times, "flapped_us": flaps.total_us} if flaps.times else {}

    def _may(self, event: Event, now: Moment) -> bool:
        told_us = self._told_us.get(event)
        return told_us is None or now.mono_us - told_us >= QUIET_US

    def _tell(self, event: Event, now: Moment, **members: int | str | bool | None) -> JsonObject:
        self._told_us[event] = now.mono_us
        self.recorded(now.mono_us)
        return noted(event, **members)


def _since(moment: Moment | None) -> dict[str, int]:
    """When it began, by both clocks."""
    return {} if moment is None else {"since_mono_us": moment.mono_us, "since_wall_us": moment.wall_us}


def _summed(one: _Sum) -> dict[str, int]:
    return _since(one.since) | ({"times": one.times} if one.times > 1 else {})
