"""`check`: whether ledger, index, log, seals, and what others have said of the log agree."""

import argparse
import base64
import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from collector import say
from collector.check import Check, Found
from collector.checked_rows import SAMPLE, RowCheck
from collector.command import open_desk
from collector.config import Config
from collector.errors import IndexUnusable, LedgerDamaged
from collector.ledger.arranging import arranging
from collector.ledger.inforce import InForce
from collector.ledger.names import CONFIRMED
from collector.log.aside import PAST
from collector.log.checked import LeafCheck
from collector.log.checked_words import WordsCheck
from collector.log.following import next_logs
from collector.log.key import past_logs
from collector.log.tsa import authority_of
from collector.options import config_of, tell
from collector.serverkeys import ServerKeys
from shared.grade import trusting
from shared.keys import PublicKey
from shared.nextlog import NextLog
from shared.rotation import Whose

Result = dict[str, Any]


def check(options: argparse.Namespace) -> None:
    """Look at all of it, and say what does not agree; raises LedgerDamaged if anything does not."""
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
