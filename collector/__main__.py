"""`speedproof-collector`: the command line. Results go to stdout, messages to stderr; 0 worked, 1 failed, 2 misused."""

import argparse
import base64
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collector import logs, say
from collector.arguments import build_parser
from collector.backup import back_up, restore
from collector.check import Check, Found
from collector.clock import SystemClock
from collector.command import address_for_probes, open_desk
from collector.config import Config, parse
from collector.criteria import load_criteria
from collector.errors import BadRequest, IndexUnusable, LedgerDamaged
from collector.judge.casefile import judge_text
from collector.judge.errors import JudgeError
from collector.keyfiles import load_or_create
from collector.ledger.moving import move
from collector.ledger.names import CONFIRMED
from collector.migrate import migrate_store
from collector.provision.folder import provision
from collector.provision.options import contract_of, terms_of, units_of
from collector.reading import read_measurements
from collector.rebuild import rebuild
from collector.up import run_up
from shared.enrolment import read_code
from shared.errors import SpeedproofError
from shared.invitation import Invitation
from shared.keys import PublicKey

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


def _config(options: argparse.Namespace) -> Config:
    """The configuration of a data folder: its `collector.toml`, if there is one, then the options."""
    data = options.data or Path(os.environ.get("SPEEDPROOF_DATA", Path.home() / ".local/share/speedproof/collector"))
    file = data / "collector.toml"
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
    except UnicodeDecodeError as error:
        raise BadRequest(f"{file} is not UTF-8") from error
    peer = ("peer_port", "peer_host", "peer_tls_cert", "peer_tls_key", "peer_tls_port")
    names = (
        "host",
        "port",
        "url",
        *peer,
        "criteria",
        "slot_s",
        "guard_s",
        "code_minutes",
        "workers",
        "desk_port",
        "log_format",
        "log_level",
    )
    return parse(text, data, {name: getattr(options, name, None) for name in names})


def _up(options: argparse.Namespace) -> None:
    def ready(told: dict[str, object]) -> None:
        say.result(told) if options.json else say.up(told)

    config = _config(options)
    logs.begin(config.log_format, config.log_level)
    run_up(config, ready)


def _subscriber_add(options: argparse.Namespace) -> None:
    with open_desk(_config(options)) as desk:
        _print(options, desk.run("subscriber_add", contract_of(options) | {"id": options.id}), say.subscriber)


def _code(options: argparse.Namespace) -> None:
    config = _config(options)
    with open_desk(config) as desk:
        told = desk.run("code", {"subscriber": options.subscriber, "minutes": options.code_minutes})
        url = address_for_probes(config, desk)
    if url is not None:
        told |= {"url": url, "link": Invitation(url, read_code(told["code"]), told["collector_key"]).link}
    _print(options, told, say.code)


def _provision(options: argparse.Namespace) -> None:
    config, units = _config(options), units_of(options)
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
    _print(options, told, say.provisioned)


def _import(options: argparse.Namespace) -> None:
    total: Result = {"subscriber": options.subscriber, "files": 0, "lines": 0, "kept": 0, "signed": False}
    with open_desk(_config(options)) as desk:
        for number, file in enumerate(options.files, start=1):
            for part in read_measurements(options.format, file, options.load, options.time_zone):
                result = desk.run("import", part | {"subscriber": options.subscriber})
                total["lines"] += result["lines"]
                total["kept"] += result["kept"]
            total["files"] = number
            say.progress("import", number, len(options.files), file.name)
    _print(options, total, say.imported)


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
    with open_desk(_config(options)) as desk:
        _print(options, desk.run("judge", told), say.verdicts)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}") from error


def _case_show(options: argparse.Namespace) -> None:
    with open_desk(_config(options)) as desk:
        _print(options, desk.run("case_show", {"subscriber": options.subscriber}), say.case)


def _evidence(options: argparse.Namespace) -> None:
    if not options.out.name or options.out.is_dir():
        raise BadRequest(f"--out names a file to write, {options.out} is a folder")
    with open_desk(_config(options)) as desk:
        result = desk.run("evidence", {"subscriber": options.subscriber})
    partial = options.out.with_name(options.out.name + ".new")
    partial.write_bytes(base64.b64decode(result["zip_b64"]))
    partial.replace(options.out)
    told = {"subscriber": options.subscriber, "file": str(options.out), "bytes": result["bytes"]}
    _print(options, told, say.evidence)


def _rebuild(options: argparse.Namespace) -> None:
    done = rebuild(_config(options), lambda no, last: say.progress("rebuild", no, last, "entries"))
    told: Result = {
        "entries": done.entries,
        "same_as_before": None if done.before is None else done.before == done.after,
        "tables": {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in done.after.items()},
    }
    _print(options, told, say.rebuilt)


def _migrate_store(options: argparse.Namespace) -> None:
    done = migrate_store(_config(options), lambda no, last: say.progress("migrate-store", no, last, "entries"))
    _print(
        options,
        asdict(done) | {"same_as_before": None if done.before is None else done.before == done.after},
        say.migrated,
    )


def _back_up(options: argparse.Namespace) -> None:
    config = _config(options)
    with open_desk(config) as desk:
        no = int(desk.run("position", {})["ledger_no"])
        done = back_up(
            config.data, options.out, no, SystemClock(), lambda n, of, name: say.progress("backup", n, of, name)
        )
    _print(options, asdict(done) | {"folder": str(options.out)}, say.backed_up)


def _restore(options: argparse.Namespace) -> None:
    config = _config(options)
    done = restore(options.source, config.data, lambda n, of, name: say.progress("restore", n, of, name))
    _print(options, asdict(done) | {"folder": str(config.data)}, say.restored)


def _check(options: argparse.Namespace) -> None:
    config = _config(options)
    ledger, found = config.data / "ledger", list[Found]()
    with contextlib.ExitStack() as opened:
        try:
            desk = opened.enter_context(open_desk(config))
        except (LedgerDamaged, IndexUnusable) as error:  # no collector can start: the ledger is looked at all the same
            found.append(Found("start", str(error)))
            done = Check(ledger, load_or_create(config.data / "keys" / "collector.pem").public)
        else:
            told = desk.run("position", {})

            def held(after_no: int, up_to_no: int) -> list[Result]:
                rows: list[Result] = desk.run("held_batches", {"after_no": after_no, "up_to_no": up_to_no})["batches"]
                return rows

            key = PublicKey.from_spki(base64.b64decode(told["collector"]))

            def elsewhere(dev: str) -> PublicKey | None:
                spki = desk.run("device_key", {"dev": dev})["spki"]
                return None if spki is None else PublicKey.from_spki(base64.b64decode(spki))

            shares = (ledger / CONFIRMED).exists()
            done = Check(ledger, key, told["ledger_no"], told["index_no"], held, elsewhere if shares else None)
        done.run(lambda n, of, name: say.progress("check", n, of, name))
    found += done.found
    counts = {name: getattr(done, name) for name in ("segments", "entries", "batches", "loaded_no")}
    _print(options, counts | {"found": [asdict(one) for one in found]}, say.checked)
    if found:
        raise LedgerDamaged(f"{len(found)} things do not agree")


def _archive(options: argparse.Namespace) -> None:
    config = _config(options)
    moved = move(
        config.data / "ledger", options.to, options.keep, lambda n, of, name: say.progress("archive", n, of, name)
    )
    _print(options, {"to": options.to, "moved": [path.name for path in moved]}, say.archived)


def _print(options: argparse.Namespace, told: Result, words: Callable[[Result], None]) -> None:
    say.result(told) if options.json else words(told)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "up": _up,
    "subscriber add": _subscriber_add,
    "code": _code,
    "provision": _provision,
    "import measurements": _import,
    "judge": _judge,
    "case show": _case_show,
    "evidence": _evidence,
    "rebuild": _rebuild,
    "check": _check,
    "migrate-store": _migrate_store,
    "backup": _back_up,
    "archive": _archive,
    "restore": _restore,
}


if __name__ == "__main__":
    sys.exit(main())
