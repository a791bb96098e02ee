"""The peer as a whole: its introduction and its answers to what it does not serve."""

import base64
import hashlib
from typing import TYPE_CHECKING

import aiohttp
import pytest

from collector.peer.app import METHODS, STATUS
from collector.peer.errors import Declined

if TYPE_CHECKING:
    from conftest import PeerFactory, Served


async def test_introduction(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A peer says who it is, and its key's id is the digest of the key it shows."""
    async with session.get(f"{peer.url}/v1/peer") as answer:
        said = await answer.json()
    assert said["name"] == "test peer"
    assert said["version"] == 1
    assert hashlib.sha256(base64.b64decode(said["spki"])).hexdigest() == said["key_id"] == peer.key_id
    assert set(said["methods"]) == {*METHODS, "fault"}
    assert len(said["methods"]) == len(METHODS) + 1
    assert (said["port"], "tls_port" in said) == (peer.port, False)


def test_every_refusal_has_a_status() -> None:
    """No error for a client is without an entry in the table, and no name stands for two."""
    assert set(STATUS) == set(Declined.__subclasses__())
    assert len({name for _, name in STATUS.values()}) == len(STATUS)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/object", 404), ("POST", "/object/1", 405), ("GET", "/sink", 405)],
)
async def test_what_is_not_served(
    peer: "Served", session: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    """An unknown path or method is answered with a problem, and a wrong method with the right ones."""
    async with session.request(method, peer.url + path) as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert ("Allow" in answer.headers) == (status == 405)


async def test_a_full_peer_still_introduces_itself(start_peer: "PeerFactory", session: aiohttp.ClientSession) -> None:
    """With every place taken transfers get 503 and a time to come back; the introduction is none."""
    async with start_peer(max_clients=1) as served:
        stalled = await session.get(f"{served.url}/fault/stall")
        for method, path in (("GET", "/object/1"), ("POST", "/sink"), ("GET", "/fault/503")):
            async with session.request(method, served.url + path) as answer:
                assert answer.status == 503
                assert (await answer.json(content_type=None))["type"].endswith(":busy")
                assert int(answer.headers["Retry-After"]) > 0
        async with session.get(f"{served.url}/v1/peer") as answer:
            assert answer.status == 200
        stalled.close()
        await served.ended(1)
        async with session.get(f"{served.url}/object/1") as answer:
            assert answer.status == 200
