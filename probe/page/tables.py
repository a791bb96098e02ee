"""What is counted and listed on the page: failures, reasons, flaws, receipts, the last measurements. Pure."""

from collections.abc import Sequence

from probe import report
from probe.happened import happened
from probe.moments import SECOND_US, at_time, span
from probe.page.digest import failed, flaws, reasons, silent, slots
from probe.page.facts import Facts
from probe.page.markup import Node, Part, node
from probe.page.plot import bars
from shared.record import End

MOST_ROWS, MOST_LISTED = 10, 20
LEAST_SLOTS = 2  # of a stretch that is worth a line


def failures(facts: Facts) -> Node | None:
    """What failed, the commonest first."""
    rows = [row for row in facts.rows if row.end == End.FAILED]
    found = reasons(rows, End.FAILED, lambda row: report.failure(row.failure))
    return _counts("Failed, by cause", "number of measurements", found)


def held_back(facts: Facts) -> Node | None:
    """Why measurements were not started, and how many were cut off."""
    found = reasons(facts.rows, End.NOT_STARTED, lambda row: report.reason(row.reason))
    cut = sum(row.end == End.ABORTED for row in facts.rows)
    found += [("cut off: the probe or the device was stopped in the middle", cut)] if cut else []
    return _counts("Not measured, by reason", "no fault of the line; number of measurements", found)


def disturbances(facts: Facts) -> Node | None:
    """What may have spoilt measurements."""
    found = [(report.FLAWS.get(name, name.replace("_", " ")), count) for name, count in flaws(facts.rows)]
    return _counts("Disturbed, by kind", "shown and not counted; number of measurements", found)


def _counts(name: str, about: str, found: Sequence[tuple[str, int]]) -> Node | None:
    if not found:
        return None
    most = max(count for _, count in found)
    rest = sum(count for _, count in found[MOST_ROWS:])
    shown = [*found[:MOST_ROWS], *([("others", rest)] if rest else [])]
    return bars(name, about, [(what, min(1000, 1000 * count // most), f"{count:,}") for what, count in shown])


def stretches(facts: Facts) -> Node | None:
    """The last longer stretches in which nothing worked, or nothing was recorded: a dead line is told from an absent probe."""
    states, length_us = slots(facts.rows), facts.slot_s * SECOND_US
    runs = [(run, "every measurement failed") for run in failed(states)]
    runs += [
        (run, "nothing recorded: the probe was off or asleep") for run in silent(states, facts.now_us, facts.slot_s)
    ]
    shown = sorted(((run, what) for run, what in runs if len(run) >= LEAST_SLOTS), key=lambda one: -one[0].start)
    rows = [
        [at_time(run.start * length_us, facts.now_us, facts.local), f"{span(len(run) * length_us)}: {what}"]
        for run, what in shown[:MOST_ROWS]
    ]
    return _table("Longer stretches, the last ones first", ("from", "how long, and what"), rows)


def happenings(facts: Facts) -> Node | None:
    """The last things that happened beside measuring: starts, sleep, a link that went away, marks."""
    told = [(row, happened(row)) for row in reversed(facts.rows) if not row.is_measurement]
    rows = [[at_time(row.at_us, facts.now_us, facts.local), words] for row, words in told if words]
    return _table("", ("when", "what happened"), rows[:MOST_ROWS])


def receipts(facts: Facts) -> Node | None:
    """The last promises of the collector to keep what was sent."""
    rows = [
        [f"batch {one.batch:,}", at_time(one.received_us, facts.now_us, facts.local), f"{one.pae_sha256[:16]}…"]
        for one in facts.sending.receipts
    ]
    return _table(
        "The last receipts: when the collector got it, and its fingerprint",
        ("what", "received", "fingerprint (SHA-256)"),
        rows,
    )


def last_ones(facts: Facts) -> Node | None:
    """The last measurements in words."""
    rows = []
    for record in [one for one in facts.recent if one.method in report.NAMES][:MOST_LISTED]:
        at_us, found = record.integer("wall_us"), report.disturbed(record)
        words = report.in_words(record) + (f" ({found})" if found else "")
        when = "" if at_us is None else at_time(at_us, facts.now_us, facts.local)
        rows.append([when, report.NAMES.get(record.method, record.method), words])
    return _table("", ("when", "what", "result"), rows)


def _table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Node | None:
    if not rows:
        return None
    head = node("thead", node("tr", *(node("th", text, scope="col") for text in heads)))
    body = [node("tr", *(_cell(number, text) for number, text in enumerate(row))) for row in rows]
    caption: Part = node("caption", name) if name else None
    return node("table", caption, head, node("tbody", *body), class_="list")


def _cell(number: int, text: str) -> Node:
    return node("td", text) if number else node("th", text, scope="row")
