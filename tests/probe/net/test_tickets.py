"""Tickets and counter-signatures as the probe asks for them, against the real peer and against ones that lie."""

import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fakes.peer import free_port
from fakes.prober import Prober
from strategies import DEVICE, PORTAL, key_of_scalar

from collector.clock import SystemClock as PeerClock
from collector.peer.admission import Limits
from collector.peer.app import PeerConfig, create_peer
from collector.peer.serve import bind_pair, serving
from collector.peer.statements import StatementFile
from collector.peer.tickets import CounterSigning
from probe.clock import SystemClock
from probe.measure.outcome import CouldNotRun, Measured
from probe.measure.transfer import Protocol, TransferPlan
from probe.net import download, upload
from probe.net.address import PeerAddress
from probe.net.scene import Scene
from probe.net.tickets import Tickets
from shared.grade import Grade, Reason, grade, trusting
from shared.keys import FileKey
from shared.record import Record

SIGNER, STRANGER = key_of_scalar(0x9EE5), key_of_scalar(0x57A6)
PLAN = TransferPlan("test", 600_000, 3_000_000, 100_000, 2_000_000, Protocol.THROUGHPUT1, flows=2)
SEQ = 7


@asynccontextmanager
async def peer(folder: Path, *, portal: FileKey = PORTAL, limits: Limits | None = None) -> AsyncIterator[PeerAddress]:
    """Keep a peer up that admits one portal's devices."""
    pair = bind_pair("127.0.0.1", 0)
    signing = CounterSigning(SIGNER, (portal.public,), StatementFile(folder / "transfers.ndjson"), limits or Limits())
    config = PeerConfig(
        name="real peer",
        key=SIGNER.public,
        clock=PeerClock(),
        chance=random.SystemRandom(),
        journal=lambda _transfer: None,
        counter_signing=signing,
        ports={"port": pair.port},
    )
    async with serving(create_peer(config), pair, config.clock):
        yield address_of(pair.port)


def address_of(port: int, key: FileKey = SIGNER) -> PeerAddress:
    """Say where a peer is, and which key enrolment named."""
    return PeerAddress(f"http://127.0.0.1:{port}", "127.0.0.1", port, "real peer", None, key.public.key_id)


def scene(where: PeerAddress) -> Scene:
    """Everything for one start."""
    clock = SystemClock()
    tickets = Tickets(where, DEVICE, Prober().enrolment, b'{"intent":1}', SEQ, clock)
    return Scene(where, clock, os.urandom, tickets=tickets)


def record_of(measured: Measured, method: str, changes: Mapping[str, object] | None = None) -> Record:
    """Make the record of a measurement."""
    return Record(b"", {**measured.members, "end": measured.end, "method": method, "seq": SEQ, **(changes or {})}, SEQ)


@pytest.mark.parametrize("method", ["download", "upload"])
async def test_a_transfer_is_signed_by_both_ends(method: str, tmp_path: Path) -> None:
    """The peer's word comes back inside the record, and agrees with it."""
    async with peer(tmp_path) as where:
        measured = await (download if method == "download" else upload).run(PLAN, scene(where))
    assert measured.end == "ok", measured.members
    record = record_of(measured, method)
    graded = grade(record, DEVICE.public.key_id, trusting([SIGNER.public]))
    assert graded is not None
    assert (graded.grade, graded.reason) == (Grade.COUNTER_SIGNED, None)
    assert "ticket" not in record.fields
    assert ("seed" in record.fields) == (method == "upload")


async def test_a_series_of_ones_own_making_is_seen(tmp_path: Path) -> None:
    """Samples that do not come to what both ends counted make a record one-sided."""
    async with peer(tmp_path) as where:
        measured = await download.run(PLAN, scene(where))
    slow = record_of(measured, "download", {"flow_bytes": [[0, 1], [0, 1]], "flow_t_us": [[1, 9], [1, 9]]})
    graded = grade(slow, DEVICE.public.key_id, trusting([SIGNER.public]))
    assert graded is not None
    assert graded.reason is Reason.OTHER_SERIES


async def test_a_device_of_another_portal_measures_alone(tmp_path: Path) -> None:
    """Where the peer gives no ticket the transfer runs all the same, and says why it bears no word of the peer's."""
    async with peer(tmp_path, portal=STRANGER) as where:
        measured = await download.run(PLAN, scene(where))
    assert (measured.end, measured.members["ticket"]) == ("ok", "refused")
    assert "co" not in measured.members


async def test_a_peer_that_is_another_is_not_believed(tmp_path: Path) -> None:
    """A key that enrolment did not name signs nothing that counts."""
    async with peer(tmp_path) as where:
        other = address_of(where.udp_port, STRANGER)
        measured = await download.run(PLAN, scene(other))
    assert (measured.end, measured.members["ticket"]) == ("ok", "not_believed")


async def test_nobody_there() -> None:
    """A peer that does not answer fails the transfer by its own name; the missing ticket is a note beside it."""
    measured = await download.run(PLAN, scene(address_of(free_port())))
    assert measured.members["failure"] == "connection_refused"
    assert measured.members["ticket"] == "silent"


async def test_a_peer_that_would_cut_it_off_is_not_started_with(tmp_path: Path) -> None:
    """The rate of a beginning is no rate: less than the plan may need is a reason not to start."""
    async with peer(tmp_path, limits=Limits(transfer_bytes=PLAN.cap_bytes - 1)) as where:
        with pytest.raises(CouldNotRun, match="only 2999999 bytes"):
            await download.run(PLAN, scene(where))
