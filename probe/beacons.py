"""The beacons this device holds: the newest, which each batch names, and those that the starts of slots are drawn from. Pure.

A beacon is a checkpoint of the collector's log that a witness has cosigned (`shared.beacon`). Nobody knows it before its time,
so a batch that names it was sealed later, and a start that is drawn from it was chosen by nobody.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

from probe.schedule import Beacon as Drawn
from probe.schedule import Draw
from shared import statement, strictjson
from shared.beacon import Beacon, read_beacon
from shared.dsse import b64, b64_exact
from shared.errors import Malformed
from shared.strictjson import Json, JsonObject

NAME: Final = "beacon"  # of the kept value


@dataclass(frozen=True, slots=True)
class Held:
    """What is held; `boot` is the one in which the newest came."""

    newest: Beacon | None = None
    boot: str = ""
    draws: tuple[Drawn, ...] = ()  # oldest first

    @classmethod
    def read(cls, kept: bytes | None) -> Self:
        """What was kept; nothing if that cannot be read."""
        if kept is None:
            return cls()
        try:
            told = strictjson.decode(kept)
            draws = told.get("draws")
            if not isinstance(draws, list):
                raise Malformed("draws is not a list")
            found = [
                Drawn(statement.integer(one, "t_s"), b64_exact(one.get("cosig")))
                for one in draws
                if isinstance(one, dict)
            ]
            return cls(read_beacon(told.get("newest")), statement.text(told, "boot"), tuple(found))
        except Malformed:
            return cls()

    @property
    def data(self) -> bytes:
        """To be kept."""
        if self.newest is None:
            raise ValueError("nothing is held")
        draws: list[Json] = [{"cosig": b64(one.cosig), "t_s": one.t_s} for one in self.draws]
        return strictjson.encode({"boot": self.boot, "draws": draws, "newest": self.newest.fields})

    def learn(self, beacon: Beacon, boot: str) -> "Held":
        """With a beacon that came just now; an older one than is held is no news, but may be the first of its day."""
        draws = Draw(b"", self.draws).learn(Drawn(beacon.t_s, beacon.cosig)).beacons
        if self.newest is not None and beacon.t_s <= self.newest.t_s:
            return replace(self, draws=draws)
        return Held(beacon, boot, draws)

    def named(self, boot: str) -> "JsonObject | None":
        """What a batch that is sealed in this boot says of it."""
        if self.newest is None:
            return None
        return (self.newest if boot == self.boot else replace(self.newest, mono_us=None)).fields

    def draw(self, seed: bytes) -> Draw:
        """What starts are drawn from."""
        return Draw(seed, self.draws)
