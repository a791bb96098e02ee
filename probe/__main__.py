"""`speedproof-probe`: the command line. Results go to stdout, messages and bars to stderr; 0 worked, 1 failed, 2 misused."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from probe.commands.say import FAILED, MISUSED, message
from probe.home import Home
from probe.service.owner import AS_ROOT, become_owner, is_root, state_folder
from shared.errors import Malformed, SpeedproofError

# In the order in which a person needs them. Each is `probe.commands.<name>`, loaded when it is asked for.
COMMANDS: Final = (
    *("enrol", "once", "run", "status", "report", "mark", "complain", "campaign", "pause", "resume", "doctor"),
    *("selftest", "service", "export", "rotate-key", "forget", "uninstall"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    words = sys.argv[1:] if argv is None else list(argv)
    options = build_parser(words[:1] if words and words[0] in COMMANDS else COMMANDS).parse_args(words)
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        folder = options.state or default_state()
        if options.command not in AS_ROOT:
            become_owner(folder)
        code: int = _module(options.command).run(Home(folder), options)
    except Malformed as error:
        message(f"speedproof-probe: {error}")
        return MISUSED
    except SpeedproofError as error:
        message(f"speedproof-probe: {error}")
        return FAILED
    except (BrokenPipeError, KeyboardInterrupt):
        return FAILED
    return code


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line of these commands. Names and JSON are a contract: later versions add to them."""
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
    for name in names:
        _module(name).add(commands, common)
    return parser


def default_state() -> Path:
    """Where a device's state is kept unless somebody says otherwise."""
    return state_folder(os.environ, Path.home(), root=is_root())


def _module(command: str) -> ModuleType:
    return import_module(f"probe.commands.{command.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())
