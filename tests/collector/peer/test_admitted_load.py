"""Load on a peer that serves none without a ticket: what a ticket admits, and no byte more."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from fakes.prober import SEED, Prober
from strategies import PORTAL, key_of_scalar

from collector.clock import SystemClock
from collector.peer.account import End, Transfer
from collector.peer.admission import Limits
from collector.peer.app import PeerConfig, create_peer
from collector.peer.serve import bind_pair, serving
from collector.peer.statements import StatementFile
from collector.peer.tickets import CounterSigning
from shared.ticket import Ticket, read_ticket
from shared.transfer import NO_CLAIM, Direction, KeyStream, envelope_in, read_transfer

SIGNER = key_of_scalar(0x9EE4)
PROBER = Prober()
LIMIT_BYTES = 400_000
PROTOCOL = "net.measurementlab.throughput.v1"


@dataclass(frozen=True)
class Closed:
    """A peer without anonymous load."""

    url: str
    client: aiohttp.ClientSession
    journal: list[Transfer] = field(default_factory=list)

    async def ticket(self, direction: Direction, flows: int = 1) -> Ticket:
        """A ticket for the usual probe."""
        body = PROBER.body(PROBER.request(direction, flows=flows))
        async with self.client.post(f"{self.url}/v1/tickets", data=body) as answer:
            assert answer.status == 201
            return read_ticket(envelope_in(await answer.read(), "ticket"), SIGNER.public)

    def flow(
        self, way: str, ticket: Ticket, number: int = 0, more: str = ""
    ) -> "aiohttp.client._WSRequestContextManager":
        """One flow of a ticket."""
        query = f"mid=m&streams={ticket.flows}&sid={ticket.sid}&flow={number}{more}"
        return self.client.ws_connect(f"{self.url}/throughput/v1/{way}?{query}", protocols=[PROTOCOL], max_msg_size=0)

    async def signed(self, ticket: Ticket) -> dict[str, object]:
        """What the peer says of a transfer nobody claims anything about."""
        async with self.client.post(f"{self.url}/v1/transfers/{ticket.sid}", data=NO_CLAIM) as answer:
            told = read_transfer(envelope_in(await answer.read(), "transfer"), SIGNER.public)
        return {
            "end": told.end,
            "flows": told.flows,
            "received_bytes": told.received_bytes,
            "acked_bytes": told.acked_bytes,
        }


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    """A peer whose tickets are good for little."""
    pair = bind_pair("127.0.0.1", 0)
    limits = Limits(transfer_bytes=LIMIT_BYTES)
    setup = CounterSigning(SIGNER, (PORTAL.public,), StatementFile(tmp_path / "transfers.ndjson"), limits)
    async with aiohttp.ClientSession() as client:
        peer = Closed(f"http://127.0.0.1:{pair.port}", client)
        config = PeerConfig(
            "north",
            SIGNER.public,
            SystemClock(),
            random.Random(7),
            peer.journal.append,
            anonymous=False,
            counter_signing=setup,
        )
        async with serving(create_peer(config), pair, config.clock):
            yield peer


async def taken(flow: "aiohttp.client._WSRequestContextManager") -> int:
    """All load of one download."""
    n_bytes = 0
    async with flow as ws:
        async for message in ws:
            n_bytes += len(message.data) if message.type is aiohttp.WSMsgType.BINARY else 0
    assert ws.close_code == 1000
    return n_bytes


async def test_a_download_by_ticket(closed: Closed) -> None:
    """A flow that shows its ticket is served to its own cap."""
    ticket = await closed.ticket(Direction.DOWN)
    assert await taken(closed.flow("download", ticket, more="&bytes=100000")) == 100_000
    assert (await closed.signed(ticket))["end"] == "byte_cap"


async def test_the_flows_of_a_download_share_its_limit(closed: Closed) -> None:
    """However many flows and whatever they ask for, together they are sent what the ticket says and then closed in order."""
    ticket = await closed.ticket(Direction.DOWN, flows=3)
    counts = await asyncio.gather(*(taken(closed.flow("download", ticket, number)) for number in range(3)))
    assert sum(counts) == ticket.max_bytes == LIMIT_BYTES
    assert (await closed.signed(ticket))["end"] == "byte_cap"
    assert {transfer.end for transfer in closed.journal} == {End.BYTE_CAP}


async def test_an_upload_ends_at_its_limit(closed: Closed) -> None:
    """An upload that has reached its ticket's limit is closed in order, and what came beyond is in nobody's favour."""
    ticket = await closed.ticket(Direction.UP)
    load = KeyStream(SEED, 0)
    async with closed.flow("upload", ticket) as ws:
        for _ in range(8):
            await ws.send_bytes(load.take(100_000))
        while (await ws.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    assert ws.close_code == 1000
    told = await closed.signed(ticket)
    assert told["end"] == "byte_cap"
    assert isinstance(told["received_bytes"], int)
    assert LIMIT_BYTES <= told["received_bytes"] <= LIMIT_BYTES + (1 << 18)


@pytest.mark.parametrize(("way", "number"), [("upload", 0), ("download", 1), ("download", 64)])
async def test_a_ticket_is_good_for_what_it_says(closed: Closed, way: str, number: int) -> None:
    """The other direction, and a flow the ticket does not have, are refused."""
    ticket = await closed.ticket(Direction.DOWN)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await closed.flow(way, ticket, number)
    assert refused.value.status == (400 if number > 63 else 403)
