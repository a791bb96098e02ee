"""No address of the hardware stands in a record."""

import pytest

from probe.naming import public_address, public_name


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("wwan0", "wwan0"),
        ("enp3s0", "enp3s0"),
        ("enx0c5b8f279a64", "enx"),
        ("wlx001122334455", "wlx"),
        ("wwx0c5b8f279a64", "wwx"),
        ("enx0c5b8f279a6", "enx0c5b8f279a6"),
        (None, None),
    ],
)
def test_an_adapter_that_is_named_after_its_address(name: str | None, public: str | None) -> None:
    """Of an interface that udev named after its MAC address only the kind is told."""
    assert public_name(name) == public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("192.168.1.1", "192.168.1.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::211:22ff:fe33:4455", "fe80::"),
        ("fe80::1%wlan0", "fe80::"),
        ("*", "*"),
    ],
)
def test_a_router_that_is_known_by_its_address(address: str, public: str) -> None:
    """Of a link-local address only that it is one is told: it often holds the hardware's."""
    assert public_address(address) == public
