"""Whether the probe was there: the records that let any reader tell "the probe was off" from "the network was down". Pure.

A record of the method `presence` measures nothing, has no slot and no direction, and enters no statistics. This module
says how the agent's last sign of life is kept between two runs (the kept value `alive`), and what a start and a stop
record of it. What happens in between (sleep, a clock that was set, a link that went away) is the business of `probe.signs`.

For how long the device was off is told by the clock that knows it best, and `off_by` says which: within one boot the
monotonic clock (`mono`), exact; over a reboot the wall clock (`wall`), as good as that clock; and if the wall clock says less
than the new boot already lasts, it was not set yet and only that length is certain (`boot`: at least so long).
"""

from dataclasses import dataclass
from typing import Final, Literal

from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import Json, JsonObject

METHOD: Final = "presence"
VERSION: Final = 1
NAME: Final = "alive"  # of the kept value
STOPPED: Final = "stopped"  # its state after a clean stop

After = Literal["first", "stop", "cut_off", "reboot", "unknown"]
Event = Literal[
    "started",
    "stopped",
    "resumed",
    "clock_stepped",
    "link_lost",
    "link_back",
    "link_flapped",
    "disk_refused",
    "not_accepted",
    "alive",
]


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by every clock there is; `boot` is the boot's name in records."""

    wall_us: int
    mono_us: int
    boot: str
    awake_us: int | None = None  # does not count sleep; None where this system cannot tell
    synced: bool | None = None  # whether the system says that a time server sets its clock


@dataclass(frozen=True, slots=True)
class Alive:
    """The last sign of life, as it is kept: who, when, doing what, and what it meant to do next."""

    pid: int
    wall_us: int
    mono_us: int
    boot: str
    state: str  # a word for `status`: waiting, measuring, paused; or STOPPED
    next_us: int | None = None
    next_slot: int | None = None

    def write(self) -> bytes:
        """Spell it for keeping."""
        told: JsonObject = {"boot": self.boot, "mono_us": self.mono_us, "pid": self.pid, "state": self.state}
        told["wall_us"] = self.wall_us
        told |= {} if self.next_us is None else {"next_us": self.next_us}
        told |= {} if self.next_slot is None else {"next_slot": self.next_slot}
        return strictjson.encode(told)

    @classmethod
    def read(cls, kept: bytes) -> "Alive":
        """Read what was kept; raises Malformed."""
        told = strictjson.decode(kept)
        boot, state = told.get("boot"), told.get("state")
        if not isinstance(boot, str) or not isinstance(state, str):
            raise Malformed("a sign of life without boot and state")
        pid, wall_us, mono_us = (_whole(told.get(name), name) for name in ("pid", "wall_us", "mono_us"))
        nexts = {name: _whole(told[name], name) for name in ("next_us", "next_slot") if name in told}
        return cls(pid, wall_us, mono_us, boot, state, **nexts)


def _whole(value: object, name: str) -> int:
    if type(value) is not int:
        raise Malformed(f"{name} is not a whole number")
    return value


def noted(event: Event, **members: "Json | None") -> JsonObject:
    """The members of a record of this event; what is not known is left out."""
    known = {name: value for name, value in members.items() if value is not None}
    return {"event": event, "method": METHOD, "ver": VERSION, **known}


def started(now: Moment, kept: bytes | None, *, starts: int, aborted: int, agent: str) -> JsonObject:
    """What a start records: how the run before ended, its last sign of life, and for how long nothing ran.

    `kept` is the value `alive` before it is overwritten, `starts` how many sequence numbers were used up before this,
    `aborted` how many measurements were found open.
    """
    last = _last(kept)
    members: dict[str, Json | None] = {"after": _after(now, last, kept, starts), "agent": agent, "synced": now.synced}
    members["aborted"] = aborted or None
    if last is not None:
        members |= {"last_boot": last.boot, "last_mono_us": last.mono_us, "last_wall_us": last.wall_us}
        members |= {"last_state": last.state}
        members |= _off(now, last)
    return noted("started", **members)


def stopped(now: Moment, why: str) -> JsonObject:
    """What a clean stop records, and why it stopped: a word such as `signal` or `update`."""
    return noted("stopped", why=why, synced=now.synced)


def _last(kept: bytes | None) -> Alive | None:
    """The last sign of life; None if there is none that can be read."""
    if kept is None:
        return None
    try:
        return Alive.read(kept)
    except Malformed:
        return None


def _after(now: Moment, last: Alive | None, kept: bytes | None, starts: int) -> After:
    if last is None:
        return "first" if kept is None and starts == 0 else "unknown"
    if last.state == STOPPED:
        return "stop"
    return "cut_off" if last.boot == now.boot else "reboot"


def _off(now: Moment, last: Alive) -> dict[str, "Json | None"]:
    """For how long nothing ran, and by which clock."""
    if last.boot == now.boot:
        return {"off_us": max(0, now.mono_us - last.mono_us), "off_by": "mono"}
    by_wall_us = now.wall_us - last.wall_us
    if by_wall_us < now.mono_us:  # less than this boot already lasts
        return {"off_us": now.mono_us, "off_by": "boot"}
    return {"off_us": by_wall_us, "off_by": "wall"}
