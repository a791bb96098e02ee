"""The report's sentences: what was seen, how to read it, what it does not show. Pure text, every figure with its unit."""

from probe import report
from probe.moments import SECOND_US, ago, at_time, span
from probe.page.digest import Usual, counted, share_per_mille, silent, slots, usual
from probe.page.facts import Facts
from shared.record import End

HOW_TO_READ = (
    (
        "Speed",
        "Mbit/s is how many million bits arrive in a second. A film in HD needs about 5, a video call 2 each way.",
    ),
    ("Latency", "How long a small packet takes there and back. Below 50 ms is pleasant; above 150 ms talk stumbles."),
    ("Lost packets", "Packets that never came back. From 1 or 2 % on, calls break up and pages hang."),
    ("Median", "The middle one: half of all results were higher, half were lower."),
    ("Failed", "The measurement ran, and the line did not deliver. A failure is a result and is kept like any other."),
    (
        "Held back",
        "The probe did not measure, for a reason it wrote down: a pause, roaming, a low battery, the data limit.",
    ),
    ("Nothing recorded", "The probe was off or asleep, or its disk was full. It says nothing about the line."),
    (
        "Disturbed",
        "Something beside the line may have spoilt it, such as other programs or Wi-Fi: shown, and not counted here.",
    ),
    (
        "By hand",
        "You started it yourself. It is shown, and never counted, because anybody could pick a good or a bad moment.",
    ),
)
NOT_SHOWN = (
    "This page is your own copy. It is not signed: anybody could change it, so it proves nothing by itself.",
    "The signed evidence is what this device sent to the collector; ask there for it.",
    "It does not show where on the way speed was lost, nor who is to blame for it.",
    "It does not judge. Whether the results would meet a rule is worked out at the collector, from the signed records.",
    "It cannot see what other devices on the same line were doing at the time.",
)


def lead(facts: Facts) -> list[str]:
    """What was seen, in a few sentences."""
    ran = counted(facts.rows)
    if not ran:
        return [_nothing_yet(facts)]
    failed = sum(row.end == End.FAILED for row in ran)
    told = [_usually(facts)] if _usually(facts) else []
    worked = f"All {report.counted(len(ran), 'scheduled measurement')} worked."
    if failed:
        share = report.digits(share_per_mille(failed, len(ran)) / 10)
        worked = f"Of {report.counted(len(ran), 'scheduled measurement')} {failed:,} failed ({share}\u00a0%)."
    return [*told, worked, *_silence(facts)]


def _nothing_yet(facts: Facts) -> str:
    if facts.rows:
        return (
            "No undisturbed scheduled measurement yet, so nothing is counted. What was measured by hand or was disturbed is "
            "shown below. To measure by the schedule: speedproof-probe run"
        )
    return "Nothing was measured in this time. To begin: speedproof-probe once, or speedproof-probe run"


def _usually(facts: Facts) -> str:
    parts = []
    for method in ("download", "upload"):
        found = usual(row.rate_bps for row in counted(facts.rows, method))
        if found is not None:
            parts.append(f"{method} {report.rate(found.middle)}")
    found = usual(row.rtt_us for row in counted(facts.rows, "latency"))
    if found is not None:
        parts.append(f"latency {milliseconds(found.middle)}")
    return f"Usually (median): {', '.join(parts)}." if parts else ""


def _silence(facts: Facts) -> list[str]:
    """For how long there is no record at all."""
    runs = silent(slots(facts.rows), facts.now_us, facts.slot_s)
    if not runs:
        return []
    length_us = facts.slot_s * SECOND_US
    longest = max(runs, key=len)
    whole = span(sum(map(len, runs)) * length_us)
    begins = at_time(longest.start * length_us, facts.now_us, facts.local)
    stretches = "one stretch" if len(runs) == 1 else f"{len(runs):,} stretches, the longest"
    return [f"For {whole} nothing was recorded: {stretches} of {span(len(longest) * length_us)} from {begins}."]


def milliseconds(us: int) -> str:
    """A delay in the unit people read."""
    return f"{report.digits(us / 1000)} ms"


def quartiles(found: Usual, low: str, high: str) -> str:
    """Where the middle half of the results lies."""
    return f"half of {found.count:,} between {low} and {high}" if found.count > 1 else "one measurement"


def sending(facts: Facts) -> list[str]:
    """Where what was measured is now."""
    now = facts.sending
    if not now.batches and not now.unsealed:
        return ["Nothing was sealed yet."]
    told = [f"Signed batches: {now.batches:,}; with the collector's receipt: {now.batches - now.waiting:,}."]
    if now.waiting:
        told.append(
            f"{now.waiting:,} wait on this device ({report.size(now.waiting_bytes)}) and are sent when it can be reached."
        )
    if now.lost:
        told.append(f"{now.lost:,} records are lost (no room, or damaged); the collector is told how many.")
    if now.receipts:
        told.append(f"The last receipt is from {ago(now.receipts[0].received_us, facts.now_us)}.")
    return told


def allowance(facts: Facts) -> list[str]:
    """What of this month's data is used, as the probe's own accounts have it."""
    one = facts.allowance
    if one is None:
        return []
    spent, month = report.size(one.spent_bytes), report.size(one.month_bytes)
    return [f"Since {one.since} measuring and sending took {spent} of the {month} set aside for a month."]
