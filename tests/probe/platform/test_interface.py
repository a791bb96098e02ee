"""What the kernel says of an interface, in planted trees."""

from pathlib import Path

import pytest

from probe.platform.glimpse import Glimpse
from probe.platform.interface import Files, forwards, kind_here, read, wifi_signal

WIRELESS = """Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   59.  -51.  -256        0      0      0      0      0        0
  old0: 0000   59.  205.  0           0      0      0      0      0        0
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Two empty trees."""
    (tmp_path / "proc" / "sys" / "net" / "ipv4").mkdir(parents=True)
    (tmp_path / "proc" / "net").mkdir()
    return Files(tmp_path / "sys", tmp_path / "proc")


def plant(files: Files, name: str, arphrd: str = "1", devtype: str = "", *extra: str, driver: str = "") -> None:
    """Plant an interface with a type, a DEVTYPE, further entries, and hardware behind it."""
    folder = files.sys / name
    folder.mkdir(parents=True)
    (folder / "type").write_text(f"{arphrd}\n")
    (folder / "uevent").write_text((f"DEVTYPE={devtype}\n" if devtype else "") + f"INTERFACE={name}\nIFINDEX=2\n")
    for entry in extra:
        (folder / entry).mkdir()
    if driver:
        (folder / "device").mkdir()
        (folder / "device" / "driver").symlink_to(f"../../bus/drivers/{driver}")


@pytest.mark.parametrize(
    ("name", "arphrd", "devtype", "extra", "driver", "kind"),
    [
        ("lo", "772", "", (), "", "loopback"),
        ("eth0", "1", "", (), "e1000e", "ethernet"),
        ("wlan0", "1", "wlan", (), "iwlwifi", "wifi"),
        ("odd0", "1", "", ("wireless",), "ath9k", "wifi"),
        ("wwan9", "1", "", ("phy80211",), "", "wifi"),
        ("wwan0", "519", "wwan", (), "qmi_wwan", "cellular"),
        ("eth1", "1", "wwan", (), "cdc_mbim", "cellular"),
        ("eth1", "1", "", (), "cdc_ether", "other"),
        ("usb0", "1", "", (), "rndis_host", "other"),
        ("tailscale0", "65534", "", ("tun_flags",), "", "vpn"),
        ("home", "65534", "wireguard", (), "", "vpn"),
        ("bnep0", "1", "bluetooth", (), "", "bluetooth"),
        ("br0", "1", "bridge", (), "", "other"),
        ("veth1", "1", "", (), "", "other"),
        ("wlan0.7", "1", "vlan", (), "", "wifi"),
        ("rmnet0", "519", "", (), "", "cellular"),
    ],
)
def test_kinds(
    files: Files, name: str, arphrd: str, devtype: str, extra: tuple[str, ...], driver: str, kind: str
) -> None:
    """The kernel's word goes before the name: Wi-Fi by its folders, a modem by its device type, a phone's USB by its driver."""
    plant(files, name, arphrd, devtype, *extra, driver=driver)
    assert kind_here(name, files) == kind


def test_hardware_without_a_driver_named(files: Files) -> None:
    """An Ethernet device whose driver cannot be read is still one; an interface that is not there goes by its name."""
    plant(files, "eth0", "1", "", "device")
    assert kind_here("eth0", files) == "ethernet"
    assert kind_here("wlan0", files) == "wifi"
    assert kind_here("gone0", files) == "other"


def test_forwarding(files: Files) -> None:
    """A kernel that passes on nothing has nobody behind it; one that might, or does not tell, says nothing of it."""
    assert read(None, files) == Glimpse()
    (files.proc / "sys" / "net" / "ipv4" / "ip_forward").write_text("0\n")
    assert not forwards(files)
    assert read(None, files) == Glimpse(shared=False)
    folder = files.proc / "sys" / "net" / "ipv6" / "conf" / "all"
    folder.mkdir(parents=True)
    (folder / "forwarding").write_text("1\n")
    assert forwards(files)
    assert read("../../etc", files) == Glimpse()


def test_wifi_signal(files: Files) -> None:
    """The signal is told in dBm, or not at all."""
    assert [wifi_signal(WIRELESS, name) for name in ("wlan0", "old0", "none0")] == [-51, None, None]
    assert wifi_signal("wlan0: 1", "wlan0") is None
    plant(files, "wlan0", "1", "wlan", driver="iwlwifi")
    (files.proc / "net" / "wireless").write_text(WIRELESS)
    assert read("wlan0", files) == Glimpse(kind="wifi", wifi_rssi_dbm=-51)
