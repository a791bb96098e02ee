"""What stands between this device and a host: a gateway, nothing, or the operator's network at once.

Reads the kernel's routing tables (/proc/net/route and /proc/net/ipv6_route: Linux; Android hides them) and
judges by the kind of interface where it must. Policy routing is not looked at: of several tables only the main
one is in those files, so the interface is taken from the socket and only then the route on it.
"""

import sys
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from probe.measure.hops import Address, Near, Standing
from probe.platform.host import interface_of, kind_of

IPV4_TABLE = Path("/proc/net/route")
IPV6_TABLE = Path("/proc/net/ipv6_route")
GATEWAY = 0x2  # RTF_GATEWAY
REJECT = 0x200  # RTF_REJECT
IPV4_FIELDS = 8
IPV6_FIELDS = 10


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a routing table."""

    network: IPv4Network | IPv6Network
    has_gateway: bool
    interface: str
    gateway: Address | None = None  # its address, if the table tells one


def ipv4_routes(text: str) -> tuple[Route, ...]:
    """Read /proc/net/route: addresses in hexadecimal, in the machine's byte order."""
    rows = [row.split() for row in text.splitlines()[1:]]
    return tuple(
        _route(IPv4Network((_ipv4(row[1]), str(_ipv4(row[7])))), int(row[3], 16), row[0], _ipv4(row[2]))
        for row in rows
        if len(row) >= IPV4_FIELDS and not int(row[3], 16) & REJECT
    )


def ipv6_routes(text: str) -> tuple[Route, ...]:
    """Read /proc/net/ipv6_route: addresses in hexadecimal, as they are."""
    rows = [row.split() for row in text.splitlines()]
    return tuple(
        _route(IPv6Network((int(row[0], 16), int(row[1], 16))), int(row[8], 16), row[9], IPv6Address(int(row[4], 16)))
        for row in rows
        if len(row) >= IPV6_FIELDS and not int(row[8], 16) & REJECT
    )


def _route(network: IPv4Network | IPv6Network, flags: int, interface: str, next_hop: Address) -> Route:
    has_gateway = bool(flags & GATEWAY)
    return Route(network, has_gateway, interface, next_hop if has_gateway else None)


def route_to(target: Address, interface: str, routes: tuple[Route, ...]) -> Route | None:
    """Give the most specific route to a host on an interface; None if there is none."""
    fitting = [one for one in routes if one.interface == interface and target in one.network]
    return max(fitting, key=lambda one: one.network.prefixlen, default=None)


def near(target: Address, own: Address, interface: str | None, routes: tuple[Route, ...]) -> Near:
    """Say what a packet from this address meets first on its way to the target."""
    if target == own or target.is_loopback:
        return Near.HOST
    kind = kind_of(interface)
    if interface is None or kind == "vpn":
        return Near.UNKNOWN
    if kind == "cellular":
        return Near.OPERATOR
    route = route_to(target, interface, routes)
    if route is not None:
        return Near.GATEWAY if route.has_gateway else Near.LINK
    return Near.GATEWAY if kind == "wifi" else Near.UNKNOWN


def standing_towards(target: Address, source: str, pinned: str | None = None) -> Standing:
    """Say where this device stands on the way to a target, by the address packets leave from, or by a pinned interface.

    Two sticks of one make have the same address each, so that an address does not tell which of them it is.
    """
    own = ip_address(source)
    interface = pinned or interface_of(source.partition("%")[0])
    return Standing(near(target, own, interface, read_routes(target.version)), own)


def read_routes(version: int) -> tuple[Route, ...]:
    """Read the main table of one IP version; a table that is hidden, absent or odd is empty."""
    try:
        if version == 4:  # noqa: PLR2004  (IPv4)
            return ipv4_routes(IPV4_TABLE.read_text(encoding="ascii"))
        return ipv6_routes(IPV6_TABLE.read_text(encoding="ascii"))
    except (OSError, ValueError, OverflowError):
        return ()


def _ipv4(text: str) -> IPv4Address:
    return IPv4Address(int(text, 16).to_bytes(4, sys.byteorder))
