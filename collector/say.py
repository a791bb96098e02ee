"""What the command line says: one JSON object, or plain lines for people. Nothing else writes to the terminal."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from collector.web import words
from collector.web.localtime import day
from collector.web.quantities import counted

Told = dict[str, Any]
HEADLINE = {
    "substantiated": "SUBSTANTIATED",
    "not_substantiated": "NOT SUBSTANTIATED",
    "insufficient_evidence": "INSUFFICIENT EVIDENCE",
    "facts_only": "FACTS ONLY",
}


def result(told: object) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def lines(*text: str) -> None:
    """Lines on stdout."""
    if not text:
        return
    sys.stdout.write("\n".join(text) + "\n")
    sys.stdout.flush()


def message(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def progress(what: str, done: int, all_of: int, unit: str) -> None:
    """A bar on stderr, only where a person is looking."""
    if sys.stderr.isatty():
        filled = 24 * done // max(1, all_of)
        end = "\n" if done >= all_of else ""
        sys.stderr.write(f"\r{what} [{'#' * filled}{'.' * (24 - filled)}] {done}/{all_of} {unit[:30]:<30}{end}")
        sys.stderr.flush()


def up(told: Told) -> None:
    """The collector is ready."""
    message(f"speedproof collector at {told['url']}, data in {told['data']}")
    message(f"collector key {told['collector_key']}")
    message(f"log key {told['log_key']}")
    if told["torn_bytes"]:
        message(f"cut {told['torn_bytes']} bytes of an unfinished write off the ledger; they were never acknowledged")
    message(f"desk: {told['desk_url']}")
    if "//0.0.0.0:" in told["url"] or "//[::]:" in told["url"]:
        message(
            "it listens on all addresses of this machine: others reach it by one of these in place of the one shown"
        )
    message("Ctrl-C stops it")


def mbit(bps: int) -> str:
    """A speed in Mbit/s."""
    return f"{bps / 1e6:.3g} Mbit/s"


def subscriber(told: Told) -> None:
    """A line was added."""
    news = "added" if told["added"] else "was there already"
    lines(f"{told['subscriber']} {news}: judged by {told['criterion']}, {told['time_zone']}")
    for way, speeds in told["contract"].items():
        lines(f"  {way}: " + ", ".join(f"{name.removesuffix('_bps')} {mbit(value)}" for name, value in speeds.items()))


def imported(told: Told) -> None:
    """Measurements were imported."""
    known = told["lines"] - told["kept"]
    lines(
        f"{told['kept']} unsigned measurements kept for {told['subscriber']} from {told['files']} files"
        + (f"; {known} were there already" if known else "")
    )


def findings(told: object) -> None:
    """Results of a case file."""
    results: list[Told] = told if isinstance(told, list) else [told]  # type: ignore[list-item]
    for one in results:
        names = ", ".join(one["met"] or one["failed"])
        head = f"{one['id']}: " if "id" in one else ""
        lines(f"{head}{one['verdict']}" + (f" ({names})" if names else "") + f", {one['samples_used']} samples used")


def verdicts(told: Told) -> None:
    """The verdicts over a line."""
    lines(f"{told['subscriber']}: {HEADLINE[told['verdict']]}")
    for verdict in told["verdicts"]:
        rule = f"{verdict['criterion']} version {verdict['version']}"
        lines(f"  by {rule}, {verdict['provenance']} measurements: {verdict['verdict']}")
        lines(f"  {verdict['words']}")
        for one in (finding for finding in verdict["findings"] if finding.get("campaign")):
            tried = f"{one['windows_looked_at']} tried"
            lines(f"  {one['direction']}: campaign {one['campaign']}, fixed beforehand; {tried}")
        rejected = words.left_out(
            (index, why) for finding in verdict["findings"] for index, why in finding["samples_rejected"]
        )
        if rejected:
            lines("  left out: " + "; ".join(f"{number} × {reason}" for number, reason in rejected))
    by_hand = told.get("counts", {}).get("signed", {}).get("by_hand")
    if by_hand:
        lines(f"  {by_hand} measurements were started by hand: they are shown, but never counted")


def evidence(told: Told) -> None:
    """The evidence file was written."""
    lines(f"{told['file']}: {told['bytes']} bytes; check it with: speedproof-verify {told['file']}")


def report(told: Told) -> None:
    """The report was written."""
    part = "" if told["whole"] else "; not all evidence fits into it: hand over the evidence file too"
    lines(
        f"{told['file']}: {told['bytes']} bytes, {told['signature']}{part}; check it with: speedproof-verify {told['file']}"
    )


def backed_up(told: Told) -> None:
    """A backup was made."""
    lines(
        f"backed up to {told['folder']}: the ledger up to entry {told['ledger_no']}, {told['files']} files, "
        f"{told['bytes_in_all'] / 1e6:.1f} MB, of which {told['bytes_copied'] / 1e6:.1f} MB were new",
        "it holds the private keys: keep it as safe as the collector",
    )


def checked(told: Told) -> None:
    """What a check found."""
    lines(
        f"looked at {counted(told['entries'], 'ledger entry', 'ledger entries')}, "
        f"{counted(told['batches'], 'batch', 'batches')}, {counted(told['segments'], 'sealed segment')}, "
        f"{counted(told['leaves'], 'leaf', 'leaves')} of the log; the index holds entries up to {told['loaded_no']}",
        _rows_compared(told),
        *(
            f"{counted(number, 'batch', 'batches')} lost {'its' if number == 1 else 'their'} records by a rule of {days} days; "
            "everything else about them is here"
            for days, number in told["removed"].items()
        ),
        *(f"{name}: its removal was cut off; run retain again" for name in told["unfinished"]),
        *(f"{one['where']}: {one['what']}" for one in told["found"]),
        "everything agrees" if not told["found"] else "IT DOES NOT AGREE",
    )


def _rows_compared(told: Told) -> str:
    """How many rows were compared with the ledger, and how they were chosen."""
    rows, entries = counted(told["rows"], "row"), counted(told["rows_of_entries"], "entry", "entries")
    match told["rows_asked"]:
        case "all":
            return f"compared column by column: {rows} of {entries}, which is all"
        case "none":
            return "no row of the index was compared column by column"
        case _:
            return f"compared column by column: {rows} of {entries}, chosen by chance; --rows all compares every one"


def archived(told: Told) -> None:
    """Segments were moved."""
    lines(
        f"{counted(len(told['moved']), 'sealed segment')} moved to {told['to']}; they are fetched when they are needed"
    )


def retained(told: Told) -> None:
    """Records were removed by a rule, or would be."""
    would = told["dry_run"]
    verb, amount = ("would lose", "about ") if would else ("lost", "")
    lines(
        f"{counted(told['batches'], 'batch', 'batches')} older than {counted(told['days'], 'day')}, of "
        f"{counted(len(told['lines']), 'line')} in {counted(told['segments'], 'segment')}, {verb} their records: "
        f"{amount}{told['bytes'] / 1e6:.1f} MB" + ("; nothing was removed" if would else "")
    )
    if told["held"]:
        lines(f"{counted(told['held'], 'batch', 'batches')} as old are held, since their lines have complained:")
        lines(*(f"  {line}, last on {day(at_us)}" for line, at_us in sorted(told["held_lines"].items())))


def rotated(told: Told) -> None:
    """A key took another's place, or a log."""
    is_log, entry = told["whose"] == "log", f"entry {told['entry']} of the ledger"
    what = "log" if is_log else f"{told['whose']}'s key"
    seen = "witnesses have" if told["cosigned"] else "NO QUORUM OF WITNESSES has"
    lines(
        f"the {what} is now {told['new']}",
        f"  it follows {told['old']}, which signed for it: {entry}, a leaf of the log",
        "  what was signed before stays good, and whoever was told an older one is led to this; the old private key is gone",
    )
    if is_log:
        lines(
            f"  {seen} cosigned the old log's last checkpoint; its tiles stay served",
            "  publish the new key, tell it to the log's witnesses, and set `origin` in collector.toml if that has the old name",
        )


def restored(told: Told) -> None:
    """A data folder was made of a backup."""
    lines(
        f"restored to {told['folder']}: the ledger up to entry {told['ledger_no']}, {told['bytes_in_all'] / 1e6:.1f} MB; "
        "the index is made when the collector starts"
    )


def migrated(told: Told) -> None:
    """The lake was filled from the ledger."""
    same = {
        None: "there is no whole index in a file to compare with",
        True: "the index in the file has as many rows; it is not used any more",
        False: "THE INDEX IN THE FILE HAS OTHER NUMBERS OF ROWS",
    }[told["same_as_before"]]
    rows = ", ".join(f"{rows} {name}" for name, rows in told["after"].items())
    filled = told["entries"] - told["there_already"]
    lines(
        f"stream {told['stream']} of the lake: {filled} of {told['entries']} ledger entries were loaded ({rows}); {same}"
    )


def rebuilt(told: Told) -> None:
    """The index was made anew."""
    same: Sequence[str] = (
        ("there was no index to compare with",)
        if told["same_as_before"] is None
        else ("it is the same as before" if told["same_as_before"] else "IT IS NOT THE SAME AS BEFORE",)
    )
    rows = ", ".join(f"{table['rows']} {name}" for name, table in told["tables"].items())
    lines(f"index made anew from {told['entries']} ledger entries ({rows}); {same[0]}")
