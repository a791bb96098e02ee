"""What is asked of the desk about lines: judgements, cases, tables, evidence, reports."""

import argparse
import base64
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector import say, say_case
from collector.command import Desk, open_desk
from collector.criteria import load_criteria
from collector.errors import BadRequest
from collector.judge.casefile import judge_text
from collector.options import config_of, tell
from collector.shown import show

Result = dict[str, Any]


def judge(options: argparse.Namespace) -> None:
    """Judge a line, or measurements out of a file."""
    if options.input is not None:
        criteria = load_criteria(options.criteria)
        if options.criterion is None:
            raise BadRequest("judge --input needs --criterion")
        text = sys.stdin.buffer.read() if str(options.input) == "-" else _read(options.input)
        results = judge_text(options.criterion, text, criteria)
        say.result(results) if options.json else say.findings(results)
        return
    if options.subscriber is None:
        raise BadRequest("judge needs a subscriber, or --input FILE")
    told = {"subscriber": options.subscriber, "criterion": options.criterion}
    with open_desk(config_of(options)) as desk:
        tell(options, desk.run("judge", told), say.verdicts)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}") from error


def case_show(options: argparse.Namespace) -> None:
    """Show the case of a line."""
    with open_desk(config_of(options)) as desk:
        tell(options, desk.run("case_show", {"subscriber": options.subscriber}), say_case.case)


def shown(options: argparse.Namespace) -> None:
    """Show a table of many lines."""
    show(options, config_of(options))


def evidence(options: argparse.Namespace) -> None:
    """Write the evidence of a line into a file."""
    with _written(options) as (desk, write):
        result = desk.run("evidence", {"subscriber": options.subscriber})
        write(result.pop("zip_b64"))
    tell(options, {"subscriber": options.subscriber, "file": str(options.out)} | result, say.evidence)


def report(options: argparse.Namespace) -> None:
    """Write the report on a line into a file."""
    with _written(options) as (desk, write):
        result = desk.run("report", {"subscriber": options.subscriber})
        write(result.pop("pdf_b64"))
    tell(options, {"subscriber": options.subscriber, "file": str(options.out)} | result, say.report)


@contextmanager
def _written(options: argparse.Namespace) -> Iterator[tuple[Desk, Callable[[str], None]]]:
    """The desk, and what writes the file that a command is asked for: whole or not at all."""
    out: Path = options.out
    if not out.name or out.is_dir():
        raise BadRequest(f"--out names a file to write, {out} is a folder")

    def write(data_b64: str) -> None:
        partial = out.with_name(out.name + ".new")
        partial.write_bytes(base64.b64decode(data_b64))
        partial.replace(out)

    with open_desk(config_of(options)) as desk:
        yield desk, write
