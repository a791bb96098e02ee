"""URLs as the probe reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.outcome import CouldNotRun
from probe.net.address import PeerAddress
from probe.net.http import Url, host_of, read_url, url_of


@pytest.mark.parametrize(
    ("text", "url", "authority", "target"),
    [
        ("http://a.example", Url("http", "a.example", 80), "a.example", "/"),
        ("HTTPS://A.Example:443/x?y=%20", Url("https", "a.example", 443, "/x", "y=%20"), "a.example", "/x?y=%20"),
        ("http://a.example:443/", Url("http", "a.example", 443, "/"), "a.example:443", "/"),
        ("https://[2001:db8::1]:8443?y", Url("https", "2001:db8::1", 8443, "", "y"), "[2001:db8::1]:8443", "/?y"),
        ("http://[fe80::1%eth0]/", Url("http", "fe80::1%eth0", 80, "/"), "[fe80::1]", "/"),
        ("http://user:word@a.example/x#y", Url("http", "a.example", 80, "/x"), "a.example", "/x"),
        ("http://bücher.example", Url("http", "xn--bcher-kva.example", 80), "xn--bcher-kva.example", "/"),
    ],
)
def test_what_a_url_says(text: str, url: Url, authority: str, target: str) -> None:
    """Host, port and target are those of the URL; a usual port, a user, a zone and a fragment are told to nobody."""
    assert read_url(text) == url
    assert (url.authority, url.target, str(url)) == (authority, target, f"{url.scheme}://{authority}{target}")


WRONG = [
    "",
    "nonsense",
    "//a.example",
    "ftp://a.example",
    "http://",
    "http://:80",
    "http://[::1",
    "http://[x]/",
    "http://a.example:0",
    "http://a.example:65536",
    "http://a.example:x",
    "http://a.exam\nple",
    "http://a.example/x y",
    "http://a.example/x\ty",
    "http://a.example/\x7f",
    "http://a.example/ü",
    "http://a.example/?ü",
    "http://ü..example",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_url(text: str) -> None:
    """What is not an absolute http(s) URL to the letter is none."""
    with pytest.raises(ValueError):  # noqa: PT011  (its subclasses are the standard library's)
        read_url(text)
    assert host_of(text) is None
    with pytest.raises(CouldNotRun, match="peer p"):
        url_of(PeerAddress(text, "127.0.0.1", 9, "p"), "x")


@given(st.text(max_size=40) | st.text(max_size=40).map("http://a.example/{}".format))
def test_any_text_is_a_url_or_none(text: str) -> None:
    """Whatever text is read, nothing that a request line or a header cannot hold comes out of it."""
    try:
        url = read_url(text)
    except ValueError:
        return
    assert read_url(str(url)) == Url(url.scheme, url.host, url.port, url.path or "/", url.query)
    assert (url.target + url.authority).isascii()
    assert not set(url.target + url.authority) & set(" \r\n\t\0")


@pytest.mark.parametrize(
    ("root", "whole"),
    [
        ("http://a.example", "http://a.example/object/1"),
        ("http://a.example/", "http://a.example/object/1"),
        ("https://a.example:8443/below/?x#y", "https://a.example:8443/below/object/1"),
    ],
)
def test_below_the_peers_root(root: str, whole: str) -> None:
    """A path is joined to the peer's own, whatever stands at its end."""
    for path in ("object/1", "/object/1"):
        assert str(url_of(PeerAddress(root, "127.0.0.1", 9, "p"), path)) == whole


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://proof.example:8443/x", "proof.example"), ("http://[::1]:80", "::1"), (None, None)],
)
def test_the_host_of_a_url(url: str | None, host: str | None) -> None:
    """A URL has a host, or there is none to look up."""
    assert host_of(url) == host
