"""A record, a rejection and a contract in words; words amounts as `quantities` does, and no moments.

A name that nobody has put in words yet is shown as it is, never dropped.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from collector.view import FindingView, GradeCount, RecordRow, VerdictView
from collector.web import presence
from collector.web.quantities import counted as counted_in_words
from collector.web.quantities import delay, loss, promised_delay, promised_rate, rate, took, volume
from collector.web.vocabulary import (
    DIRECTIONS,
    FLAWS,
    GRADES,
    LEFT_OUT,
    METHODS,
    ONE_SIDED,
    OUTCOMES,
    PROMISES,
    REASONS,
    STAGES,
    said,
    spelled,
)
from shared.campaign import METHOD as CAMPAIGN
from shared.failure import IN_WORDS, Failure
from shared.record import NOTES, End

_FAILURES: Final[Mapping[str, str]] = {failure.value: words for failure, words in IN_WORDS.items()}
_PARTS: Final = 3
_PREFIXED: Final = (("not_started: ", "not started, ", REASONS), ("flaw: ", "", FLAWS))


@dataclass(frozen=True, slots=True)
class Reason:
    """A line of reasons: the condition and how it came out (empty if the line does not say), and why."""

    name: str
    outcome: str
    words: str


def result(row: RecordRow) -> str:
    """What came of a measurement, in one phrase."""
    if row.method == CAMPAIGN:
        return "a plan of tests was fixed beforehand, or given up"
    if row.method == "reach" and row.end in {End.OK, End.FAILED}:
        return _ladder(row)
    if row.method in NOTES:
        return presence.note(row)
    match row.end:
        case End.OK:
            return _figures(row)
        case End.FAILED:
            return _failure(row)
        case End.ABORTED:
            return "broken off: the device stopped during the measurement"
        case End.NOT_STARTED:
            return "not started: " + (said(REASONS, row.reason) if row.reason else "no reason was recorded")
        case _:
            return f"ended in a way not known here ({spelled(row.end)})"


def _ladder(row: RecordRow) -> str:
    """Whether everything answered, and if not, who was the last to answer."""
    if row.end == End.OK:
        return "everything answered, from the router to the server"
    return f"{_failure(row)}; {presence.last_to_answer(row)}"


def _figures(row: RecordRow) -> str:
    parts = []
    if row.rate_bps is not None and row.method != "fetch":
        parts.append(rate(row.rate_bps))
    elif row.rtt_us is None and row.received_bytes is not None and row.dur_us is not None:
        parts.append(f"{volume(row.received_bytes)} in {took(row.dur_us)}")
    if row.rtt_us is not None:
        parts.append(f"{delay(row.rtt_us)} median")
    if row.loss_pm is not None:
        parts.append(loss(row.loss_pm))
    return ", ".join(parts) or "worked, without a figure"


def _failure(row: RecordRow) -> str:
    name = row.failure or Failure.UNKNOWN.value
    words = _FAILURES.get(name) or f"{IN_WORDS[Failure.UNKNOWN]} ({spelled(name)})"
    stage = f" at {spelled(row.stage)}" if row.stage else ""
    told = f"failed{STAGES.get(row.stage or '', stage)}: {words}"
    if row.received_bytes is None:
        return told
    return f"{told}, {volume(row.received_bytes) if row.received_bytes else 'nothing'} had arrived"


def flaws(row: RecordRow) -> str:
    """The flaws of a measurement, empty if it has none."""
    return "; ".join(said(FLAWS, flaw) for flaw in row.flaws)


def method(row: RecordRow) -> str:
    """What was measured and which way, the way only where the method's name does not say it."""
    name = said(METHODS, row.method)
    if row.direction is None or row.method in {"download", "upload", "latency", "fetch"}:
        return name
    return f"{name}, {said(DIRECTIONS, row.direction).lower()}"


def because(finding: FindingView) -> tuple[Reason, ...]:
    """The judge's reasons, one for each condition, taken apart where they have the judge's form.

    What was left out is told in words beside them, so the judge's own lines on it are not repeated.
    """
    lines = (line.split(": ", 2) for line in finding.because if not line.startswith("left out: "))
    return tuple(
        Reason(spelled(parts[0]), parts[1], parts[2])
        if len(parts) == _PARTS and parts[1] in OUTCOMES
        else Reason("", "", ": ".join(parts))
        for parts in lines
    )


def left_out(rejected: Iterable[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """Why measurements were left out of a finding and how many for each reason, the commonest first."""
    tally = Counter(_rejection(reason) for _, reason in rejected)
    return tuple((count, words) for words, count in sorted(tally.items(), key=lambda one: (-one[1], one[0])))


def _rejection(reason: str) -> str:
    for prefix, lead, table in _PREFIXED:
        if reason.startswith(prefix):
            return lead + " and ".join(said(table, name) for name in reason.removeprefix(prefix).split(", "))
    return said(LEFT_OUT, reason)


def promises(contract: Mapping[str, int]) -> tuple[tuple[str, str], ...]:
    """The values of a contract in one direction: each one's name and amount, the largest first."""
    ordered = sorted(contract.items(), key=lambda one: (-one[1], one[0]))
    return tuple((said(PROMISES, name), _promised(name, value)) for name, value in ordered)


def _promised(name: str, value: int) -> str:
    if name.endswith("_bps"):
        return promised_rate(value)
    return promised_delay(value) if name.endswith("_us") else f"{value:,}"


def origin(row: RecordRow) -> str:
    """Who vouches for a record and what started it."""
    if row.provenance == "imported":
        return "imported, unsigned"
    signed = "signed" if row.grade is None else said(GRADES, row.grade)
    if row.method in NOTES and row.method != "mark":
        return f"{signed}, by the probe itself"
    wanted_by = "scheduled" if row.slot is not None else "by hand" if row.campaign is None else "campaign"
    return f"{signed}, {wanted_by}"


def one_sided(row: RecordRow) -> str:
    """Why nobody but the device vouches for a record, empty if somebody does or nobody could."""
    return said(ONE_SIDED, row.grade_reason) if row.grade_reason else ""


def grades(counted: Iterable[GradeCount]) -> str:
    """How many transfers were signed by both ends, and why the others were not; empty without transfers."""
    both, reasons = 0, Counter[str]()
    for one in counted:
        if one.reason is None:
            both += one.n
        else:
            reasons[said(ONE_SIDED, one.reason)] += one.n
    total = both + reasons.total()
    if not total:
        return ""
    told = f"Signed by both ends, device and measurement server: {both:,} of {counted_in_words(total, 'transfer')}."
    if not reasons:
        return told
    why = "; ".join(f"{n:,} × {words}" for words, n in sorted(reasons.items(), key=lambda one: (-one[1], one[0])))
    return f"{told} By the device only: {why}."


def named(conditions: Iterable[str]) -> str:
    """Names of a rule's conditions in a row."""
    return ", ".join(spelled(name) for name in conditions)


def limits(verdict: VerdictView) -> tuple[str, ...]:
    """What a verdict does not show: the limits of all its findings, each once."""
    return tuple(dict.fromkeys(limit for finding in verdict.findings for limit in finding.limits))


def seconds_up(span_us: int) -> str:
    """A short span in whole seconds, rounded up: "1 second", "12 seconds"."""
    return counted_in_words(-(-span_us // 1_000_000), "second")
