"""`enrol`: bind this device to a line with a one-time code: typed, pasted as one link, in a picture, or from a file."""

import argparse
import asyncio
import secrets
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from probe.clock import SystemClock
from probe.commands.say import MISUSED, WORKED, message, show
from probe.enrol import enrol
from probe.errors import CollectorSilent, EnrolRefused
from probe.first_boot import FirstBoot
from probe.home import Home
from probe.net.remedy import remedy
from probe.platform.picture import read_picture
from probe.service import apply, choice
from probe.service.plan import NoService
from shared.enrolment import read_code
from shared.errors import Malformed
from shared.invitation import Invitation, is_link, read_address, read_invitation, read_key_id
from shared.provision import read_provision
from shared.strictjson import JsonObject

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser(
        "enrol", parents=[common], help="bind this device to your line with a one-time code",
        epilog="Without any of these it asks.",
    )  # fmt: skip
    parser.add_argument(
        "url", nargs="?", metavar="LINK",
        help="the link you were given, in quotes, such as 'https://proof.example.net/enrol#7K3M9-QX2TA'; "
        "or the collector's address, and after it the code",
    )  # fmt: skip
    parser.add_argument("code", nargs="?", metavar="CODE", help="the code you were given, such as 7K3M9-QX2TA")
    given = parser.add_mutually_exclusive_group()
    given.add_argument("--qr", type=Path, metavar="PICTURE", help="a picture of the QR code you were given")
    given.add_argument(
        "--from", type=Path, dest="from_file", metavar="FILE",
        help="a provisioning file; tries for 15 minutes if there is no network yet",
    )  # fmt: skip
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
    if options.from_file is not None:
        return _by_itself(home, options)
    invitation = _invitation(options)
    clock = SystemClock()
    with home.lock():
        try:
            told = asyncio.run(
                enrol(
                    home,
                    invitation.url,
                    invitation.code,
                    options.ca and options.ca.resolve(),
                    invitation.collector_key,
                    secrets.token_bytes,
                    fresh=options.new_key,
                )
            )
        except CollectorSilent as error:
            what = remedy(error, clock.wall_us())
            raise CollectorSilent(f"{error}\n  {what}" if what else str(error)) from error
    _done(home, options, told, knew=invitation.collector_key is not None)
    return WORKED


def _by_itself(home: Home, options: argparse.Namespace) -> int:
    """Enrol from a file; a code that is refused ends with 2, since trying again would not help."""
    if options.url or options.ca or options.collector_key or options.new_key:
        raise Malformed("--from FILE takes everything from the file: leave the other words out")
    try:
        provision = read_provision(options.from_file.read_bytes())
    except OSError as error:
        raise Malformed(f"{options.from_file} cannot be read: {error.strerror}") from error
    except Malformed as error:
        raise Malformed(f"{options.from_file} is no provisioning file: {error}") from error
    if home.is_enrolled:
        show(options, {"enrolled": True}, [f"this device is enrolled already, for {home.enrolled().subscriber}"])
        return WORKED
    first_boot = FirstBoot(home, SystemClock(), secrets.token_bytes, asyncio.sleep, message)
    with home.lock():
        try:
            told = asyncio.run(first_boot.enrol(provision))
        except EnrolRefused as error:
            message(f"speedproof-probe: not enrolled: {error}")
            return MISUSED
    _done(home, options, told, knew=provision.invitation.collector_key is not None)
    return WORKED


def _invitation(options: argparse.Namespace) -> Invitation:
    """What was typed, pasted, shown or asked for."""
    if options.qr is not None:
        found = read_picture(options.qr)
        message(f"read from the picture: {found.url}")
    elif options.url is None:
        found = _asked()
    elif is_link(options.url):
        if options.code is not None:
            raise Malformed("the link holds the code: leave the second word out")
        found = read_invitation(options.url)
    elif options.code is not None:
        found = Invitation(read_address(options.url), read_code(options.code))
    else:
        raise Malformed(f"the code is missing: speedproof-probe enrol {read_address(options.url)} 7K3M9-QX2TA")
    if options.collector_key is None:
        return found
    return Invitation(found.url, found.code, read_key_id(options.collector_key))


def _asked() -> Invitation:
    """Ask whoever sits at the terminal; what is wrong is said at once, before the next question."""
    if not sys.stdin.isatty():
        raise Malformed(
            "what to enrol with is missing: a link such as 'https://proof.example.net/enrol#7K3M9-QX2TA', "
            "or the collector's address and the code"
        )
    first = _line("Paste the link you were given (or type the collector's address): ")
    if is_link(first):
        return read_invitation(first)
    url = read_address(first)
    return Invitation(url, read_code(_line("Type the code, such as 7K3M9-QX2TA: ")))


def _line(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _done(home: Home, options: argparse.Namespace, told: JsonObject, *, knew: bool) -> None:
    """Say what was bound to what, and what to do next."""
    enrolled = home.enrolled()
    result = {"subscriber": told["subscriber"], "collector": enrolled.collector_url, "device": home.key().public.key_id}
    result["collector_key"] = enrolled.collector.key_id
    show(options, result, [
        f"enrolled for the line of {told['subscriber']}",
        f"  this device's key   {result['device']}",
        f"  the collector's key {result['collector_key']}" + ("" if knew else " (believed as first seen)"),
        "next:",
        *_next(home, f" --state {shlex.quote(str(options.state))}" if options.state else ""),
    ])  # fmt: skip


def _next(home: Home, state: str) -> list[str]:
    """What to do next on this device: a service that is there begins by itself."""
    if _has_service(home):
        return [
            "  nothing: the service of this device measures from now on",
            f"  see how it is:    speedproof-probe status{state}",
        ]
    return [
        f"  measure now:      speedproof-probe once{state}",
        f"  keep measuring:   speedproof-probe service install{state}",
        f"  or, until Ctrl-C: speedproof-probe run{state}",
    ]


def _has_service(home: Home) -> bool:
    try:
        return bool(apply.installed(choice.choose(choice.look(home.folder), choice.Wishes())))
    except NoService:
        return False
