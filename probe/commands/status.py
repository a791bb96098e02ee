"""`status`: what was measured, what waits to be sent."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from probe import report
from probe.commands.device import opened
from probe.commands.say import WORKED, show
from probe.home import Home
from shared.record import read_record

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    commands.add_parser("status", parents=[common], help="what was measured, what waits to be sent")


def run(home: Home, options: argparse.Namespace) -> int:
    """Look, change nothing."""
    with opened(home) as agent:
        tally, recent = agent.outbox.tally(), agent.outbox.recent()
        head, enrolled = agent.outbox.head, agent.enrolled
    told = asdict(tally) | {
        "subscriber": enrolled.subscriber,
        "collector": enrolled.collector_url,
        "device": home.key().public.key_id,
        "next_batch": head.batch,
        "recent": [read_record(line.rstrip(b"\n")).fields for line in recent],
    }
    show(options, told, [
        f"line of {enrolled.subscriber}, collector {enrolled.collector_url}",
        f"{tally.next_seq} measurements started, {tally.batches} batches sealed, {tally.unsent} not sent yet",
        *([f"{tally.unsent_complaints} complaints not sent yet"] if tally.unsent_complaints else []),
        "last measurements:" if recent else "nothing measured yet; try: speedproof-probe once",
        *report.summary(recent[:10]),
    ])  # fmt: skip
    return WORKED
