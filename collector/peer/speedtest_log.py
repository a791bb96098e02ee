"""What the peer saw of one run of speedtest-cli: each transfer with its bytes and times, and the rates they make. Pure.

The client's own figures cannot be used: it counts what it gave to its socket, and takes refused and cut transfers for
good ones. So here stands what arrived. Of a transfer are known when the request came (`begin_us`), when its first and
last byte arrived, when it ended and how. The rate of a direction is all bytes of its transfers over the time from the
first byte of the first to the last byte of the last. Times count from the opening of the run.

A run is opened by name, lives `LIFE_US`, and takes no more images and posts than its profile provides for, so memory and
bytes are bounded.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from collector.peer.account import End
from collector.peer.errors import BadRequest, Busy, NothingHere, TooLarge
from collector.peer.speedtest_profile import Profile
from shared.strictjson import Json, JsonObject

Way = Literal["down", "up"]
LIFE_US: Final = 300_000_000
MOST_RUNS: Final = 256


@dataclass(slots=True, eq=False)
class Row:
    """One image or post."""

    way: Way
    expected_bytes: int
    begin_us: int
    n_bytes: int = 0
    first_us: int = 0
    last_us: int = 0
    status: int = 0
    end: End | None = None
    end_us: int = 0

    def arrived(self, n_bytes: int, now_us: int) -> None:
        """Take how much has arrived by now; never less than before, never more than there is."""
        n_bytes = min(n_bytes, self.expected_bytes)
        if n_bytes <= self.n_bytes:
            return
        if not self.n_bytes:
            self.first_us = now_us
        self.n_bytes, self.last_us = n_bytes, now_us

    def ended(self, status: int, end: End, now_us: int) -> None:
        """Take how it ended."""
        self.status, self.end, self.end_us = status, end, now_us

    def told(self, opened_us: int) -> JsonObject:
        """This row for the probe; what has not happened is absent."""
        told: dict[str, Json] = {
            "begin_us": self.begin_us - opened_us,
            "bytes": self.n_bytes,
            "expected_bytes": self.expected_bytes,
            "way": self.way,
        }
        if self.n_bytes:
            told |= {"first_us": self.first_us - opened_us, "last_us": self.last_us - opened_us}
        if self.end is not None:
            told |= {"end": self.end.value, "end_us": self.end_us - opened_us, "status": self.status}
        return told


@dataclass(slots=True)
class Run:
    """One run: what it may do, by which address it came, and what it did."""

    profile: Profile
    origin: str
    opened_us: int
    rows: list[Row] = field(default_factory=list)

    def begin(self, way: Way, expected_bytes: int, now_us: int) -> Row:
        """Begin a transfer. Raises TooLarge for one more than the profile provides for."""
        most = self.profile.images if way == "down" else len(self.profile.post_sizes)
        if sum(row.way == way for row in self.rows) >= most:
            raise TooLarge(f"a run of profile {self.profile.name} has at most {most} transfers {way}")
        row = Row(way, expected_bytes, now_us)
        self.rows.append(row)
        return row

    def told(self) -> JsonObject:
        """All of it for the probe: both directions, and each transfer."""
        return {
            "down": total([row for row in self.rows if row.way == "down"]),
            "plan": self.profile.name,
            "requests": [row.told(self.opened_us) for row in self.rows],
            "running": sum(row.end is None for row in self.rows),
            "up": total([row for row in self.rows if row.way == "up"]),
        }


def total(rows: list[Row]) -> JsonObject:
    """Bytes, time and rate of one direction; without two moments at which bytes arrived there is no rate."""
    moved = [row for row in rows if row.n_bytes]
    n_bytes = sum(row.n_bytes for row in moved)
    dur_us = max(row.last_us for row in moved) - min(row.first_us for row in moved) if moved else 0
    return {"bytes": n_bytes, "dur_us": dur_us, "rate_bps": 8_000_000 * n_bytes // dur_us if dur_us else 0}


@dataclass(slots=True)
class Runs:
    """The runs that are open."""

    _runs: dict[str, Run] = field(default_factory=dict)

    def open(self, name: str, profile: Profile, origin: str, now_us: int) -> Run:
        """Open a run. Raises BadRequest for a name that was used, Busy when there are too many."""
        self._runs = {known: run for known, run in self._runs.items() if now_us - run.opened_us < LIFE_US}
        if name in self._runs:
            raise BadRequest("there is such a run")
        if len(self._runs) >= MOST_RUNS:
            raise Busy(f"{MOST_RUNS} runs are open, no more are taken at once")
        run = self._runs[name] = Run(profile, origin, now_us)
        return run

    def find(self, name: str, now_us: int) -> Run:
        """An open run. Raises NothingHere."""
        run = self._runs.get(name)
        if run is None or now_us - run.opened_us >= LIFE_US:
            raise NothingHere("there is no such run")
        return run

    def close(self, name: str) -> None:
        """Forget a run."""
        self._runs.pop(name, None)
