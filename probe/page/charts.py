"""The pictures over time and over the hours of the day: rates, round trips, loss, failures. Pure.

Each gives None where there is nothing to draw. Results are marks and are never joined: a stretch without measurements
stays empty.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise

from probe import report
from probe.moments import DAY_US, HOUR_US
from probe.page.axis import midnights, round_ticks, time_ticks
from probe.page.digest import Usual, by_hour, by_stretch, counted, middle, share_per_mille
from probe.page.facts import Facts
from probe.page.markup import Node
from probe.page.plot import CROSS, DIAMOND, DOT, FLAG, RING, Axis, Frame
from shared import kpi
from shared.record import End

STRETCHES = 90  # of a stretch of time, for what is too much to be drawn one by one
_LEAST_TOP_BPS, _LEAST_TOP_US, _LEAST_TOP_PER_MILLE = 1_000_000, 50_000, 50
_MOST_WIDE_DAYS = 40
_WAYS = {"download": "Download", "upload": "Upload"}


def rates(facts: Facts, method: str) -> Node | None:
    """All transfers of one direction, each a mark; what failed stands on the ground line; each day's median is a bar."""
    rows = [row for row in facts.rows if row.method == method and row.end in (End.OK, End.FAILED)]
    if not rows:
        return None
    done = [(row, row.rate_bps) for row in rows if row.worked and row.rate_bps is not None]
    frame = Frame(_times(facts), _rates_axis([rate for _, rate in done]))
    planned = [(row.at_us, rate) for row, rate in done if row.is_planned and not row.flaws]
    flawed = [(row.at_us, rate) for row, rate in done if row.is_planned and row.flaws]
    by_hand = [(row.at_us, rate) for row, rate in done if not row.is_planned]
    failed = [(row.at_us, 0) for row in rows if row.end == End.FAILED]
    marked = [(row.at_us, frame.up.high) for row in facts.rows if row.method == "mark"]
    name = _WAYS[method]
    return frame.drawn(
        f"{name} speed over time",
        f"{report.counted(len(done), name.lower())} that worked, {len(failed):,} that failed. "
        f"{_in_rates([rate for _, rate in planned])}",
        frame.marks("ring", RING, flawed),
        frame.marks("dot", DOT, planned),
        frame.marks("diamond", DIAMOND, by_hand),
        frame.levels("day", _medians_of_days(facts, planned)),
        frame.marks("cross", CROSS, failed),
        frame.marks("flag", FLAG, marked),
    )


def round_trips(facts: Facts) -> Node | None:
    """Median round trips: of each stretch the median, and the line that holds four fifths of them."""
    rows = counted(facts.rows, "latency")
    stretches = by_stretch(rows, facts.from_us, facts.now_us, STRETCHES, lambda row: row.rtt_us)
    if not stretches:
        return None
    ends = [(at_us, _per_mille(values, 100), _per_mille(values, 900)) for at_us, values in stretches]
    ticks = round_ticks(max(_LEAST_TOP_US, *(high for _, _, high in ends)), 1000)
    frame = Frame(_times(facts), Axis(0, ticks[-1], tuple((tick, f"{tick // 1000}") for tick in ticks)))
    known = [row.rtt_us for row in rows if row.rtt_us is not None]
    return frame.drawn(
        "Latency over time",
        f"Round trips of {len(known):,} measurements; half of them took {report.digits(middle(known) / 1000)} ms or less.",
        frame.uprights("reach", ends),
        frame.marks("dot", DOT, ((at_us, middle(values)) for at_us, values in stretches)),
    )


def loss(facts: Facts) -> Node | None:
    """Lost packets: of each stretch the mean share."""
    rows = counted(facts.rows, "latency")
    stretches = by_stretch(rows, facts.from_us, facts.now_us, STRETCHES, lambda row: row.loss_pm)
    if not stretches:
        return None
    means = [(at_us, sum(values) // len(values)) for at_us, values in stretches]
    frame = Frame(_times(facts), _shares_axis([mean for _, mean in means]), height=110)
    whole = [row.loss_pm for row in rows if row.loss_pm is not None]
    return frame.drawn(
        "Lost packets over time",
        f"On average {report.digits(sum(whole) / len(whole) / 10)}\u00a0% of the packets were lost.",
        frame.uprights("share", [(at_us, 0, mean) for at_us, mean in means if mean]),
        frame.marks("none", DOT, ((at_us, 0) for at_us, mean in means if not mean)),
    )


def data_used(facts: Facts) -> Node | None:
    """What the measurements of each local day moved."""
    used = [(row.at_us, row.used_bytes) for row in facts.rows if row.used_bytes]
    days = [(begin, end, sum(more for _, more in found)) for begin, end, found in _daily(facts, used)]
    if not used:
        return None
    ticks = round_ticks(max(more for _, _, more in days), 1_000_000, 4)
    frame = Frame(
        _times(facts), Axis(0, ticks[-1], tuple((tick, f"{tick // 1_000_000}") for tick in ticks)), height=110
    )
    kind = "amount" if len(days) <= _MOST_WIDE_DAYS else "amount thin"
    return frame.drawn(
        "Data used by measurements, MB a day",
        f"{report.size(sum(more for _, more in used))} in all, both ways, without what was sent to the collector.",
        frame.uprights(kind, [((begin + end) // 2, 0, more) for begin, end, more in days if more]),
    )


def rate_by_hour(facts: Facts, method: str) -> Node | None:
    """The usual rate of each hour of the day: the median, and the line that holds the middle half."""
    rows = [row for row in counted(facts.rows, method) if row.worked]
    hours = by_hour(rows, facts.local, lambda row: row.rate_bps)
    if not hours:
        return None
    return _by_hour(
        f"{_WAYS[method]} speed by hour of the day",
        hours,
        _rates_axis([one.high for one in hours.values()]),
        report.rate,
    )


def latency_by_hour(facts: Facts) -> Node | None:
    """The usual round trip of each hour of the day."""
    hours = by_hour(counted(facts.rows, "latency"), facts.local, lambda row: row.rtt_us)
    if not hours:
        return None
    ticks = round_ticks(max(_LEAST_TOP_US, *(one.high for one in hours.values())), 1000)
    axis = Axis(0, ticks[-1], tuple((tick, f"{tick // 1000}") for tick in ticks))
    return _by_hour("Latency by hour of the day", hours, axis, lambda us: f"{report.digits(us / 1000)} ms")


def failures_by_hour(facts: Facts) -> Node | None:
    """How many measurements of each hour of the day failed, as a share."""
    hours: dict[int, list[int]] = {}
    for row in counted(facts.rows):
        hours.setdefault(facts.local(row.at_us).hour, []).append(row.end == End.FAILED)
    if not any(map(any, hours.values())):
        return None
    shares = {hour: share_per_mille(sum(failed), len(failed)) for hour, failed in sorted(hours.items())}
    frame = Frame(_hours_axis(), _shares_axis(list(shares.values())), height=110)
    worst = max(shares, key=lambda hour: shares[hour])
    return frame.drawn(
        "Failed measurements by hour of the day",
        f"Worst from {worst} to {worst + 1} o'clock: {report.digits(shares[worst] / 10)}\u00a0% failed.",
        frame.uprights("share wide", [(_of_hour(hour), 0, share) for hour, share in shares.items() if share]),
        frame.marks("none", DOT, [(_of_hour(hour), 0) for hour, share in shares.items() if not share]),
    )


def _by_hour(name: str, hours: dict[int, Usual], up: Axis, in_words: Callable[[int], str]) -> Node:
    frame = Frame(_hours_axis(), up)
    lowest = min(hours, key=lambda hour: hours[hour].middle)
    highest = max(hours, key=lambda hour: hours[hour].middle)
    low, high = (f"{in_words(hours[hour].middle)} (from {hour} to {hour + 1} o'clock)" for hour in (lowest, highest))
    return frame.drawn(
        name,
        f"Medians from {low} to {high}.",
        frame.uprights("reach wide", [(_of_hour(hour), one.low, one.high) for hour, one in hours.items()]),
        frame.marks("dot", DOT, [(_of_hour(hour), one.middle) for hour, one in hours.items()]),
    )


def _of_hour(hour: int) -> int:
    """The middle of an hour, in minutes of the day."""
    return hour * 60 + 30


def _hours_axis() -> Axis:
    return Axis(0, 1440, tuple((hour * 60, f"{hour:02}:00") for hour in range(0, 25, 4)))


def _times(facts: Facts) -> Axis:
    """From the first moment to now, an hour at least."""
    begin_us = min(facts.from_us, facts.now_us - HOUR_US)
    ticks = time_ticks(begin_us, facts.now_us, facts.local)
    return Axis(begin_us, facts.now_us, tuple((tick.at_us, tick.label) for tick in ticks))


def _rates_axis(rates_bps: Sequence[int]) -> Axis:
    ticks = round_ticks(max([_LEAST_TOP_BPS, *rates_bps]), 100_000)
    return Axis(0, ticks[-1], tuple((tick, f"{tick / 1_000_000:g}") for tick in ticks))


def _shares_axis(per_mille: Sequence[int]) -> Axis:
    ticks = round_ticks(max([_LEAST_TOP_PER_MILLE, *per_mille]), 10, 4)
    return Axis(0, ticks[-1], tuple((tick, f"{tick // 10}") for tick in ticks))


def _daily(facts: Facts, points: Sequence[tuple[int, int]]) -> list[tuple[int, int, Sequence[tuple[int, int]]]]:
    """The local days, the first and the last as far as they are reported on, each with its points, which are in order."""
    edges = [
        facts.from_us,
        *(at_us for at_us, _ in midnights(facts.from_us, facts.now_us, facts.local)),
        facts.now_us + 1,
    ]
    places = [bisect_left(points, (edge,)) for edge in edges]
    return [
        (begin, end, points[first:after])
        for (begin, end), (first, after) in zip(pairwise(edges), pairwise(places), strict=True)
    ]


def _medians_of_days(facts: Facts, points: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Each local day's median as a level line over the day; only where there are several days."""
    if facts.now_us - facts.from_us < 2 * DAY_US:
        return []
    days = _daily(facts, points)
    return [(begin, end, middle([rate for _, rate in found])) for begin, end, found in days if len(found) > 1]


def _per_mille(values: Sequence[int], share: int) -> int:
    found = kpi.percentile(values, share)
    return 0 if found is None else found


def _in_rates(values: Sequence[int]) -> str:
    return f"Half of the scheduled ones reached {report.rate(middle(values))} or more." if values else ""
