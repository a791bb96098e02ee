"""The desk's commands in this process, while no collector runs over the folder."""

import contextlib
from collections.abc import Iterator
from typing import Any

from collector import desk
from collector.config import Config
from collector.enrol import Portal
from collector.services import Services


class LocalDesk:
    """Commands in this process: no collector runs over the folder."""

    url = None

    def __init__(self, services: Services) -> None:
        self._services = services
        self._portal = Portal(services)

    def run(self, command: str, told: dict[str, Any]) -> dict[str, Any]:
        """Run one command here."""
        return desk.run(command, self._services, self._portal, told)


@contextlib.contextmanager
def local_desk(config: Config) -> Iterator[LocalDesk]:
    """Open the folder for as long as it takes; raises AlreadyRunning."""
    with contextlib.closing(Services.over_folder(config)) as services:
        yield LocalDesk(services)
