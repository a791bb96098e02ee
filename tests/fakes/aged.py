"""A collector with a history of many days, its ledger in small segments, to try rules of retention on."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fakes.clock import FakeClock
from fakes.device import Device, download
from fakes.history import History

from collector.check import Check
from collector.config import Config
from collector.ledger.frame import Entry
from collector.ledger.inforce import InForce
from collector.ledger.segments import read_entries
from collector.ledger.writer import Ledger
from collector.log.aside import PAST
from collector.log.checked import LeafCheck
from collector.retain import DAY_US, Removed, candidates, retain
from collector.services import Services
from shared.nextlog import NextLog

SEGMENT_BYTES = 6000
START_US = 1_800_000_000_000_000


@contextlib.contextmanager
def aged(data: Path, clock: FakeClock, segment_bytes: int = SEGMENT_BYTES) -> Iterator[Services]:
    """A collector over a folder whose segments are this short."""
    services = Services.over_folder(Config(data), clock)
    try:
        assert isinstance(services.ledger, Ledger)
        services.ledger._book._segment_bytes = segment_bytes
        yield services
    finally:
        with contextlib.suppress(OSError):  # closed already
            services.close()


def live(history: History, clock: FakeClock, days: int, complaint_on: int | None = None) -> tuple[Device, Device]:
    """So many days of two lines, a batch a day each; the second complains on one of them."""
    quiet, loud = history.device("line-0"), history.device("line-1")
    for day in range(days):
        for device in (quiet, loud):
            device.wall_us = clock.wall_us()
            records = [download(wall_us=clock.wall_us(), slot=clock.wall_us() // 900_000_000) for _ in range(3)]
            history.batch(device, *records)
        if day == complaint_on:
            history.complaint(loud, f"Slow on day {day}.")
        clock.advance(DAY_US)
    return quiet, loud


def retain_all_of(services: Services, days: int) -> list[Removed]:
    """The rule, applied to every segment it can be applied to."""
    return [retain(services, name, days) for name in candidates(services)]


def entries_of(services: Services) -> list[Entry]:
    """All entries, as they are read now."""
    return list(read_entries(services.ledger.folder))


def checked(services: Services) -> list[str]:
    """What a check finds wrong."""
    services.indexer.catch_up()

    def held(after_no: int, up_to_no: int) -> list[dict[str, Any]]:
        return [asdict(row) for row in services.store.held_batches(after_no, up_to_no)]

    last_no, keys = services.ledger.last_no, InForce(services.server_keys.lines)
    folder, published = services.config.data / "log", services.publisher.published
    past: list[tuple[NextLog, Path | None]] = [(one, folder / PAST / one.old.name) for one in services.logs]
    leaves = LeafCheck(b"" if published is None else published.note, folder, past=past)
    check = Check(services.ledger.folder, keys, last_no, last_no, held, leaves=leaves)
    check.run(lambda *_: None)
    leaves.close()
    return [f"{one.where}: {one.what}" for one in check.found]
