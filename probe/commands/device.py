"""This device, ready to measure: the one place where its parts meet."""

import contextlib
import secrets
import sys
from collections.abc import Callable, Iterator

from probe.agent import Agent
from probe.clock import SystemClock
from probe.errors import StateUnusable
from probe.history import FOLDER, History
from probe.home import Home
from probe.lookout import Look
from probe.net.collector import Collector
from probe.outbox import Outbox, is_there
from probe.settings import Settings
from probe.surroundings import Surroundings
from probe.upload import Uploader
from shared.receipt import Receipt

MEGA = 1_000_000


@contextlib.contextmanager
def opened(home: Home) -> Iterator[Agent]:
    """This device, its outbox open; raises NotEnrolled or StateUnusable."""
    enrolled, key = home.enrolled(), home.key()
    if not is_there(home.outbox_folder):
        raise StateUnusable(
            "the outbox is gone, and with it this device's place in its chain; "
            "ask support for a code and use: speedproof-probe enrol URL CODE --new-key"
        )
    settings = home.settings()
    outbox = Outbox(home.outbox_folder, lambda: secrets.token_bytes(32), settings.outbox_mb * MEGA)
    history = History(home.folder / FOLDER)
    try:
        yield Agent(enrolled, key, outbox, SystemClock(), secrets.token_bytes, settings, looking(settings), history)
    finally:
        history.close()
        outbox.close()


def looking(settings: Settings) -> Look:
    """What looks round on this system; its readers are loaded when somebody looks first."""

    async def look(interface: str | None, has_way: bool) -> Surroundings:  # noqa: FBT001 - a Look
        from probe.platform.look import look_around  # noqa: PLC0415 - `status` need not pay for it

        return await look_around(interface, has_way, settings, android=sys.platform == "android")

    return look


def uploader_of(
    agent: Agent, kept: Callable[[Receipt], None], on_sent: Callable[[int], None] | None = None
) -> Uploader:
    """What sends this device's batches to its collector; `kept` is told of each receipt, `on_sent` of bytes sent."""
    collector, key = Collector.of(agent.enrolled), agent.enrolled.collector
    own, heard = agent.signer.public, on_sent or (lambda _: None)
    return Uploader(agent.outbox, collector, key, kept, device=agent, own=own, on_sent=heard)
