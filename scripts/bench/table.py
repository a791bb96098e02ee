"""The runs as one table per section, and each figure that was asked for with what was found. Pure.

Error x megabytes is the cost of an answer: half the error at the same bytes, or the same error at half the bytes, is
half of it. The plain quotient, error per megabyte, stands beside it; it falls also when a tool merely spends more.
Both take the bytes that the tool spent at `REFERENCE_BPS`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.kpi import percentile

from .accuracy import SECTION as ACCURACY
from .accuracy import line_us
from .runs import Run
from .tools import NDT7, OURS
from .truth import MILLION

REFERENCE_BPS: Final = 20_000_000
MEDIAN, P95, ALL = 500, 950, 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that was asked for: what was found, in the unit of its limit, and how it must lie to the limit."""

    name: str
    found: int | None
    limit: int
    at_least: bool = False
    unit: str = ""
    scale: int = 1

    @property
    def said(self) -> str:
        """In one line."""
        sign = ">=" if self.at_least else "<="
        if self.found is None:
            return f"  no data  {self.name} (asked: {sign} {self._of(self.limit)})"
        holds = self.found >= self.limit if self.at_least else self.found <= self.limit
        verdict = "holds" if holds else "MISSED"
        return f"  {verdict:<8} {self.name}: {self._of(self.found)} (asked: {sign} {self._of(self.limit)})"

    def _of(self, value: int) -> str:
        return (f"{value:,}" if self.scale == 1 else f"{value / self.scale:.3g}") + self.unit


def errors(runs: Iterable[Run]) -> list[int]:
    """Sizes of the errors, in millionths."""
    return [abs(run.figures["error_ppm"]) for run in runs]


def chosen(runs: Iterable[Run], tool: str, way: str, kind: str = "") -> list[Run]:
    """Runs with figures of one tool and direction; `kind` is clean, lossy, trace, or nothing for all."""
    return [
        run
        for run in runs
        if run.section == ACCURACY
        and run.tool == tool
        and run.way == way
        and "error_ppm" in run.figures
        and kind in {"", kind_of(run)}
    ]


def kind_of(run: Run) -> str:
    """Which sort of link a run was on."""
    if not run.figures["rate_bps"]:
        return "trace"
    return "lossy" if run.figures["loss_ppm"] else "clean"


def at_reference(runs: Sequence[Run]) -> int | None:
    """Bytes spent at the reference rate, the median."""
    return percentile([run.figures["link_bytes"] for run in runs if run.figures["rate_bps"] == REFERENCE_BPS], MEDIAN)


def cost_of(runs: Sequence[Run]) -> int | None:
    """Error times bytes, the median of the one by that of the other at the reference rate."""
    spent, error = at_reference(runs), percentile(errors(runs), MEDIAN)
    return None if spent is None or error is None else spent * error


def line_seconds(runs: Sequence[Run], per_mille: int = MEDIAN) -> int | None:
    """Bytes spent as time of the line's rate, in microseconds."""
    return percentile([line_us(run) for run in runs if run.figures["rate_bps"]], per_mille)


def coverage_per_mille(runs: Sequence[Run]) -> int | None:
    """How often a stated interval held the truth."""
    stated = [run.figures["covered"] for run in runs if run.figures.get("interval")]
    return 1000 * sum(stated) // len(stated) if stated else None


ROW: Final = "{:<18}{:<6}{:>4} {:>20} {:>20} {:>22} {:>8} {:>7} {:>6} {:>9} {:>9} {:>6} {:>5}"
HEADS: Final = (
    *("tool", "way", "runs", "no loss", "with loss", "traces", "carried"),
    *("line s", "MB", "err x MB", "err / MB", "in CI", "late"),
)


def accuracy_table(runs: Sequence[Run]) -> Iterator[str]:
    """One row per tool and direction."""
    yield "error in %: median / p95 / worst; bytes as seconds of the line's rate (median) and in MB at 20 Mbit/s (clean)"
    yield "carried: median distance, on traces, from what the link did carry in those seconds; late: runs repeated;"
    yield "in CI: % of runs with the truth inside the stated 95 % interval, constant links / traces;"
    yield "err x MB and err / MB: the median error in % without loss, and the bytes at 20 Mbit/s"
    yield ROW.format(*HEADS)
    for tool in dict.fromkeys(run.tool for run in runs if run.section == ACCURACY):
        for way in ("down", "up"):
            if mine := chosen(runs, tool, way):
                yield ROW.format(tool, way, *_cells(mine))


def _cells(mine: Sequence[Run]) -> Iterator[str | int]:
    """What one row says."""
    clean, lossy, traced = ([run for run in mine if kind_of(run) == kind] for kind in ("clean", "lossy", "trace"))
    yield len(mine)
    yield from (_spread(errors(kind)) for kind in (clean, lossy, traced))
    yield _over(percentile([abs(run.figures["carried_error_ppm"]) for run in traced], MEDIAN), 10_000, 2)
    yield _over(line_seconds(clean), MILLION, 2)
    spent, error = at_reference(clean), percentile(errors(clean), MEDIAN)
    yield _over(spent, MILLION, 2)
    yield _over(cost_of(clean), 10**10, 3)
    yield "-" if not spent or error is None else f"{error * 100 / spent:.4f}"
    yield f"{_over(coverage_per_mille([*clean, *lossy]), 10, 0)}/{_over(coverage_per_mille(traced), 10, 0)}"
    yield sum(run.figures["discarded"] for run in mine)


def _over(value: int | None, by: int, digits: int) -> str:
    return "-" if value is None else f"{value / by:.{digits}f}"


def _spread(found: Sequence[int]) -> str:
    if not found:
        return "-"
    return " / ".join(f"{(percentile(found, at) or 0) / 10_000:.2f}" for at in (MEDIAN, P95, ALL))


def accuracy_figures(runs: Sequence[Run]) -> Iterator[Figure]:
    """What was asked of rates."""
    for plan, median, p95 in (("evidence", 10_000, 30_000), ("light", 50_000, 150_000)):
        for way in ("down", "up"):
            found = errors(chosen(runs, f"{OURS}{plan}", way, "clean"))
            yield _percent(f"{plan} {way}, no loss, median error", percentile(found, MEDIAN), median)
            yield _percent(f"{plan} {way}, no loss, p95 error", percentile(found, P95), p95)
    lossy = errors(chosen(runs, f"{OURS}evidence", "down", "lossy"))
    yield _percent("evidence down, with loss, median error", percentile(lossy, MEDIAN), 40_000)
    yield _percent("evidence down, with loss, p95 error", percentile(lossy, P95), 80_000)
    for way in ("down", "up"):
        evidence, light = chosen(runs, f"{OURS}evidence", way), chosen(runs, "ours light", way)
        yield Figure(
            f"evidence {way}, most bytes", line_seconds(evidence, ALL), 7_700_000, unit=" line s", scale=MILLION
        )
        yield Figure(
            f"light {way}, most bytes at 20 Mbit/s", _most_at_reference(light), 3_000_000, unit=" MB", scale=MILLION
        )
        share = _worst_share(light, chosen(runs, NDT7, way))
        yield Figure(
            f"light {way}, bytes beside a 10 s ndt7 test at the same rate, worst", share, 250, unit=" of it", scale=1000
        )
        theirs = [cost_of(chosen(runs, tool, way, "clean")) for tool in dict.fromkeys(run.tool for run in runs if not run.tool.startswith(OURS))]  # fmt: skip
        least = min((cost for cost in theirs if cost is not None), default=None)
        for plan, mine in (("evidence", evidence), ("light", light)):
            cost = cost_of([run for run in mine if kind_of(run) == "clean"])
            beside = None if cost is None or not least else 1000 * cost // least
            yield Figure(
                f"{plan} {way}, error x megabytes beside the best of the others", beside, 1000, unit=" x", scale=1000
            )
            yield Figure(f"{plan} {way}, truth inside the stated interval", coverage_per_mille(mine), 900, at_least=True, unit=" %", scale=10)  # fmt: skip


def _percent(name: str, found: int | None, limit: int) -> Figure:
    return Figure(name, found, limit, unit=" %", scale=10_000)


def _most_at_reference(runs: Sequence[Run]) -> int | None:
    return max((run.figures["link_bytes"] for run in runs if run.figures["rate_bps"] == REFERENCE_BPS), default=None)


def _worst_share(light: Sequence[Run], ndt7: Sequence[Run]) -> int | None:
    """The largest share of bytes, per mille, among rates that both were run at."""
    shares = []
    for rate_bps in {run.figures["rate_bps"] for run in light} - {0}:
        theirs = percentile([run.figures["link_bytes"] for run in ndt7 if run.figures["rate_bps"] == rate_bps], MEDIAN)
        if theirs:
            shares += [
                1000 * run.figures["link_bytes"] // theirs for run in light if run.figures["rate_bps"] == rate_bps
            ]
    return max(shares, default=None)


def plain_table(runs: Sequence[Run], section: str) -> Iterator[str]:
    """One line per run of a section, figures by name."""
    for run in runs:
        if run.section == section and not run.why:
            told = "  ".join(f"{name} {value}" for name, value in run.figures.items())
            yield f"  {run.tool:<26} {run.cell:<22} {run.way:<5} {told}"


def troubles(runs: Sequence[Run]) -> Iterator[str]:
    """The runs without figures, and why."""
    for run in runs:
        if run.why:
            yield f"  {run.section} {run.tool} {run.cell} {run.way} #{run.number}: {run.why}"


def report(runs: Sequence[Run], asked: Mapping[str, Callable[[Sequence[Run]], Iterator[Figure]]]) -> Iterator[str]:
    """All that there is to say."""
    for section in dict.fromkeys(run.section for run in runs):
        yield f"\n== {section}"
        yield from accuracy_table(runs) if section == ACCURACY else plain_table(runs, section)
        if section in asked:
            yield ""
            yield from (figure.said for figure in asked[section](runs))
    failed = list(troubles(runs))
    if failed:
        yield "\n== no figures"
        yield from failed
