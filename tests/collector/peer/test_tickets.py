"""Tickets and counter-signatures over HTTP."""

import asyncio
import errno
import hashlib
import logging
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from fakes.prober import SEED, SEED_SHA256, Prober
from strategies import OTHER_DEVICE, PORTAL, key_of_scalar

from collector.clock import SystemClock
from collector.peer import tickets
from collector.peer.account import End
from collector.peer.admission import Limits
from collector.peer.app import SESSIONS, PeerConfig, create_peer
from collector.peer.serve import bind_pair, serving
from collector.peer.sessions import Session, Sessions
from collector.peer.statements import StatementFile
from collector.peer.tickets import CounterSigning
from shared import strictjson
from shared.dsse import Envelope, read_envelope
from shared.ticket import Ticket, read_ticket, read_ticket_request, ticket_for
from shared.transfer import (
    NO_CLAIM,
    Claim,
    Direction,
    KeyStream,
    TransferStatement,
    envelope_in,
    read_transfer,
    stream_sha256,
    stream_sha256_of,
)

if TYPE_CHECKING:
    from conftest import RawFactory

SIGNER = key_of_scalar(0x9EE4)
PROBER = Prober()
DOWN, UP = Direction.DOWN, Direction.UP
PATIENCE_S = 10


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    retry_after: str | None

    @property
    def problem(self) -> str:
        """The published name of the problem."""
        told = strictjson.decode(self.body)
        assert told["status"] == self.status
        return str(told["type"]).rpartition(":")[2]


@dataclass(frozen=True)
class Peer:
    """A peer that admits probes, seen from both sides."""

    url: str
    client: aiohttp.ClientSession
    sessions: Sessions
    path: Path
    limits: Limits

    async def post(self, path: str, body: bytes) -> Answer:
        """One request."""
        async with self.client.post(self.url + path, data=body) as answer:
            return Answer(answer.status, await answer.read(), answer.headers.get("Retry-After"))

    async def ticket(self, direction: Direction = DOWN, *, flows: int = 1, seq: int = 0) -> Ticket:
        """A ticket for the usual probe."""
        answer = await self.post("/v1/tickets", PROBER.body(PROBER.request(direction, flows=flows, seq=seq)))
        assert answer.status == 201, answer.body
        return read_ticket(envelope_in(answer.body, "ticket"), SIGNER.public)

    async def downloaded(self, *counts: int, seq: int = 0) -> tuple[Session, Claim]:
        """A download that has ended, of so many bytes on each flow, and what its honest probe claims."""
        session = self.sessions.find((await self.ticket(flows=len(counts), seq=seq)).sid)
        for flow, n_bytes in enumerate(counts):
            account = session.open_flow(flow, DOWN, 0)
            account.stream.take(n_bytes)
            account.polled({"BytesAcked": n_bytes + 1}, 5)
            account.closed(End.CLIENT_CLOSED, SystemClock().mono_us())
        assert session.seed is not None
        return session, Claim(counts, stream_sha256_of(session.seed, counts))

    async def finish(self, session: Session, body: bytes = NO_CLAIM) -> Answer:
        """Ask for the statement."""
        return await self.post(f"/v1/transfers/{session.ticket.sid}", body)

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])

    @property
    def kept(self) -> list[Envelope]:
        """The statements on disk."""
        return [read_envelope(line) for line in self.path.read_bytes().split(b"\n")[:-1]]


@asynccontextmanager
async def running(folder: Path, limits: Limits | None = None) -> AsyncIterator[Peer]:
    """A peer that admits the usual probe."""
    pair = bind_pair("127.0.0.1", 0)
    path = folder / "transfers.ndjson"
    setup = CounterSigning(SIGNER, (PORTAL.public,), StatementFile(path), limits or Limits())
    config = PeerConfig("north", SIGNER.public, SystemClock(), random.Random(7), lambda _: None, counter_signing=setup)
    app = create_peer(config)
    async with serving(app, pair, config.clock), aiohttp.ClientSession() as client:
        yield Peer(f"http://127.0.0.1:{pair.port}", client, app[SESSIONS], path, setup.limits)


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Peer]:
    """A peer with the usual limits."""
    async with running(tmp_path) as served:
        yield served


def said(answer: Answer) -> TransferStatement:
    """The statement in an answer, its signature checked."""
    return read_transfer(envelope_in(answer.body, "transfer"), SIGNER.public)


async def test_a_ticket_answers_its_request(peer: Peer) -> None:
    """An enrolled probe gets a ticket for what it asked; the same request again gets the same bytes."""
    line = PROBER.request(flows=3)
    answer = await peer.post("/v1/tickets", PROBER.body(line))
    request = read_ticket_request(read_envelope(line), PROBER.key.public)
    ticket = ticket_for(request, envelope_in(answer.body, "ticket"), SIGNER.public)
    assert (answer.status, ticket.peer, len(ticket.sid)) == (201, "north", 26)
    assert (await peer.post("/v1/tickets", PROBER.body(line))).body == answer.body


async def test_who_gets_no_ticket(peer: Peer) -> None:
    """A foreign portal, another's request, rubbish and far too much are refused, each by its name."""
    foreign = Prober(portal=key_of_scalar(0xF0))
    for body, status, problem in (
        (foreign.body(foreign.request()), 403, "not_admitted"),
        (PROBER.body(Prober(OTHER_DEVICE).request()), 403, "not_admitted"),
        (PROBER.body(PROBER.request(flows=99)), 400, "bad_request"),
        (b"{}", 400, "bad_request"),
        (bytes(100_000), 413, "too_large"),
    ):
        answer = await peer.post("/v1/tickets", body)
        assert (answer.status, answer.problem) == (status, problem)


async def test_a_proved_claim_is_signed_and_kept(peer: Peer) -> None:
    """Who returns count and hash gets both signed together with the seed, and the statement is on disk by then."""
    session, claim = await peer.downloaded(100_000, 0, 70_000)
    answer = await peer.finish(session, claim.encode())
    told = said(answer)
    assert (answer.status, told.probe_bytes, told.acked_bytes) == (200, 170_000, 170_000)
    assert (told.flow_bytes, told.stream_sha256) == (claim.flow_bytes, claim.stream_sha256)
    assert told.seed is not None and stream_sha256_of(told.seed, (100_000, 0, 70_000)) == told.stream_sha256
    assert peer.kept == [envelope_in(answer.body, "transfer")]


async def test_asking_again_changes_nothing(peer: Peer) -> None:
    """A lost answer can be fetched again: the same bytes, one line in the file, whatever is claimed the second time."""
    session, claim = await peer.downloaded(1000)
    first = await peer.finish(session, claim.encode())
    for body in (claim.encode(), NO_CLAIM, Claim((999,), "0" * 64).encode()):
        assert await peer.finish(session, body) == first
    assert len(peer.kept) == 1


@pytest.mark.parametrize("lie", [Claim((1000,), "0" * 64), Claim((1001,), "0" * 64), Claim((), "0" * 64)])
async def test_a_lying_probe(peer: Peer, lie: Claim) -> None:
    """A wrong hash or count is answered with the peer's own account, and the truth comes too late afterwards."""
    session, claim = await peer.downloaded(1000)
    answer = await peer.finish(session, lie.encode())
    assert (answer.status, answer.problem) == (409, "stream_mismatch")
    told = said(answer)
    assert (told.acked_bytes, told.probe_bytes, told.seed, told.stream_sha256) == (1000, None, None, None)
    assert await peer.finish(session, claim.encode()) == answer
    assert len(peer.kept) == 1


async def test_more_than_was_sent_is_never_signed(peer: Peer) -> None:
    """Even whoever knows the seed cannot claim a byte that was not sent."""
    session, _ = await peer.downloaded(1000)
    assert session.seed is not None
    claim = Claim((1001,), stream_sha256_of(session.seed, (1001,)))
    assert (await peer.finish(session, claim.encode())).problem == "stream_mismatch"


async def test_an_upload(peer: Peer) -> None:
    """The peer signs what it received; a claim about it is ignored."""
    session = peer.sessions.find((await peer.ticket(UP)).sid)
    account = session.open_flow(0, UP, 0)
    account.received(SEED, 5)
    account.closed(End.CLIENT_CLOSED, 10)
    told = said(await peer.finish(session))
    assert (told.direction, told.received_bytes, told.probe_bytes) == (UP, 32, None)


async def test_the_clients_goodbye_may_come_late(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement waits a little for the flows to end, and is made without the end of one that does not."""
    session, claim = await peer.downloaded(1000)
    late = peer.sessions.find(session.ticket.sid)
    account = next(iter(late._flows.values()))
    account.end = None
    asked = asyncio.create_task(peer.finish(session, claim.encode()))
    await asyncio.sleep(0.1)
    assert not asked.done()
    account.closed(End.CLIENT_GONE, 20)
    assert said(await asked).end == "client_gone"
    monkeypatch.setattr(tickets, "_MOST_CHECKS", 1)
    stuck, claim = await peer.downloaded(1000, seq=1)
    next(iter(stuck._flows.values())).end = None
    told = said(await peer.finish(stuck, claim.encode()))
    assert (told.end, told.probe_bytes) == ("unfinished", 1000)


async def test_what_cannot_be_finished(peer: Peer) -> None:
    """No statement is made of an unknown transfer or of one that never began, nor for a claim that is not in form."""
    ticket = await peer.ticket()
    assert (await peer.post("/v1/transfers/nothing", NO_CLAIM)).problem == "no_ticket"
    assert (await peer.post(f"/v1/transfers/{ticket.sid}", NO_CLAIM)).problem == "no_ticket"
    assert (await peer.post(f"/v1/transfers/{ticket.sid}", b'{"flow_bytes":[1]}')).problem == "bad_request"
    assert peer.kept == []


async def test_a_body_that_does_not_end(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who announces a body and does not send it is told so after a while."""
    monkeypatch.setattr(tickets, "PATIENCE_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", peer.port)
    writer.write(b"POST /v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
    async with asyncio.timeout(PATIENCE_S):
        assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_two_probes_do_not_touch_each_other(peer: Peer) -> None:
    """Two devices' transfers run side by side; neither's claim fits the other's transfer."""
    session, claim = await peer.downloaded(1000)
    other = Prober(OTHER_DEVICE)
    answer = await peer.post("/v1/tickets", other.body(other.request()))
    second = peer.sessions.find(read_ticket(envelope_in(answer.body, "ticket"), SIGNER.public).sid)
    account = second.open_flow(0, DOWN, 0)
    account.stream.take(1000)
    account.closed(End.CLIENT_CLOSED, 5)
    assert (await peer.finish(second, claim.encode())).problem == "stream_mismatch"
    assert said(await peer.finish(session, claim.encode())).probe_bytes == 1000
    assert [read_transfer(envelope, SIGNER.public).dev for envelope in peer.kept] == [
        OTHER_DEVICE.public.key_id,
        PROBER.key.public.key_id,
    ]


async def test_a_device_over_its_limit(tmp_path: Path) -> None:
    """Who has had his tickets is told when there are more."""
    async with running(tmp_path, Limits(tickets_per_hour=1)) as peer:
        await peer.ticket()
        answer = await peer.post("/v1/tickets", PROBER.body(PROBER.request(seq=1)))
        assert (answer.status, answer.problem) == (429, "over_limit")
        assert 0 < int(answer.retry_after or 0) <= 3601


async def test_a_replayed_request(peer: Peer) -> None:
    """A request that was overheard and sent again later gets nothing."""
    overheard = PROBER.body(PROBER.request())
    assert (await peer.post("/v1/tickets", overheard)).status == 201
    await peer.ticket(seq=1)
    assert (await peer.post("/v1/tickets", overheard)).problem == "not_admitted"


async def test_a_full_disk(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be kept is not shown, no ticket is given meanwhile, and afterwards the same statement is there."""
    session, claim = await peer.downloaded(1000)
    with monkeypatch.context() as full:

        def flush(_file: StatementFile) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(StatementFile, "flush", flush)
        for body in (claim.encode(), NO_CLAIM):
            answer = await peer.finish(session, body)
            assert (answer.status, answer.problem, answer.retry_after) == (503, "storage_full", "5")
            assert b"seed" not in answer.body
        assert (await peer.post("/v1/tickets", PROBER.body(PROBER.request(seq=1)))).problem == "storage_full"
        assert peer.kept == []
    assert said(await peer.finish(session)).probe_bytes == 1000
    assert len(peer.kept) == 1
    assert (await peer.ticket(seq=1)).seq == 1


async def test_a_transfer_nobody_asks_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that never comes back leaves a signed statement all the same."""
    monkeypatch.setattr(tickets, "_EXPIRY_S", 0.01)
    async with running(tmp_path, Limits(linger_us=0)) as peer:
        session, claim = await peer.downloaded(1000)
        async with asyncio.timeout(PATIENCE_S):
            while not peer.kept:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.01)
        told = read_transfer(peer.kept[0], SIGNER.public)
        assert (told.sid, told.acked_bytes, told.probe_bytes) == (session.ticket.sid, 1000, None)
        late = await peer.finish(session, claim.encode())
        assert (late.status, envelope_in(late.body, "transfer")) == (200, peer.kept[0])


async def test_a_peer_that_stops_signs_what_is_left(tmp_path: Path) -> None:
    """What moved before the end of the peer is in the file, running flows included; a ticket that was not used is not."""
    async with running(tmp_path) as peer:
        session, _ = await peer.downloaded(1000)
        other = Prober(OTHER_DEVICE)
        await peer.post("/v1/tickets", other.body(other.request()))
    assert [read_transfer(envelope, SIGNER.public).sid for envelope in peer.kept] == [session.ticket.sid]


async def test_the_last_resort_is_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the disk is full to the end, the statements are in the log: nothing that was signed is lost."""

    def flush(_file: StatementFile) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(StatementFile, "flush", flush)
    with caplog.at_level(logging.ERROR, logger=tickets.__name__):
        async with running(tmp_path) as peer:
            session, _ = await peer.downloaded(1000)
    (line,) = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert read_transfer(read_envelope(line.strip().encode()), SIGNER.public).sid == session.ticket.sid


async def test_the_introduction_names_tickets(peer: Peer) -> None:
    """A peer that admits probes says so."""
    async with peer.client.get(f"{peer.url}/v1/peer") as answer:
        assert "ticket" in (await answer.json())["methods"]


async def _flow(peer: Peer, sid: str, flow: int) -> bytes:
    """What one ndt7 download brought, to its end."""
    url = f"{peer.url}/ndt/v7/download?sid={sid}&flow={flow}&max_bytes=300000"
    came = bytearray()
    async with peer.client.ws_connect(url, protocols=("net.measurementlab.ndt.v7",), max_msg_size=1 << 24) as ws:
        async for message in ws:
            if message.type is aiohttp.WSMsgType.BINARY:
                came += message.data
    return bytes(came)


async def test_the_whole_way_of_a_download(peer: Peer) -> None:
    """Two connections carry the two flows of the ticket's seed, and what the probe has had is signed by the peer."""
    ticket = await peer.ticket(flows=2)
    came = await asyncio.gather(*(_flow(peer, ticket.sid, flow) for flow in range(2)))
    digests = [hashlib.sha256(flow).digest() for flow in came]
    claim = Claim(tuple(len(flow) for flow in came), stream_sha256(digests))
    answer = await peer.post(f"/v1/transfers/{ticket.sid}", claim.encode())
    told = said(answer)
    assert answer.status == 200
    assert told.seed is not None and hashlib.sha256(told.seed).hexdigest() == ticket.seed_sha256
    assert [KeyStream(told.seed, k).take(len(flow)) for k, flow in enumerate(came)] == came
    assert told.probe_bytes == sum(claim.flow_bytes) >= 600_000
    assert told.acked_bytes is not None and 0 <= told.acked_bytes - told.probe_bytes < 10_000
    assert told.end == "byte_cap" and told.client is not None and told.client.count("127.0.0.1:") == 2


async def test_the_whole_way_of_an_upload(peer: Peer, raw: "RawFactory") -> None:
    """What arrived is counted and hashed as it stood on the wire, and the peer was told beforehand what it comes from."""
    ticket = await peer.ticket(UP)
    client = await raw(peer)
    status, _ = await client.request(f"/ndt/v7/upload?sid={ticket.sid}&flow=0")
    assert status == 101
    load = KeyStream(SEED)
    for n_bytes in (60_000, 40_000):
        client.send(2, load.take(n_bytes))
    client.send(8, b"")
    await client.close_code()
    client.writer.close()
    told = said(await peer.post(f"/v1/transfers/{ticket.sid}", NO_CLAIM))
    assert (told.received_bytes, told.flow_bytes, told.end) == (100_000, (100_000,), "client_closed")
    assert told.stream_sha256 == stream_sha256_of(SEED, (100_000,))
    assert told.seed_sha256 == SEED_SHA256


async def test_what_drains_after_the_goodbye_is_counted(peer: Peer, raw: "RawFactory") -> None:
    """A client that says goodbye and then still takes what is on its way has all of that in the statement."""
    ticket = await peer.ticket()
    client = await raw(peer)
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    query = f"sid={ticket.sid}&flow=0&mid=m&streams=1&bytes=600000"
    headers: dict[str, str | None] = {"Sec-WebSocket-Protocol": "net.measurementlab.throughput.v1"}
    assert (await client.request(f"/throughput/v1/download?{query}", headers))[0] == 101
    await asyncio.sleep(0.3)  # nobody reads: every buffer on the way fills
    client.send(8, b"\x03\xe8")
    received_bytes = 0
    async with asyncio.timeout(PATIENCE_S):
        while (frame := await client.frame())[0] != 8:
            received_bytes += len(frame[1])
    told = said(await peer.post(f"/v1/transfers/{ticket.sid}", NO_CLAIM))
    assert told.acked_bytes is not None and told.acked_bytes >= received_bytes > 50_000


async def test_no_connection_without_its_flow(peer: Peer) -> None:
    """A connection for an unknown transfer, a flow that was used or the other direction is refused by name."""
    ticket = await peer.ticket()
    await _flow(peer, ticket.sid, 0)
    headers = {"Sec-WebSocket-Protocol": "net.measurementlab.ndt.v7", "Upgrade": "websocket", "Connection": "Upgrade"}
    headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    for direction, sid, flow in (("download", "x", 0), ("download", ticket.sid, 0), ("upload", ticket.sid, 0)):
        async with peer.client.get(f"{peer.url}/ndt/v7/{direction}?sid={sid}&flow={flow}", headers=headers) as answer:
            assert answer.status == 403
            assert strictjson.decode(await answer.read())["type"] == "urn:speedproof:problem:no_ticket"
