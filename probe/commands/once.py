"""`once`: measure by hand, now, and send it. What is measured by hand is shown, and never counted."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from probe import report
from probe.agent import Agent
from probe.catalogue import CATALOGUE, METHODS, TRANSFERS, Method
from probe.commands.device import opened, uploader_of
from probe.commands.say import FAILED, WORKED, line, message, show
from probe.home import Home
from probe.measure.outcome import Progress
from shared.errors import Malformed
from shared.receipt import Receipt
from shared.strictjson import JsonObject

if TYPE_CHECKING:
    from probe.commands.say import Commands

ALL_PLANS = sorted({plan for method in METHODS.values() for plan in method.plan_names})
USUAL_PLAN = "light"


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    once = commands.add_parser("once", parents=[common], help="measure once by hand, now, and send it")
    once.add_argument(
        "--method", choices=sorted(METHODS), metavar="METHOD",
        help="only this method: " + ", ".join(METHODS) + " (default: those of a whole slot)",
    )  # fmt: skip
    once.add_argument(
        "--plan", choices=ALL_PLANS, metavar="PLAN",
        help="how: for transfers light (default; stops as soon as the rate is known), evidence, standard, quick or tiny; "
        f"for others {_other_plans()}",
    )  # fmt: skip
    once.add_argument("--no-upload", action="store_true", help="keep the result here for now")


def _other_plans() -> str:
    others = [row for row in METHODS.values() if row.plan_names is not TRANSFERS]
    return "; ".join(f"{row.name} {', '.join(row.plan_names)}" for row in others)


def run(home: Home, options: argparse.Namespace) -> int:
    """Measure, seal, send."""
    with home.lock(), opened(home) as agent:
        chosen = _chosen(options.method, options.plan)
        agent.close_open_intents()
        results = asyncio.run(_measure(agent, chosen, quiet=options.json))
        agent.seal_all()
        receipts: list[Receipt] = []
        trouble = None if options.no_upload else asyncio.run(uploader_of(agent, receipts.append).send_all())
    if options.json:
        told = {
            "records": results,
            "receipts": [asdict(one) for one in receipts],
            "unsent": trouble.why if trouble else None,
        }
        show(options, told, [])
    for receipt in () if options.json else receipts:
        line(f"sent as batch {receipt.batch}; the collector's receipt: {receipt.pae_sha256[:16]}…")
    if trouble:
        message(f"not sent yet: {trouble.why}; it is kept and sent later")
    return FAILED if trouble else WORKED


def _chosen(method: str | None, plan: str | None) -> list[tuple[Method, str]]:
    """What to run, each with its plan; raises Malformed for a plan that a method does not have."""
    if method is None:
        if plan is not None and plan not in TRANSFERS:
            raise Malformed(f"a whole slot has the plans {', '.join(TRANSFERS)}; {plan} needs --method")
        return [(row, row.plan_beside(plan or USUAL_PLAN)) for row in CATALOGUE if row.weight != "by_hand"]
    row = METHODS[method]
    if plan is not None and plan not in row.plan_names:
        raise Malformed(f"{method} has no plan {plan}; it has {', '.join(row.plan_names)}")
    return [(row, plan or row.plan_beside(USUAL_PLAN))]


async def _measure(agent: Agent, chosen: Sequence[tuple[Method, str]], *, quiet: bool) -> list[JsonObject]:
    """Run methods by hand, one after the other, with a bar where a person looks."""
    shows = sys.stderr.isatty() and not quiet

    def watch(progress: Progress) -> None:
        sys.stderr.write(f"\r{report.bar(progress)}")
        sys.stderr.flush()

    results = []
    for method, plan in chosen:
        results.append(await agent.measure(method.name, plan, None, watch if shows else None))
        if shows:
            sys.stderr.write("\r" + " " * 72 + "\r")
        if not quiet:
            line(report.line(results[-1]))
    return results
