"""The words of `speedproof-probe`: names and JSON are a contract, later versions add to them."""

import argparse
from pathlib import Path

from probe.catalogue import METHODS, TRANSFERS

ALL_PLANS = sorted({plan for method in METHODS.values() for plan in method.plan_names})


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="speedproof-probe",
        description="Measures this line, signs what it saw, and sends it to the collector you enrolled at.",
        epilog="Every command takes --help. Results go to stdout (one JSON object with --json), messages to stderr.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state", type=Path, help="the state folder (or SPEEDPROOF_STATE; default ~/.local/share/speedproof/probe)"
    )
    common.add_argument("--json", action="store_true", help="print one JSON object on stdout")

    enrol = commands.add_parser("enrol", parents=[common], help="bind this device to your line with a one-time code")
    enrol.add_argument("url", help="the collector's address, such as https://proof.example.net")
    enrol.add_argument("code", help="the code you were given, such as 7K3M9-QX2TA")
    enrol.add_argument("--ca", type=Path, help="a file of certificates (PEM) to believe besides the system's")
    enrol.add_argument(
        "--collector-key", metavar="HEX", help="the collector's key id, if you were told it (64 hex digits)"
    )

    enrol.add_argument(
        "--new-key", action="store_true",
        help="take a new key and start a new chain (outbox lost, key frozen, another collector); the old files are set aside",
    )  # fmt: skip

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

    run = commands.add_parser("run", parents=[common], help="keep measuring by the schedule until stopped")
    run.add_argument(
        "--plan", choices=sorted(TRANSFERS), default="light",
        help="the transfers' plan: light (default; about 2 MB at 20 Mbit/s), evidence (about 18 MB), standard, quick, tiny",
    )  # fmt: skip
    run.add_argument(
        "--heavy-every", type=_positive, default=16, metavar="N",
        help="download and upload in every N-th slot only (default 16: six times a day)",
    )  # fmt: skip

    commands.add_parser("status", parents=[common], help="what was measured, what waits to be sent")
    complain = commands.add_parser("complain", parents=[common], help="tell support, in your own words, what is wrong")
    complain.add_argument("words", help='for instance "since Monday nothing loads in the evening"')
    commands.add_parser("doctor", parents=[common], help="check everything that good evidence needs")
    return parser


def _other_plans() -> str:
    others = [row for row in METHODS.values() if row.plan_names is not TRANSFERS]
    return "; ".join(f"{row.name} {', '.join(row.plan_names)}" for row in others)


def _positive(text: str) -> int:
    value = int(text) if text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return value
