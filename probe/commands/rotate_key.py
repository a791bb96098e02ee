"""`rotate-key`: a new key in this one's place; the device, its line and its chain go on."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from probe.commands.device import opened, uploader_of
from probe.commands.say import WORKED, show
from probe.home import Home
from probe.net.collector import Collector
from probe.rotate import rotate

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    commands.add_parser(
        "rotate-key", parents=[common], help="take a new key: the chain goes on with it, the old one is refused",
        epilog="Cut off on the way, say it again. An agent that runs has to be ended first; a service: with speedproof-probe "
        "service remove, and service install afterwards.",
    )  # fmt: skip


def run(home: Home, options: argparse.Namespace) -> int:
    """Send what waits, ask for it, put the new key in place."""
    with home.lock(), opened(home) as agent:
        uploader, collector = uploader_of(agent, lambda _: None), Collector.of(agent.enrolled)
        new = asyncio.run(rotate(home, agent, uploader, collector))
        told = {"device": agent.device, "key": new.public.key_id, "was": agent.signer.public.key_id}
    show(options, told, [
        f"this device signs with a new key from now on: {told['key']}",
        f"  the old one is refused by the collector from now on: {told['was']}",
    ])  # fmt: skip
    return WORKED
