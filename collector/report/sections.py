"""What the report says of the line, part by part, for a person who decides a dispute: promised, measured, judged, said. Pure.

Words, names and amounts are those of the page; the page's pictures are taken as they are.
"""

from collections.abc import Iterator, Sequence

from collector.overview import DayRow
from collector.report.against import is_doubtful
from collector.report.blocks import Banner, Block, Bullets, Facts, Heading, Picture, Quote, Table, Text, Tone
from collector.report.figures import Direction, directions
from collector.view import CaseView, FindingView, RecordRow, VerdictName, VerdictView
from collector.web import presence, vocabulary, words
from collector.web.daystrip import day_strip_of
from collector.web.figure import figures_of
from collector.web.localtime import LineClock
from collector.web.missing import LIMIT, SURE, Share, missing_of
from collector.web.page import LATE_US
from collector.web.quantities import counted, promised_rate, rate
from collector.web.strip import strips_of
from collector.web.vocabulary import said

TONES: dict[VerdictName, Tone] = {
    "substantiated": "bad",
    "not_substantiated": "good",
    "insufficient_evidence": "unsure",
    "facts_only": "accent",
}
MOST_EVENTS = 60
_DASH = "–"


def answer(case: CaseView) -> Iterator[Block]:
    """The verdict over what was signed, and at once that there is more to read."""
    signed = [verdict for verdict in case.verdicts if verdict.provenance == "signed"]
    for verdict in signed:
        name = vocabulary.VERDICTS[verdict.verdict]
        yield Banner(vocabulary.SIGNS[verdict.verdict], name, verdict.words, TONES[verdict.verdict])
    if not signed:
        yield Banner("?", "No verdict", "No rule has been applied to signed measurements of this line.", "quiet")
    if is_doubtful(case):
        yield Text("These records may not be whole: see “What speaks against the records”.", "bad")
    rules = ", ".join(dict.fromkeys(f"{one.criterion} version {one.version}" for one in signed))
    if rules:
        yield Text(
            f"This is what the rule {rules} would say of the measurements. It decides nothing by itself: the rule "
            "is its "
            "publisher’s, and whoever has to decide weighs it with the limits given below.",
            "quiet",
        )


def promised(case: CaseView) -> Iterator[Block]:
    """What the contract promises."""
    yield Heading("What was promised")
    rows = tuple(
        (
            said(vocabulary.DIRECTIONS, direction),
            "; ".join(f"{amount} {name}" for name, amount in words.promises(values)),
        )
        for direction, values in case.contract.items()
    )
    if rows:
        yield Facts(rows)
        yield Text("As entered at the collector’s desk; the contract itself is not part of this report.", "quiet")
    else:
        yield Text("No contract speeds are known for this line.")


def measured(case: CaseView, rows: Sequence[RecordRow], days: Sequence[DayRow], clock: LineClock) -> Iterator[Block]:
    """What was measured: figures, pictures, and what is missing."""
    yield Heading("What was measured")
    found = directions(rows, case.contract)
    if found:
        head = ("Scheduled, signed tests", "Tests", "Failed", "Slowest", "Median", "Fastest", "Below promise")
        yield Table(head, tuple(map(_row, found)), (9, 3, 3, 4, 5, 4, 5), frozenset(range(1, 7)))
    else:
        yield Text("No scheduled test of speed has been received yet.")
    yield from _missing(case)
    yield Heading("Over time", 2)
    for figure in figures_of(case, rows):
        window = " The shaded stretch is the window that was judged." if figure.has_window else ""
        yield Picture(figure.wide, f"{figure.caption} Times are local ({clock.name}).{window}", figure.legend)
    strip = day_strip_of(days)
    if strip is not None:
        yield Heading("The last days", 2)
        yield Picture(strip.wide, f"{strip.summary} Days are those of {clock.name}; speeds are medians of the day.")
    yield from _present(case, clock)
    yield from _counts(case)


def _row(one: Direction) -> tuple[str, ...]:
    name, below = said(vocabulary.DIRECTIONS, one.name), _DASH
    if one.floor is not None:
        below = f"{one.below:,} of {one.worked:,}"
        name = f"{name}, promised {promised_rate(one.floor_bps)} ({said(vocabulary.PROMISES, one.floor)})"
    rates = (_DASH if bps is None else rate(bps) for bps in (one.slowest_bps, one.median_bps, one.fastest_bps))
    return (name, f"{one.tests:,}", f"{one.failed:,}", *rates, below)


def _missing(case: CaseView) -> Iterator[Block]:
    """Coverage, and what the missing slots may hide: the bound."""
    told = missing_of(case)
    if told is None:
        return
    yield Heading("What is missing, and what holds all the same", 2)
    yield from _shares(told.shares, "Of all that the schedule wanted")
    yield from _shares(told.since_complaint, "Since the day of the first complaint")
    if not told.shares:
        yield Text("No slot has ended yet.")
    gaps = (
        f"{counted(told.numbers_missing, 'number')} of starts without a record, in {counted(told.gaps_total, 'gap')}."
    )
    yield Text(gaps if told.numbers_missing else "No number of a start is without its record.")
    yield Text(LIMIT, "quiet")
    if any(one.sure for one in told.shares):
        yield Text(SURE, "quiet")


def _shares(shares: Sequence[Share], title: str) -> Iterator[Block]:
    rows = tuple(
        (
            f"{one.label} {one.what}",
            one.words,
            f"{one.bound.slow:,}",
            f"{one.bound.missing:,}",
            f"{one.bound.scheduled:,}",
            f"{one.bound.coverage_pm // 10}.{one.bound.coverage_pm % 10} %",
        )
        for one in shares
    )
    if rows:
        yield Table(
            (title, "Share", "Shown", "Missing", "Wanted", "Coverage"),
            rows,
            (10, 5, 3, 3, 3, 4),
            frozenset(range(1, 6)),
        )
    for one in shares:
        if one.sure:
            yield Text(f"{one.label} {one.what}: the line’s own share is {one.sure}.")


def _present(case: CaseView, clock: LineClock) -> Iterator[Block]:
    """When each probe measured, and when not and why."""
    strips = strips_of(case.presence, clock)
    if strips:
        yield Heading("Network down, or probe off?", 2)
    for strip in strips:
        of_device = f"Device {strip.dev[:8]}. " if len(strips) > 1 else ""
        by_share = " Where a bar is low, it was so for that share of the time only." if strip.by_share else ""
        yield Picture(strip.wide, f"{of_device}{strip.summary} Times are local ({clock.name}).{by_share}")
    met = {stretch.stand for view in case.presence for stretch in view.stretches}
    meanings = tuple((label, meaning) for stand, (label, meaning) in presence.STANDS.items() if stand in met)
    if meanings:
        yield Facts(meanings)


def _counts(case: CaseView) -> Iterator[Block]:
    for provenance, counts in case.counts.items():
        yield Heading(
            f"All records: {vocabulary.PROVENANCES['signed' if provenance == 'signed' else 'imported'].lower()}", 2
        )
        rows = tuple(
            (tally.label, f"{tally.of(counts):,}", tally.meaning)
            for tally in vocabulary.TALLIES
            if provenance == "signed" or not tally.signed_only
        )
        yield Table(("What", "How many", "What it means"), rows, (4, 3, 21), frozenset({1}))
        if provenance == "signed" and case.grades:
            yield Text(words.grades(case.grades))


def judged(case: CaseView, clock: LineClock, titles: dict[str, str]) -> Iterator[Block]:
    """The verdict and each finding, condition by condition, with the limits of the rule."""
    yield Heading("How it was judged")
    for verdict in case.verdicts:
        yield from _verdict(verdict, clock, titles.get(verdict.criterion, ""))


def _verdict(verdict: VerdictView, clock: LineClock, title: str) -> Iterator[Block]:
    status = said(vocabulary.STATUSES, verdict.status)
    yield Heading(f"{title or 'Rule'} ({verdict.criterion}, version {verdict.version}, {status})", 2)
    if verdict.provenance == "imported":
        yield Text(
            "Judged from a log that somebody supplied. Nobody signed it, so nobody can show that it was not "
            "changed; it is not "
            f"part of the verdict above. {verdict.words}"
        )
    for finding in verdict.findings:
        yield from _finding(finding, clock)
    limits = words.limits(verdict)
    if limits:
        yield Heading("Limits and errors of this rule", 3)
        yield Bullets(tuple(("", limit) for limit in limits))
    if verdict.criterion_sha256:
        yield Facts((("Text of the rule, SHA-256", verdict.criterion_sha256),), exact=True)


def _finding(finding: FindingView, clock: LineClock) -> Iterator[Block]:
    direction = said(vocabulary.DIRECTIONS, finding.direction) + vocabulary.PHASES[finding.phase]
    yield Heading(f"{direction}: {vocabulary.VERDICTS[finding.verdict].lower()}", 3)
    if finding.phase == "before":
        yield Text("For comparison only; it decides nothing.", "quiet")
    reasons = words.because(finding)
    if reasons:
        yield Bullets(
            tuple(
                (
                    vocabulary.OUTCOMES.get(one.outcome, ""),
                    f"{one.words} ({one.name}: {one.outcome})" if one.outcome else one.words,
                )
                for one in reasons
            )
        )
    told = [("Counted", counted(finding.samples_used, "measurement"))]
    if finding.samples_rejected:
        left_out = (f"{count:,} {why}" for count, why in words.left_out(finding.samples_rejected))
        told.append(("Left out", "; ".join(left_out)))
    complete = finding.window_from_us is not None and finding.window_to_us is not None
    window = clock.window(finding.window_from_us or 0, finding.window_to_us or 0) if complete else "none complete"
    told.append(("Window", window))
    if finding.campaign:
        told.append(("Campaign", f"{finding.campaign}, fixed beforehand"))
    tried = "Campaigns and windows tried" if finding.campaign else "Windows tried"
    yield Facts((*told, (tried, f"{finding.windows_looked_at:,}")))


def heard(case: CaseView, rows: Sequence[RecordRow], clock: LineClock) -> Iterator[Block]:
    """What the customer said, in the order of time."""
    yield Heading("What the customer said")
    events = []
    for one in case.complaints:
        late = abs(one.received_us - one.said_us) > LATE_US
        when = clock.moment(one.said_us)
        source = (
            f"Complaint, {when} by the device’s clock, received {clock.moment(one.received_us)}"
            if late
            else f"Complaint, {when}"
        )
        events.append((one.received_us, Quote(one.text, source)))
    for row in rows:
        if row.method == "mark":
            source = f"Marked on the device, {clock.moment(row.at_us)}"
            events.append((row.received_us or row.at_us, Quote(row.says or "It is bad now.", source)))
    events.sort(key=lambda one: one[0])
    if not events:
        yield Text("Nothing has been said.")
    if len(events) > MOST_EVENTS:
        yield Text(
            f"The newest {MOST_EVENTS} of {len(events):,}; all are in what is attached, or in the evidence file.",
            "quiet",
        )
    yield from (quote for _, quote in events[-MOST_EVENTS:])
    yield Text(
        "Only what came from the customer’s own device is kept here; calls and chats with a support desk are not.",
        "quiet",
    )
