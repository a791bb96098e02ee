"""`resume`: end a pause."""

import argparse
from typing import TYPE_CHECKING

from probe.commands.device import opened
from probe.commands.say import WORKED, show
from probe.home import Home
from probe.pausing import NAME, NO_PAUSE, read_pause
from shared.errors import Malformed

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    commands.add_parser("resume", parents=[common], help="end a pause: measure again by the schedule")


def run(home: Home, options: argparse.Namespace) -> int:
    """Take the pause away; a value that cannot be read is taken away too."""
    with opened(home) as agent:
        try:
            pause = read_pause(agent.outbox.kept(NAME))
            held = pause is not None and pause.holds_at(agent.clock.wall_us())
        except Malformed:
            held = True
        agent.outbox.keep(NAME, NO_PAUSE)
    show(options, {"paused": False, "was_paused": held}, [
        "no pause any more: measuring goes on by the schedule" if held else "there was no pause",
    ])  # fmt: skip
    return WORKED
