"""One picture of what several readers saw."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.platform.glimpse import KINDS_BY_WEIGHT, MOST_TROUBLES, Glimpse, carried, picture, trouble
from probe.surroundings import InterfaceKind, Link, Power, Radio, Surroundings


def kind_of(*kinds: InterfaceKind | None) -> str:
    """The kind that these readers' words come to."""
    return picture("any0", [Glimpse(kind=one) for one in kinds], has_way=True).link.kind


def test_nobody_saw_anything() -> None:
    """Where nobody saw anything everything is absent but what was known before."""
    assert picture(None, [], has_way=False) == Surroundings(Link(has_way=False))


@given(st.lists(st.none() | st.sampled_from(KINDS_BY_WEIGHT)), st.data())
def test_wifi_is_never_taken_for_cellular(kinds: list[InterfaceKind | None], data: st.DataObject) -> None:
    """Whatever else is said of a link: if one reader says Wi-Fi, it is not cellular."""
    said = data.draw(st.permutations([*kinds, "wifi"]))
    assert kind_of(*said) in {"wifi", "loopback"}


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        (("ethernet", "cellular"), "cellular"),
        (("vpn", "cellular"), "cellular"),
        (("wifi", "cellular"), "wifi"),
        (("cellular", "bluetooth"), "bluetooth"),
        (("other", "vpn"), "vpn"),
        ((None, None), "other"),
    ],
)
def test_of_several_kinds(kinds: tuple[InterfaceKind | None, ...], kind: str) -> None:
    """A stick that looks like Ethernet is cellular, reached over Wi-Fi it is Wi-Fi, and a modem's ppp0 is no VPN."""
    assert kind_of(*kinds) == kind


def test_vpn() -> None:
    """A tunnel's interface is a VPN; what leaves by hardware is none unless somebody says that one is up."""
    told = {
        kind: picture("any0", [Glimpse(kind=kind)], has_way=True).link.vpn
        for kind in ("vpn", "wifi", "cellular", "ethernet", "other", "loopback")
    }
    assert told == {"vpn": True, "wifi": False, "cellular": False, "ethernet": False, "other": None, "loopback": None}
    assert picture("wlan0", [Glimpse(kind="wifi"), Glimpse(vpn=True)], has_way=True).link.vpn is True


def test_shared_and_throttled_if_anyone_says_so() -> None:
    """One reader that sees others on this link, or the processor held back, is enough."""
    seen = [
        Glimpse(shared=False, power=Power(throttled=False)),
        Glimpse(shared=True, power=Power(throttled=True, saver=True)),
    ]
    told = picture("any0", seen, has_way=True)
    assert told.link.shared is True
    assert told.power == Power(saver=True, throttled=True)
    assert picture("any0", seen[:1], has_way=True).link.shared is False


def test_the_radio_of_the_link_is_told() -> None:
    """Of two modems the one that carries the packets is told, else the first."""
    stick, modem = Radio("hilink", interface="eth1"), Radio("modemmanager", interface="wwan0")
    seen = [Glimpse(radio=stick), Glimpse(radio=modem)]
    assert picture("wwan0", seen, has_way=True).radio == modem
    assert picture("eth1", seen, has_way=True).radio == stick
    assert picture("wlan0", seen, has_way=True).radio == stick
    assert picture(None, [Glimpse(radio=modem), Glimpse(radio=Radio("termux"))], has_way=False).radio == modem


def test_wifi_signal_belongs_to_wifi() -> None:
    """The signal of a Wi-Fi that does not carry the packets is not told."""
    signal = Glimpse(wifi_rssi_dbm=-51, wifi_mhz=5180)
    assert picture("wlan0", [Glimpse(kind="wifi"), signal], has_way=True).link.wifi_rssi_dbm == -51
    assert picture("wwan0", [Glimpse(kind="cellular"), signal], has_way=True).link.wifi_mhz is None


def test_troubles_are_told_once_and_not_without_end() -> None:
    """The same trouble is told once, and there is an end to them."""
    seen = [trouble("a", "b"), trouble("a", "b"), *[trouble("x", str(n)) for n in range(20)]]
    told = picture(None, seen, has_way=True).troubles
    assert told[:2] == ("a: b", "x: 0")
    assert len(told) == MOST_TROUBLES


def test_carried() -> None:
    """A bearer's interface makes a link cellular only if packets leave by it."""
    assert [carried("wwan0", "wwan0"), carried("wlan0", "wwan0"), carried(None, None)] == ["cellular", None, None]
