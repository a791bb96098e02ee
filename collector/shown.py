"""The commands `fleet`, `cells` and `days`: ask the desk, and print what it says as a table, as CSV or as JSON."""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from collector import say, say_fleet
from collector.command import open_desk
from collector.config import Config
from collector.errors import BadRequest
from collector.tables import TABLES, csv_of

_ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "fleet": ("since", "zone", "most"),
    "cells": ("since", "until", "zone", "direction", "cell", "hours", "most"),
    "days": ("subscriber", "since", "until", "zone"),
}
_WORDS: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "fleet": say_fleet.fleet,
    "cells": say_fleet.cells,
    "days": say_fleet.days,
}


def show(options: argparse.Namespace, config: Config) -> None:
    """Run one of the commands; raises a CollectorError."""
    if options.csv and options.json:
        raise BadRequest("--csv and --json are two ways to print the same; one of them is enough")
    given = {name: getattr(options, name) for name in _ASKED[options.command]}
    asked = {name: value for name, value in given.items() if value is not None and value is not False}
    with open_desk(config) as desk:
        told = desk.run(options.command, asked)
    if options.json:
        say.result(told)
    elif options.csv:
        sys.stdout.write(csv_of(TABLES[options.command](told)))
        sys.stdout.flush()
    else:
        _WORDS[options.command](told)
