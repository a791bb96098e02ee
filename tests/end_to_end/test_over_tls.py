"""The probe's own transfers, objects and tickets against the real peer's TLS port, in one event loop."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.certificate import certificate
from fakes.prober import Prober
from strategies import PORTAL, key_of_scalar

from collector.clock import SystemClock as PeerClock
from collector.peer.account import End, Transfer
from collector.peer.app import PeerConfig, create_peer
from collector.peer.serve import bind_pair, bind_secure, serving, tls_context
from collector.peer.statements import StatementFile
from collector.peer.tickets import CounterSigning
from probe.clock import SystemClock
from probe.measure.fetch import FetchPlan
from probe.measure.outcome import Measured
from probe.measure.transfer import Protocol, TransferPlan
from probe.net import download, fetch, upload
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from probe.net.tickets import Tickets
from shared.transfer import read_co, read_transfer

SIGNER = key_of_scalar(0x9EE4)
PROBER = Prober()
CAP_BYTES = 3_000_000
NDT7 = TransferPlan("test", 5_000_000, CAP_BYTES, warm_us=0, patience_us=5_000_000)
SEVERAL = replace(NDT7, protocol=Protocol.THROUGHPUT1, flows=3, spacing_us=50_000)
GENTLE = replace(SEVERAL, duration_us=2_000_000, warm_us=1_000_000, gentle=True)
Run = Callable[[TransferPlan, Scene], Coroutine[Any, Any, Measured]]
LOADS = pytest.mark.parametrize("plan", [NDT7, SEVERAL, GENTLE], ids=["ndt7", "throughput1", "gentle"])


@pytest.fixture
async def journal() -> list[Transfer]:
    """What the peer noted."""
    return []


@pytest.fixture
async def peer(tmp_path: Path, journal: list[Transfer]) -> AsyncIterator[PeerAddress]:
    """A peer that serves TLS and nothing without a ticket beyond the small; its address on the TLS port."""
    _, authority = certificate(tmp_path)
    secure = bind_secure("127.0.0.1", 0, tls_context(authority, tmp_path / "key.pem"))
    pair = bind_pair("127.0.0.1", 0)
    setup = CounterSigning(SIGNER, (PORTAL.public,), StatementFile(tmp_path / "transfers.ndjson"))
    config = PeerConfig(
        "north", SIGNER.public, PeerClock(), random.Random(7), journal.append, anonymous=False, counter_signing=setup
    )
    async with serving(create_peer(config), pair, config.clock, secure):
        url = f"https://127.0.0.1:{secure.port}"
        yield PeerAddress(url, "127.0.0.1", pair.port, "north", authority, SIGNER.public.key_id)


def scene(peer: PeerAddress, seq: int = 0) -> Scene:
    """An enrolled probe."""
    clock = SystemClock()
    tickets = Tickets(peer, PROBER.key, PROBER.enrolment, b"intent", seq, clock)
    return Scene(peer, clock, random.Random(seq).randbytes, tickets=tickets)


@LOADS
async def test_a_download_is_counter_signed(peer: PeerAddress, journal: list[Transfer], plan: TransferPlan) -> None:
    """What came through TLS is what the peer's own key signs, to the byte and by its hash."""
    measured = await download.run(plan, scene(peer))
    members = measured.members
    assert measured.end == "ok", members
    assert "ticket" not in members
    told = read_transfer(read_co(members["co"]), SIGNER.public)
    assert told.probe_bytes == members["received_bytes"]
    assert told.stream_sha256 is not None
    assert told.end == str(End.BYTE_CAP)
    assert CAP_BYTES * 9 // 10 < members["received_bytes"] <= CAP_BYTES  # texts use up the cap too
    assert len(journal) == plan.flows


@LOADS
async def test_an_upload_is_counter_signed(peer: PeerAddress, journal: list[Transfer], plan: TransferPlan) -> None:
    """What the peer received through TLS is what it signs and what the probe's record says."""
    measured = await upload.run(plan, scene(peer))
    members = measured.members
    assert measured.end == "ok", members
    assert "ticket" not in members
    told = read_transfer(read_co(members["co"]), SIGNER.public)
    assert told.received_bytes == sum(transfer.received_bytes for transfer in journal)
    assert CAP_BYTES * 9 // 10 < told.received_bytes <= CAP_BYTES
    assert members["received_bytes"] == told.received_bytes
    assert told.stream_sha256 is not None


async def test_an_object_comes_whole(peer: PeerAddress) -> None:
    """An object is fetched over TLS, and the time of its handshake is known."""
    measured = await fetch.run(FetchPlan("test", 100_000, 5_000_000, 10_000_000), scene(peer))
    assert (measured.end, measured.members["received_bytes"]) == ("ok", 100_000)
    assert measured.members["tls_us"] > 0


async def test_a_certificate_nobody_vouches_for(peer: PeerAddress, journal: list[Transfer]) -> None:
    """Without the peer's authority neither ticket nor transfer comes about, and the failure says why."""
    stranger = replace(peer, tls_ca=None)
    for run in (download.run, upload.run):
        measured = await run(NDT7, scene(stranger))
        assert measured.end == "failed"
        assert (measured.members["failure"], measured.members["stage"]) == ("ssl_unknown_authority", "tls")
        assert measured.members["ticket"] == "silent"
    assert journal == []


@pytest.mark.parametrize("run", [download.run, upload.run], ids=["download", "upload"])
async def test_nothing_is_left_behind(peer: PeerAddress, journal: list[Transfer], run: Run) -> None:
    """A transfer cancelled in its middle leaves no task of either side, and every flow has its end in the journal."""
    before, moving = asyncio.all_tasks(), asyncio.Event()
    watched = replace(scene(peer), progress=lambda told: told.moved_bytes and moving.set())
    task = asyncio.create_task(run(replace(GENTLE, duration_us=9_000_000), watched))
    async with asyncio.timeout(10):
        await moving.wait()
        task.cancel()
        await asyncio.wait({task})
        while len(journal) < GENTLE.flows:  # noqa: ASYNC110 - the journal is a list
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() - before == set()
    assert {transfer.end for transfer in journal} == {End.CLIENT_GONE}
