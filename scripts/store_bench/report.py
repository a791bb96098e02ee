"""What was found, as one table with what was asked for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Found:
    """The figures of one engine; what was not looked at is empty or 0."""

    name: str
    bytes_each: float
    fill_s: float = 0.0
    warm_ms: list[float] = field(default_factory=list)
    cold_ms: list[float] = field(default_factory=list)  # the files are in no memory, their layout is known
    restart_ms: list[float] = field(default_factory=list)  # the first question to a process that was started just now
    hours_ms: float = 0.0
    ingest_ms: list[float] = field(default_factory=list)
    load_ms: list[float] = field(default_factory=list)
    run_ms: list[float] = field(default_factory=list)
    run_load_ms: list[float] = field(default_factory=list)
    run_s: float = 0.0
    run_rows: int = 0
    load_average: float = 0.0
    peak_bytes: int = 0


def quantile(values: Sequence[float], per_mille: int) -> float:
    """The smallest value that so many of a thousand do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-per_mille * len(ordered) // 1000) - 1)]


def table(found: Sequence[Found], records: int, lines: int) -> str:
    """The figures by engine, then each one that was asked for."""
    rows = [
        f"{records:,} records of {lines:,} lines; questions as in collector/store/sql, 90 days and 7 days",
        "",
        "| engine | bytes/record | fill, s | timeline warm p50 / p95, ms | from cold files p50 / p95, ms | cell hours, 7 days, ms |",
        "|-|-|-|-|-|-|",
    ]
    for one in found:
        warm, cold = both(one.warm_ms), both(one.cold_ms)
        rows.append(f"| {one.name} | {one.bytes_each:.1f} | {one.fill_s:.0f} | {warm} | {cold} | {one.hours_ms:.0f} |")
    ours, *others = found
    if ours.restart_ms:
        rows += [
            "",
            f"ours, the first timeline after a start from cold files, p50 / longest: {both(ours.restart_ms)} ms",
        ]
    if ours.load_average:
        rows += ["", f"load average of the machine at the end: {ours.load_average:.1f}"]
    rows += ["", "| asked for | found | |", "|-|-|-|"]
    rows.append(judged("bytes per record", ours.bytes_each, 75))
    rows.append(judged("timeline warm p95, ms", quantile(ours.warm_ms, 950), 30))
    if ours.cold_ms:
        rows.append(judged("timeline from cold files p95, ms", quantile(ours.cold_ms, 950), 100))
    if ours.ingest_ms:
        rows.append(judged("timeline while 20,000 records/s arrive p95, ms", quantile(ours.ingest_ms, 950), 40))
    rows.append(judged("cell hours of 7 days, ms", ours.hours_ms, 500))
    if ours.run_load_ms and ours.run_ms:
        rows.append(
            judged(
                f"longest load while a run of {ours.run_rows:,} is made ({ours.run_s:.1f} s), ms",
                max(ours.run_load_ms),
                200,
            )
        )
        rows.append(judged("longest timeline meanwhile, ms", max(ours.run_ms), 200))
    rows.append(judged("peak memory of the process, MB", ours.peak_bytes / 1e6, 2000))
    for one in others:
        if one.name == "PostgreSQL":
            rows.append(judged("times smaller than PostgreSQL", one.bytes_each / ours.bytes_each, 3, at_least=True))
            rows.append(
                judged("times faster on cell hours than PostgreSQL", one.hours_ms / ours.hours_ms, 20, at_least=True)
            )
        else:
            warm = quantile(one.warm_ms, 500) / quantile(ours.warm_ms, 500)
            rows.append(judged(f"times faster on timelines than {one.name}, p50", warm, 1, at_least=True))
            rows.append(
                judged(f"times faster on cell hours than {one.name}", one.hours_ms / ours.hours_ms, 1, at_least=True)
            )
    return "\n".join(rows)


def both(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"{quantile(values, 500):.1f} / {quantile(values, 950):.1f}" if values else "-"


def judged(name: str, value: float, limit: float, *, at_least: bool = False) -> str:
    """A figure beside its limit."""
    is_met = value >= limit if at_least else value <= limit
    return f"| {name}, {'>=' if at_least else '<='} {limit:g} | {value:.1f} | {'ok' if is_met else 'MISS'} |"
