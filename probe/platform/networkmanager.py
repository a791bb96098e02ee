"""What NetworkManager says of the link, over D-Bus: kind, metered, VPN, Wi-Fi frequency, whether others share it. Only reads.

A modem's `Interface` may be its control port; the one that carries packets is `IpInterface`, known once it is activated.
That a link is shared shows as an access point or as the method "shared" of a connection that is up.
"""

from collections.abc import Sequence
from typing import Final

from probe.platform.glimpse import Glimpse, trouble
from probe.platform.system_bus import Bus, Silent
from probe.radio.limits import WIFI_MHZ
from probe.radio.strangers import known, members
from probe.surroundings import InterfaceKind

SERVICE: Final = "org.freedesktop.NetworkManager"
ROOT: Final = "/org/freedesktop/NetworkManager"
KINDS: Final[
    dict[object, InterfaceKind]
] = {  # NMDeviceType; 16 tun and 29 wireguard; 13 bridge and others are not told
    1: "ethernet",
    2: "wifi",
    5: "bluetooth",
    8: "cellular",
    16: "vpn",
    29: "vpn",
}
METERED: Final[dict[object, bool]] = {1: True, 2: False, 3: True, 4: False}  # NMMetered; 0 unknown
ACCESS_POINT: Final = 3  # NM80211Mode
NOTHING: Final = "/"
MOST: Final = 32


async def read(bus: Bus, interface: str | None) -> Glimpse:
    """Read what it says of an interface."""
    try:
        devices = await _paths(bus, "Devices")
        active = await _paths(bus, "ActiveConnections")
    except Silent as silent:
        return Glimpse() if silent.absent else trouble("networkmanager", silent.why)
    ups = [
        await _told(bus, path, "Connection.Active", ("Vpn", "Default", "Default6", "Devices", "Connection"))
        for path in active
    ]
    vpn = any(up["Vpn"] is True and True in {up["Default"], up["Default6"]} for up in ups)
    shared = await _shared(bus, ups)
    device = None if interface is None else await _device_of(bus, devices, interface)
    if device is None:
        return Glimpse(vpn=vpn or None, shared=shared)
    told = await _told(bus, device, "Device", ("DeviceType", "Metered"))
    kind = known(KINDS, told["DeviceType"])
    if kind == "ethernet":
        kind = None  # also what a stick looks like: the kernel knows better
    mhz = await _frequency(bus, device) if kind == "wifi" else None
    return Glimpse(kind=kind, metered=known(METERED, told["Metered"]), wifi_mhz=mhz, vpn=vpn or None, shared=shared)


async def _device_of(bus: Bus, devices: Sequence[str], interface: str) -> str | None:
    """The device whose packets leave by an interface."""
    for device in devices:
        told = await _told(bus, device, "Device", ("IpInterface", "Interface"))
        if interface == (told["IpInterface"] or told["Interface"]):
            return device
    return None


async def _shared(bus: Bus, ups: Sequence[dict[str, object]]) -> bool | None:
    """True if a connection that is up is there for others; that none is says nothing of what else may forward."""
    for up in ups:
        told = up["Devices"]
        for device in told if isinstance(told, list) else []:
            if (await _told(bus, str(device), "Device.Wireless", ("Mode",)))["Mode"] == ACCESS_POINT:
                return True
        if await _method(bus, up["Connection"]) == "shared":
            return True
    return None


async def _method(bus: Bus, connection: object) -> object:
    """How a connection gets its IPv4 addresses; its settings are told without their secrets."""
    if not isinstance(connection, str) or connection == NOTHING:
        return None
    try:
        told = await bus.ask(SERVICE, connection, f"{SERVICE}.Settings.Connection", "GetSettings")
    except Silent:
        return None
    return members(members(told).get("ipv4")).get("method")


async def _frequency(bus: Bus, device: str) -> int | None:
    point = (await _told(bus, device, "Device.Wireless", ("ActiveAccessPoint",)))["ActiveAccessPoint"]
    if not isinstance(point, str) or point == NOTHING:
        return None
    return WIFI_MHZ.take((await _told(bus, point, "AccessPoint", ("Frequency",)))["Frequency"])


async def _paths(bus: Bus, name: str) -> list[str]:
    told = await bus.get(SERVICE, ROOT, SERVICE, name)
    return [str(one) for one in told][:MOST] if isinstance(told, list) else []


async def _told(bus: Bus, path: str, interface: str, names: tuple[str, ...]) -> dict[str, object]:
    """Some properties, None for each that is not told: a device may be gone by now."""
    told: dict[str, object] = dict.fromkeys(names)
    for name in names:
        try:
            told[name] = await bus.get(SERVICE, path, f"{SERVICE}.{interface}", name)
        except Silent:
            continue
    return told
