"""A download that is held back, by its reader or by the path, from a real peer: `python -m fakes.held_back slow|tbf|free FOLDER`.

Prints what the peer's kernel told and which flaws the collector gave the record. With `tbf` it goes into a network namespace
of its own, whose loopback is shaped; needs root.
"""

import asyncio
import ctypes
import json
import subprocess
import sys
from pathlib import Path

from fakes.counter_signed import downloaded, enrolled
from fakes.running import running

from collector.peerkeys import trusted_peers

WANTED_BYTES = 3_000_000
CLONE_NEWNET = 0x40000000


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
        address = f"127.0.0.1:{peer['port']}"
        members, said = asyncio.run(downloaded(address, key, device, enrolment, WANTED_BYTES, pause_s))
        assert collector.post_batch(device.next(members)).status == 201
        case = collector.case("anna")
        flawed = case["counts"]["signed"]["flawed"]
        collector.stop()
    told = {"rwnd_limited_pm": said.rwnd_limited_pm, "dur_us": said.dur_us}
    json.dump({"told": told, "flawed": flawed, "grades": case["grades"]}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
