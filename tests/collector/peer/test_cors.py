"""Which answers a page of another origin may read."""

from typing import TYPE_CHECKING

import aiohttp
import pytest

if TYPE_CHECKING:
    from conftest import PeerFactory, Served

ORIGIN = {"Origin": "http://page.example"}
LIBRESPEED = ("/backend/garbage.php?ckSize=1", "/backend/empty.php", "/backend/getIP.php")


@pytest.mark.parametrize("path", ["/v1/peer", "/object/1", "/.well-known/nq", "/nq/small", *LIBRESPEED])
async def test_what_no_page_asks_for_is_not_opened(peer: "Served", session: aiohttp.ClientSession, path: str) -> None:
    """An endpoint that no third-party page needs, or that was not asked to, allows no other origin."""
    async with session.get(peer.url + path, headers=ORIGIN) as answer:
        assert answer.status == 200
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("path", ["/__down?bytes=1", "/backend/empty.php?cors=true", "/backend/getIP.php?cors=true"])
async def test_what_a_page_needs_is_open(peer: "Served", session: aiohttp.ClientSession, path: str) -> None:
    """Any origin may read what the browser clients read, and no credentials go with it."""
    async with session.get(peer.url + path, headers=ORIGIN) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/__up", "content-type"),
        ("/__down?bytes=0", "content-type"),
        ("/backend/empty.php?cors=true&r=0.5", "content-encoding"),
        ("/results/telemetry.php?cors=true", "content-type"),
    ],
)
async def test_preflights(peer: "Served", session: aiohttp.ClientSession, path: str, headers: str) -> None:
    """A preflight is told that the client's method and headers are allowed, and it is no transfer."""
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}
    async with session.options(peer.url + path, headers=asked) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert headers in answer.headers["Access-Control-Allow-Headers"].lower()
    assert peer.journal == []


async def test_a_refusal_can_be_read(start_peer: "PeerFactory", session: aiohttp.ClientSession) -> None:
    """A page learns that the peer is busy or was asked for nonsense, instead of seeing a dead link."""
    async with start_peer(max_clients=1) as served:
        async with session.get(f"{served.url}/__down?bytes=x", headers=ORIGIN) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (400, "*")
        stalled = await session.get(f"{served.url}/fault/stall")
        for path in ("/__down?bytes=0", "/backend/empty.php?cors=true"):
            async with session.get(served.url + path, headers=ORIGIN) as answer:
                assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (503, "*")
        stalled.close()
