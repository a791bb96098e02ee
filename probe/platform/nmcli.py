"""What NetworkManager says of the link, through `nmcli`: kind and metered, where D-Bus cannot be spoken to. Asks only.

`nmcli -t` (1.42) prints one `NAME:value` a line and an empty line after each device. A modem's device is its control port; the
interface that carries packets is its IP-IFACE. No name of a network is asked for.
"""

from typing import Final

from probe.platform.glimpse import Glimpse, trouble
from probe.platform.tools import Untold, ask
from probe.surroundings import InterfaceKind

FIELDS: Final = ("GENERAL.DEVICE", "GENERAL.TYPE", "GENERAL.IP-IFACE", "GENERAL.METERED")
COMMAND: Final = ("nmcli", "-t", "-f", ",".join(FIELDS), "device", "show")
NOT_RUNNING: Final = 8
KINDS: Final[dict[str, InterfaceKind]] = {  # an Ethernet may be a stick: the kernel knows better
    "wifi": "wifi",
    "bt": "bluetooth",
    "gsm": "cellular",
    "cdma": "cellular",
    "tun": "vpn",
    "wireguard": "vpn",
}
METERED: Final = {"yes": True, "yes (guessed)": True, "no": False, "no (guessed)": False}


async def read(interface: str | None) -> Glimpse:
    """Read what it says of an interface; where nmcli or NetworkManager is absent there is nothing to tell."""
    if interface is None:
        return Glimpse()
    told = await ask(COMMAND)
    if isinstance(told, Untold):
        return Glimpse() if told.absent or told.code == NOT_RUNNING else trouble("nmcli", told.why)
    return of_interface(told.text, interface)


def of_interface(text: str, interface: str) -> Glimpse:
    """Find the device whose packets leave by an interface in what `nmcli` printed."""
    for block in text.split("\n\n"):
        told = dict(line.split(":", 1) for line in block.splitlines() if ":" in line)
        if interface == (told.get(FIELDS[2]) or told.get(FIELDS[0])):
            return Glimpse(kind=KINDS.get(told.get(FIELDS[1], "")), metered=METERED.get(told.get(FIELDS[3], "")))
    return Glimpse()
