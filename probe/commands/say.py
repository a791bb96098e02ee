"""How commands speak: results to stdout, lines for people or one JSON object; messages to stderr. Exit codes."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - argparse names it nowhere else

WORKED, FAILED, MISUSED = 0, 1, 2


def show(options: argparse.Namespace, told: object, lines: Sequence[str]) -> None:
    """One JSON object with `--json`, else lines for people."""
    if options.json:
        line(json.dumps(told))
    else:
        for text in lines:
            line(text)


def line(text: str) -> None:
    """One line of a result, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def message(text: str) -> None:
    """One line beside the result."""
    sys.stderr.write(text + "\n")


def positive(text: str) -> int:
    """Read a whole number above zero; raises ArgumentTypeError."""
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return value
