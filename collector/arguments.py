"""The words of `speedproof-collector`: names and JSON are a contract, later versions add to them."""

import argparse
import re
from pathlib import Path

from collector import arguments_fleet, logs
from collector.config import DEFAULT_PORT
from collector.contracts import AREAS, DEFAULT_CRITERION, SPEEDS
from collector.importers.imported import FORMATS
from collector.importers.ucc import Load
from collector.keyhistory import SERVERS

_UNITS = {"k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def speed(text: str) -> tuple[str, int]:
    """`advertised=40M` as a contract value: a name, and a speed with its unit in bit/s (k, M or G)."""
    name, _, amount = text.partition("=")
    found = re.fullmatch(r"(\d{1,6})(?:\.(\d{1,6}))?([kMG])", amount)
    if f"{name}_bps" not in SPEEDS or not found:
        names = ", ".join(one.removesuffix("_bps") for one in SPEEDS)
        raise argparse.ArgumentTypeError(
            f"{text!r} is not NAME=SPEED like advertised=40M; names: {names}; units: k, M, G bit/s"
        )
    whole, part, unit = found.groups()
    value = int(whole) * _UNITS[unit] + int((part or "0").ljust(6, "0")) * _UNITS[unit] // 1_000_000
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: a promised speed is above zero")
    return f"{name}_bps", value


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="speedproof-collector",
        description="Receives, verifies, keeps, judges and shows what probes measured.",
        epilog="Every command takes --help. Results go to stdout (one JSON object with --json), messages to stderr.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument(
        "--data", type=Path, help="the data folder (or SPEEDPROOF_DATA; default ~/.local/share/speedproof/collector)"
    )
    folder.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    folder.add_argument("--criteria", type=Path, metavar="DIR", help="a folder of further criterion files (*.toml)")

    up = commands.add_parser("up", parents=[folder], help="run collector, peer and web page on this machine")
    up.add_argument("--host", help="address to listen on (default 127.0.0.1: this machine only)")
    up.add_argument("--port", type=int, help=f"port of the collector (default {DEFAULT_PORT}; 0: any free one)")
    up.add_argument("--peer-port", type=int, help=f"port of the peer, TCP and UDP (default {DEFAULT_PORT + 1}; 0: any)")
    up.add_argument("--peer-host", help="the name probes reach the peer by (default: as they reach the collector)")
    up.add_argument(
        "--peer-tls-cert", type=Path, metavar="PEM", help="certificate chain by which probes reach the peer (TLS)"
    )
    up.add_argument("--peer-tls-key", type=Path, metavar="PEM", help="its private key (default: in the same file)")
    up.add_argument("--peer-tls-port", type=int, help=f"port of the peer for TLS (default {DEFAULT_PORT + 2}; 0: any)")
    up.add_argument("--slot-s", type=int, help="length of a schedule slot in seconds (default 900)")
    up.add_argument("--guard-s", type=int, help="end of a slot kept free of starts, in seconds (default 60)")

    up.add_argument(
        "--workers",
        type=int,
        help="processes that take in batches, beside one that writes the ledger (default 0: all in one process)",
    )

    up.add_argument(
        "--desk-port",
        type=int,
        help="with workers: port of the desk, past all probes (default: three above --port; 0: any free one)",
    )
    up.add_argument("--log-format", choices=logs.FORMATS, help="how to log: lines for people (default), or JSON")
    up.add_argument(
        "--log-level", choices=logs.LEVELS, help="from what on to log (default warning; debug: every batch)"
    )

    _subscriber(commands, folder)
    _keys(commands, folder)
    _provision(commands, folder)
    _import(commands, folder)
    _judge(commands, folder)

    case = commands.add_parser("case", help="a subscriber's case").add_subparsers(
        dest="case", required=True, metavar="COMMAND"
    )
    show = case.add_parser("show", parents=[folder], help="contract, complaints, counts, verdicts")
    show.add_argument("subscriber", help="the subscriber's id")
    show.set_defaults(command="case show")

    arguments_fleet.add(commands, folder)
    _given_out(commands, folder)
    commands.add_parser(
        "rebuild", parents=[folder], help="make the index anew from the ledger (with no collector running)"
    )
    _check(commands, folder)
    commands.add_parser(
        "migrate-store",
        parents=[folder],
        help="fill the lake of collector.toml from this folder's ledger (with no collector running); again: only what is new",
    )
    backup = commands.add_parser(
        "backup", parents=[folder], help="copy ledger and keys, also while the collector runs; again: only what is new"
    )
    backup.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder, or an earlier backup")
    restore = commands.add_parser("restore", parents=[folder], help="make the data folder of a backup")
    restore.add_argument("--from", dest="source", type=Path, required=True, metavar="DIR", help="the backup")
    archive = commands.add_parser(
        "archive", parents=[folder], help="move sealed segments of the ledger elsewhere, also while the collector runs"
    )
    archive.add_argument("--to", required=True, metavar="PLACE", help="a folder, or s3://bucket/prefix?endpoint=URL")
    archive.add_argument("--keep", type=int, default=4, help="how many of the newest to leave here (default 4)")
    _retain(commands, folder)
    _rotate(commands, folder)
    return parser


_URL_HELP = "the address by which probes reach the collector (default: `url` in collector.toml, else where it listens)"
_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse gives it no public name


def _retain(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    retain = commands.add_parser(
        "retain",
        parents=[folder],
        help="remove the records of old batches by a rule; proofs stay. Also while the collector runs",
    )
    retain.add_argument(
        "--days",
        type=int,
        metavar="N",
        help="remove what is older than N days (default: `retain_days` of collector.toml)",
    )
    retain.add_argument("--dry-run", action="store_true", help="say what would go and what is held, and remove nothing")


def _rotate(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    rotate = commands.add_parser(
        "rotate", parents=[folder], help="put a new key in the place of one in use (with no collector running)"
    )
    names = [*SERVERS, "log"]
    rotate.add_argument("whose", choices=names, metavar="KEY", help=f"whose key: {', '.join(names)}")
    rotate.add_argument(
        "--origin", dest="log_origin", metavar="NAME", help="of a log: the name of the one that follows, a host's"
    )


def _keys(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    code = commands.add_parser(
        "code", parents=[folder], help="give out a one-time enrolment code, as a link and a QR code"
    )
    code.add_argument("subscriber", help="the subscriber's id")
    code.add_argument("--code-minutes", type=int, metavar="MINUTES", help="how long the code is good for (default 15)")
    code.add_argument("--url", help=_URL_HELP)
    revoke = commands.add_parser(
        "revoke", parents=[folder], help="take nothing from a device any more: it was lost, stolen or sold"
    )
    revoke.add_argument(
        "device", help="the id of one of its keys, or the beginning of one, as case show and the page show it"
    )
    revoke.add_argument(
        "--reason", required=True, metavar="WORDS", help="why, in a few words; they stand in the evidence"
    )
    revoke.add_argument(
        "--stolen-since",
        metavar="TIME",
        help="since when the key may have been in other hands, with a zone (2026-11-15T14:00+01:00): what came since then "
        "is shown as contested, and no verdict in the claimant's favour rests on it",
    )


def _provision(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    provision = commands.add_parser(
        "provision", parents=[folder], help="make what devices enrol from by themselves, with labels to print"
    )
    provision.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new folder; the codes are only in it"
    )
    which = provision.add_mutually_exclusive_group(required=True)
    which.add_argument("--count", type=int, metavar="N", help="so many devices, each for a new line of its own")
    which.add_argument(
        "--subscribers", type=Path, metavar="FILE",
        help="devices for lines that are there: on each line a subscriber's id, and after a comma a serial if you have one",
    )  # fmt: skip
    provision.add_argument(
        "--subscriber-prefix",
        default="line-",
        metavar="TEXT",
        help="with --count: the lines are TEXT001 … (default line-)",
    )
    provision.add_argument("--serial-prefix", default="SP-", metavar="TEXT", help="serials are TEXT001 … (default SP-)")
    provision.add_argument(
        "--days", type=int, default=30, metavar="N", help="how long the codes are good for (default 30)"
    )
    provision.add_argument("--url", help=_URL_HELP)
    provision.add_argument(
        "--ca", type=Path, metavar="PEM", help="certificates the devices are to believe besides their system's"
    )
    provision.add_argument("--settings", type=Path, metavar="FILE", help="the settings.toml the devices begin with")
    provision.add_argument(
        "--ssh-key", type=Path, metavar="FILE.pub", help="a public key to log in with as `technician` (default: nobody)"
    )
    provision.add_argument(
        "--with-modem", action=argparse.BooleanOptionalAction, default=True,
        help="on devices that have ModemManager also install the service that asks it for cells (default: yes)",
    )  # fmt: skip
    provision.add_argument(
        "--apn",
        default="",
        metavar="NAME",
        help="the access point by which the devices' modems connect (default: set up elsewhere)",
    )
    provision.add_argument("--time-zone", help="with --count: IANA zone of the lines, such as Europe/Prague")
    _contract(provision)


def _subscriber(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    group = commands.add_parser("subscriber", help="subscribers' lines")
    add = group.add_subparsers(dest="subscriber_command", required=True, metavar="COMMAND").add_parser(
        "add", parents=[folder], help="add a line with what its contract promises"
    )
    add.add_argument("id", help="the subscriber's id: letters, digits, dots, dashes, underscores")
    add.add_argument("--time-zone", required=True, help="IANA zone of the line, such as Europe/Prague")
    _contract(add)
    add.set_defaults(command="subscriber add")


def _contract(add: argparse.ArgumentParser) -> None:
    """What a line's contract promises, and the rule it is judged by."""
    add.add_argument(
        "--down",
        action="append",
        type=speed,
        metavar="NAME=SPEED",
        help="promised download speed, such as advertised=40M",
    )
    add.add_argument(
        "--up", action="append", type=speed, metavar="NAME=SPEED", help="promised upload speed, such as advertised=10M"
    )
    add.add_argument(
        "--criterion", default=DEFAULT_CRITERION, help=f"the rule to judge by (default {DEFAULT_CRITERION})"
    )
    add.add_argument("--area-class", choices=AREAS, help="area class, for rules that depend on it")


def _import(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    group = commands.add_parser("import", help="measurements that others took, kept as unsigned")
    what = group.add_subparsers(dest="import_command", required=True, metavar="WHAT")
    one = what.add_parser("measurements", parents=[folder], help="import log files")
    one.add_argument("--format", required=True, choices=FORMATS, help="ucc: G-NetTrack logs of University College Cork")
    one.add_argument("--subscriber", required=True, help="the subscriber's id")
    one.add_argument(
        "--load", choices=[load.value for load in Load],
        help="whether the phone was loading as fast as it could (default: what the data set's folders say)",
    )  # fmt: skip
    one.add_argument("--time-zone", help="zone of the log's times (default: Europe/Dublin, where the set was recorded)")
    one.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CSV, or CSV gzipped")
    one.set_defaults(command="import measurements")


def _given_out(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    evidence = commands.add_parser("evidence", parents=[folder], help="write the evidence file of a subscriber's case")
    evidence.add_argument("subscriber", help="the subscriber's id")
    evidence.add_argument("--out", type=Path, required=True, metavar="FILE.zip", help="where to write it")
    report = commands.add_parser(
        "report", parents=[folder], help="write the signed report (PDF) on a subscriber's case"
    )
    report.add_argument("subscriber", help="the subscriber's id")
    report.add_argument("--out", type=Path, default=Path("report.pdf"), metavar="FILE.pdf", help="default: report.pdf")


def _judge(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    judge = commands.add_parser("judge", parents=[folder], help="judge a subscriber's line, or one case from a file")
    judge.add_argument("subscriber", nargs="?", help="the subscriber's id")
    judge.add_argument("--criterion", help="the rule to judge by (default: the subscriber's own)")
    judge.add_argument(
        "--input", type=Path, metavar="CASE.json", help="a case file, or - for standard input; nothing is stored"
    )


def _check(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    check = commands.add_parser(
        "check",
        aliases=["audit"],
        parents=[folder],
        help="compare seals, ledger, chains, receipts, log and index, also while the collector runs",
    )
    check.add_argument(
        "--rows",
        choices=("sample", "all", "none"),
        default="sample",
        help="rows of the index that are compared with the ledger column by column: those of about 2,000 entries chosen by "
        "chance (default), of all, of none",
    )
