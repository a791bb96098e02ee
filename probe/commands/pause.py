"""`pause`: measure nothing for a while. What falls into the pause is recorded as not started, and shown so."""

import argparse
from typing import TYPE_CHECKING

from probe import moments
from probe.commands.device import opened
from probe.commands.say import WORKED, show
from probe.home import Home
from probe.pausing import HOW, NAME, Pause, read_words, write_pause

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser(
        "pause", parents=[common], help="measure nothing for a while",
        epilog="Slots that fall into a pause are recorded as not started, reason paused, and count as measurements without a "
        "result: pause no longer than you need to.",
    )  # fmt: skip
    parser.add_argument("time", nargs="+", help=HOW)


def run(home: Home, options: argparse.Namespace) -> int:
    """Keep the pause where a running agent finds it."""
    with opened(home) as agent:
        now_us, local = agent.clock.wall_us(), moments.local_by(agent.clock.zone)
        pause = read_words(options.time, now_us, local)
        agent.outbox.keep(NAME, write_pause(pause))
    show(options, {"paused": True, "since_us": pause.since_us, "until_us": pause.until_us}, [
        f"paused {until(pause, now_us, local)}",
        "what falls into the pause is recorded as not started, and shown so; it can be missing when your line is judged",
        "measure again before that: speedproof-probe resume" if pause.until_us else "measure again: speedproof-probe resume",
    ])  # fmt: skip
    return WORKED


def until(pause: Pause, now_us: int, local: moments.Local) -> str:
    """Until when, in this place's time with the zone's name."""
    if pause.until_us is None:
        return "until you resume"
    return f"until {moments.at_time(pause.until_us, now_us, local)} ({moments.zone_of(local(pause.until_us))})"
