"""A collector over a folder of its own, with a clock that stands still; and the same one listening."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import Device
from fakes.served import Served, serving

from collector.config import Config
from collector.services import Services


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves when told."""
    return FakeClock()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A data folder of the test's own."""
    return Config(data=tmp_path / "data")


@pytest.fixture
def services(config: Config, clock: FakeClock) -> Iterator[Services]:
    """Services over an empty folder."""
    with contextlib.closing(Services.over_folder(config, clock)) as made:
        yield made


@pytest.fixture
def served(services: Services) -> Iterator[Served]:
    """A collector that listens."""
    with serving(services) as running:
        yield running


@pytest.fixture
def device(served: Served) -> Device:
    """A device enrolled for the line `anna`."""
    return served.enrolled("anna")
