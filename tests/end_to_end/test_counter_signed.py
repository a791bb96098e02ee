"""A collector and its peer as real processes: what the peer signs of a download is what the collector grades by."""

import asyncio
import time
from pathlib import Path

from fakes.counter_signed import downloaded, enrolled
from fakes.running import PATIENCE_S, command, running

from collector.evidence.archive import read_archive
from collector.evidence.check import check_evidence
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.peerkeys import trusted_peers

WANTED_BYTES = 2_000_000


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
        members, _ = asyncio.run(downloaded(f"127.0.0.1:{told['port']}", key, device, enrolment, WANTED_BYTES))
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
