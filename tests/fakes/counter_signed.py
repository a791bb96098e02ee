"""A download in a session of a real peer, whose statement the record bears: what a probe does, in the fewest steps."""

import asyncio
import hashlib
import socket
import time
from typing import Any

import aiohttp
from fakes.device import Device, download
from fakes.running import Running

from shared import strictjson
from shared.enrolment import read_code
from shared.keys import PublicKey
from shared.strictjson import JsonObject
from shared.ticket import TicketRequest, read_ticket
from shared.transfer import Claim, Direction, TransferStatement, co_member, envelope_in, read_transfer

PROTOCOL = "net.measurementlab.throughput.v1"
SMALL = 16_384  # a receive buffer in which little can hide
NEAR_US = 100_000  # whether two clocks agree on a busy machine is not the question; what the peer timed is within any tolerance


def enrolled(collector: Running) -> tuple[Device, JsonObject]:
    """A device of the line `anna`, and the portal's word that it is."""
    assert collector.add("anna").status == 200
    device, code = Device(), collector.code_for("anna")
    answer = collector.post_enrolment(code, device.request(read_code(code)))
    enrolment = strictjson.decode(answer.body)["enrolment"]
    assert isinstance(enrolment, dict)
    return device, enrolment


async def downloaded(
    peer: str, key: PublicKey, device: Device, enrolment: JsonObject, wanted_bytes: int, pause_s: float = 0
) -> tuple[JsonObject, TransferStatement]:
    """The members of its record, and what the peer signed; with a pause it is read so slowly that it lasts so much longer."""
    request = TicketRequest(device.dev, hashlib.sha256(b"intent").hexdigest(), Direction.DOWN, 1, device.seq, 0)
    asked = strictjson.encode({"enrolment": enrolment, "request": strictjson.decode(request.seal(device.key))})
    connector = aiohttp.TCPConnector(socket_factory=_small_socket) if pause_s else aiohttp.TCPConnector()
    async with aiohttp.ClientSession(f"http://{peer}", connector=connector) as client:
        async with client.post("/v1/tickets", data=asked) as answer:
            ticket = read_ticket(envelope_in(await answer.read(), "ticket"), key)
        digest, received_bytes = hashlib.sha256(), 0
        query = f"sid={ticket.sid}&flow=0&mid=m&streams=1&bytes={wanted_bytes}"
        async with client.ws_connect(f"/throughput/v1/download?{query}", protocols=[PROTOCOL], max_msg_size=0) as flow:
            began_ns = time.monotonic_ns()
            async for message in flow:
                if message.type is aiohttp.WSMsgType.BINARY:
                    digest.update(message.data)
                    received_bytes += len(message.data)
                    dur_us = (time.monotonic_ns() - began_ns) // 1000
                    await asyncio.sleep(pause_s * len(message.data) / wanted_bytes)
        claim = Claim((received_bytes,), digest.hexdigest())
        async with client.post(f"/v1/transfers/{ticket.sid}", data=claim.encode()) as answer:
            assert answer.status == 200, await answer.read()
            envelope = envelope_in(await answer.read(), "transfer")
    told = read_transfer(envelope, key)
    assert told.probe_bytes == received_bytes > 0  # one who reads slowly may be cut off before he has all of it
    members = {"co": co_member(envelope), "received_bytes": received_bytes, "sid": ticket.sid}
    near_us = min(max(dur_us, told.dur_us - NEAR_US), told.dur_us + NEAR_US)
    return download(**members, dur_us=near_us), told


def _small_socket(told: Any) -> socket.socket:
    """A socket that takes little at a time."""
    made = socket.socket(told[0], told[1], told[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    made.setblocking(False)
    return made
