"""What the two sides of a speedtest-cli run say, read as what it is: somebody else's text. Pure.

`read_report` reads the one object that `speedtest-cli --json` prints: only the few members that are kept, each within
bounds, fractions cut off, anything else `Malformed`. `read_log` reads the peer's log of the run, in strict JSON, and
computes bytes, time and rate of both directions again from its rows: a peer whose totals are not those of its own rows
is not believed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NoReturn

from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import Json, JsonObject

MOST_OUTPUT_BYTES: Final = 65_536
MOST_LOG_BYTES: Final = 65_536
MOST_NAME_CHARACTERS: Final = 60
COMPLETE: Final = "complete"


@dataclass(frozen=True, slots=True)
class Report:
    """What the client says of a run."""

    down_bps: int
    up_bps: int
    ping_us: int
    server: str


@dataclass(frozen=True, slots=True)
class Row:
    """One transfer as the peer saw it; `end_us` is None while it runs, `first_us` if nothing arrived."""

    way: str
    n_bytes: int
    begin_us: int
    first_us: int | None
    last_us: int
    end_us: int | None
    status: int
    end: str


@dataclass(frozen=True, slots=True)
class Counted:
    """One direction: what arrived, in which time from the first byte to the last, and so how fast."""

    rows: tuple[Row, ...]
    n_bytes: int
    dur_us: int

    @property
    def rate_bps(self) -> int:
        """The rate; 0 if there are no two moments at which bytes arrived."""
        return 8_000_000 * self.n_bytes // self.dur_us if self.dur_us else 0

    @property
    def refused(self) -> int:
        """How many transfers ended with a status that is not 200."""
        return sum(row.end_us is not None and row.status != 200 for row in self.rows)  # noqa: PLR2004  (HTTP: OK)

    def ended_early(self, before_us: int) -> bool:
        """Say whether all of it was over earlier than a time after the first request; nothing at all is early."""
        begin_us = min((row.begin_us for row in self.rows), default=0)
        return all(row.end_us is not None and row.end_us < begin_us + before_us for row in self.rows)

    def cut(self, before_us: int) -> int:
        """How many bodies ended incomplete, earlier than a time after the direction's first request."""
        if not self.rows:
            return 0
        end_us = min(row.begin_us for row in self.rows) + before_us
        return sum(
            row.end_us is not None and row.status == 200 and row.end != COMPLETE and row.end_us < end_us  # noqa: PLR2004
            for row in self.rows
        )


@dataclass(frozen=True, slots=True)
class Log:
    """What the peer counted of a run."""

    down: Counted
    up: Counted
    running: int


def read_report(output: bytes) -> Report:
    """Read what the client printed. Raises Malformed."""
    if len(output) > MOST_OUTPUT_BYTES:
        raise Malformed("more than a report")
    try:
        told = json.loads(output.decode(), parse_float=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(told, dict):
        raise Malformed("not an object")
    server = told.get("server")
    name = server.get("name") if isinstance(server, dict) else None
    return Report(
        down_bps=_whole(told.get("download"), 1),
        up_bps=_whole(told.get("upload"), 1),
        ping_us=_whole(told.get("ping"), 1000),
        server=_plain(name) if isinstance(name, str) else "",
    )


def _refuse(text: str) -> NoReturn:
    raise Malformed(f"not JSON: {text}")


def _whole(value: object, factor: int) -> int:
    """A number from 0 up as an integer, times a factor."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Malformed("not a number")
    if not 0 <= value <= strictjson.MAX_INTEGER // factor:
        raise Malformed("a number out of bounds")
    return int(value * factor)


def _plain(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text[:MOST_NAME_CHARACTERS])


def read_log(body: bytes) -> Log:
    """Read the peer's log. Raises Malformed."""
    told = strictjson.decode(body)
    requests = told.get("requests")
    if not isinstance(requests, list):
        raise Malformed("no list of requests")
    rows = [_row(one) for one in requests]
    return Log(
        down=_counted("down", rows, told),
        up=_counted("up", rows, told),
        running=sum(row.end_us is None for row in rows),
    )


def _row(told: Json) -> Row:
    if not isinstance(told, dict) or told.get("way") not in {"down", "up"}:
        raise Malformed("a request without direction")
    arrived, ended = _integer(told, "bytes"), "end" in told
    first_us = _integer(told, "first_us") if arrived else None
    row = Row(
        way=str(told["way"]),
        n_bytes=arrived,
        begin_us=_integer(told, "begin_us"),
        first_us=first_us,
        last_us=_integer(told, "last_us") if arrived else 0,
        end_us=_integer(told, "end_us") if ended else None,
        status=_integer(told, "status") if ended else 0,
        end=str(told.get("end", "")),
    )
    if first_us is not None and not row.begin_us <= first_us <= row.last_us:
        raise Malformed("a request whose times run backwards")
    return row


def _counted(way: str, all_rows: Sequence[Row], told: JsonObject) -> Counted:
    rows = tuple(row for row in all_rows if row.way == way)
    firsts = [row.first_us for row in rows if row.first_us is not None]
    dur_us = max(row.last_us for row in rows) - min(firsts) if firsts else 0
    counted = Counted(rows, sum(row.n_bytes for row in rows), dur_us)
    if told.get(way) != {"bytes": counted.n_bytes, "dur_us": counted.dur_us, "rate_bps": counted.rate_bps}:
        raise Malformed("totals that are not those of the requests")
    return counted


def _integer(told: JsonObject, name: str) -> int:
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Malformed(f"no {name}")
    return value
