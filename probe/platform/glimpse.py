"""What one reader saw of the surroundings, and how the glimpses of several make one picture. Pure.

What a reader did not see is None. Of two readers that saw the same thing the first in the list is believed, except for the
kind of link: a link that anyone calls Wi-Fi is Wi-Fi, whatever else is said of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, TypeVar

from probe.surroundings import InterfaceKind, Link, Place, Power, Radio, Surroundings

T = TypeVar("T")

MOST_TROUBLES: Final = 6
DIRECT: Final = frozenset(
    {"wifi", "bluetooth", "cellular", "ethernet"}
)  # what leaves by these leaves by no tunnel's interface
# A stick that is reached over Wi-Fi is Wi-Fi; one that looks like Ethernet is cellular; ppp0 of a modem is no VPN.
KINDS_BY_WEIGHT: Final[tuple[InterfaceKind, ...]] = (
    "loopback",
    "wifi",
    "bluetooth",
    "cellular",
    "vpn",
    "ethernet",
    "other",
)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What one reader saw."""

    kind: InterfaceKind | None = None
    metered: bool | None = None
    wifi_rssi_dbm: int | None = None
    wifi_mhz: int | None = None
    vpn: bool | None = None
    shared: bool | None = None
    radio: Radio | None = None
    power: Power | None = None
    place: Place | None = None
    synced: bool | None = None
    qdisc: str | None = None
    troubles: tuple[str, ...] = ()


def trouble(reader: str, why: str) -> Glimpse:
    """Say that a reader did not answer, and why."""
    return Glimpse(troubles=(f"{reader}: {why}",))


def carried(interface: str | None, bearer: str | None) -> InterfaceKind | None:
    """Cellular, if packets leave by the interface of a modem's bearer; else nobody knows by that."""
    return "cellular" if interface is not None and interface == bearer else None


def picture(interface: str | None, glimpses: Sequence[Glimpse], *, has_way: bool) -> Surroundings:
    """Put the glimpses together; `interface` is the one by which packets leave."""
    kind: InterfaceKind = next((one for one in KINDS_BY_WEIGHT if any(seen.kind == one for seen in glimpses)), "other")
    vpn = True if kind == "vpn" else False if kind in DIRECT else None
    link = Link(
        interface=interface,
        kind=kind,
        has_way=has_way,
        metered=_first([seen.metered for seen in glimpses]),
        wifi_rssi_dbm=_first([seen.wifi_rssi_dbm for seen in glimpses]) if kind == "wifi" else None,
        wifi_mhz=_first([seen.wifi_mhz for seen in glimpses]) if kind == "wifi" else None,
        vpn=_either([vpn, *(seen.vpn for seen in glimpses)]),
        shared=_either([seen.shared for seen in glimpses]),
        qdisc=_first([seen.qdisc for seen in glimpses]),
    )
    troubles = dict.fromkeys(one for seen in glimpses for one in seen.troubles)
    radios = [seen.radio for seen in glimpses if seen.radio is not None]
    return Surroundings(
        link=link,
        radio=_first([*(one for one in radios if interface is not None and one.interface == interface), *radios]),
        power=_joined([seen.power for seen in glimpses if seen.power is not None]),
        place=_first([seen.place for seen in glimpses]),
        synced=_first([seen.synced for seen in glimpses]),
        troubles=tuple(troubles)[:MOST_TROUBLES],
    )


def _joined(told: Sequence[Power]) -> Power:
    """Each figure from the first that knows it; one that sees the device held back is enough."""
    first = {one.name: _first([getattr(power, one.name) for power in told]) for one in fields(Power)}
    return replace(Power(**first), throttled=_either([power.throttled for power in told]))


def _either(told: Sequence[bool | None]) -> bool | None:
    known = [one for one in told if one is not None]
    return any(known) if known else None


def _first(told: Sequence[T | None]) -> T | None:
    return next((one for one in told if one is not None), None)
