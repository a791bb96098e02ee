"""A host that tells what it is told to tell."""

import pytest

from probe import lookout
from probe.facts import HostFacts


class FakeHost:
    """Gives its facts at each look for the way to the peer, the last one from then on; its counters stand still."""

    def __init__(self, *facts: HostFacts) -> None:
        """Take the facts, in the order of the looks."""
        self.facts = list(facts)
        self.asked: list[str | None] = []  # what each look was pinned to

    def facts_on_the_way_to(self, _host: str, _port: int, pinned: str | None = None) -> HostFacts:
        """Look the way to the peer up."""
        self.asked.append(pinned)
        self._now = self.facts.pop(0) if len(self.facts) > 1 else self.facts[0]
        return self._now

    def snapshot(self, _interface: str | None) -> HostFacts:
        """Look at the counters again."""
        return self._now

    def put(self, monkeypatch: pytest.MonkeyPatch) -> "FakeHost":
        """Stand in for the real one wherever a lookout asks."""
        monkeypatch.setattr(lookout, "facts_on_the_way_to", self.facts_on_the_way_to)
        monkeypatch.setattr(lookout, "snapshot", self.snapshot)
        return self
