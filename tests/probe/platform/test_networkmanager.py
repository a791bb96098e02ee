"""NetworkManager's word on tunnels and on who else uses the link, from a table of properties."""

from typing import Any, cast

import pytest
from fakes.plain_bus import PlainBus

from probe.platform.glimpse import Glimpse
from probe.platform.networkmanager import ROOT, SERVICE, read
from probe.platform.system_bus import Bus, Silent


def bus(**connections: dict[str, Any]) -> Bus:
    """NetworkManager with these connections up; `method` and `mode` of one stand for its settings and its device."""
    plain = PlainBus(
        {(ROOT, SERVICE, "Devices"): [], (ROOT, SERVICE, "ActiveConnections"): [f"/{one}" for one in connections]}
    )
    for name, changed in connections.items():
        told = {"Vpn": False, "Default": True, "Default6": False, "Devices": [f"/{name}/device"], **changed}
        if "method" in told:
            plain.methods[f"/{name}/settings", "GetSettings"] = {"ipv4": {"method": told["method"]}}
        plain.told |= {(f"/{name}", f"{SERVICE}.Connection.Active", key): value for key, value in told.items()}
        plain.told[f"/{name}", f"{SERVICE}.Connection.Active", "Connection"] = f"/{name}/settings"
        if "mode" in told:
            plain.told[f"/{name}/device", f"{SERVICE}.Device.Wireless", "Mode"] = told["mode"]
    return cast("Bus", plain)


@pytest.mark.parametrize(
    ("vpn", "told"),
    [
        (True, {"Vpn": True}),
        (True, {"Vpn": True, "Default": False, "Default6": True}),
        (None, {"Vpn": True, "Default": False}),
        (None, {"Vpn": False}),
        (None, {"Vpn": "yes"}),
    ],
)
async def test_a_tunnel_that_carries_the_default_way(vpn: bool | None, told: dict[str, Any]) -> None:
    """A VPN counts if everything goes through it; one for a few addresses does not, and none is no word on others'."""
    assert (await read(bus(one=told), None)).vpn is vpn


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        (True, {"mode": 3}),
        (None, {"mode": 2, "method": "auto"}),
        (True, {"method": "shared"}),
        (None, {"method": "auto"}),
        (None, {}),
        (None, {"Devices": None, "Connection": "/"}),
    ],
)
async def test_who_else_is_on_the_link(shared: bool | None, told: dict[str, Any]) -> None:
    """An access point, or a connection that is there for others, shares this device's link."""
    assert (await read(bus(one={"method": "auto"}, two=told), None)).shared is shared


async def test_a_daemon_that_is_not_there_or_fails() -> None:
    """Its absence is no trouble; its failure is one."""
    assert await read(cast("Bus", PlainBus(failing=Silent("x", absent=True))), "eth0") == Glimpse()
    assert await read(cast("Bus", PlainBus(failing=Silent("x"))), "eth0") == Glimpse(troubles=("networkmanager: x",))


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ({"DeviceType": 1, "Metered": 0}, Glimpse()),
        ({"DeviceType": 8, "Metered": 4}, Glimpse(kind="cellular", metered=False)),
        ({"DeviceType": 16, "Metered": 1}, Glimpse(kind="vpn", metered=True)),
        ({"DeviceType": 2, "Metered": 2}, Glimpse(kind="wifi", metered=False)),
        ({"DeviceType": True, "Metered": [1]}, Glimpse()),
        ({}, Glimpse()),
    ],
)
async def test_devices(told: dict[str, Any], seen: Glimpse) -> None:
    """What looks like Ethernet is left to the kernel, since a stick does too; odd answers are none."""
    device = {"IpInterface": "", "Interface": "any0", **told}
    plain = PlainBus(
        {(ROOT, SERVICE, "Devices"): ["/d"], (ROOT, SERVICE, "ActiveConnections"): "odd"}
        | {("/d", f"{SERVICE}.Device", name): value for name, value in device.items()}
    )
    assert await read(cast("Bus", plain), "any0") == seen
    assert await read(cast("Bus", plain), "other0") == Glimpse()


async def test_an_access_point_that_is_gone() -> None:
    """A Wi-Fi without an access point has no frequency."""
    plain = PlainBus(
        {(ROOT, SERVICE, "Devices"): ["/d"], (ROOT, SERVICE, "ActiveConnections"): []}
        | {("/d", f"{SERVICE}.Device", "IpInterface"): "wlan0", ("/d", f"{SERVICE}.Device", "DeviceType"): 2}
        | {("/d", f"{SERVICE}.Device.Wireless", "ActiveAccessPoint"): "/"}
    )
    assert await read(cast("Bus", plain), "wlan0") == Glimpse(kind="wifi")
