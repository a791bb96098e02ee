"""What stands between the device and a host, by routing tables as the kernel writes them."""

import sys
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.hops import Near, Standing
from probe.platform import route
from probe.platform.route import ipv4_routes, ipv6_routes, near, route_to, standing_towards

IPV4_TABLE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
wwan0\t00000000\t00000000\t0001\t0\t0\t700\t00000000\t0\t0\t0
dead0\t00000000\t00000000\t0201\t0\t0\t700\t00000000\t0\t0\t0
"""
IPV6_TABLE = """\
fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
"""
little_endian = pytest.mark.skipif(
    sys.byteorder != "little", reason="the sample was written by a little-endian machine"
)


@little_endian
@pytest.mark.parametrize(
    ("own", "target", "interface", "expected"),
    [
        ("192.0.2.2", "198.51.100.1", "eth0", Near.GATEWAY),
        ("192.0.2.2", "192.0.2.9", "eth0", Near.LINK),
        ("192.0.2.2", "192.0.2.2", "eth0", Near.HOST),
        ("127.0.0.1", "127.0.0.2", "lo", Near.HOST),
        ("10.1.2.3", "198.51.100.1", "wwan0", Near.OPERATOR),
        ("10.1.2.3", "198.51.100.1", "rmnet_data1", Near.OPERATOR),
        ("10.8.0.2", "198.51.100.1", "tun0", Near.UNKNOWN),
        ("192.0.2.2", "198.51.100.1", None, Near.UNKNOWN),
        ("192.0.2.2", "198.51.100.1", "eth9", Near.UNKNOWN),
        ("192.0.2.2", "198.51.100.1", "dead0", Near.UNKNOWN),
        ("192.168.1.2", "198.51.100.1", "wlan0", Near.GATEWAY),
    ],
)
def test_what_is_near(own: str, target: str, interface: str | None, expected: Near) -> None:
    """Gateway or own network by the table, the operator by the interface, and unknown where neither tells."""
    assert near(ip_address(target), ip_address(own), interface, ipv4_routes(IPV4_TABLE)) is expected


def test_ipv6_routes() -> None:
    """The more specific route counts, and one that rejects is none."""
    routes = ipv6_routes(IPV6_TABLE)
    assert len(routes) == 2
    own = ip_address("fd00::2")
    assert near(ip_address("2001:db8::1"), own, "eth0", routes) is Near.GATEWAY
    assert near(ip_address("fd00::7"), own, "eth0", routes) is Near.LINK
    assert route_to(ip_address("2001:db8::1"), "lo", routes) is None


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"\neth0 x y z a b c d\n", b"x x x x x x x x x x\n"])
@pytest.mark.parametrize("target", ["198.51.100.1", "2001:db8::1"])
def test_a_table_that_cannot_be_read_says_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, target: str
) -> None:
    """A hidden, absent or odd table is an empty one."""
    file = tmp_path / "table"
    if content is not None:
        file.write_bytes(content)
    for name in ("IPV4_TABLE", "IPV6_TABLE"):
        monkeypatch.setattr(route, name, file)
    assert standing_towards(ip_address(target), "192.0.2.77") == Standing(Near.UNKNOWN, ip_address("192.0.2.77"))


def test_loopback_is_this_device() -> None:
    """The address a packet leaves from, with its zone, is kept as the device's own."""
    assert standing_towards(ip_address("::1"), "::1").near is Near.HOST
    assert standing_towards(ip_address("2001:db8::1"), "fe80::1%nowhere").own == ip_address("fe80::1%nowhere")


@given(st.text(max_size=200))
def test_any_text_is_a_table_or_a_value_error(text: str) -> None:
    """Reading a table ends with rows or one of the errors its caller knows."""
    for read in (ipv4_routes, ipv6_routes):
        with suppress(ValueError, OverflowError):
            assert isinstance(read(text), tuple)
