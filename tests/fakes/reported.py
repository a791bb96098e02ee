"""A case with its collector, its time-stamping authority and its report. TEST ONLY."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fakes.clock import FakeClock
from fakes.history import History
from fakes.stamping import Stamping, stamping
from fakes.tsa import Tsa

from collector.clock import SystemClock
from collector.config import Config
from collector.report.make import Made, make_report
from collector.services import Services


@dataclass(frozen=True, slots=True)
class Reported:
    """Everything about one report: with a time-stamp, and one without."""

    services: Services
    history: History
    stamping: Stamping
    made: Made
    plain: Made

    @property
    def roots(self) -> bytes:
        """The authority's root (PEM)."""
        return self.stamping.roots.read_bytes()


@contextlib.contextmanager
def reported(folder: Path) -> Iterator[Reported]:
    """The case of `line-0`, at a moment that other programs take for now: they look at their own clock."""
    clock = FakeClock(SystemClock().wall_us())
    with stamping(Tsa.begin(folder / "tsa")) as stamps:
        with contextlib.closing(Services.over_folder(Config(folder / "data"), clock)) as services:
            History(services).eventful()
            plain = make_report(services, "line-0")
        config = Config(folder / "data", tsa=stamps.url, tsa_roots=stamps.roots)
        with contextlib.closing(Services.over_folder(config, clock)) as services:
            yield Reported(services, History(services), stamps, make_report(services, "line-0"), plain)
