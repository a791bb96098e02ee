"""What is read of this device's links, from the kernel's own files as they look on several machines."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from probe.platform import links
from probe.platform.links import Ground, gateway_on, ground, neighbour
from probe.platform.route import ipv4_routes, ipv6_routes

IPV4_TABLE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
wlan0\t0002A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0
wwan0\t00000000\t00000000\t0001\t0\t0\t700\t00000000\t0\t0\t0
"""
IPV6_TABLE = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "fe800000000000000000000000000001 00000064 00000001 00000000 00000003 eth0\n"
)
ARP = """IP address       HW type     Flags       HW address            Mask     Device
192.168.2.1      0x1         0x2         02:fc:00:00:00:05     *        wlan0
192.168.2.9      0x1         0x0         00:00:00:00:00:00     *        wlan0
"""


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty tree in place of /sys/class/net, and no way out."""
    monkeypatch.setattr(links, "INTERFACES", tmp_path)
    monkeypatch.setattr(links, "source_to", lambda *_where: None)
    monkeypatch.setattr(links, "read_routes", lambda version: ipv4_routes(IPV4_TABLE) if version == 4 else ())
    return tmp_path


def interface(sysfs: Path, name: str, operstate: str, carrier: str | None = None, *, hardware: bool = True) -> None:
    """Make an interface."""
    folder = sysfs / name
    folder.mkdir()
    (folder / "operstate").write_text(operstate + "\n")
    if carrier is not None:
        (folder / "carrier").write_text(carrier + "\n")
    if hardware:
        (folder / "device").mkdir()


def test_a_system_that_shows_nothing(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither the kernel nor psutil tells anything, nothing is known, and nothing is guessed."""
    sysfs.rmdir()
    monkeypatch.setattr(links, "psutil", None)
    assert ground() == Ground()
    assert ground().is_up is None


def test_without_a_way_out_the_mobile_link_is_looked_at(sysfs: Path) -> None:
    """Somebody who has no way out waits for his mobile link, then for Wi-Fi, then for what has hardware."""
    interface(sysfs, "lo", "unknown", "1", hardware=False)
    interface(sysfs, "docker0", "down", "0", hardware=False)
    interface(sysfs, "eth0", "down", "0")
    assert ground().interface == "eth0"
    interface(sysfs, "wlan0", "dormant", "0")
    assert ground().interface == "wlan0"
    interface(sysfs, "wwan0", "down")
    found = ground()
    assert (found.interface, found.operstate, found.has_carrier, found.is_up) == ("wwan0", "down", None, False)


@pytest.mark.parametrize(
    ("operstate", "carrier", "is_up"),
    [("up", "1", True), ("unknown", "1", True), ("unknown", None, True), ("up", "0", False), ("dormant", "1", False)],
)
def test_when_a_link_is_up(sysfs: Path, operstate: str, carrier: str | None, is_up: bool) -> None:
    """A driver that does not tell its state works (RFC 2863 as the kernel reads it); without a carrier nothing does."""
    interface(sysfs, "wlan0", operstate, carrier)
    assert ground("wlan0").is_up is is_up


def test_the_next_hop() -> None:
    """It is the default route's gateway; a raw mobile link has none, and IPv6's is one of its link only."""
    assert gateway_on("wlan0", ipv4_routes(IPV4_TABLE)) == ip_address("192.168.2.1")
    assert gateway_on("wwan0", ipv4_routes(IPV4_TABLE)) is None
    assert str(gateway_on("eth0", ipv6_routes(IPV6_TABLE))) == "fe80::1%eth0"


def test_the_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the link layer knows of an address is told, and nothing where the table is hidden or silent."""
    table = tmp_path / "arp"
    monkeypatch.setattr(links, "ARP_TABLE", table)
    assert neighbour(ip_address("192.168.2.1")) is None
    table.write_text(ARP)
    assert neighbour(ip_address("192.168.2.1")) == "complete"
    assert neighbour(ip_address("192.168.2.9")) == "incomplete"
    assert neighbour(ip_address("192.168.2.7")) is None


def test_this_machine() -> None:
    """On the machine at hand the loopback is never what packets leave by, and its own address is of no use."""
    found = ground("lo")
    assert found.families in {(), None}
    assert ground().interface != "lo"
