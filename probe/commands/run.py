"""`run`: keep measuring by the schedule until stopped."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING

from probe.catalogue import TRANSFERS
from probe.commands.device import opened, uploader_of
from probe.commands.say import WORKED, message, positive
from probe.daemon import Daemon
from probe.errors import ProbeError
from probe.home import Home
from probe.minder import Minder
from probe.net.collector import Collector
from probe.notices import Notice
from probe.platform.notify_socket import service_manager
from probe.rotate import rotate
from probe.run import run_agent
from shared.errors import SpeedproofError
from shared.slots import HEAVY_EVERY

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser("run", parents=[common], help="keep measuring by the schedule until stopped")
    parser.add_argument(
        "--plan", choices=sorted(TRANSFERS), default="light",
        help="the transfers' plan: light (default; about 2 MB at 20 Mbit/s), evidence (about 18 MB), standard, quick, tiny",
    )  # fmt: skip
    parser.add_argument(
        "--heavy-every", type=positive, default=HEAVY_EVERY, metavar="N",
        help="download and upload in every N-th slot only (default 16: six times a day)",
    )  # fmt: skip


def run(home: Home, options: argparse.Namespace) -> int:
    """Measure and send until SIGINT or SIGTERM."""
    with home.lock(), going_on(home), opened(home) as agent:
        kept = logging.getLogger("probe").info
        daemon = Daemon(agent, options.plan, options.heavy_every, service_manager(os.environ), sweep=gc.collect)
        gc.freeze()  # what is loaded stays, and need not be looked through after each errand: a closed connection is a ring
        uploader = uploader_of(
            agent,
            lambda receipt: kept("batch %d: receipt %s", receipt.batch, receipt.pae_sha256[:16]),
            daemon.sent,
        )

        async def show(notice: Notice) -> None:
            from probe.commands.mark import mark_command  # noqa: PLC0415 - months may pass without a notice
            from probe.platform.notify import notify  # noqa: PLC0415

            await notify(notice, mark_command(home), sys.platform)

        try:
            asyncio.run(_until_told(run_agent(daemon, uploader, Minder(daemon, show))))
        except BaseExceptionGroup as group:
            ours, other = group.split(SpeedproofError)
            if ours is None or other is not None:
                raise
            raise ours.exceptions[0] from group
    return WORKED


@contextlib.contextmanager
def going_on(home: Home) -> Iterator[None]:
    """Finish a change of keys that was cut off, if the collector answers; else the old key goes on for now."""
    if home.key_to_come() is not None:
        with opened(home) as agent:
            try:
                asyncio.run(rotate(home, agent, uploader_of(agent, lambda _: None), Collector.of(agent.enrolled)))
            except ProbeError as error:
                message(f"speedproof-probe: the key is not changed yet: {error}")
    yield


async def _until_told(work: Coroutine[object, object, None]) -> None:
    """Run until SIGINT or SIGTERM."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
