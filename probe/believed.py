"""Which keys of its collector this device believes: the one that it was told at enrolment, and those that follow it. Pure.

A collector's key is followed by another if it says so itself (`shared.lineage`). What was followed once is kept: where another
successor of the same key is shown later, somebody has a copy of that key, and nothing new is believed.
"""

from dataclasses import dataclass
from typing import Final, Self

from shared import strictjson
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage, follow, lineage_of, read_told
from shared.rotation import Whose

NAME: Final = "collector-keys"  # of the kept value


@dataclass(frozen=True, slots=True)
class Believed:
    """The keys whose receipts are taken: any of them, since a batch that is sent again gets its first receipt."""

    keys: Lineage

    @classmethod
    def read(cls, kept: bytes | None, first: PublicKey) -> Self:
        """What was kept of the keys after the first; nothing if that cannot be read."""
        try:
            told = [] if kept is None else read_told(strictjson.decode(kept).get("told"))
            return cls(follow(first, [line for _, line in told], Whose.COLLECTOR))
        except Malformed:
            return cls(Lineage.alone(first))

    @property
    def data(self) -> bytes:
        """To be kept."""
        return strictjson.encode({"told": self.keys.told})

    def after(self, told: object) -> "Believed":
        """With the successors that the collector tells of; raises TwoSuccessors, or Malformed for what is no history."""
        lines = [line for _, line in read_told(told)]
        return Believed(follow(self.keys.keys[0], [*self.keys.lines, *lines], Whose.COLLECTOR))


def check_told(key: PublicKey, told_key: str, history: object) -> None:
    """Return only if a collector's key is the one that was told, or follows it; raises Malformed."""
    if key.key_id == told_key:
        return
    told = history.get(Whose.COLLECTOR.value, []) if isinstance(history, dict) else []
    try:
        lineage_of(key, read_told(told), Whose.COLLECTOR).of(told_key)
    except Malformed as error:
        raise Malformed(f"the collector's key is {key.key_id}, not the one you were told") from error
