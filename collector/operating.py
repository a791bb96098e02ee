"""The commands of whoever runs a collector: its ledger, its index, copies of them, what is kept and what goes."""

import argparse
import base64
import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collector import say
from collector.backup import back_up, restore
from collector.check import Check, Found
from collector.checked_rows import SAMPLE, RowCheck
from collector.clock import SystemClock
from collector.command import open_desk
from collector.config import Config
from collector.errors import BadRequest, IndexUnusable, LedgerDamaged, NotFound
from collector.ledger.arranging import arranging
from collector.ledger.inforce import InForce
from collector.ledger.moving import move
from collector.ledger.names import CONFIRMED
from collector.log.aside import PAST
from collector.log.checked import LeafCheck
from collector.log.checked_words import WordsCheck
from collector.log.following import next_logs
from collector.log.key import past_logs
from collector.log.tsa import authority_of
from collector.migrate import migrate_store
from collector.options import config_of, tell
from collector.rebuild import rebuild
from collector.retain import days_of, retain_all
from collector.rotate import rotate, rotate_log
from collector.serverkeys import ServerKeys
from shared.grade import trusting
from shared.keys import PublicKey
from shared.nextlog import NextLog
from shared.rotation import Whose

Result = dict[str, Any]


def _rebuild(options: argparse.Namespace) -> None:
    done = rebuild(config_of(options), lambda no, last: say.progress("rebuild", no, last, "entries"))
    told: Result = {
        "entries": done.entries,
        "same_as_before": None if done.before is None else done.before == done.after,
        "tables": {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in done.after.items()},
    }
    tell(options, told, say.rebuilt)


def _migrate_store(options: argparse.Namespace) -> None:
    done = migrate_store(config_of(options), lambda no, last: say.progress("migrate-store", no, last, "entries"))
    tell(
        options,
        asdict(done) | {"same_as_before": None if done.before is None else done.before == done.after},
        say.migrated,
    )


def _back_up(options: argparse.Namespace) -> None:
    config = config_of(options)
    with (
        open_desk(config) as desk,
        arranging(config.data / "ledger", alone=False),
    ):  # before it is asked how far it goes
        no = int(desk.run("position", {})["ledger_no"])
        done = back_up(
            config.data, options.out, no, SystemClock(), lambda n, of, name: say.progress("backup", n, of, name)
        )
    tell(options, asdict(done) | {"folder": str(options.out)}, say.backed_up)


def _restore(options: argparse.Namespace) -> None:
    config = config_of(options)
    done = restore(options.source, config.data, lambda n, of, name: say.progress("restore", n, of, name))
    tell(options, asdict(done) | {"folder": str(config.data)}, say.restored)


def _check(options: argparse.Namespace) -> None:
    config = config_of(options)
    ledger, found = config.data / "ledger", list[Found]()
    with contextlib.ExitStack() as opened:
        try:
            desk = opened.enter_context(open_desk(config))
        except (LedgerDamaged, IndexUnusable) as error:  # no collector can start: the ledger is looked at all the same
            found.append(Found("start", str(error)))
            done = Check(ledger, InForce(ServerKeys.of_folder(config.data / "keys").lines))
        else:
            opened.enter_context(arranging(ledger, alone=False))  # nothing may be removed between two looks
            words = _words(config, found)  # before it is asked how far the ledger goes
            told = desk.run("position", {})

            def held(after_no: int, up_to_no: int) -> list[Result]:
                rows: list[Result] = desk.run("held_batches", {"after_no": after_no, "up_to_no": up_to_no})["batches"]
                return rows

            def elsewhere(dev: str) -> tuple[PublicKey, str] | None:
                told = desk.run("device_key", {"dev": dev})
                spki = told["spki"]
                return None if spki is None else (PublicKey.from_spki(base64.b64decode(spki)), str(told["name"]))

            def rows_made(table: str, numbers: Sequence[int]) -> Iterator[Result]:
                for row in desk.run("rows_made", {"table": table, "numbers": [*numbers]})["rows"]:
                    session = row.get("session")  # as text: it may be larger than every JSON number may be
                    yield row if session is None else row | {"session": int(session)}

            keys = InForce(ServerKeys.of_folder(config.data / "keys").lines)
            shares = (ledger / CONFIRMED).exists()
            if told["log_wrong"]:
                found.append(Found("log", told["log_wrong"]))
            over = next_logs(config.data / "keys", keys.lines[Whose.COLLECTOR])
            past: list[tuple[NextLog, Path | None]] = [(one, config.data / "log" / PAST / one.old.name) for one in over]
            leaves = LeafCheck((told["log"] or "").encode(), config.data / "log", words=words, past=past)
            opened.callback(leaves.close)
            peers = trusting(PublicKey.from_spki(base64.b64decode(spki)) for spki in told["peers"])
            rows = RowCheck(
                rows_made,
                _chooser(options.rows, told["ledger_no"]),
                config.stream,
                peers,
                shares,
                options.rows == "all",
            )
            others = elsewhere if shares else None
            done = Check(ledger, keys, told["ledger_no"], told["index_no"], held, others, leaves, rows)
        done.run(lambda n, of, name: say.progress("check", n, of, name))
        if not done.found:  # or leaves are missing that others have seen
            done.leaves.words.ended()
    found += done.found
    counts: Result = {name: getattr(done, name) for name in ("segments", "entries", "batches", "loaded_no")}
    counts |= {"rows": done.rows.rows, "rows_of_entries": done.rows.entries, "rows_asked": options.rows}
    counts["leaves"] = done.leaves.edge.size
    counts["removed"] = {str(days): number for days, number in sorted(done.removals.by_days.items())}
    counts["unfinished"] = done.removals.unfinished
    tell(options, counts | {"found": [asdict(one) for one in found]}, say.checked)
    if found:
        raise LedgerDamaged(f"{len(found)} things do not agree")


def _words(config: Config, found: list[Found]) -> WordsCheck:
    """What witnesses and the authority have said of the log that is written now."""
    logs = past_logs(config.data / "keys")
    if not logs:
        return WordsCheck()
    authority = authority_of(config.tsa, config.tsa_roots)
    trusted = None if authority is None else authority.roots
    return WordsCheck.of(config.data / "log", logs[-1], trusted, lambda where, what: found.append(Found(where, what)))


def _chooser(asked: str, entries: int) -> Callable[[int], bool]:
    """Which entries' rows are compared: all, none, or by chance so many that it takes a moment."""
    match asked:
        case "all":
            return lambda _no: True
        case "none":
            return lambda _no: False
        case _:
            return lambda _no: secrets.randbelow(max(1, entries)) < SAMPLE


def _archive(options: argparse.Namespace) -> None:
    config = config_of(options)
    moved = move(
        config.data / "ledger", options.to, options.keep, lambda n, of, name: say.progress("archive", n, of, name)
    )
    tell(options, {"to": options.to, "moved": [path.name for path in moved]}, say.archived)


def _retain(options: argparse.Namespace) -> None:
    config = config_of(options)
    days = days_of(config.retain_days if options.days is None else options.days)
    if not (config.data / "ledger").is_dir():
        raise NotFound(f"{config.data} is no collector's data folder: there is no ledger in it")
    with open_desk(config) as desk:
        told = retain_all(
            desk.run, days, lambda n, of, name: say.progress("retain", n, of, name), dry_run=options.dry_run
        )
    tell(options, told, say.retained)


def _rotate(options: argparse.Namespace) -> None:
    config = config_of(options)
    is_log = options.whose == "log"
    if options.log_origin is not None and not is_log:
        raise BadRequest("--origin is for a log")
    done = rotate_log(config, options.log_origin) if is_log else rotate(config, Whose(options.whose))
    tell(options, asdict(done), say.rotated)


OPERATIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "rebuild": _rebuild,
    "check": _check,
    "audit": _check,
    "migrate-store": _migrate_store,
    "backup": _back_up,
    "archive": _archive,
    "retain": _retain,
    "restore": _restore,
    "rotate": _rotate,
}
