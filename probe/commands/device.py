"""This device, ready to measure: the one place where its parts meet."""

import contextlib
import secrets
from collections.abc import Callable, Iterator

from probe.agent import Agent
from probe.clock import SystemClock
from probe.errors import StateUnusable
from probe.home import Home
from probe.net.collector import Collector
from probe.outbox import Outbox
from probe.upload import Uploader
from shared.receipt import Receipt


@contextlib.contextmanager
def opened(home: Home) -> Iterator[Agent]:
    """This device, its outbox open; raises NotEnrolled or StateUnusable."""
    enrolled, key = home.enrolled(), home.key()
    if not home.outbox_file.exists():
        raise StateUnusable(
            "the outbox is gone, and with it this device's place in its chain; "
            "ask support for a code and use: speedproof-probe enrol URL CODE --new-key"
        )
    outbox = Outbox(home.outbox_file, lambda: secrets.token_bytes(32))
    try:
        yield Agent(enrolled, key, outbox, SystemClock(), secrets.token_bytes, home.settings())
    finally:
        outbox.close()


def uploader_of(agent: Agent, kept: Callable[[Receipt], None]) -> Uploader:
    """What sends this device's batches to its collector; `kept` is told of each receipt."""
    return Uploader(agent.outbox, Collector.of(agent.enrolled), agent.enrolled.collector, kept)
