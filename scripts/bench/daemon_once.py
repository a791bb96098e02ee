"""The whole agent as a daemon has it, outbox and key included, through one download and one upload: its memory.

Prints one JSON object: the peak of resident memory, and which foreign tools were imported.
"""

import argparse
import asyncio
import json
import re
import secrets
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import probe.__main__
import probe.commands.run  # noqa: F401 - the daemon is all of it
from probe.agent import Agent
from probe.clock import SystemClock
from probe.home import Enrolled
from probe.net.address import PeerAddress
from probe.outbox import Outbox
from shared.keys import FileKey
from shared.slots import SlotPlan


async def measure(url: str, plan: str, folder: Path) -> dict[str, object]:
    """Measure for the record, and seal it."""
    parts, imported_kib = urlsplit(url), peak_kib()
    key = FileKey.generate()
    peer = PeerAddress(url, parts.hostname or "", parts.port or 80, "bench")
    enrolled = Enrolled("http://127.0.0.1:9", key.public, "bench", SlotPlan(), peer, None)
    outbox = Outbox(folder / "outbox", lambda: secrets.token_bytes(32))
    try:
        agent = Agent(enrolled, key, outbox, SystemClock(), secrets.token_bytes)
        ends = [(await agent.measure(method, plan, None)).get("end") for method in ("download", "upload")]
        agent.seal_all()
    finally:
        outbox.close()
    return {
        "ends": ends,
        "imported_kib": imported_kib,
        "peak_kib": peak_kib(),
        "foreign": [name for name in ("scapy", "speedtest") if name in sys.modules],
    }


def peak_kib() -> int:
    """VmHWM of proc(5); the resource usage of getrusage(2) remembers what ran in this process before."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("plan")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="speedproof-bench-") as folder:
        sys.stdout.write(json.dumps(asyncio.run(measure(options.url, options.plan, Path(folder)))) + "\n")


if __name__ == "__main__":
    main()
