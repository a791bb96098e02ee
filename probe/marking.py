"""Writing the records of marks that wait. Whether a test follows is the caller's business.

Whoever calls this holds the state folder's lock, so that nobody closes a start of ours as aborted in between.
"""

from probe.agent import Agent
from probe.marks import WAITING, WRITTEN, Mark, members, noted, pending


def write_marks(agent: Agent) -> list[Mark]:
    """Give each mark that waits its record; which those were. Raises StateUnusable.

    The record and the note that it is written are one transaction: after a crash a mark may have left an aborted start, but
    never two records.
    """
    found = pending(agent.outbox.kept(WAITING), agent.outbox.kept(WRITTEN))
    for number, mark in found:
        agent.note(members(mark), {WRITTEN: noted(number)}, mark.boot)
    return [mark for _, mark in found]
