"""`speedproof-collector`: the command line. Results go to stdout, messages to stderr; 0 worked, 1 failed, 2 misused."""

import argparse
import base64
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from collector import logs, say, say_case, say_devices
from collector.arguments import build_parser
from collector.command import Desk, address_for_probes, open_desk
from collector.criteria import load_criteria
from collector.errors import BadRequest
from collector.judge.casefile import judge_text
from collector.judge.errors import JudgeError
from collector.operating import OPERATIONS
from collector.options import config_of, tell
from collector.provision.folder import provision
from collector.provision.options import contract_of, terms_of, units_of
from collector.reading import read_measurements
from collector.shown import show
from collector.up import run_up
from shared.enrolment import read_code
from shared.errors import SpeedproofError
from shared.invitation import Invitation

WORKED, FAILED, MISUSED = 0, 1, 2
Result = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = build_parser().parse_args(argv)
    os.umask(0o077)
    try:
        run: Callable[[argparse.Namespace], None] = COMMANDS[options.command]
        run(options)
    except (BadRequest, JudgeError) as error:
        say.message(f"speedproof-collector: {error}")
        return MISUSED
    except SpeedproofError as error:
        say.message(f"speedproof-collector: {error}")
        return FAILED
    except BrokenPipeError:
        return FAILED
    except OSError as error:
        say.message(f"speedproof-collector: {error.filename or ''}: {error.strerror or error}".replace(": : ", ": "))
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    return WORKED


def _up(options: argparse.Namespace) -> None:
    def ready(told: dict[str, object]) -> None:
        say.result(told) if options.json else say.up(told)

    config = config_of(options)
    logs.begin(config.log_format, config.log_level)
    run_up(config, ready)


def _subscriber_add(options: argparse.Namespace) -> None:
    with open_desk(config_of(options)) as desk:
        tell(options, desk.run("subscriber_add", contract_of(options) | {"id": options.id}), say.subscriber)


def _code(options: argparse.Namespace) -> None:
    config = config_of(options)
    with open_desk(config) as desk:
        told = desk.run("code", {"subscriber": options.subscriber, "minutes": options.code_minutes})
        url = address_for_probes(config, desk)
    if url is not None:
        told |= {"url": url, "link": Invitation(url, read_code(told["code"]), told["collector_key"]).link}
    tell(options, told, say_devices.code)


def _provision(options: argparse.Namespace) -> None:
    config, units = config_of(options), units_of(options)
    with open_desk(config) as desk:
        terms = terms_of(options, address_for_probes(config, desk))
        made = provision(
            desk, units, terms, options.out, lambda done: say.progress("provision", done, len(units), "devices")
        )
    told: Result = {
        "devices": len(made),
        "folder": str(options.out),
        "url": terms.url,
        "expires_us": min(ready.expires_us for ready in made),
    }
    tell(options, told, say_devices.provisioned)


def _revoke(options: argparse.Namespace) -> None:
    with open_desk(config_of(options)) as desk:
        told = {"device": options.device, "reason": options.reason, "stolen_since": options.stolen_since}
        tell(options, desk.run("revoke", told), say_devices.revoked)


def _import(options: argparse.Namespace) -> None:
    total: Result = {"subscriber": options.subscriber, "files": 0, "lines": 0, "kept": 0, "signed": False}
    with open_desk(config_of(options)) as desk:
        for number, file in enumerate(options.files, start=1):
            for part in read_measurements(options.format, file, options.load, options.time_zone):
                result = desk.run("import", part | {"subscriber": options.subscriber})
                total["lines"] += result["lines"]
                total["kept"] += result["kept"]
            total["files"] = number
            say.progress("import", number, len(options.files), file.name)
    tell(options, total, say.imported)


def _judge(options: argparse.Namespace) -> None:
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


def _case_show(options: argparse.Namespace) -> None:
    with open_desk(config_of(options)) as desk:
        tell(options, desk.run("case_show", {"subscriber": options.subscriber}), say_case.case)


def _show(options: argparse.Namespace) -> None:
    show(options, config_of(options))


def _evidence(options: argparse.Namespace) -> None:
    with _written(options) as (desk, write):
        result = desk.run("evidence", {"subscriber": options.subscriber})
        write(result.pop("zip_b64"))
    tell(options, {"subscriber": options.subscriber, "file": str(options.out)} | result, say.evidence)


def _report(options: argparse.Namespace) -> None:
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


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "up": _up,
    "subscriber add": _subscriber_add,
    "code": _code,
    "provision": _provision,
    "revoke": _revoke,
    "import measurements": _import,
    "judge": _judge,
    "case show": _case_show,
    "fleet": _show,
    "cells": _show,
    "days": _show,
    "evidence": _evidence,
    "report": _report,
    **OPERATIONS,
}


if __name__ == "__main__":
    sys.exit(main())
