"""A peer that moves nothing large without a ticket."""

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from strategies import key_of_scalar

from collector.clock import SystemClock
from collector.peer.anonymous import SMALL_BYTES, require_small
from collector.peer.app import PeerConfig, create_peer
from collector.peer.errors import NoTicket
from collector.peer.serve import bind_pair, serving


@pytest.fixture
async def closed() -> AsyncIterator[str]:
    """The address of a peer that is closed to anonymous load."""
    pair = bind_pair("127.0.0.1", 0)
    clock = SystemClock()
    config = PeerConfig("north", key_of_scalar(0x9EE4).public, clock, random.Random(7), lambda _: None, anonymous=False)
    async with serving(create_peer(config), pair, clock):
        yield f"http://127.0.0.1:{pair.port}"


def test_what_is_small() -> None:
    """The largest small length passes; one byte more, or a length nobody announced, does not."""
    require_small(SMALL_BYTES)
    for n_bytes in (SMALL_BYTES + 1, None):
        with pytest.raises(NoTicket, match="announced"):
            require_small(n_bytes)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/peer", 200),
        (f"/object/{SMALL_BYTES}", 200),
        (f"/object/{SMALL_BYTES + 1}", 403),
        ("/backend/garbage.php?ckSize=1", 403),
        (f"/__down?bytes={SMALL_BYTES}", 200),
        (f"/__down?bytes={SMALL_BYTES + 1}", 403),
        ("/nothing", 404),
        ("/fault/503", 503),
    ],
)
async def test_large_answers_need_a_ticket(closed: str, session: aiohttp.ClientSession, path: str, status: int) -> None:
    """Small answers are for everybody, large ones are refused before their first byte, on every endpoint."""
    async with session.get(closed + path) as answer:
        assert answer.status == status
        if status == 403:
            assert (await answer.json(content_type=None))["type"].endswith(":no_ticket")
        await answer.read()


async def test_a_head_moves_nothing(closed: str, session: aiohttp.ClientSession) -> None:
    """The size of a large object may be asked."""
    async with session.head(f"{closed}/object/{SMALL_BYTES + 1}") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(SMALL_BYTES + 1)


async def test_large_bodies_need_a_ticket(closed: str, session: aiohttp.ClientSession) -> None:
    """Small bodies are taken; large ones, and those of unknown length, are refused."""

    async def unknown() -> AsyncIterator[bytes]:
        yield b"x"

    async with session.post(f"{closed}/sink", data=bytes(1000)) as answer:
        assert (answer.status, await answer.json()) == (200, {"received_bytes": 1000})
    async with session.post(f"{closed}/sink", data=unknown()) as answer:
        assert answer.status == 403
    async with session.post(
        f"{closed}/sink", headers={"Content-Length": "1000001", "Expect": "100-continue"}, data=b""
    ) as answer:
        assert answer.status == 403


async def test_the_introduction_says_so(closed: str, session: aiohttp.ClientSession) -> None:
    """A probe can know before it asks."""
    async with session.get(f"{closed}/v1/peer") as answer:
        assert (await answer.json())["anonymous"] is False


@pytest.mark.parametrize("way", ["download", "upload"])
@pytest.mark.parametrize(
    ("path", "protocol", "query"),
    [
        ("/ndt/v7", "net.measurementlab.ndt.v7", ""),
        ("/throughput/v1", "net.measurementlab.throughput.v1", "?mid=m&streams=1"),
        ("/throughput/v1", "net.measurementlab.throughput.v1", "?mid=m&streams=1&sid=made-up&flow=0"),
    ],
)
async def test_load_needs_a_ticket(
    closed: str, session: aiohttp.ClientSession, path: str, protocol: str, query: str, way: str
) -> None:
    """A flow without a ticket, or with one that nobody gave, is refused with the reason before it is a WebSocket."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": protocol,
    }
    async with session.get(f"{closed}{path}/{way}{query}", headers=headers) as answer:
        assert answer.status == 403
        assert (await answer.json(content_type=None))["type"].endswith(":no_ticket")
