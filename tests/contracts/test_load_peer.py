"""What every load peer promises, the collector's and the fake one, in both protocols."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from fakes.peer import FakePeer
from fakes.peer import running as running_fake

from collector.clock import SystemClock
from collector.peer.app import PeerConfig, create_peer
from collector.peer.serve import bind_pair, serving
from probe.measure.outcome import Measured
from probe.measure.transfer import PATH, SUBPROTOCOL, WAKE_BYTES, Protocol, TransferPlan
from probe.net import download, upload
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from shared.keys import FileKey

PATIENCE_S = 5
KEY = FileKey.generate().public
CHUNK = bytes(8192)
PLAN = TransferPlan("test", 350_000, 400_000_000, 100_000, 2_000_000)
THREE = replace(PLAN, protocol=Protocol.THROUGHPUT1, flows=3, spacing_us=25_000)


@asynccontextmanager
async def real() -> AsyncIterator[int]:
    """Serve the collector's peer."""
    pair = bind_pair("127.0.0.1", 0)
    config = PeerConfig("test peer", KEY, SystemClock(), random.Random(7), lambda _entry: None)
    async with serving(create_peer(config), pair, config.clock):
        yield pair.port


@asynccontextmanager
async def fake() -> AsyncIterator[int]:
    """Serve the fake one."""
    async with running_fake(FakePeer()) as peer:
        yield peer.port


Serve = Callable[[], AbstractAsyncContextManager[int]]
EACH = pytest.mark.parametrize("serve", [real, fake], ids=["real", "fake"])
SPOKEN = pytest.mark.parametrize("protocol", Protocol)


def query(protocol: Protocol, seconds: float, cap_bytes: int) -> dict[str, str]:
    """Ask for so long and so much."""
    length_ms = str(int(seconds * 1000))
    if protocol is Protocol.NDT7:
        return {"max_ms": length_ms, "max_bytes": str(cap_bytes)}
    return {"mid": "a1", "streams": "1", "duration": length_ms, "bytes": str(cap_bytes), "text_ms": "25"}


def counted(protocol: Protocol, direction: str, text: str) -> tuple[int, int]:
    """What a text says: bytes, and microseconds."""
    said = json.loads(text)
    if protocol is Protocol.NDT7:
        return said["AppInfo"]["NumBytes"], said["AppInfo"]["ElapsedTime"]
    name = "BytesSent" if direction == "download" else "BytesReceived"
    return said["Application"][name], said["ElapsedTime"]


@asynccontextmanager
async def talking(
    serve: Serve, protocol: Protocol, direction: str, asked: dict[str, str]
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Hold a WebSocket open that an ordinary client opened."""
    async with serve() as port, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{port}/{PATH[protocol]}/{direction}"
        async with (
            asyncio.timeout(PATIENCE_S),
            session.ws_connect(url, params=asked, protocols=[SUBPROTOCOL[protocol]], max_msg_size=1 << 24) as ws,
        ):
            assert ws.protocol == SUBPROTOCOL[protocol]
            yield ws


async def everything(ws: aiohttp.ClientWebSocketResponse) -> tuple[int, list[str]]:
    """Read to the peer's closing frame: bytes of load, and the texts."""
    load_bytes, texts = 0, []
    async for message in ws:
        if message.type is aiohttp.WSMsgType.TEXT:
            texts.append(message.data)
        else:
            load_bytes += len(message.data)
    assert ws.close_code == aiohttp.WSCloseCode.OK
    return load_bytes, texts


@EACH
@SPOKEN
async def test_a_download_lasts_as_asked_and_ends_with_its_count(serve: Serve, protocol: Protocol) -> None:
    """Load comes for the time asked for; the last text counts all of it, and then the peer closes."""
    async with talking(serve, protocol, "download", query(protocol, 0.3, 1 << 40)) as ws:
        load_bytes, texts = await everything(ws)
    claims = [counted(protocol, "download", text) for text in texts]
    assert claims == sorted(claims)
    assert claims[-1][0] == load_bytes > 50_000
    assert claims[-1][1] >= 295_000


@EACH
@SPOKEN
async def test_a_cap_ends_a_download(serve: Serve, protocol: Protocol) -> None:
    """A capped download ends at its cap, to the byte in throughput1 and nearly so in ndt7."""
    async with talking(serve, protocol, "download", query(protocol, 3, 50_000)) as ws:
        load_bytes, _ = await everything(ws)
    assert 0 <= load_bytes - 50_000 < (1 if protocol is Protocol.THROUGHPUT1 else 1024)


@EACH
@SPOKEN
async def test_an_upload_is_counted_to_the_last_byte(serve: Serve, protocol: Protocol) -> None:
    """Texts count all that was sent, neither count nor clock going back, and the peer closes in order."""
    async with talking(serve, protocol, "upload", query(protocol, 0.4, 1 << 40)) as ws:
        claims = [(0, 0)]
        for _ in range(10):
            await ws.send_bytes(CHUNK)
        while claims[-1][0] < 10 * len(CHUNK):
            claims.append(counted(protocol, "upload", await ws.receive_str()))
        if protocol is Protocol.NDT7:  # in throughput1 the sender closes
            _, texts = await everything(ws)
            claims += [counted(protocol, "upload", text) for text in texts]
    assert claims == sorted(claims)
    assert claims[-1][0] == 10 * len(CHUNK)


@EACH
async def test_a_sender_that_closes_is_answered_with_the_last_count(serve: Serve) -> None:
    """In throughput1 a goodbye is answered with a text that counts everything before it."""
    protocol = Protocol.THROUGHPUT1
    async with talking(serve, protocol, "upload", query(protocol, 3, 1 << 40)) as ws:
        for _ in range(3):
            await ws.send_bytes(CHUNK)
        await ws._writer.close(1000, b"")
        load_bytes, texts = await everything(ws)
    assert load_bytes == 0
    assert counted(protocol, "upload", texts[-1])[0] == 3 * len(CHUNK)


@EACH
async def test_a_trickle_wakes_the_line_with_little(serve: Serve) -> None:
    """For the time asked for, a message of 64 bytes comes each tenth of a second at most; then load."""
    protocol, sizes = Protocol.THROUGHPUT1, []
    asked = query(protocol, 0.5, 1 << 40) | {"wake_ms": "300"}
    async with talking(serve, protocol, "download", asked) as ws:
        while not sizes or sizes[-1] == WAKE_BYTES:
            message = await ws.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                sizes.append(len(message.data))
        load_bytes, _ = await everything(ws)
    assert 2 <= len(sizes) <= 8
    assert load_bytes > 10 * sum(sizes[:-1])


@EACH
@SPOKEN
async def test_whoever_does_not_speak_the_protocol_is_refused(serve: Serve, protocol: Protocol) -> None:
    """Another subprotocol, or none, is a bad request."""
    async with serve() as port, aiohttp.ClientSession() as session:
        for offered in ((), ("net.measurementlab.ndt.v9",)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(
                    f"http://127.0.0.1:{port}/{PATH[protocol]}/download",
                    params=query(protocol, 1, 1000),
                    protocols=offered,
                )
            assert refused.value.status == 400


@EACH
async def test_a_flow_of_throughput1_names_its_test(serve: Serve) -> None:
    """Without the name of the test or the number of its flows there is none."""
    protocol = Protocol.THROUGHPUT1
    async with serve() as port, aiohttp.ClientSession() as session:
        for missing in ("mid", "streams"):
            asked = query(protocol, 1, 1000)
            del asked[missing]
            url = f"http://127.0.0.1:{port}/{PATH[protocol]}/upload"
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(url, params=asked, protocols=[SUBPROTOCOL[protocol]])
            assert refused.value.status == 400


@EACH
@pytest.mark.parametrize("run", [download.run, upload.run], ids=["download", "upload"])
@pytest.mark.parametrize("plan", [PLAN, THREE], ids=["ndt7", "throughput1"])
async def test_the_probe_measures_against_it(
    serve: Serve, run: Callable[..., Coroutine[Any, Any, Measured]], plan: TransferPlan
) -> None:
    """The probe's own transfers run to a good end, and both sides agree on what was counted."""
    async with serve() as port:
        address = PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", 9, "peer")
        outcome = await run(plan, Scene(address, SystemClock(), bytes))
    members = outcome.members
    assert outcome.end == "ok", members
    assert members["flows"] == plan.flows
    assert members["peer_bytes"] == members["received_bytes"]
    assert "peer_inconsistent" not in members
