"""What aiohttp is given in place of its own: a resolver that nobody waits for."""

import socket

import pytest

from probe.net.http import Resolver, host_of


async def test_every_address_is_given_with_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link-local address is of use only with its zone; others have none."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 80, 0, 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 3)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    resolver = Resolver()
    given = await resolver.resolve("www.example.net", 80, socket.AF_UNSPEC)
    await resolver.close()
    assert [one["host"] for one in given] == ["192.0.2.1", "2001:db8::1", "fe80::1%3"]
    assert {(one["hostname"], one["port"]) for one in given} == {("www.example.net", 80)}
    assert [one["family"] for one in given] == [socket.AF_INET, socket.AF_INET6, socket.AF_INET6]


async def test_a_name_that_is_none_is_the_resolvers_error() -> None:
    """What the system says of a name reaches whoever wanted to connect."""
    with pytest.raises(socket.gaierror):
        await Resolver().resolve("no-such-host.invalid", 80)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://proof.example:8443/x", "proof.example"),
        ("http://[::1]:80", "::1"),
        ("nonsense", None),
        (None, None),
        ("http://[", None),
    ],
)
def test_the_host_of_a_url(url: str | None, host: str | None) -> None:
    """A URL has a host, or there is none to look up."""
    assert host_of(url) == host
