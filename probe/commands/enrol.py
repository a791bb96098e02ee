"""`enrol`: bind this device to a line with a one-time code."""

import argparse
import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from probe.commands.say import WORKED, show
from probe.enrol import enrol
from probe.home import Home

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser("enrol", parents=[common], help="bind this device to your line with a one-time code")
    parser.add_argument("url", help="the collector's address, such as https://proof.example.net")
    parser.add_argument("code", help="the code you were given, such as 7K3M9-QX2TA")
    parser.add_argument("--ca", type=Path, help="a file of certificates (PEM) to believe besides the system's")
    parser.add_argument(
        "--collector-key", metavar="HEX", help="the collector's key id, if you were told it (64 hex digits)"
    )
    parser.add_argument(
        "--new-key", action="store_true",
        help="take a new key and start a new chain (outbox lost, key frozen, another collector); the old files are set aside",
    )  # fmt: skip


def run(home: Home, options: argparse.Namespace) -> int:
    """Enrol, and say what to do next."""
    with home.lock():
        told = asyncio.run(
            enrol(
                home,
                options.url,
                options.code,
                options.ca and options.ca.resolve(),
                options.collector_key,
                secrets.token_bytes,
                fresh=options.new_key,
            )
        )
    result = {"subscriber": told["subscriber"], "collector": options.url, "device": home.key().public.key_id}
    result["collector_key"] = home.enrolled().collector.key_id
    show(options, result, [
        f"enrolled for the line of {told['subscriber']}",
        f"  this device's key   {result['device']}",
        f"  the collector's key {result['collector_key']}" + ("" if options.collector_key else " (believed as first seen)"),
        "measure now with: speedproof-probe once     keep measuring with: speedproof-probe run",
    ])  # fmt: skip
    return WORKED
