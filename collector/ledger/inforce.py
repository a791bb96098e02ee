"""Which of the server's keys was in use where in the ledger: the order of its entries decides, as it does in the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from collector.ledger.frame import Entry
from shared import statement
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.rotation import Whose, read_rotation


@dataclass(slots=True)
class InForce:
    """The keys as the entries so far have left them; of a server whose line is not known there is none."""

    lines: Mapping[Whose, Lineage]
    _past: dict[Whose, int] = field(default_factory=dict)  # how many rotations have been seen

    @classmethod
    def alone(cls, collector: PublicKey) -> Self:
        """A collector whose key took nobody's place."""
        return cls({Whose.COLLECTOR: Lineage.alone(collector)})

    @property
    def collector(self) -> PublicKey:
        """The collector's key in use here, which is always known."""
        return self.lines[Whose.COLLECTOR].keys[self._past.get(Whose.COLLECTOR, 0)]

    def key(self, whose: Whose) -> PublicKey | None:
        """The key in use here."""
        line = self.lines.get(whose)
        return None if line is None else line.keys[self._past.get(whose, 0)]

    def entry(self, entry: Entry) -> None:
        """Take in a rotation; raises Malformed unless the key in use here is followed by the one that did follow it."""
        told = statement.text(entry.meta, "whose")
        if told not in set(Whose) or (key := self.key(Whose(told))) is None:
            raise Malformed(f"a key of {told!r}, of whose keys nothing is known here")
        whose = Whose(told)
        new, past = read_rotation(entry.body[:-1], whose, key).new, self._past.get(whose, 0) + 1
        if self.lines[whose].keys[past : past + 1] != (new,):
            raise Malformed(f"a second successor of the {whose}'s key {key.key_id[:16]}…: {new.key_id[:16]}…")
        self._past[whose] = past

    def missing(self) -> list[str]:
        """The rotations that the folder of keys holds and no entry has told of, in words."""
        return [
            f"no entry of the ledger says that the {whose}'s key {line.keys[past].key_id[:16]}… was followed by another"
            for whose, line in self.lines.items()
            for past in range(self._past.get(whose, 0), len(line.lines))
        ]
