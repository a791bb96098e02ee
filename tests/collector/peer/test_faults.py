"""Deliberate faults: each is the failure its name says."""

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer import faults
from collector.peer.account import End
from collector.peer.faults import MISSING_BYTES, SLOW_BODY_BYTES, slow_body_bytes, slow_sent_bytes

if TYPE_CHECKING:
    from conftest import PeerFactory, RawClient, RawFactory, Served

AFTER = [0, 1, 100_000]


async def _head(client: "RawClient", target: str) -> str:
    client.writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return (await client.reader.readuntil(b"\r\n\r\n")).decode()


@pytest.mark.parametrize("after_bytes", AFTER)
async def test_stall(peer: "Served", raw: "RawFactory", after_bytes: int) -> None:
    """A stalled body delivers its bytes and then nothing, on an open connection."""
    client = await raw(peer)
    head = await _head(client, f"/fault/stall?after={after_bytes}")
    assert f"Content-Length: {after_bytes + MISSING_BYTES}" in head
    await client.reader.readexactly(after_bytes)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.reader.read(1)
    client.writer.close()
    (transfer,) = await peer.ended()
    assert (transfer.kind, transfer.sent_bytes, transfer.end) == ("fault-stall", after_bytes, End.FAULT)


@pytest.mark.parametrize("after_bytes", AFTER)
async def test_truncate(peer: "Served", raw: "RawFactory", after_bytes: int) -> None:
    """A truncated body ends cleanly, short of what was announced."""
    client = await raw(peer)
    head = await _head(client, f"/fault/truncate?after={after_bytes}")
    assert f"Content-Length: {after_bytes + MISSING_BYTES}" in head
    assert len(await client.reader.read()) == after_bytes


@pytest.mark.parametrize("after_bytes", [*AFTER, 3_000_000])
async def test_reset(peer: "Served", raw: "RawFactory", after_bytes: int) -> None:
    """A reset comes after exactly the bytes asked for."""
    client = await raw(peer)
    await _head(client, f"/fault/reset?after={after_bytes}")
    await client.reader.readexactly(after_bytes)
    with pytest.raises(ConnectionResetError):
        await client.reader.read(1)


@pytest.mark.parametrize("kind", ["silent", "close"])
async def test_no_answer(peer: "Served", raw: "RawFactory", kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence and hanging up end the connection without a byte; silence takes its time."""
    monkeypatch.setattr(faults, "_MOST_TICKS", 6)
    client = await raw(peer)
    client.writer.write(f"GET /fault/{kind} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    try:
        assert await client.reader.read() == b""
    except ConnectionResetError:
        assert kind == "silent"
    (transfer,) = await peer.ended()
    assert (transfer.end, transfer.sent_bytes) == (End.FAULT, 0)
    assert (transfer.dur_us > 200_000) == (kind == "silent")


async def test_unavailable(peer: "Served", session: aiohttp.ClientSession) -> None:
    """503 is answered with a time to come back."""
    async with session.get(f"{peer.url}/fault/503") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"


async def test_slow(peer: "Served", session: aiohttp.ClientSession) -> None:
    """A slow body arrives whole, and not before its time."""
    began = asyncio.get_running_loop().time()
    async with session.get(f"{peer.url}/fault/slow?bps=16000000") as answer:
        body = await answer.read()
    assert len(body) == SLOW_BODY_BYTES
    assert asyncio.get_running_loop().time() - began >= 0.49


@given(st.integers(1, 2**53))
def test_a_slow_body_fits_its_rate(rate_bps: int) -> None:
    """A slow body is never empty, and lasts no longer than ten seconds, or one byte."""
    n_bytes = slow_body_bytes(rate_bps)
    assert 1 <= n_bytes <= SLOW_BODY_BYTES
    assert n_bytes == 1 or n_bytes * 8 <= rate_bps * 10


@given(st.integers(1, 10**9), st.integers(0, 10**8), st.integers(0, 10**8))
def test_a_slow_body_never_runs_ahead(rate_bps: int, earlier_us: int, later_us: int) -> None:
    """What may have left grows with time and stays within the rate."""
    earlier_us, later_us = sorted((earlier_us, later_us))
    assert slow_sent_bytes(rate_bps, earlier_us) <= slow_sent_bytes(rate_bps, later_us)
    assert slow_sent_bytes(rate_bps, later_us) * 8_000_000 <= rate_bps * later_us


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("nothing", 404),
        ("stall?after=-1", 400),
        ("stall?after=1073741825", 400),
        ("truncate?after=1&after=1", 400),
        ("slow?bps=0", 400),
        ("reset?after=1.5", 400),
    ],
)
async def test_bad_requests_for_faults(
    peer: "Served", session: aiohttp.ClientSession, target: str, status: int
) -> None:
    """A fault asked for in the wrong way is a plain error, not the fault."""
    async with session.get(f"{peer.url}/fault/{target}") as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"


async def test_faults_can_be_switched_off(start_peer: "PeerFactory", session: aiohttp.ClientSession) -> None:
    """A peer without faults knows none of them and does not announce any."""
    async with start_peer(faults=False) as served:
        for kind in ("stall", "503", "silent"):
            async with session.get(f"{served.url}/fault/{kind}") as answer:
                assert answer.status == 404
        async with session.get(f"{served.url}/v1/peer") as answer:
            assert "fault" not in (await answer.json())["methods"]
