"""`complain`: tell support, in the customer's own words, what is wrong."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from probe.answers import Later
from probe.commands.device import opened, uploader_of
from probe.commands.say import FAILED, WORKED, message, show
from probe.home import Home
from shared.complaint import make_complaint

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser("complain", parents=[common], help="tell support, in your own words, what is wrong")
    parser.add_argument("words", help='for instance "since Monday nothing loads in the evening"')


def run(home: Home, options: argparse.Namespace) -> int:
    """Sign the words, keep them, send them."""
    with opened(home) as agent:
        agent.outbox.add_complaint(make_complaint(options.words, agent.clock.wall_us(), agent.signer))
        trouble = asyncio.run(uploader_of(agent, lambda _: None).send_complaints())
    show(options, {"sent": trouble is None, "unsent": trouble.why if trouble else None}, [
        "your complaint is with the collector" if trouble is None else "your complaint is kept and will be sent later",
    ])  # fmt: skip
    if trouble:
        message(f"not sent yet: {trouble.why}")
    return WORKED if trouble is None or isinstance(trouble, Later) else FAILED
