"""What surrounds a measurement at one moment: link, radio, power, place, clock. Data only.

Readers in `probe.platform` fill it in, `probe.flaws` and `probe.gate` judge by it, `probe.context` puts it into the
record. None is what the system did not tell; a sentinel (2147483647 dBm, "--", 255) never gets this far. Integers in the
unit their name says: `ddb` are tenths of a decibel, `dc` tenths of a degree Celsius.
"""

from dataclasses import dataclass, field
from typing import Literal

InterfaceKind = Literal["cellular", "wifi", "ethernet", "bluetooth", "vpn", "loopback", "other"]
Technology = Literal["2g", "3g", "lte", "nr"]
Registration = Literal["home", "roaming", "searching", "denied", "idle"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One serving cell, as the modem told it."""

    radio: Technology
    mccmnc: str | None = None  # five or six digits; leading zeros matter
    area: int | None = None  # TAC or LAC
    cell: int | None = None  # ECI, NCI, or the CI of 2G and 3G
    pci: int | None = None
    channel: int | None = None  # EARFCN, NR-ARFCN, UARFCN, ARFCN
    band: int | None = None
    bandwidth_khz: int | None = None
    rsrp_dbm: int | None = None
    rsrq_ddb: int | None = None
    rssi_dbm: int | None = None
    sinr_ddb: int | None = None
    timing_advance: int | None = None


@dataclass(frozen=True, slots=True)
class Radio:
    """What the modem or phone told of the mobile network."""

    via: str  # who told: termux, modemmanager, mmcli, hilink
    technology: Technology | None = None
    registration: Registration | None = None
    roaming: bool | None = None
    connected: bool | None = None  # a data bearer is up
    sim_mccmnc: str | None = None
    net_mccmnc: str | None = None
    operator: str | None = None
    interface: str | None = None  # of the bearer
    cells: tuple[Cell, ...] = ()  # serving ones only, the primary first


@dataclass(frozen=True, slots=True)
class Link:
    """The link by which packets to the peer leave."""

    interface: str | None = None
    kind: InterfaceKind = "other"
    has_way: bool = True
    metered: bool | None = None
    wifi_rssi_dbm: int | None = None
    wifi_mhz: int | None = None
    vpn: bool | None = None  # a tunnel carries the default way, or the system says that a VPN is up
    shared: bool | None = None  # others reach the network through this device: tethering, hotspot
    qdisc: str | None = None  # the queueing discipline at the root of the interface


@dataclass(frozen=True, slots=True)
class Power:
    """Where the device's power comes from and what it does to its speed."""

    plugged: bool | None = None
    charge_per_cent: int | None = None
    saver: bool | None = None
    temperature_dc: int | None = None
    throttled: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the device is, only if its owner agreed: rounded to about 1 km, in hundredths of a degree."""

    latitude_cdeg: int
    longitude_cdeg: int
    accuracy_m: int | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All of it at one moment."""

    link: Link = field(default_factory=Link)
    radio: Radio | None = None
    power: Power = field(default_factory=Power)
    place: Place | None = None
    synced: bool | None = None  # whether the system says that its clock is set by a time server
    troubles: tuple[str, ...] = ()  # which readers did not answer, and why, in a few words each
