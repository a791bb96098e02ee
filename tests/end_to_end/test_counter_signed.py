"""A collector and its peer as real processes: what the peer signs of a download is what the collector grades by."""

import asyncio
import hashlib
import time
from pathlib import Path

import aiohttp
from fakes.device import Device, download
from fakes.running import PATIENCE_S, Running, command, running

from collector.evidence.archive import read_archive
from collector.evidence.check import check_evidence
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.peerkeys import trusted_peers
from shared import strictjson
from shared.enrolment import read_code
from shared.keys import PublicKey
from shared.strictjson import JsonObject
from shared.ticket import TicketRequest, read_ticket
from shared.transfer import Claim, Direction, co_member, envelope_in, read_transfer

WANTED_BYTES = 2_000_000
PROTOCOL = "net.measurementlab.throughput.v1"


async def measured(peer: str, key: PublicKey, device: Device, enrolment: JsonObject) -> JsonObject:
    """A download in a session of the device's own, as the members of its record."""
    request = TicketRequest(device.dev, hashlib.sha256(b"intent").hexdigest(), Direction.DOWN, 1, device.seq, 0)
    asked = strictjson.encode({"enrolment": enrolment, "request": strictjson.decode(request.seal(device.key))})
    async with aiohttp.ClientSession(f"http://{peer}") as client:
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
                    dur_us = (time.monotonic_ns() - began_ns) // 1000
        claim = Claim((received_bytes,), digest.hexdigest())
        async with client.post(f"/v1/transfers/{ticket.sid}", data=claim.encode()) as answer:
            assert answer.status == 200, await answer.read()
            envelope = envelope_in(await answer.read(), "transfer")
    told = read_transfer(envelope, key)
    assert told.probe_bytes == received_bytes >= WANTED_BYTES
    members = {"co": co_member(envelope), "received_bytes": received_bytes, "sid": ticket.sid}
    # Whether two clocks agree on a busy machine is not the question here; what the peer timed is within any tolerance.
    return download(**members, dur_us=min(max(dur_us, told.dur_us - 100_000), told.dur_us + 100_000))


def enrolled(collector: Running) -> tuple[Device, JsonObject]:
    """A device of the line `anna`, and the portal's word that it is."""
    assert collector.add("anna").status == 200
    device, code = Device(), collector.code_for("anna")
    answer = collector.post_enrolment(code, device.request(read_code(code)))
    enrolment = strictjson.decode(answer.body)["enrolment"]
    assert isinstance(enrolment, dict)
    return device, enrolment


def leaves(data: Path) -> list[bytes]:
    """What the peer has handed over to the collector of its own accord, as soon as there is anything."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = [one for one in read_entries(data / "ledger") if one.kind is EntryKind.TRANSFER]
        if found:
            assert all(one.tree is not None for one in found)
            return [one.body for one in found]
        time.sleep(0.1)
    return []


def test_a_real_peer_counter_signs(tmp_path: Path) -> None:
    """A download from the collector's own peer is counter-signed, its copy is not, and the evidence shows both."""
    data, file = tmp_path / "data", tmp_path / "evidence.zip"
    with running(data) as collector:
        device, enrolment = enrolled(collector)
        told = collector.told["peer"]
        key = next(key for key in trusted_peers(data / "keys").values() if key.key_id == told["key_id"])
        members = asyncio.run(measured(f"127.0.0.1:{told['port']}", key, device, enrolment))
        assert collector.post_batch(device.next(members)).status == 201
        assert collector.post_batch(device.next(members)).status == 201
        assert collector.case("anna")["grades"] == [
            {"direction": "down", "grade": "counter_signed", "reason": None, "n": 1},
            {"direction": "down", "grade": "one_sided", "reason": "session_reused", "n": 1},
        ]
        (statement,) = (data / "transfers.ndjson").read_bytes().splitlines(keepends=True)
        assert leaves(data) == [statement]
        assert command(data, "evidence", "anna", "--out", str(file)).returncode == 0
        collector.stop()
    steps = check_evidence(read_archive(file.read_bytes()))
    assert steps[-1].holds
    assert steps[10].detail.startswith("1 of 2 transfers counter-signed, the others one-sided: 1 session_reused; ")
    done = command(data, "rebuild")
    assert "it is the same as before" in done.stdout
