"""Make the README's pictures: a subscriber's page from a simulated line, and a cell's page from a simulated fleet.

The line has four days, slow evenings, two failures; the fleet is that of `simulated_fleet.py`, a week of it. The measurements are
simulated, everything else is real: enrolment, signatures, verification, ledger, index, judge and page. Nothing in them comes from
chance but keys, so the same program makes the same pages. Needs headless Chromium.

    .venv/bin/python scripts/make_picture.py [FOLDER]
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

if __name__ == "__main__":  # started as a file: the repository is not on the path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collector.case import page_of
from collector.complain import Complaints
from collector.config import Config
from collector.enrol import Portal
from collector.fleet import cell_week
from collector.ingest import Ingest
from collector.lines import add_subscriber
from collector.services import Services
from collector.web.page import render_cell, render_page
from scripts.simulated_fleet import HOUR_US, OPERATOR, SLOW, live
from shared.batch import Sealing, pae_sha256_of, seal_batch
from shared.chain import START, Head
from shared.complaint import make_complaint
from shared.enrolment import make_request, read_code
from shared.keys import FileKey
from shared.record import write_record
from shared.slots import SlotPlan
from shared.strictjson import JsonObject

OUT = Path(__file__).resolve().parent / "pictures"
START_AT = datetime(2026, 11, 16, 23, 0, tzinfo=UTC)  # midnight in Prague
HOURS = 96
COMPLAINT_AT = 67  # the third evening, 19 h
DOWN_MBIT = (31, 33, 34, 34, 33, 32, 30, 28, 29, 30, 29, 28, 27, 28, 28, 26, 22, 15, 9, 7, 6, 8, 14, 24)
FAILS = {44: "generic_timeout_error", 68: "connection_reset"}
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]  # fmt: skip


class SetClock:
    """A clock that shows what it was set to."""

    def __init__(self) -> None:
        self.now_us = 0

    def wall_us(self) -> int:
        """The moment set."""
        return self.now_us

    def mono_us(self) -> int:
        """The moment set."""
        return self.now_us

    def set(self, now_us: int) -> None:
        """Set it."""
        self.now_us = now_us


def main() -> int:
    """Simulate, judge, render, photograph."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    browser = shutil.which("chromium")
    if browser is None:
        print("this needs headless Chromium (on Debian: apt install chromium)", file=sys.stderr)
        return 1
    out.mkdir(exist_ok=True)
    for name, make, size in (("subscriber-page", _page, "1000,2150"), ("cell-page", _cell_page, "1000,800")):
        with tempfile.TemporaryDirectory() as folder:
            page, picture = Path(folder) / "page.html", out / f"{name}.png"
            page.write_text(make(Path(folder) / "data"), encoding="utf-8")
            subprocess.run([browser, *CHROMIUM, f"--user-data-dir={folder}/browser", f"--window-size={size}",
                            f"--screenshot={picture}", page.as_uri()], check=True, stderr=subprocess.DEVNULL)  # fmt: skip
        print(picture)
    return 0


def _cell_page(data: Path) -> str:
    clock = SetClock()
    services = Services.over_folder(Config(data, slots=SlotPlan(3600, 60)), clock)
    try:
        asyncio.run(live(services, clock.set, _us(START_AT) - 61 * HOUR_US, 24 * 7 - 10))
        return render_cell(cell_week(services, f"{OPERATOR}-{SLOW}", {}))
    finally:
        services.close()


def _page(data: Path) -> str:
    clock = SetClock()
    clock.now_us = _us(START_AT)
    services = Services.over_folder(Config(data, slots=SlotPlan(3600, 60)), clock)
    try:
        asyncio.run(_live(services, clock))
        clock.now_us = _us(START_AT + timedelta(hours=HOURS))
        return render_page(*page_of(services, "line-1"))
    finally:
        services.close()


async def _live(services: Services, clock: SetClock) -> None:
    """Four days of a line."""
    contract = {"down": {"advertised_bps": 40_000_000, "normal_bps": 24_000_000, "min_bps": 10_000_000},
                "up": {"advertised_bps": 10_000_000, "normal_bps": 6_000_000, "min_bps": 2_000_000}}  # fmt: skip
    add_subscriber(
        services, {"id": "line-1", "time_zone": "Europe/Prague", "criterion": "si-2019", "contract": contract}
    )
    portal, ingest, complaints, key = Portal(services), Ingest(services), Complaints(services), FileKey.generate()
    code, _ = portal.give_code("line-1")
    portal.enrol(code, make_request(read_code(code), bytes(16), key))
    head = START
    for hour in range(HOURS):
        at_us = _us(START_AT + timedelta(hours=hour, minutes=7))
        clock.now_us = at_us + 30_000_000
        body = _batch(list(_records(services, hour, at_us)), head, key, clock.now_us)
        await ingest.take(body)
        head = Head(head.batch + 1, head.seq + 3, pae_sha256_of(body))
        if hour == COMPLAINT_AT:
            words = "In the evening nothing loads, videos stop all the time. This is my fourth call about it."
            await complaints.take(make_complaint(words, clock.now_us, key))


def _records(services: Services, hour: int, at_us: int) -> Iterator[JsonObject]:
    down = DOWN_MBIT[hour % 24] * 1_000_000 + (hour * 7919 % 23 - 11) * 150_000
    common: JsonObject = {"plan": "quick", "slot": services.config.slots.slot_at(at_us), "ver": 1,
                          "ctx": {"interface": "wwan0", "network_type": "mobile"}}  # fmt: skip
    rtts: list[int] = [38_000 + (hour * 31 + n * 17) % 9_000 + (60_000 if down < 10_000_000 else 0) for n in range(10)]
    yield common | {
        "method": "latency",
        "end": "ok",
        "rtt_us": list(rtts),
        "sent": 10,
        "wall_us": at_us,
        "mono_us": at_us,
    }
    transfer: JsonObject = common | {"dur_us": 3_000_000, "wall_us": at_us + 2_000_000, "mono_us": at_us + 2_000_000}
    if hour in FAILS:
        yield transfer | {"method": "download", "end": "failed", "failure": FAILS[hour], "stage": "body",
                          "received_bytes": 812_000}  # fmt: skip
    else:
        yield transfer | {"method": "download", "end": "ok", "received_bytes": down * 3 // 8}
    yield transfer | {"method": "upload", "end": "ok", "received_bytes": (6_500_000 + hour * 331 % 900_000) * 3 // 8}


def _batch(records: list[JsonObject], head: Head, key: FileKey, now_us: int) -> bytes:
    lines = [write_record(record | {"seq": head.seq + number}) for number, record in enumerate(records)]
    place = Sealing("simulated-line/1", head.batch, "boot", head.pae_sha256, head.seq, head.seq + 2, now_us, now_us)
    return seal_batch(lines, place, key)


def _us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


if __name__ == "__main__":
    sys.exit(main())
