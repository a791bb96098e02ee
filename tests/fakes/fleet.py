"""The simulated fleet of `scripts`, lived through once, behind a collector of its own."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

from fakes.clock import FakeClock

from collector.config import Config
from collector.services import Services
from scripts.simulated_fleet import HOUR_US, live
from shared.slots import SlotPlan

END_US = 1_795_348_800_000_000  # 22 Nov 2026, 12:00 UTC
HOURS = 60
START_US = END_US - HOURS * HOUR_US


@contextlib.contextmanager
def lived(data: Path, hours: int = HOURS) -> Iterator[Services]:
    """Services over what the fleet sent in its last hours; the clock stands at their end."""
    clock = FakeClock()
    config = Config(data=data, slots=SlotPlan(3600, 60))
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        asyncio.run(live(services, clock.set_wall, END_US - hours * HOUR_US, hours))
        yield services
