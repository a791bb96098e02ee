"""Measurement, contract and case as the rules see them, and the strict reader of their JSON form.

Does no I/O but zone lookup, reads no clock, guesses nothing: a time without offset, a zone that is not in
the IANA data, a rate that is not a whole number are refused with the place in the JSON (`CaseError`).
Members nobody asked for are left alone, so that a case may carry notes. Instants are integer microseconds
since 1970-01-01T00:00:00Z: comparing and subtracting them is elapsed time, whatever the clocks on the wall
showed (ISO 8601 with offset, RFC 9557 without brackets).
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from collector.judge.errors import CaseError

MOST: Final = 2**53 - 1  # what every reader of JSON agrees on (RFC 8259 section 6)
CONTRACT_VALUES: Final = (
    "max_bps", "normal_bps", "min_bps", "advertised_bps", "estimated_max_bps", "required_bps", "max_delay_us",
)  # fmt: skip

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,6})?)?(Z|[+-][0-9]{2}(:?[0-5][0-9])?)"
)
# Names that zone data folders also hold but that are the machine's own choice or not civil time.
_NO_ZONE: Final = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*")


class Direction(StrEnum):
    """Which way the data went; each is judged apart."""

    DOWN = "down"
    UP = "up"
    ROUND_TRIP = "round_trip"


@dataclass(frozen=True, slots=True)
class Signal:
    """One radio reading taken during a measurement; what the modem did not tell is None."""

    radio: str
    channel: int | None = None
    rsrp_dbm: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: one of rate, round trip, failure (with a partial rate perhaps), not started.

    Two samples are equal when they say the same of the same instant; `index`, their place in the input,
    takes no part.
    """

    at_us: int
    direction: Direction
    rate_bps: int | None = None
    rtt_us: int | None = None
    failure: str | None = None
    not_started: str | None = None
    flaws: tuple[str, ...] = ()
    network_type: str | None = None
    sim_mccmnc: str | None = None
    net_mccmnc: str | None = None
    located: bool | None = None
    signals: tuple[Signal, ...] = ()
    index: int = field(default=0, compare=False)

    @property
    def value(self) -> int | None:
        """The judged figure: bit/s (0 for a failure) or µs (None for a lost round trip: above any)."""
        if self.failure is None:
            return self.rate_bps if self.rtt_us is None else self.rtt_us
        return None if self.direction is Direction.ROUND_TRIP else 0


@dataclass(frozen=True, slots=True)
class Contract:
    """What was promised for one direction, and the time zone in which its days are counted."""

    time_zone: str
    max_bps: int | None = None
    normal_bps: int | None = None
    min_bps: int | None = None
    advertised_bps: int | None = None
    estimated_max_bps: int | None = None
    required_bps: int | None = None
    max_delay_us: int | None = None
    area_class: str | None = None

    def value(self, name: str) -> int | None:
        """The promised value of that name, None if the contract does not have it."""
        found: int | None = getattr(self, name) if name in CONTRACT_VALUES else None
        return found

    def local(self, at_us: int) -> datetime:
        """The wall clock at the customer's place at an instant; OverflowError beyond the years 1 to 9999."""
        return (_EPOCH + at_us * _MICROSECOND).astimezone(ZoneInfo(self.time_zone))


@dataclass(frozen=True, slots=True)
class Case:
    """What one rule is asked about: one direction of one line over one window."""

    direction: Direction
    contract: Contract
    samples: tuple[Sample, ...]


def read_case(raw: object, place: str = "$") -> Case:
    """The case a JSON value describes.

    A contract value that is absent is left None (the rule that needs it then fails its condition `basis`);
    one that is there but is no positive integer raises CaseError, as does everything else that is
    malformed.
    """
    case = _object(raw, place)
    contract = _read_contract(_required(case, "contract", place), f"{place}.contract")
    direction = _direction(case, place)
    measurements = _required(case, "measurements", place)
    if not isinstance(measurements, list):
        raise CaseError(f"{place}.measurements", "must be an array")
    samples = tuple(
        _read_sample(one, contract, index, f"{place}.measurements[{index}]") for index, one in enumerate(measurements)
    )
    return Case(direction, contract, samples)


def _read_contract(raw: object, place: str) -> Contract:
    contract = _object(raw, place)
    name = _text(_required(contract, "time_zone", place), f"{place}.time_zone")
    try:
        known = _NO_ZONE.fullmatch(name) is None and ZoneInfo(name).key == name
    except (KeyError, ValueError, OSError):  # not there, not a name, a folder of the zone data
        known = False
    if not known:
        raise CaseError(f"{place}.time_zone", f"{name!r:.80} is not an IANA time zone known here")
    values = {value: _optional_integer(contract, value, place, least=1) for value in CONTRACT_VALUES}
    return Contract(name, **values, area_class=_optional_text(contract, "area_class", place))


def _read_sample(raw: object, contract: Contract, index: int, place: str) -> Sample:
    one = _object(raw, place)
    at_us = _instant(_required(one, "t", place), contract, f"{place}.t")
    direction = _direction(one, place)
    failure, not_started = _optional_text(one, "failure", place), _optional_text(one, "not_started", place)
    outcomes = [name for name in ("rate_bps", "rtt_us", "failure", "not_started") if name in one]
    if len(outcomes) != 1 and outcomes != ["rate_bps", "failure"]:
        has = " and ".join(outcomes) or "none"
        raise CaseError(place, f"must have one of rate_bps, rtt_us, failure and not_started, but has {has}")
    figure = "rtt_us" if direction is Direction.ROUND_TRIP else "rate_bps"
    if outcomes[0] in {"rate_bps", "rtt_us"} and outcomes[0] != figure:
        raise CaseError(f"{place}.{outcomes[0]}", f"does not go with direction {direction.value}; {figure} does")
    flaws = _array(one, "flaws", place)
    signals = _array(one, "signals", place)
    located = one.get("located")
    if "located" in one and not isinstance(located, bool):
        raise CaseError(f"{place}.located", "must be true or false")
    return Sample(
        at_us=at_us,
        direction=direction,
        rate_bps=_optional_integer(one, "rate_bps", place, least=0),
        rtt_us=_optional_integer(one, "rtt_us", place, least=0),
        failure=failure,
        not_started=not_started,
        flaws=tuple(sorted({_text(flaw, f"{place}.flaws[{n}]") for n, flaw in enumerate(flaws)})),
        network_type=_optional_text(one, "network_type", place),
        sim_mccmnc=_optional_text(one, "sim_mccmnc", place),
        net_mccmnc=_optional_text(one, "net_mccmnc", place),
        located=located,
        signals=tuple(_read_signal(signal, f"{place}.signals[{n}]") for n, signal in enumerate(signals)),
        index=index,
    )


def _read_signal(raw: object, place: str) -> Signal:
    signal = _object(raw, place)
    return Signal(
        radio=_text(_required(signal, "radio", place), f"{place}.radio"),
        channel=_optional_integer(signal, "channel", place, least=0),
        rsrp_dbm=_optional_integer(signal, "rsrp_dbm", place, least=-MOST),
    )


def _instant(raw: object, contract: Contract, place: str) -> int:
    text = _text(raw, place)
    if not _TIME.fullmatch(text):
        raise CaseError(place, f"{text!r:.80} is not an ISO 8601 time with its offset, in microseconds at the finest")
    try:
        at_us = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
        contract.local(at_us)
    except (ValueError, OverflowError) as error:
        raise CaseError(place, f"{text!r} is not a time of the years 1 to 9999: {error}") from None
    return at_us


def _direction(members: dict[str, Any], place: str) -> Direction:
    text = _text(_required(members, "direction", place), f"{place}.direction")
    try:
        return Direction(text)
    except ValueError:
        raise CaseError(f"{place}.direction", f"{text!r:.80} is not one of down, up and round_trip") from None


def _object(raw: object, place: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise CaseError(place, "must be an object")
    return raw


def _required(members: dict[str, Any], name: str, place: str) -> object:
    if name not in members:
        raise CaseError(f"{place}.{name}", "is missing")
    return members[name]


def _array(members: dict[str, Any], name: str, place: str) -> list[Any]:
    found = members.get(name, [])
    if not isinstance(found, list):
        raise CaseError(f"{place}.{name}", "must be an array")
    return found


def _text(raw: object, place: str) -> str:
    if not isinstance(raw, str) or not raw:
        raise CaseError(place, "must be text that is not empty")
    return raw


def _optional_text(members: dict[str, Any], name: str, place: str) -> str | None:
    return _text(members[name], f"{place}.{name}") if name in members else None


def _optional_integer(members: dict[str, Any], name: str, place: str, least: int) -> int | None:
    if name not in members:
        return None
    raw = members[name]
    if type(raw) is not int or not least <= raw <= MOST:  # a bool is an int to isinstance, not to us
        raise CaseError(f"{place}.{name}", f"must be an integer from {least} to {MOST}")
    return raw
