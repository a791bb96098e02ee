"""`doctor`: everything that good evidence needs, checked, with what to do about it. Changes nothing."""

import argparse
import asyncio
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from probe.clock import SystemClock
from probe.commands.device import opened
from probe.commands.say import FAILED, WORKED, line, show
from probe.doctor.check import Check
from probe.doctor.visit import visit
from probe.home import Home

if TYPE_CHECKING:
    from probe.commands.say import Commands

LEAST_COLUMNS, USUAL_COLUMNS = 40, 120
SIGNS = {"ok": "ok  ", "note": "note", "look": "LOOK"}


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    commands.add_parser(
        "doctor", parents=[common], help="check everything that good evidence needs",
        epilog="ok: as it should be. note: worth knowing. LOOK: stands in the way of good evidence; what to do stands below. "
        "Ends with 0 only if there is nothing to look at.",
    )  # fmt: skip


def run(home: Home, options: argparse.Namespace) -> int:
    """Look at everything; 0 only if nothing needs looking after."""
    checks = asyncio.run(_visit(home, options))
    told = [
        {"name": one.name, "level": one.level, "good": one.good, "found": one.found, "advice": one.advice}
        for one in checks
    ]
    bad = sum(not check.good for check in checks)
    show(
        options,
        {"checks": told},
        [f"{bad} things to look at" if bad > 1 else "1 thing to look at" if bad else "all is well"],
    )
    return WORKED if not bad else FAILED


async def _visit(home: Home, options: argparse.Namespace) -> list[Check]:
    """Each check is told when it is known, since looking round takes seconds."""
    checks = []
    async for check in visit(home, SystemClock(), lambda: opened(home)):
        checks.append(check)
        for text in () if options.json else lines(check, _columns()):
            line(text)
    return checks


def _columns() -> int:
    return max(LEAST_COLUMNS, shutil.get_terminal_size().columns if sys.stdout.isatty() else USUAL_COLUMNS)


def lines(check: Check, width: int) -> list[str]:
    """One check for people: a word that needs no colour, the name, what was found, and below it what to do."""
    head = f"{SIGNS[check.level]} {check.name:<11}"
    found = textwrap.wrap(check.found, width, initial_indent=head, subsequent_indent=" " * len(head))
    advice = textwrap.wrap(
        f"-> {check.advice}", width, initial_indent=" " * len(head), subsequent_indent=" " * (len(head) + 3)
    )
    return [*found, *(advice if check.advice else ())]
