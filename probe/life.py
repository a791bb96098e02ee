"""Whether an agent runs over this state: told by its last sign of life, fresh and of this boot. Changes nothing."""

from probe.agent import Agent
from probe.presence import NAME, STOPPED, Alive
from probe.standing import FRESH_US
from shared.errors import Malformed


def last_sign(agent: Agent) -> Alive | None:
    """The last sign of life that was kept; None if there is none that can be read."""
    kept = agent.outbox.kept(NAME)
    try:
        return Alive.read(kept) if kept else None
    except Malformed:
        return None


def lives(agent: Agent) -> bool:
    """Whether an agent showed itself within the last minutes."""
    last = last_sign(agent)
    if last is None or last.boot != agent.boot or last.state == STOPPED:
        return False
    return 0 <= agent.clock.mono_us() - last.mono_us < FRESH_US
