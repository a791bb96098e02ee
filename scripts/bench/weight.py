"""What the daemon weighs: time to import it, and its memory through evidence tests on an emulated link."""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from shared.kpi import percentile

from .cpu import output_of
from .lab import Link, lab, once
from .runs import Journal, Run, ToolFailed, attempt
from .table import MEDIAN, Figure

SECTION: Final = "weight"
FRESH: Final = 10
RATE_BPS: Final = 100_000_000
_DAEMON: Final = "probe.__main__, probe.commands.run"
_LARGEST: Final = "aiohttp"  # its largest dependency, alone, for the mood of the machine
_IMPORT: Final = """
import sys, time
before = time.perf_counter_ns(), time.process_time_ns()
import {}
after = time.perf_counter_ns(), time.process_time_ns()
print(*((after[i] - before[i]) // 1000 for i in (0, 1)), len({{"scapy", "speedtest"}} & set(sys.modules)))
"""


def imports() -> dict[str, int]:
    """Fresh processes one after the other; the first, which may have to compile, is left out."""
    daemon, largest = ([_import(modules) for _ in range(FRESH + 1)][1:] for modules in (_DAEMON, _LARGEST))
    return {
        "median_us": percentile([wall_us for wall_us, _, _ in daemon], MEDIAN) or 0,
        "cpu_median_us": percentile([cpu_us for _, cpu_us, _ in daemon], MEDIAN) or 0,
        "aiohttp_median_us": percentile([wall_us for wall_us, _, _ in largest], MEDIAN) or 0,
        "foreign": max(foreign for _, _, foreign in daemon),
    }


def _import(modules: str) -> tuple[int, int, int]:
    wall_us, cpu_us, foreign = output_of([sys.executable, "-P", "-c", _IMPORT.format(modules)]).split()
    return int(wall_us), int(cpu_us), int(foreign)


def memory(plan: str) -> dict[str, int]:
    """The agent's peak through a download and an upload."""
    with lab(Link(RATE_BPS)) as here:
        told = here.run_json([*once("daemon_once"), f"http://{here.authority}", plan], 90)
    if told["ends"] != ["ok", "ok"]:
        raise ToolFailed(f"the tests ended {told['ends']}")
    return {"imported_kib": told["imported_kib"], "peak_kib": told["peak_kib"], "foreign": len(told["foreign"])}


def run(journal: Journal, plan: str) -> Iterator[Run]:
    """Both."""
    for tool, work in (("imports", imports), ("agent", partial(memory, plan))):
        yield from attempt(journal, (SECTION, tool, "daemon", "", 0), work)


def figures(runs: Sequence[Run]) -> Iterator[Figure]:
    """What was asked of weight."""
    told = {run.tool: run.figures for run in runs if run.section == SECTION}
    imported, agent = told.get("imports", {}), told.get("agent", {})
    yield Figure("import of the daemon, median", imported.get("median_us"), 300_000, unit=" s", scale=1_000_000)
    yield Figure("resident memory through the tests, peak", agent.get("peak_kib"), 50 * 1024, unit=" MiB", scale=1024)
    foreign = [told["foreign"] for told in (imported, agent) if "foreign" in told]
    yield Figure("of scapy and speedtest-cli, imported", max(foreign, default=None), 0)
