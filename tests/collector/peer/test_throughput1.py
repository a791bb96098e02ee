"""throughput1: its queries and texts without a socket, then whole flows over loopback."""

import asyncio
import hashlib
import itertools
import json
import random
import struct
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer import loadtest
from collector.peer.account import End
from collector.peer.errors import BadRequest
from collector.peer.loadtest import TRICKLE_BYTES, Direction, LoadTest, Pauses, Plan
from collector.peer.throughput1 import DIALECT, PAUSES, parse_plan, words

if TYPE_CHECKING:
    from conftest import PeerFactory, RawFactory, Served

FLOW = {"mid": "m", "streams": "1"}
CONNECTION = {"Client": "c", "Server": "s", "UUID": "u", "StartTime": "t", "CC": "cubic"}
DOWNLOAD, UPLOAD = "/throughput/v1/download?mid=m&streams=1", "/throughput/v1/upload?mid=m&streams=1"
SPOKEN = {"Sec-WebSocket-Protocol": DIALECT.subprotocol}
TEXT, BINARY, CLOSE = 1, 2, 8


def test_a_client_of_msak_gets_the_usual_test() -> None:
    """Without further fields a flow has msak's length, sizes and pauses, no cap, and the system's congestion control."""
    assert parse_plan(FLOW | {"client_name": "x"}) == Plan(5_000_000, PAUSES, first_bytes=1024, least_bytes=1)


def test_all_fields_of_a_plan() -> None:
    """Each field that has a meaning arrives in the plan."""
    asked = {
        "duration": "8650",
        "bytes": "50000",
        "cc": "bbr",
        "wake_ms": "1700",
        "burst_bytes": "8192",
        "text_ms": "50",
    }
    assert parse_plan(FLOW | asked) == Plan(
        8_650_000,
        Pauses(50_000, 50_000, 50_000),
        max_bytes=50_000,
        wake_us=1_700_000,
        burst_bytes=8192,
        first_bytes=1024,
        least_bytes=1,
        congestion="bbr",
    )


def test_no_bytes_are_no_cap() -> None:
    """As with msak's server, 0 bytes mean that time alone ends the flow."""
    assert parse_plan(FLOW | {"bytes": "0"}).max_bytes is None


def test_a_trickle_is_never_longer_than_its_test() -> None:
    """A radio that takes the whole test to wake leaves no time for load, and no more than that."""
    assert parse_plan(FLOW | {"duration": "100", "wake_ms": "25000"}).wake_us == 100_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mid", ""),
        ("mid", None),
        ("streams", None),
        ("streams", "0"),
        ("streams", "65"),
        ("streams", "two"),
        ("duration", "0"),
        ("duration", "25001"),
        ("bytes", "-1"),
        ("bytes", ""),
        ("bytes", "01"),
        ("cc", "vegas"),
        ("cc", "bbr\0"),
        ("wake_ms", "25001"),
        ("burst_bytes", "16385"),
        ("text_ms", "19"),
        ("text_ms", "0"),
    ],
)
def test_bad_plans(name: str, value: str | None) -> None:
    """A field that is missing, or has a meaning and a wrong value, is refused by name."""
    fields = {key: text for key, text in (FLOW | {name: value}).items() if text is not None}
    with pytest.raises(BadRequest, match=name):
        parse_plan(fields)


@given(st.dictionaries(st.sampled_from(["mid", "streams", "duration", "bytes", "cc", "wake_ms", "text_ms"]), st.text()))
def test_any_query_gives_a_plan_or_a_refusal(fields: dict[str, str]) -> None:
    """Whatever a client asks for, the plan keeps within the protocol's bounds."""
    try:
        plan = parse_plan(fields)
    except BadRequest:
        return
    assert 0 < plan.duration_us <= 25_000_000
    assert 0 <= plan.wake_us <= plan.duration_us
    assert plan.pauses.least_us >= 20_000


def test_a_download_says_what_was_sent() -> None:
    """A text gives the application's and the kernel's bytes apart; who and how stand in the first only."""
    test = LoadTest(Direction.DOWNLOAD, parse_plan(FLOW), random.Random(1))
    test.moved(1024)
    first = words(test, 5, CONNECTION, {"BytesSent": 1100, "BytesAcked": 900}, first=True)
    assert first == {
        "Application": {"BytesSent": 1024, "BytesReceived": 0},
        "Network": {"BytesSent": 1100, "BytesReceived": 0},
        "TCPInfo": {"BytesSent": 1100, "BytesAcked": 900, "ElapsedTime": 5},
        "ElapsedTime": 5,
        "CC": "cubic",
        "UUID": "u",
        "LocalAddr": "s",
        "RemoteAddr": "c",
    }
    assert set(words(test, 5, CONNECTION, {}, first=False)) == {"Application", "ElapsedTime"}


def test_an_upload_says_what_was_received() -> None:
    """The bytes of an upload are the received ones."""
    test = LoadTest(Direction.UPLOAD, parse_plan(FLOW), random.Random(1))
    test.moved(7)
    assert words(test, 5, CONNECTION, {}, first=False)["Application"] == {"BytesSent": 0, "BytesReceived": 7}


async def drained(ws: aiohttp.ClientWebSocketResponse) -> tuple[bytes, list[dict[str, Any]]]:
    """All load in order and the contents of all texts, up to the close."""
    load, texts = bytearray(), []
    async for message in ws:
        if message.type is aiohttp.WSMsgType.BINARY:
            load += message.data
        else:
            texts.append(json.loads(message.data))
    return bytes(load), texts


def joined(session: aiohttp.ClientSession, peer: "Served", target: str) -> Any:
    """One flow by an ordinary client."""
    return session.ws_connect(peer.url + target, protocols=[DIALECT.subprotocol], max_msg_size=0)


@pytest.mark.parametrize("target", ["?streams=1", "?mid=m", "?mid=m&streams=1&cc=x", "?mid=m&streams=1&duration=0"])
@pytest.mark.parametrize("way", ["download", "upload"])
async def test_bad_handshakes(peer: "Served", raw: "RawFactory", way: str, target: str) -> None:
    """A flow that does not say what it belongs to, or asks for what there is not, gets 400 and is no transfer."""
    status, head = await (await raw(peer)).request(f"/throughput/v1/{way}{target}", dict(SPOKEN))
    assert status == 400
    assert "application/problem+json" in head
    assert peer.journal == []


@pytest.mark.parametrize("subprotocol", ["net.measurementlab.ndt.v7", "net.measurementlab.throughput.v10"])
async def test_the_subprotocol_belongs_to_the_path(peer: "Served", raw: "RawFactory", subprotocol: str) -> None:
    """The words of another protocol, offered here, are refused."""
    status, _ = await (await raw(peer)).request(DOWNLOAD, {"Sec-WebSocket-Protocol": subprotocol})
    assert status == 400


@pytest.mark.parametrize("max_bytes", [1, 1023, 1_000_000, 5_000_001])
async def test_a_capped_download(peer: "Served", session: aiohttp.ClientSession, max_bytes: int) -> None:
    """A cap ends a download with 1000 at the very byte."""
    async with joined(session, peer, f"{DOWNLOAD}&bytes={max_bytes}") as ws:
        load, texts = await drained(ws)
    assert (ws.close_code, len(load)) == (1000, max_bytes)
    assert texts[-1]["Application"]["BytesSent"] == max_bytes
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.end, transfer.sent_bytes) == ("throughput1-download", End.BYTE_CAP, max_bytes)


async def test_an_upload_is_counted_to_its_cap(peer: "Served", session: aiohttp.ClientSession) -> None:
    """An upload is closed when its bytes have come, and the last text has counted them."""
    async with joined(session, peer, f"{UPLOAD}&bytes=300000") as ws:
        for _ in range(3):
            await ws.send_bytes(bytes(100_000))
        _, texts = await drained(ws)
    assert (ws.close_code, texts[-1]["Application"]["BytesReceived"]) == (1000, 300_000)
    assert (await peer.ended())[0].end is End.BYTE_CAP


@pytest.mark.parametrize("target", [DOWNLOAD, UPLOAD])
async def test_time_ends_a_flow(peer: "Served", session: aiohttp.ClientSession, target: str) -> None:
    """A flow lasts as long as it asked to."""
    async with joined(session, peer, f"{target}&duration=300") as ws:
        _, texts = await drained(ws)
    assert texts[-1]["ElapsedTime"] >= 300_000
    (transfer,) = await peer.ended()
    assert (transfer.end, ws.close_code) == (End.DURATION, 1000)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say")
@pytest.mark.parametrize("name", ["cubic", "reno"])
async def test_the_first_text_names_the_congestion_control(
    peer: "Served", session: aiohttp.ClientSession, name: str
) -> None:
    """What the kernel really uses is named, to the client and in the journal, whether or not it is what was asked for."""
    async with joined(session, peer, f"{DOWNLOAD}&duration=200&cc={name}") as ws:
        _, texts = await drained(ws)
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as listed:  # noqa: ASYNC230, PTH123 - one line
        available = listed.read().split()
    assert texts[0]["CC"] in available
    assert texts[0]["CC"] == name or name not in available
    assert all("CC" not in text for text in texts[1:])
    assert (await peer.ended())[0].cc == texts[0]["CC"]


async def test_a_download_wakes_the_radio_first(peer: "Served", raw: "RawFactory") -> None:
    """While the radio wakes only a trickle comes, then load up to the cap, which the trickle counts towards."""
    client = await raw(peer)
    await client.request(f"{DOWNLOAD}&duration=1200&wake_ms=1000&burst_bytes=4096&bytes=200000", dict(SPOKEN))
    sizes = []
    async with asyncio.timeout(10):
        while sum(sizes) < 200_000:
            opcode, payload = await client.frame()
            if opcode == BINARY:
                sizes.append(len(payload))
    first_load = sizes.index(1024)
    assert set(sizes[:first_load]) == {TRICKLE_BYTES, 4096}
    assert len(sizes[:first_load]) <= 10
    assert sizes[:first_load].count(4096) <= 2
    assert min(sizes[first_load:-1]) >= 1024
    assert sum(sizes) == 200_000


async def test_texts_come_as_often_as_asked(peer: "Served", session: aiohttp.ClientSession) -> None:
    """With `text_ms` the counts of an upload come at that pace, and never faster."""
    async with joined(session, peer, f"{UPLOAD}&duration=1000&text_ms=50") as ws:
        _, texts = await drained(ws)
    times_us = [text["ElapsedTime"] for text in texts[:-1]]
    assert 3 <= len(times_us) <= 20
    assert all(later - sooner >= 49_000 for sooner, later in itertools.pairwise(times_us))


async def test_a_trickle_of_an_upload_is_told_step_by_step(peer: "Served", raw: "RawFactory") -> None:
    """While the radio wakes each arrival is told at once, though texts are otherwise far apart."""
    client = await raw(peer)
    await client.request(f"{UPLOAD}&duration=5000&wake_ms=5000&text_ms=4000", dict(SPOKEN))
    for step in (1, 2, 3):
        client.send(BINARY, bytes(256))
        text = json.loads(await client.frame_of(TEXT))
        assert text["Application"]["BytesReceived"] == 256 * step
        assert text["ElapsedTime"] < 4_000_000


async def test_twenty_flows_at_once(start_peer: "PeerFactory", session: aiohttp.ClientSession) -> None:
    """Flows side by side each get their own count and their own end, both ways at the same time."""
    async with start_peer(max_clients=27) as served:

        async def down() -> tuple[str, int]:
            async with joined(session, served, f"{DOWNLOAD}&bytes=500000") as ws:
                load, texts = await drained(ws)
            assert texts[-1]["Application"]["BytesSent"] == len(load)
            return hashlib.sha256(load).hexdigest(), len(load)

        async def up() -> tuple[str, int]:
            async with joined(session, served, f"{UPLOAD}&bytes=500000") as ws:
                reading = asyncio.create_task(drained(ws))
                for _ in range(5):
                    await ws.send_bytes(bytes(100_000))
                _, texts = await reading
            return "", texts[-1]["Application"]["BytesReceived"]

        came = await asyncio.gather(*(down() for _ in range(10)), *(up() for _ in range(10)))
        assert {n_bytes for _, n_bytes in came} == {500_000}
        assert len({digest for digest, _ in came if digest}) == 10  # no two downloads are alike
        journal = await served.ended(20)
        assert {transfer.end for transfer in journal} == {End.BYTE_CAP}
        assert sum(transfer.sent_bytes for transfer in journal) == 5_000_000
        assert sum(transfer.received_bytes for transfer in journal) == 5_000_000


@pytest.mark.parametrize("target", [DOWNLOAD, UPLOAD])
async def test_a_client_that_never_says_goodbye(
    peer: "Served", raw: "RawFactory", target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that takes everything and leaves the closing frame unanswered is dropped when its time is up."""
    monkeypatch.setattr(loadtest, "CLOSING_US", 300_000)
    client = await raw(peer)
    await client.request(f"{target}&duration=100", dict(SPOKEN))
    assert await client.close_code() == 1000
    (transfer,) = await peer.ended()
    assert transfer.end is End.HARD_STOP


async def test_a_reader_that_stalls(peer: "Served", raw: "RawFactory", monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that stops reading for good is dropped when its time is up; the peer has not sent ahead of it."""
    monkeypatch.setattr(loadtest, "CLOSING_US", 300_000)
    client = await raw(peer)
    client.writer.transport.pause_reading()
    client.ask(f"{DOWNLOAD}&duration=300", dict(SPOKEN))
    (transfer,) = await peer.ended()
    assert transfer.end is End.HARD_STOP
    assert transfer.sent_bytes < 64 << 20


async def test_a_sender_that_goes_on(peer: "Served", raw: "RawFactory") -> None:
    """What comes after an upload's end is not counted, and does not keep it open."""
    client = await raw(peer)
    await client.request(f"{UPLOAD}&bytes=1000", dict(SPOKEN))
    client.send(BINARY, bytes(1000))
    assert json.loads(await client.frame_of(TEXT))["Application"]["BytesReceived"] == 1000
    assert await client.close_code() == 1000
    client.send(BINARY, bytes(5000))
    client.send(CLOSE, struct.pack("!H", 1000))
    (transfer,) = await peer.ended()
    assert (transfer.end, transfer.received_bytes) == (End.BYTE_CAP, 1000)
