"""`report`: one page with charts for whoever owns this device, in one file that opens offline."""

import argparse
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from probe.agent import Agent
from probe.commands.device import opened
from probe.commands.look import accounts, campaigns, local_of, place_for, recent
from probe.commands.say import FAILED, WORKED, message, positive, show
from probe.history import FOLDER, History
from probe.home import Home
from probe.moments import DAY_US
from probe.page.facts import Allowance, Facts, Sending, Sent
from probe.page.render import render
from probe.report import counted
from shared import dsse, statement
from shared.errors import Malformed

if TYPE_CHECKING:
    from probe.commands.say import Commands

DAYS: Final = 30
NAME: Final = "speedproof-report.html"
RECEIPTS: Final = 5
OPENERS: Final = ("termux-open", "xdg-open", "open")  # Android, Linux, macOS
PATIENCE_S: Final = 5.0
SHARED: Final = Path("storage/downloads")  # below the home folder, where termux-setup-storage lets other apps look


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser(
        "report", parents=[common], help="a page with charts of what was measured, in one file"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"where to write it (default ~/{NAME})")
    parser.add_argument("--days", type=positive, default=DAYS, metavar="N", help=f"how far back (default {DAYS} days)")
    parser.add_argument("--open", action="store_true", help="show it at once")


def run(home: Home, options: argparse.Namespace) -> int:
    """Write the page, and show it if asked to."""
    with opened(home) as agent:
        facts = facts_of(home, agent, options.days)
    page = render(facts).encode()
    file = place_for(options.out, NAME)
    try:
        write(file, page)
    except OSError as error:
        message(f"speedproof-probe: {file} cannot be written: {error.strerror}; another place by --out FILE")
        return FAILED
    told = {"file": str(file), "bytes": len(page), "days": options.days, "measurements": len(facts.rows)}
    made = f"{file}: {counted(len(facts.rows), 'measurement')} of the last {counted(options.days, 'day')}"
    show(options, told, [made, *([] if options.open else _advice(options))])
    return WORKED if not options.open or _opened(file) else FAILED


def _advice(options: argparse.Namespace) -> list[str]:
    """How to see it; on a phone no other app looks into Termux's home."""
    again = f" --out {options.out}" if options.out else ""
    advice = [f"to see it: open it with any browser, or: speedproof-probe report --open{again}"]
    if "com.termux" in os.environ.get("PREFIX", "") and not options.out:
        first = "" if (Path.home() / SHARED).is_dir() else "termux-setup-storage, once, then: "
        advice.append(f"to put it where other apps see it: {first}speedproof-probe report --out ~/{SHARED}/{NAME}")
    return advice


def facts_of(home: Home, agent: Agent, days: int) -> Facts:
    """Everything the page shows."""
    now_us = agent.clock.wall_us()
    budget, spent = accounts(agent, now_us)
    tally = agent.outbox.tally()
    from_us = max(0, now_us - days * DAY_US)
    rows = [row for row in History(home.folder / FOLDER).since(from_us, agent.outbox.recent()) if row.at_us <= now_us]
    return Facts(
        subscriber=agent.enrolled.subscriber,
        collector_url=agent.enrolled.collector_url,
        device=agent.device,
        from_us=max(from_us, min(rows[0].at_us, now_us - DAY_US)) if rows else from_us,
        now_us=now_us,
        slot_s=agent.enrolled.slots.slot_s,
        local=local_of(agent),
        rows=rows,
        recent=recent(agent),
        sending=Sending(
            batches=tally.batches,
            waiting=tally.unsent,
            waiting_bytes=tally.unsent_bytes,
            unsealed=tally.unsealed,
            lost=tally.lost,
            receipts=tuple(_receipts(agent.outbox.receipts()[-RECEIPTS:])),
        ),
        allowance=Allowance(spent.month, budget.month_bytes, spent.total_bytes),
        campaign=tuple(campaigns(agent, now_us)),
    )


def _receipts(lines: Iterable[tuple[int, bytes]]) -> list[Sent]:
    """The last receipts, newest first; they were checked when they came."""
    found = []
    for batch, line in lines:
        try:
            told = statement.read_statement(dsse.read_envelope(line).payload, statement.Kind.RECEIPT)
            found.append(Sent(batch, statement.integer(told.predicate, "received_us"), told.subject_sha256))
        except Malformed:
            continue
    return found[::-1]


def write(file: Path, page: bytes) -> None:
    """Write the page whole or not at all, for its owner only; raises OSError."""
    partial = file.with_name(file.name + ".new")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(page)
    partial.replace(file)


def _opened(file: Path) -> bool:
    """Show the file with what this system has for that; says so where there is nothing."""
    opener = next((found for found in map(shutil.which, OPENERS) if found is not None), None)
    if opener is None:
        message(f"nothing here can open it ({', '.join(OPENERS)}); copy {file} to where there is a browser")
        return False
    shown = subprocess.Popen(
        [opener, file],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a browser that it becomes must outlive this command
    )
    try:
        return shown.wait(PATIENCE_S) == 0
    except subprocess.TimeoutExpired:
        return True
