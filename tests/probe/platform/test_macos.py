"""macOS's commands, played by what they print on such machines."""

import pytest

from probe.platform import macos
from probe.platform.glimpse import Glimpse
from probe.platform.macos import kind_in, read_link, read_saver, saver_in
from probe.platform.tools import Told, Untold
from probe.surroundings import Power

PORTS = """
Hardware Port: Ethernet
Device: en0
Ethernet Address: 02:00:00:00:00:01

Hardware Port: Wi-Fi
Device: en1
Ethernet Address: 02:00:00:00:00:02

Hardware Port: USB 10/100/1000 LAN
Device: en7
Ethernet Address: 02:00:00:00:00:03

Hardware Port: iPhone USB
Device: en8
Ethernet Address: 02:00:00:00:00:04

Hardware Port: Bluetooth PAN
Device: en4
Ethernet Address: 02:00:00:00:00:05

Hardware Port: Thunderbolt Bridge
Device: bridge0
Ethernet Address: 02:00:00:00:00:06

VLAN Configurations
===================
"""
PMSET = """System-wide power settings:
Currently in use:
 standby              1
 lowpowermode         1
 displaysleep         10
"""


def answering(monkeypatch: pytest.MonkeyPatch, told: Told | Untold) -> None:
    """Every command answers this."""

    async def ask(_command: tuple[str, ...]) -> Told | Untold:
        return told

    monkeypatch.setattr(macos, "ask", ask)


@pytest.mark.parametrize(
    ("interface", "kind"),
    [
        *[("en0", "ethernet"), ("en1", "wifi"), ("en7", "ethernet"), ("en8", "other"), ("en4", "bluetooth")],
        *[("bridge0", "other"), ("en9", None)],
    ],
)
def test_hardware_ports(interface: str, kind: str | None) -> None:
    """An interface is the hardware it is listed with; a phone's line behind USB is not told."""
    assert kind_in(PORTS, interface) == kind


async def test_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tunnels and the loopback are known by name; who cannot be asked is a trouble."""
    answering(monkeypatch, Told(PORTS))
    told = [await read_link(name) for name in (None, "lo0", "utun3", "en1")]
    assert told == [Glimpse(), Glimpse(kind="loopback"), Glimpse(kind="vpn"), Glimpse(kind="wifi")]
    answering(monkeypatch, Untold("ended with 1"))
    assert (await read_link("en1")).troubles == ("networksetup: ended with 1",)


async def test_saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Low Power Mode is told where the machine has one."""
    answering(monkeypatch, Told(PMSET))
    assert await read_saver() == Glimpse(power=Power(saver=True))
    assert saver_in(PMSET.replace("lowpowermode         1", "lowpowermode         0")) is False
    assert saver_in("") is None
    answering(monkeypatch, Untold("ended with 1"))
    assert (await read_saver()).troubles == ("pmset: ended with 1",)
