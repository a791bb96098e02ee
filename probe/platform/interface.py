"""What the Linux kernel says of a network interface, in sysfs and procfs: its kind, its Wi-Fi signal, whether it forwards.

The kernel's word goes before a name: `eth1` of a stick in modem mode is `wwan` to the kernel, `wlan0` is Wi-Fi by its
folder. A phone hides these files; there the name has to do (`probe.platform.host`).
"""

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probe.platform.glimpse import Glimpse
from probe.platform.host import REFUSALS, kind_of
from probe.radio.limits import WIFI_DBM
from probe.surroundings import InterfaceKind

try:
    import psutil
except (ImportError, NotImplementedError):  # the index's psutil refuses to be imported on Android
    psutil = None  # type: ignore[assignment]

SYS: Final = Path("/sys/class/net")
PROC: Final = Path("/proc")
DEVTYPES: Final[dict[str, InterfaceKind]] = {  # SET_NETDEV_DEVTYPE in the kernel's drivers
    "wwan": "cellular",
    "wlan": "wifi",
    "bluetooth": "bluetooth",
    "wireguard": "vpn",
}
LOOPBACK: Final = "772"  # ARPHRD_LOOPBACK
ETHERNET: Final = "1"  # ARPHRD_ETHER
# Behind these a phone or a stick may sit that itself is a cellular line: that it is a fixed line is not told.
PHONES_AND_STICKS: Final = frozenset({"cdc_ether", "cdc_ncm", "ipheth", "rndis_host"})
WIRELESS_FIELDS: Final = 4
WIRELESS_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Files:
    """The two trees to read, so that a test can plant others."""

    sys: Path = SYS
    proc: Path = PROC


def read(interface: str | None, files: Files) -> Glimpse:
    """Read what the kernel says of an interface and of forwarding. Blocks; never raises OSError."""
    shared = None if forwards(files) else False
    if interface is None or "/" in interface:
        return Glimpse(shared=shared)
    kind = kind_here(interface, files)
    signal = wifi_signal(_text(files.proc / "net" / "wireless"), interface) if kind == "wifi" else None
    return Glimpse(kind=kind, shared=shared, wifi_rssi_dbm=signal)


def kind_here(interface: str, files: Files) -> InterfaceKind:
    """Say what kind of link an interface is."""
    folder = files.sys / interface
    if _is_there(folder / "wireless") or _is_there(folder / "phy80211"):
        return "wifi"
    its_type = _text(folder / "type").strip()
    if its_type == LOOPBACK:
        return "loopback"
    devtype = dict(line.split("=", 1) for line in _text(folder / "uevent").splitlines() if "=" in line).get("DEVTYPE")
    if devtype in DEVTYPES:
        return DEVTYPES[devtype]
    if _is_there(folder / "tun_flags"):
        return "vpn"
    if its_type == ETHERNET and devtype is None and _is_there(folder / "device"):
        return "other" if _driver(folder) in PHONES_AND_STICKS else "ethernet"
    return kind_of(interface)


def addressed() -> tuple[str, ...]:
    """Name the interfaces that have an IP address; none where the system does not tell. Blocks."""
    if psutil is None:
        return ()
    try:
        told = psutil.net_if_addrs()
    except REFUSALS:
        return ()
    families = {socket.AF_INET, socket.AF_INET6}
    return tuple(name for name, addresses in told.items() if any(one.family in families for one in addresses))


def wifi_signal(text: str, interface: str) -> int | None:
    """Read /proc/net/wireless: the signal level in dBm; older drivers tell no dBm but a figure above zero."""
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        fields = rest.split()
        if name.strip() == interface and len(fields) >= WIRELESS_FIELDS:
            return WIFI_DBM.take(fields[WIRELESS_LEVEL - 1].rstrip("."))
    return None


def forwards(files: Files) -> bool:
    """Say whether the kernel might pass on others' packets; where it does not, nobody shares this link."""
    told = [
        _text(files.proc / "sys" / "net" / name).strip() for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding")
    ]
    return told[0] != "0" or told[1] not in {"0", ""}


def _driver(folder: Path) -> str:
    try:
        return (folder / "device" / "driver").readlink().name
    except OSError:
        return ""


def _is_there(file: Path) -> bool:
    try:
        file.lstat()
    except OSError:
        return False
    return True


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
