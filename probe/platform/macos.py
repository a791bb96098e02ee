"""What macOS says of a link and of power saving, through `networksetup` and `pmset`. Reads only. Not run on such a machine yet.

Whether a link is metered, and the Wi-Fi signal, no command of the system tells quickly and without rights: they stay unknown.
"""

import re
from typing import Final

from probe.platform.glimpse import Glimpse, trouble
from probe.platform.tools import Untold, ask
from probe.surroundings import InterfaceKind, Power

PORTS: Final = ("/usr/sbin/networksetup", "-listallhardwareports")
POWER: Final = ("/usr/bin/pmset", "-g")
LOOPBACK: Final = "lo0"
TUNNELS: Final = ("utun", "ipsec", "ppp", "tun", "tap")
_PORT = re.compile(r"^Hardware Port: (.+)\nDevice: (\S+)$", re.MULTILINE)
_SAVER = re.compile(r"^\s*lowpowermode\s+([01])\s*$", re.MULTILINE)


async def read_link(interface: str | None) -> Glimpse:
    """Ask which hardware an interface is."""
    if interface is None:
        return Glimpse()
    if interface == LOOPBACK:
        return Glimpse(kind="loopback")
    if interface.startswith(TUNNELS):
        return Glimpse(kind="vpn")
    told = await ask(PORTS)
    return (
        trouble("networksetup", told.why) if isinstance(told, Untold) else Glimpse(kind=kind_in(told.text, interface))
    )


def kind_in(text: str, interface: str) -> InterfaceKind | None:
    """Read the list of hardware ports. A phone behind USB ("iPhone USB") is a line of its own, and not told."""
    port = {device: name for name, device in _PORT.findall(text)}.get(interface)
    if port is None:
        return None
    if port in {"Wi-Fi", "AirPort"}:
        return "wifi"
    if port.startswith("Bluetooth"):
        return "bluetooth"
    wired = port.startswith(("Ethernet", "Thunderbolt Ethernet")) or " LAN" in port or port.endswith("Ethernet")
    return "ethernet" if wired else "other"


async def read_saver() -> Glimpse:
    """Ask whether the Low Power Mode is on."""
    told = await ask(POWER)
    return trouble("pmset", told.why) if isinstance(told, Untold) else Glimpse(power=Power(saver=saver_in(told.text)))


def saver_in(text: str) -> bool | None:
    """Read `pmset -g`."""
    found = _SAVER.search(text)
    return found[1] == "1" if found else None
