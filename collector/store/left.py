"""What is noted of a batch when its records are removed, so that an index made anew has what the one that grew keeps. Pure.

    days      the figures that its records have in the daily sums, by day, method, direction, operator and cell
    sessions  [number, seq] of each peer's session that one of them bore: no later record may use it again

It stands in the tombstone (`collector/ledger/tombs.py`) as one line of JSON: {"days":[[…]],"sessions":[[…]]}.
"""

import msgspec

from shared.errors import Malformed


class LeftDay(msgspec.Struct, array_like=True, frozen=True):
    """Figures of one day (since 1970-01-01, UTC), method, direction (empty: none), operator and cell (none: not known)."""

    day: int
    method: str
    direction: str
    operator: str | None
    cell: int | None
    n: int
    ok: int
    failed: int
    not_started: int
    aborted: int
    flawed: int
    rate_n: int
    rate_sum: int | None
    rate_min: int | None
    rate_max: int | None
    rtt_n: int
    rtt_sum: int | None
    rtt_min: int | None
    rtt_max: int | None
    bytes: int | None


class Left(msgspec.Struct, frozen=True):
    """All that is noted of one batch."""

    days: list[LeftDay] = []
    sessions: list[tuple[int, int]] = []


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Left)


def write_left(left: Left) -> bytes:
    """Its line, without the LF."""
    return _encoder.encode(left)


def read_left(line: bytes) -> Left:
    """Read it; raises Malformed."""
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        raise Malformed(f"what was noted of removed records cannot be read: {error}") from error
