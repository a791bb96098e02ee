"""How interfaces and hops are named in records: never by an address of the hardware. Pure.

udev names adapters on a USB port after their MAC address (enx0c5b8f279a64), and a link-local IPv6 address often holds one;
both would follow a person from network to network.
"""

import re
from ipaddress import IPv6Address, ip_address

_BY_ADDRESS = re.compile(r"(en|wl|ww)x[0-9a-f]{12}")


def public_name(interface: str | None) -> str | None:
    """An interface's name as records have it: of one that is named by its hardware's address only the kind."""
    if interface is None:
        return None
    found = _BY_ADDRESS.fullmatch(interface)
    return interface if found is None else f"{found[1]}x"


def public_address(address: str) -> str:
    """A hop's address as records have it; of a link-local one only that it is one."""
    try:
        told = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return "fe80::" if isinstance(told, IPv6Address) and told.is_link_local else address
