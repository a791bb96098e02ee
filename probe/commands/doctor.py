"""`doctor`: everything that good evidence needs, checked, with what to do about it."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from probe.clock import SystemClock
from probe.commands.say import FAILED, WORKED, show
from probe.doctor import look
from probe.home import Home

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    commands.add_parser("doctor", parents=[common], help="check everything that good evidence needs")


def run(home: Home, options: argparse.Namespace) -> int:
    """Look at everything; 0 only if nothing needs looking after."""
    checks = list(look(home, SystemClock()))
    show(options, {"checks": [asdict(check) for check in checks]}, [
        f"{'ok  ' if check.good else 'LOOK'} {check.name:<10} {check.found}" + ("" if check.good else f" -> {check.advice}")
        for check in checks
    ])  # fmt: skip
    return WORKED if all(check.good for check in checks) else FAILED
