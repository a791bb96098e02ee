"""Grading a record of a transfer by its peer's counter-signature: whether the other end vouches for what it says.

A record is `counter_signed` only if all of this holds, else `one_sided` with the first reason that does not; it is kept
and shown either way (FORMAT.md, section "Grading").

    it bears something                                         no_counter_signature, unreadable
    that a trusted peer signed                                 unknown_peer, bad_signature
    as a transfer statement                                    unreadable
    about this device                                          other_device
    and a session that no earlier record of the device bore    session_reused
    about this direction, this start, this record's session    other_direction, other_start, other_session
    both say how much came in how long                         no_figures, not_counted
    it is what the device proved to have got, if it did        other_count
    and what the samples of a rate come to                     other_series
    and near enough what the peer counted and timed            bytes_apart, duration_apart

`grade` needs no memory; whether the session was used before is for whoever has read the device's records in order:
`unless_used`. A statement that names another device is that device's business and uses nothing up.

Not shown by any grade: that the samples inside the record, from which its rate is taken, are true between its first and
its last byte; the statement speaks of the whole transfer only.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from shared.errors import Malformed
from shared.keys import PublicKey, WrongSignature
from shared.record import End, Record
from shared.transfer import HINT_DIGITS, Direction, TransferStatement, read_co, read_transfer

VERSION: Final = 2  # of these rules: whoever keeps grades makes them anew when it changes
DIRECTION: Final[Mapping[str, Direction]] = MappingProxyType({"download": Direction.DOWN, "upload": Direction.UP})
# Between what a device and its peer count lie a TCP window on its way and their own ends of the clock.
BYTES_APART: Final = 262_144
BYTES_APART_PERCENT: Final = 2
DURATION_APART_US: Final = 100_000
TRICKLE_BYTES: Final = 65_536
ROUND_TRIPS_APART: Final = 2
# A slow reader keeps his peer waiting for most of the time, a shaped link hardly at all (measured: 61-97 %, 0.1 %).
RECEIVER_LIMITED: Final = "receiver_limited"
RECEIVER_LIMITED_PM: Final = 200

Peers: TypeAlias = Mapping[str, PublicKey]
NOBODY: Final[Peers] = MappingProxyType({})


class Grade(StrEnum):
    """Who vouches for a record of a transfer: device and peer, or the device alone."""

    COUNTER_SIGNED = "counter_signed"
    ONE_SIDED = "one_sided"


class Reason(StrEnum):
    """Why a record is one-sided. Names are never changed, only new ones are added."""

    NO_COUNTER_SIGNATURE = "no_counter_signature"
    UNREADABLE = "unreadable"
    UNKNOWN_PEER = "unknown_peer"
    BAD_SIGNATURE = "bad_signature"
    OTHER_DEVICE = "other_device"
    SESSION_REUSED = "session_reused"
    OTHER_DIRECTION = "other_direction"
    OTHER_START = "other_start"
    OTHER_SESSION = "other_session"
    NO_FIGURES = "no_figures"
    NOT_COUNTED = "not_counted"
    OTHER_COUNT = "other_count"
    OTHER_SERIES = "other_series"
    BYTES_APART = "bytes_apart"
    DURATION_APART = "duration_apart"


@dataclass(frozen=True, slots=True)
class Graded:
    """A record's grade; `reason` of a one-sided one, and `session` if it bears a genuine statement about its device."""

    grade: Grade
    reason: Reason | None = None
    session: str | None = None
    receiver_limited: bool = False


class _OneSided(Exception):
    """Nobody but the device vouches for this record."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def trusting(keys: Iterable[PublicKey]) -> Peers:
    """The peers to believe, by the part of their key's id that a record names."""
    return {key.key_id[:HINT_DIGITS]: key for key in keys}


def grade(record: Record, dev: str, peers: Peers) -> Graded | None:
    """The grade of a record signed by `dev`, as far as it shows by itself; None if no transfer was started."""
    direction = DIRECTION.get(record.method)
    if direction is None or record.end is End.NOT_STARTED:
        return None
    try:
        told, peer = _statement(record, peers)
    except _OneSided as why:
        return Graded(Grade.ONE_SIDED, why.reason)
    if told.dev != dev:
        return Graded(Grade.ONE_SIDED, Reason.OTHER_DEVICE)
    session = session_of(dev, peer.key_id, told.sid)
    if reason := _about_another(record, told, direction):
        return Graded(Grade.ONE_SIDED, reason, session)
    # What a peer's send window says of an upload is about its few own messages, not about the load.
    limited = direction is Direction.DOWN and (told.rwnd_limited_pm or 0) > RECEIVER_LIMITED_PM
    if reason := _apart(record, told):
        return Graded(Grade.ONE_SIDED, reason, session, limited)
    return Graded(Grade.COUNTER_SIGNED, None, session, limited)


def session_of(dev: str, peer: str, sid: str) -> str:
    """The name of a transfer among all of them: whose it was, whose word (key ids) it has, and its number there."""
    return f"{dev}/{peer}/{sid}"


def differs(record: Record, told: TransferStatement) -> Reason | None:
    """In what a record of a transfer says otherwise than its peer's statement; None if nothing shows, as without figures."""
    direction = DIRECTION.get(record.method)
    if direction is None:
        return None
    reason = Reason.OTHER_DIRECTION if told.direction is not direction else _apart(record, told)
    return None if reason in {Reason.NO_FIGURES, Reason.NOT_COUNTED} else reason


def unless_used(graded: Graded, used: Container[str]) -> Graded:
    """The grade, or one-sided if the session is among those that earlier records of the device bore."""
    if graded.session is None or graded.session not in used:
        return graded
    return replace(graded, grade=Grade.ONE_SIDED, reason=Reason.SESSION_REUSED, receiver_limited=False)


def _statement(record: Record, peers: Peers) -> tuple[TransferStatement, PublicKey]:
    """The statement a record bears and the peer who signed it; raises _OneSided."""
    if "co" not in record.fields:
        raise _OneSided(Reason.NO_COUNTER_SIGNATURE)
    try:
        envelope = read_co(record.fields["co"])
        peer = peers.get(envelope.key_id)
        if peer is None:
            raise _OneSided(Reason.UNKNOWN_PEER)
        return read_transfer(envelope, peer), peer
    except WrongSignature as error:
        raise _OneSided(Reason.BAD_SIGNATURE) from error
    except Malformed as error:
        raise _OneSided(Reason.UNREADABLE) from error


def _about_another(record: Record, told: TransferStatement, direction: Direction) -> Reason | None:
    """Which other transfer of the device the statement is about, None if it is this one."""
    if told.direction is not direction:
        return Reason.OTHER_DIRECTION
    if told.seq is not None and told.seq != record.seq:
        return Reason.OTHER_START
    return Reason.OTHER_SESSION if told.sid != record.text("sid") else None


def _apart(record: Record, told: TransferStatement) -> Reason | None:
    """Which figure of the record the peer does not bear out, None if it bears out both."""
    received_bytes, dur_us = record.integer("received_bytes"), record.integer("dur_us")
    if received_bytes is None or received_bytes < 0 or dur_us is None or dur_us < 0:
        return Reason.NO_FIGURES
    if told.peer_bytes is None:
        return Reason.NOT_COUNTED
    if told.probe_bytes is not None and told.probe_bytes != received_bytes:
        return Reason.OTHER_COUNT
    if not _is_series_of(record, received_bytes, dur_us):
        return Reason.OTHER_SERIES
    apart = abs(received_bytes - told.peer_bytes)
    if apart > BYTES_APART and 100 * apart > BYTES_APART_PERCENT * told.peer_bytes:
        return Reason.BYTES_APART
    if abs(dur_us - told.dur_us) > ROUND_TRIPS_APART * (told.min_rtt_us or 0) + DURATION_APART_US:
        return Reason.DURATION_APART
    return None


def _is_series_of(record: Record, received_bytes: int, dur_us: int) -> bool:
    """Whether a record's samples come to what it says it received, in the time it says; one without samples has no others.

    Flows that were given up before the load carried a trickle, which is received and in no sample.
    """
    times, counts = record.series("flow_t_us"), record.series("flow_bytes")
    if not times and not counts:
        times, counts = (record.integers("t_us"),), (record.integers("bytes"),)
    last_us = [row[-1] for row in times if row]
    last_bytes = [row[-1] for row in counts if row]
    if not last_us and not last_bytes:
        return True
    missing_bytes = received_bytes - sum(last_bytes)
    return 0 <= missing_bytes <= TRICKLE_BYTES and max(last_us, default=0) <= dur_us
