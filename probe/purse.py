"""What an agent may still spend this month, and booking what it spent. The rules are in `probe.budget`."""

from dataclasses import dataclass, field

from probe.agent import Agent
from probe.budget import Account, Books, Budget, Month
from probe.catalogue import METHODS
from probe.errands import Test

NAME = "spent"  # of the kept value


@dataclass(slots=True)
class Purse:
    """One device's accounts. What is booked is kept with the end of an errand, to spare the disk."""

    agent: Agent
    books: Books = field(default_factory=Books)

    def open(self) -> None:
        """Remember what was kept."""
        self.books = Books.read(self.agent.outbox.kept(NAME))

    def kept(self) -> dict[str, bytes]:
        """What is to be kept."""
        return {NAME: self.books.write()}

    def affords(self, test: Test) -> bool:
        """Whether the worst case of a test still fits."""
        month, worst_bytes = self._month(), METHODS[test.method].cost_bytes(test.plan)
        return Budget.of(self.agent.settings).allows(test.account, worst_bytes, self.books.of(month), month)

    def spend(self, account: Account, cost_bytes: int) -> None:
        """Book what was used."""
        self.books = self.books.book(self._month(), account, cost_bytes)

    def _month(self) -> Month:
        now_us = self.agent.clock.wall_us()
        return Month.at(now_us, self.agent.clock.zone(now_us)[0], self.agent.settings.month_starts_on)
