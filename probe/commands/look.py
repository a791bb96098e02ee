"""What the commands that only look have in common: this device's outbox read, and nothing of a running agent's disturbed."""

import os
from collections.abc import Iterator
from pathlib import Path

from probe.agent import Agent
from probe.budget import Books, Budget, Month, Spent
from probe.campaign import NAME as CAMPAIGN
from probe.campaign import Course, read_course
from probe.errors import AlreadyRunning
from probe.home import Home
from probe.moments import Local, local_by
from probe.standing import progress
from shared.errors import Malformed
from shared.record import Record, read_record


def local_of(agent: Agent) -> Local:
    """This device's local time."""
    return local_by(agent.clock.zone)


def is_held(home: Home) -> bool | None:
    """Whether somebody holds the state folder; asked by holding it for an instant. None where there is no such lock."""
    if os.name != "posix":
        return None
    try:
        home.lock().close()
    except AlreadyRunning:
        return True
    return False


def place_for(out: Path | None, name: str) -> Path:
    """Where a file is to be written: as it was said, by its usual name in a folder that was said, or in the home folder."""
    if out is None:
        return Path.home() / name
    return out / name if out.is_dir() else out


def recent(agent: Agent) -> tuple[Record, ...]:
    """The last records, newest first."""
    return tuple(read_record(line.rstrip(b"\n")) for line in agent.outbox.recent())


def accounts(agent: Agent, wall_us: int) -> tuple[Budget, Spent]:
    """What this month may cost, and what it has cost."""
    month = Month.at(wall_us, agent.clock.zone(wall_us)[0], agent.settings.month_starts_on)
    return Budget.of(agent.settings), Books.read(agent.outbox.kept("spent")).of(month)


def campaigns(agent: Agent, wall_us: int) -> Iterator[str]:
    """How the campaign stands, if there is one."""
    course = _course(agent)
    if course is not None:
        yield progress(course, wall_us, local_of(agent))


def _course(agent: Agent) -> Course | None:
    try:
        return read_course(agent.outbox.kept(CAMPAIGN))
    except Malformed:
        return None
