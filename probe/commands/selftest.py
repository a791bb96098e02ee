"""`selftest`: how fast this device can measure, tried on itself in about ten seconds; nothing leaves the device."""

import argparse
import asyncio
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

from probe.commands.device import opened
from probe.commands.say import FAILED, WORKED, message, show
from probe.errors import StateUnusable
from probe.home import Home
from probe.measure.outcome import CouldNotRun
from probe.net.selftest import run as try_rates
from probe.selftest import KEPT, RATES_BPS, in_mbps, words

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    least, most = in_mbps(RATES_BPS[0]), in_mbps(RATES_BPS[-1])
    commands.add_parser(
        "selftest",
        parents=[common],
        help="find out how fast this device can measure (10 s, no data used)",
        description=f"Sends load from this device to itself, from {least} up to {most}, and keeps the fastest rate that was "
        "received without falling behind. Downloads near that rate are then marked as limited by this device. Uses no mobile "
        "data. Repeat it after an update or on other hardware; close other programs first.",
    )


def run(home: Home, options: argparse.Namespace) -> int:
    """Try, keep what came of it, and say it."""

    def told(rate_bps: int, clean: bool) -> None:  # noqa: FBT001  (called by position)
        if not options.json:
            message(f"  {in_mbps(rate_bps):>10}  {'received in full' if clean else 'fell behind'}")

    with opened(home) as agent:
        if agent.outbox.open_intents():
            raise StateUnusable("a measurement is under way; try again in a minute")
        if not options.json:
            message("trying what this device can receive; about ten seconds")
        try:
            passed = asyncio.run(try_rates(agent.clock, secrets.token_bytes, told))
        except CouldNotRun as error:
            message(f"speedproof-probe: {error.reason}")
            return FAILED
        agent.outbox.keep(KEPT, passed.to_keep())
    show(options, asdict(passed), words(passed))
    return WORKED
