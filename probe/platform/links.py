"""What the kernel tells of this device's own links: their state, their addresses, the way out and the next hop.

Reads /sys/class/net (operstate, carrier: Documentation/ABI/testing/sysfs-class-net), the routing tables of `route` and
/proc/net/arp, and asks psutil for addresses; each by itself, and each may be refused by itself: a phone refuses most of them.
What is refused is absent. Writes nothing and sends nothing.
"""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from probe.measure.hops import Address
from probe.platform.host import REFUSALS, SOMEWHERE, SOMEWHERE_IPV6, interface_of, kind_of, source_to
from probe.platform.route import Route, read_routes
from probe.surroundings import Link

try:
    import psutil
except (ImportError, NotImplementedError):  # the index's psutil refuses to be imported on Android
    psutil = None  # type: ignore[assignment]

INTERFACES = Path("/sys/class/net")
ARP_TABLE = Path("/proc/net/arp")
ARP_COMPLETE = 0x2  # ATF_COM
ARP_FIELDS = 6
# RFC 2863 as the kernel reads it: a driver that does not tell its state says "unknown", and works (rmnet, ppp, tun).
WORKING = ("up", "unknown")
NOT_WAITED_FOR = ("loopback", "vpn")
RANK = {"cellular": 0, "wifi": 1}


@dataclass(frozen=True, slots=True)
class Ground:
    """What this device stands on."""

    interface: str | None = None
    operstate: str | None = None
    has_carrier: bool | None = None
    families: tuple[int, ...] | None = None  # IP versions of its addresses that reach further than the link
    ways: tuple[int, ...] = ()  # IP versions for which the kernel has a way out
    gateway: Address | None = None

    @property
    def is_up(self) -> bool | None:
        """Whether the link works as far as this device can see; None if it shows nothing of it."""
        if self.operstate is None and self.has_carrier is None:
            return None
        return self.has_carrier is not False and self.operstate in {None, *WORKING}


def leaving(pinned: str | None = None) -> Link:
    """By which interface packets leave now, and whether any do; sends nothing, and costs microseconds."""
    source = source_to(*SOMEWHERE, pinned) or source_to(*SOMEWHERE_IPV6, pinned)
    interface = pinned or interface_of(source)
    return Link(interface, kind_of(interface), has_way=source is not None)


def ground(pinned: str | None = None) -> Ground:
    """Look at the interface tests are pinned to, or at the one by which packets leave, or else at the likeliest."""
    sources = {4: source_to(*SOMEWHERE, pinned), 6: source_to(*SOMEWHERE_IPV6, pinned)}
    ways = tuple(version for version, source in sources.items() if source is not None)
    families = _families()
    used = (interface_of(source) for source in sources.values() if source is not None)
    chosen = pinned or next((one for one in used if one), None) or _likeliest(families)
    if chosen is None:
        return Ground(ways=ways)
    return Ground(
        interface=chosen,
        operstate=_read(INTERFACES / chosen / "operstate"),
        has_carrier={"1": True, "0": False}.get(_read(INTERFACES / chosen / "carrier") or ""),
        families=None if families is None else families.get(chosen, ()),
        ways=ways,
        gateway=gateway_on(chosen, (*read_routes(4), *read_routes(6))),
    )


def gateway_on(interface: str, routes: tuple[Route, ...]) -> Address | None:
    """The next hop of an interface's default route, IPv4's before IPv6's; None if there is none, or none is told."""
    fitting = (one for one in routes if one.interface == interface and one.network.prefixlen == 0)
    found = next((one.gateway for one in fitting if one.gateway is not None), None)
    return found if found is None or not found.is_link_local else ip_address(f"{found}%{interface}")


def neighbour(address: Address) -> str | None:
    """Whether the link layer has found an IPv4 neighbour: `complete` or `incomplete`; None if nothing is told of it."""
    for row in (_read(ARP_TABLE) or "").splitlines()[1:]:
        fields = row.split()
        if len(fields) >= ARP_FIELDS and fields[0] == str(address):
            return "complete" if int(fields[2], 16) & ARP_COMPLETE else "incomplete"
    return None


def _families() -> dict[str, tuple[int, ...]] | None:
    """The IP versions of each interface's addresses that are good for more than the link itself."""
    if psutil is None:
        return None
    try:
        told: dict[str, list[Any]] = psutil.net_if_addrs()
    except REFUSALS:
        return None
    return {
        name: tuple(sorted({version for one in addresses if (version := _wider(one.address)) is not None}))
        for name, addresses in told.items()
    }


def _wider(text: str) -> int | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:  # of the link layer
        return None
    return None if address.is_link_local or address.is_loopback else address.version


def _likeliest(families: dict[str, tuple[int, ...]] | None) -> str | None:
    """The interface that somebody without a way out waits for: a mobile one, else Wi-Fi, else another with hardware."""
    try:
        names = [path.name for path in INTERFACES.iterdir()]
    except OSError:
        names = [*(families or {})]
    kinds = {name: kind_of(name) for name in names}
    waited_for = [name for name, kind in kinds.items() if kind not in NOT_WAITED_FOR]
    return min(
        waited_for, key=lambda name: (RANK.get(kinds[name], len(RANK)), not _is_hardware(name), name), default=None
    )


def _is_hardware(interface: str) -> bool:
    return (INTERFACES / interface / "device").exists()


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # a carrier cannot even be asked for while the interface is down
        return None
