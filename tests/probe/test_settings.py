"""The settings file: what it may say, and the sentence for everything else."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.errors import StateUnusable
from probe.settings import ResolverAddress, Settings, parse_settings, read_settings, resolver_address
from shared.errors import Malformed

FILE = Path("state") / "settings.toml"

WHOLE = """
[dns]
names = ["www.Example.net.", "bücher.example"]
local = ["operator.example"]
resolver = "192.0.2.53:5353"
[fetch]
urls = ["https://www.example.net/picture.jpg?size=3"]
[transfer]
ca = "peer.pem"
"""


def test_no_file_is_no_setting(tmp_path: Path) -> None:
    """A device on which nobody set anything has the defaults."""
    assert read_settings(tmp_path / "settings.toml") == Settings()
    assert parse_settings("", FILE) == Settings()
    assert parse_settings("[dns]\n", FILE) == Settings()


def test_a_whole_file(tmp_path: Path) -> None:
    """Names are spelt in ASCII, addresses taken apart, and a relative path is one beside the file."""
    file = tmp_path / "settings.toml"
    file.write_text(WHOLE, encoding="utf-8")
    assert read_settings(file) == Settings(
        names=("www.example.net", "xn--bcher-kva.example"),
        local_names=("operator.example",),
        resolver=ResolverAddress("192.0.2.53", 5353),
        urls=("https://www.example.net/picture.jpg?size=3",),
        ca=tmp_path / "peer.pem",
    )


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.0.2.53", "192.0.2.53", 53),
        ("192.0.2.53:5353", "192.0.2.53", 5353),
        ("::1", "::1", 53),
        ("[::1]", "::1", 53),
        ("[::1]:5353", "::1", 5353),
        ("fe80::1%wlan0", "fe80::1%wlan0", 53),
    ],
)
def test_a_resolvers_address(text: str, host: str, port: int) -> None:
    """A resolver is an address, with a port or without, and reads as it is written."""
    address = resolver_address(text)
    assert address == ResolverAddress(host, port)
    assert resolver_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ('[dns]\nname = ["a.example"]', "[dns] name", "[dns] names"),
        ("[dsn]\n", "[dsn]", "[dns] names"),
        ("names = []", "names", "[dns] names"),
        ("dns = 5", "[dns] names", "host names"),
        ('[dns]\nnames = "a.example"', "[dns] names", "a list of at most 6"),
        ("[dns]\nnames = [5]", "[dns] names", "host names"),
        ('[dns]\nnames = [""]', "[dns] names", "host names"),
        ('[dns]\nnames = ["a..example"]', "[dns] names", "host names"),
        ('[dns]\nnames = ["192.0.2.1"]', "[dns] names", "host names"),
        ('[dns]\nnames = ["a b.example"]', "[dns] names", "host names"),
        ('[dns]\nnames = ["a,b"]', "[dns] names", "host names"),
        (f"[dns]\nnames = {['a.example'] * 7}", "[dns] names", "at most 6"),
        ("[dns]\nresolver = true", "[dns] resolver", "an address"),
        ('[dns]\nresolver = "dns.example"', "[dns] resolver", "an address"),
        ('[dns]\nresolver = "192.0.2.53:0"', "[dns] resolver", "an address"),
        ('[dns]\nresolver = "192.0.2.53:65536"', "[dns] resolver", "an address"),
        ('[dns]\nresolver = "[::1"', "[dns] resolver", "an address"),
        ('[dns]\nresolver = "[::1]5353"', "[dns] resolver", "an address"),
        ('[fetch]\nurls = ["http://www.example.net/"]', "[fetch] urls", "https"),
        ('[fetch]\nurls = ["https://user:word@www.example.net/"]', "[fetch] urls", "without a user"),
        ('[fetch]\nurls = ["https:///x"]', "[fetch] urls", "https"),
        ('[fetch]\nurls = ["https://a.example:99999/"]', "[fetch] urls", "https"),
        ('[fetch]\nurls = ["https://a.example/ö"]', "[fetch] urls", "https"),
        ('[fetch]\nurls = ["https://a.example/a b"]', "[fetch] urls", "https"),
        ('[fetch]\nurls = ["https://a.example/#x"]', "[fetch] urls", "https"),
        ("[transfer]\nca = 1", "[transfer] ca", "PEM"),
        ('[transfer]\nca = "a\\u0000b"', "[transfer] ca", "PEM"),
    ],
)
def test_what_is_wrong_is_said(text: str, key: str, allowed: str) -> None:
    """A refusal names the file, the key and what the key may hold."""
    with pytest.raises(Malformed) as caught:
        parse_settings(text, FILE)
    assert str(FILE) in str(caught.value)
    assert key in str(caught.value)
    assert allowed in str(caught.value)


def test_what_is_no_toml_is_said(tmp_path: Path) -> None:
    """A file that is not TOML, or no text at all, is refused by its name."""
    file = tmp_path / "settings.toml"
    for data in (b"[dns\n", b"\xff\xfe"):
        file.write_bytes(data)
        with pytest.raises(Malformed, match=r"settings\.toml"):
            read_settings(file)


def test_a_file_that_cannot_be_read_is_no_default(tmp_path: Path) -> None:
    """Settings that are there and cannot be read stop the program; they are not passed over."""
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(StateUnusable, match=r"settings\.toml"):
        read_settings(tmp_path / "settings.toml")


@given(
    st.sampled_from(["names", "resolver", "urls", "local", "ca", "x"]),
    st.sampled_from(["dns", "fetch", "path", "transfer", "y"]),
    st.text(max_size=30) | st.integers() | st.lists(st.text(max_size=20), max_size=3),
)
def test_any_value_is_taken_or_refused(key: str, section: str, value: object) -> None:
    """Whatever stands in the file is a setting or Malformed, and nothing else."""
    spelt = repr(value) if not isinstance(value, str) else '"' + "".join(f"\\U{ord(each):08X}" for each in value) + '"'
    try:
        settings = parse_settings(f"[{section}]\n{key} = {spelt}\n", FILE)
    except Malformed:
        return
    assert all(name.isascii() for name in (*settings.names, *settings.local_names, *settings.urls))


def test_an_absolute_path_stays_as_it_is() -> None:
    """An authority may lie anywhere."""
    there = Path(os.sep) / "etc" / "peer.pem"
    assert parse_settings(f"[transfer]\nca = '{there}'", FILE).ca == there


FIELD = """
[schedule]
quiet = ["23:00-06:30", "12:00 - 13:00"]
[budget]
month_mb = 500
reserve_per_cent = 10
month_starts_on = 14
[link]
interface = "wwan0"
metered = "light"
roaming = "allow"
[power]
least_per_cent = 30
[radio]
hilink = "192.168.8.1"
location = true
[notify]
slow = false
stuck = true
[disk]
outbox_mb = 100
"""


def test_who_sets_nothing_is_told_little() -> None:
    """That the line is slow, and that the collector's log cannot be trusted; the rest if its owner asks for it."""
    assert Settings().notify == parse_settings("", FILE).notify == frozenset({"slow", "log"})


def test_what_a_technician_sets() -> None:
    """Hours, budget, link, power, radio, notices and disk are read in the units their keys name."""
    assert parse_settings(FIELD, FILE) == Settings(
        quiet=((23 * 60, 6 * 60 + 30), (12 * 60, 13 * 60)),
        month_mb=500,
        reserve_per_cent=10,
        month_starts_on=14,
        interface="wwan0",
        metered="light",
        roaming="allow",
        least_charge_per_cent=30,
        hilink="192.168.8.1",
        location=True,
        notify=frozenset({"stuck", "log"}),
        outbox_mb=100,
    )


@pytest.mark.parametrize(
    "text",
    [
        '[schedule]\nquiet = "23:00-06:30"',
        '[schedule]\nquiet = ["23-6"]',
        '[schedule]\nquiet = ["24:00-06:00"]',
        '[schedule]\nquiet = ["06:00-06:00"]',
        '[schedule]\nquiet = ["06:00"]',
        '[schedule]\nquiet = ["01:00-02:00-03:00"]',
        "[budget]\nmonth_mb = 0",
        "[budget]\nmonth_mb = true",
        "[budget]\nmonth_mb = 1.5",
        "[budget]\nmonth_starts_on = 29",
        '[link]\ninterface = "an interface"',
        '[link]\ninterface = "aninterfacenamethatistoolong"',
        '[link]\nmetered = "sometimes"',
        '[radio]\nhilink = "stick.local"',
        '[radio]\nlocation = "yes"',
        "[notify]\nslow = 1",
        "[notify]\nloud = true",
        "notify = 3",
    ],
)
def test_what_is_no_setting(text: str) -> None:
    """A value that is not what its key may hold is refused with the file and the key, and none is guessed."""
    with pytest.raises(Malformed, match=r"settings\.toml"):
        parse_settings(text, FILE)
