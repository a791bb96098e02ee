"""The words of `fleet`, `cells` and `days`: what is asked of many lines at once, and from when to when."""

import argparse

from collector.bounds import CELL_DAYS, DAYS_SHOWN, DIRECTIONS, FLEET_DAYS, LEAST_N, LINE_DAYS, MOST, MOST_SHOWN
from collector.moments import FORMS

_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse gives it no public name


def add(commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser) -> None:
    """Add the three commands."""
    fleet = _command(
        commands, folder, "fleet", "how all devices are: heard, silent, lost, refused, and how late the index is"
    )
    _since(fleet, f"from when on to count (default 24h; at most {FLEET_DAYS} days back)")
    _most(fleet, "silent devices")

    cells = _command(
        commands, folder, "cells", f"the worst cells with at least {LEAST_N} measurements, or one cell by the hour"
    )
    _since(cells, f"from when on, at most {CELL_DAYS} days; whole hours", required=True)
    _until(cells)
    which = cells.add_mutually_exclusive_group()
    which.add_argument("--cell", metavar="CELL", help="one cell, such as 23001-21263107: MCC and MNC, a dash, ECI")
    which.add_argument(
        "--hours", action="store_true", help="the worst single hours of cells in place of the worst cells"
    )
    cells.add_argument("--direction", choices=DIRECTIONS, help="what was measured (default down)")
    _most(cells, "rows")

    days = _command(commands, folder, "days", "the days of a line, by its own clock")
    days.add_argument("subscriber", metavar="LINE", help="the subscriber's id")
    _since(days, f"from when on (default: {DAYS_SHOWN} days); at most {LINE_DAYS} days, each as a whole")
    _until(days)


def _command(
    commands: "_Commands[argparse.ArgumentParser]", folder: argparse.ArgumentParser, name: str, words: str
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, parents=[folder], help=words, description=words, epilog=f"WHEN is {FORMS}.")
    made.add_argument("--csv", action="store_true", help="print a table as CSV on stdout")
    return made


def _since(made: argparse.ArgumentParser, words: str, *, required: bool = False) -> None:
    made.add_argument("--since", metavar="WHEN", required=required, help=words)
    made.add_argument("--zone", metavar="ZONE", help="the IANA zone of a WHEN that names none, such as Europe/Prague")


def _until(made: argparse.ArgumentParser) -> None:
    made.add_argument("--until", metavar="WHEN", help="up to when, that moment itself not (default: now)")


def _most(made: argparse.ArgumentParser, what: str) -> None:
    made.add_argument(
        "--most", type=int, metavar="N", help=f"at most so many {what} (default {MOST_SHOWN}, at most {MOST})"
    )
