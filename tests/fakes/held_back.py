"""A download that is held back, by its reader or by the path, from a real peer: `python -m fakes.held_back slow|tbf|free FOLDER`.

Prints what the peer's kernel told and which flaws the collector gave the record. With `tbf` it goes into a network namespace
of its own, whose loopback is shaped; needs root.
"""

import asyncio
import ctypes
import hashlib
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
from fakes.device import Device, download
from fakes.running import Running, running

from collector.peerkeys import trusted_peers
from shared import strictjson
from shared.enrolment import read_code
from shared.keys import PublicKey
from shared.strictjson import JsonObject
from shared.ticket import TicketRequest, read_ticket
from shared.transfer import Claim, Direction, co_member, envelope_in, read_transfer

WANTED_BYTES = 3_000_000
PROTOCOL = "net.measurementlab.throughput.v1"
CLONE_NEWNET = 0x40000000
SMALL = 16_384  # a receive buffer in which little can hide


def small_socket(told: Any) -> socket.socket:
    """A socket that takes little at a time."""
    made = socket.socket(told[0], told[1], told[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    made.setblocking(False)
    return made


async def measured(peer: str, key: PublicKey, device: Device, enrolment: JsonObject, pause_s: float) -> JsonObject:
    """A download in a session of the device's own, read as slowly as told, as the members of its record."""
    request = TicketRequest(device.dev, hashlib.sha256(b"intent").hexdigest(), Direction.DOWN, 1, device.seq, 0)
    asked = strictjson.encode({"enrolment": enrolment, "request": strictjson.decode(request.seal(device.key))})
    connector = aiohttp.TCPConnector(socket_factory=small_socket) if pause_s else aiohttp.TCPConnector()
    async with aiohttp.ClientSession(f"http://{peer}", connector=connector) as client:
        async with client.post("/v1/tickets", data=asked) as answer:
            ticket = read_ticket(envelope_in(await answer.read(), "ticket"), key)
        digest, received_bytes = hashlib.sha256(), 0
        query = f"sid={ticket.sid}&flow=0&mid=m&streams=1&bytes={WANTED_BYTES}"
        async with client.ws_connect(f"/throughput/v1/download?{query}", protocols=[PROTOCOL], max_msg_size=0) as flow:
            began_ns = time.monotonic_ns()
            async for message in flow:
                if message.type is aiohttp.WSMsgType.BINARY:
                    digest.update(message.data)
                    received_bytes += len(message.data)
                    await asyncio.sleep(pause_s * len(message.data) / WANTED_BYTES)
            dur_us = (time.monotonic_ns() - began_ns) // 1000
        claim = Claim((received_bytes,), digest.hexdigest())
        async with client.post(f"/v1/transfers/{ticket.sid}", data=claim.encode()) as answer:
            envelope = envelope_in(await answer.read(), "transfer")
    told = read_transfer(envelope, key)
    members = {"co": co_member(envelope), "received_bytes": received_bytes, "sid": ticket.sid}
    near_us = min(max(dur_us, told.dur_us - 100_000), told.dur_us + 100_000)
    return download(**members, dur_us=near_us) | {
        "told": {"rwnd_limited_pm": told.rwnd_limited_pm, "dur_us": told.dur_us}
    }


def enrolled(collector: Running) -> tuple[Device, JsonObject]:
    """A device of a line, and the portal's word that it is."""
    collector.add("anna")
    device, code = Device(), collector.code_for("anna")
    answer = collector.post_enrolment(code, device.request(read_code(code)))
    enrolment = strictjson.decode(answer.body)["enrolment"]
    assert isinstance(enrolment, dict)
    return device, enrolment


def shape() -> None:
    """Go into a network namespace whose loopback carries 8 Mbit/s."""
    assert ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0
    subprocess.run(["ip", "link", "set", "lo", "mtu", "1500", "up"], check=True)
    shaper = ["tbf", "rate", "8mbit", "burst", "32k", "latency", "100ms"]
    subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", *shaper], check=True)


def main(how: str, folder: Path) -> None:
    """Do it, and tell."""
    if how == "tbf":
        shape()
    with running(folder) as collector:
        device, enrolment = enrolled(collector)
        peer = collector.told["peer"]
        key = next(key for key in trusted_peers(folder / "keys").values() if key.key_id == peer["key_id"])
        pause_s = 3.0 if how == "slow" else 0.0
        members = asyncio.run(measured(f"127.0.0.1:{peer['port']}", key, device, enrolment, pause_s))
        told = members.pop("told")
        assert collector.post_batch(device.next(members)).status == 201
        case = collector.case("anna")
        flawed = case["counts"]["signed"]["flawed"]
        collector.stop()
    json.dump({"told": told, "flawed": flawed, "grades": case["grades"]}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
