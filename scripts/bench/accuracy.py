"""Rates: every tool on every chosen link, against what the link could carry in the seconds that the tool speaks of.

Each run has a link of its own. A run during which the emulator was late (p99 above 5 ms) is repeated, because its truth
is not the configured one. Bytes are those that the emulator carried in the tool's direction while the tool ran,
headers, acknowledgements of the other direction and whatever the tool did before and after its test included.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from .lab import QUEUE_MS, WAYS, Link, Way, lab, mono_us
from .runs import FAULTS, REPEAT_LATE_US, TRIES, Journal, Run, told
from .tools import FOREIGN, PLANS, Estimate, Tool, ours_of
from .truth import MILLION, error_ppm

SECTION: Final = "accuracy"
TRACES: Final = ("Verizon-LTE-short", "TMobile-LTE-short", "ATT-LTE-driving-2016", "TMobile-UMTS-driving")
TRACE_RTT_US: Final = 40_000
TRACE_QUEUE_MS: Final = (
    1000  # base stations hold deep queues; a short one makes every sender leave opportunities unused
)
OFFSET_MS: Final = 30_000  # how much later in a trace each further run begins
_DRAIN_S: Final = 0.3
_AROUND_S: Final = 1  # to set a link up and take it down


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be run."""

    rates_bps: Sequence[int]
    rtts_us: Sequence[int]
    losses_ppm: Sequence[int]
    traces: Sequence[str]
    plans: Sequence[str] = PLANS
    runs: int = 1
    only: str = ""
    full: bool = False
    queue_ms: int = QUEUE_MS
    trace_queue_ms: int = TRACE_QUEUE_MS
    version: int = 4

    def shortened(self) -> Self:
        """One link without loss and one with, and no trace."""
        return replace(self, rates_bps=[20_000_000], rtts_us=self.rtts_us[:1], traces=[])


@dataclass(frozen=True, slots=True)
class Job:
    """One run to come."""

    tool: Tool
    link: Link
    way: Way
    number: int


def links(choice: Choice) -> Iterator[tuple[Link, bool]]:
    """The cells, each with whether foreign tools run on it too: every rate once, every other rate with loss, one trace."""
    for place, rate_bps in enumerate(choice.rates_bps):
        for column, rtt_us in enumerate(choice.rtts_us):
            for loss_ppm in choice.losses_ppm:
                chosen = column == place % len(choice.rtts_us) and (not loss_ppm or place % 2 == 1)
                loss: dict[Way, int] = {"down": loss_ppm, "up": loss_ppm}
                yield Link(rate_bps, "", rtt_us, loss, choice.queue_ms), choice.full or chosen
    for place, trace in enumerate(choice.traces):
        yield Link(trace=trace, rtt_us=TRACE_RTT_US, queue_ms=choice.trace_queue_ms), choice.full or place == 0


def jobs(choice: Choice) -> list[Job]:
    """All runs, the same cell's one after the other, so that the machine's mood is the same for all tools."""
    found = []
    mine = ours_of(choice.plans)
    for link, foreign in links(choice):
        for number in range(choice.runs):
            placed = replace(link, offset_ms=number * OFFSET_MS if link.trace else 0)
            for tool in (*mine, *(FOREIGN if foreign else ())):
                if choice.only in tool.name:
                    found += [Job(tool, placed, way, number) for way in tool.runs]
    return found


def seconds(work: Iterable[Job], journal: Journal) -> int:
    """About how long what is not there yet takes."""
    return sum(job.tool.seconds + _AROUND_S for job in work if not _known(job, journal))


def _known(job: Job, journal: Journal) -> bool:
    return journal.has(SECTION, job.tool.name, job.link.name, job.way, job.number)


def run(job: Job, journal: Journal, version: int = 4) -> list[Run]:
    """Run one job until the emulator was in time, at most `TRIES` times."""
    if _known(job, journal):
        return []
    why = ""
    for discarded in range(TRIES):
        try:
            found = _once(job, version, discarded)
        except FAULTS as error:
            found = [Run(SECTION, job.tool.name, job.link.name, job.way, job.number, {}, told(error))]
            break
        if all(one.figures["late_p99_us"] <= REPEAT_LATE_US for one in found):
            break
        why = f"the emulator was late in {TRIES} of {TRIES} runs"
    else:
        found = [Run(SECTION, job.tool.name, job.link.name, job.way, job.number, {"discarded": TRIES}, why)]
    for one in found:
        journal.add(one)
    return found


def _once(job: Job, version: int, discarded: int) -> list[Run]:
    with lab(job.link, version=version) as here:
        before, began_us = here.counters(), mono_us()
        with here.watched():
            estimates = job.tool.run(here, job.way)
            took_us = mono_us() - began_us
            time.sleep(_DRAIN_S)
        after = here.counters()
        found = []
        for one in estimates:
            figures = _figures(one, here.truth_bps(one.way, one.from_us, one.until_us))
            carried_bps = here.carried_bps(one.way, one.from_us, one.until_us)
            figures |= {
                "carried_bps": carried_bps,
                "carried_error_ppm": error_ppm(one.rate_bps, carried_bps) if carried_bps else 0,
                "link_bytes": after[one.way]["tx_bytes"] - before[one.way]["tx_bytes"],
                "other_bytes": sum(after[way]["tx_bytes"] - before[way]["tx_bytes"] for way in WAYS if way != one.way),
                "took_us": took_us,
                "late_p99_us": max(after[way].get("late_p99_us", 0) for way in WAYS),
                "discarded": discarded,
                "rate_bps": job.link.rate_bps,
                "loss_ppm": job.link.loss_ppm[one.way],
            }
            found.append(Run(SECTION, job.tool.name, job.link.name, one.way, job.number, figures))
        return found


def _figures(one: Estimate, truth_bps: int) -> dict[str, int]:
    return {
        **one.more,
        "estimate_bps": one.rate_bps,
        "truth_bps": truth_bps,
        "error_ppm": error_ppm(one.rate_bps, truth_bps),
        "window_us": one.until_us - one.from_us,
        "covered": int(one.more.get("lo_bps", 0) <= truth_bps <= one.more.get("hi_bps", 0)),
    }


def line_us(run: Run) -> int:
    """Bytes carried, in microseconds of the line's rate."""
    return run.figures["link_bytes"] * 8 * MILLION // run.figures["rate_bps"] if run.figures["rate_bps"] else 0
