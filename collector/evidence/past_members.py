"""What an evidence file has of logs that were followed by others: their statements, and the places of its files in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.errors import Busy
from collector.evidence.logged import Place
from collector.evidence.pastlogs import next_file, proofs_file
from collector.ledger.frame import Entry
from collector.services import Services
from shared.tree import inclusion


@dataclass(slots=True)
class Placing:
    """Where files are: their numbers in the newest log, and in those before it."""

    services: Services
    newest: dict[str, int] = field(default_factory=dict)
    past: dict[int, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with the statements themselves: each is the first leaf of the log that it names."""
        for number, one in enumerate(self.services.logs, start=1):
            self._in(number)[next_file(one.old.name)] = 0

    def add(self, entry: Entry, name: str) -> None:
        """Take in a file that is the leaf of an entry, if it is one."""
        if entry.tree is not None:
            self._in(self.services.registry.own.logs_before(entry.no))[name] = entry.tree

    def members(self) -> Mapping[str, bytes]:
        """The files about logs before the newest; raises Busy if one of them is made again just now."""
        found = {next_file(one.old.name): one.line + b"\n" for one in self.services.logs}
        for number, leaves in self.past.items():
            name = self.services.logs[number].old.name
            try:
                files, last = self.services.publisher.past(name)
            except KeyError as error:
                raise Busy(f"the log {name} is made again just now; try again in a moment") from error
            places = (Place(of, at, tuple(inclusion(files.node, at, last.size))) for of, at in sorted(leaves.items()))
            found[proofs_file(name)] = b"".join(place.line for place in places)
        return found

    def _in(self, number: int) -> dict[str, int]:
        return self.newest if number == len(self.services.logs) else self.past.setdefault(number, {})
