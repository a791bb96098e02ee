"""What the command line says of fleet, cells and days, for people: figures with their units, times with their zone."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from collector.say import lines
from collector.tables import UTC
from collector.web import words
from collector.web.localtime import LineClock, day_words
from collector.web.quantities import counted, delay, rate
from collector.web.vocabulary import ALARMS, DIRECTIONS, said

Told = dict[str, Any]


def columns(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """Rows under their header, aligned: the first `left` columns at the left, figures at the right."""
    every = [header, *rows]
    widths = [max(len(row[number]) for row in every) for number in range(len(header))]
    return [
        "  ".join(
            text.ljust(width) if number < left else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip(" ")
        for row in every
    ]


def fleet(told: Told) -> None:
    """How all devices are."""
    devices = told["devices"]
    lines(
        f"{counted(devices, 'device')}, as of {UTC.moment(told['as_of_us'])}",
        f"  heard in the last hour {told['heard_hour']:,}, day {told['heard_day']:,}, 7 days {told['heard_week']:,}",
        f"since {UTC.moment(told['since_us'])}",
        f"  {counted(told['lost'], 'record')} lost: begun, and their numbers never filled",
    )
    refused = [f"  {n:,} × {said(ALARMS, name)}" for name, n in told["refused"].items()]
    lines(
        *(
            ["  batches refused and kept aside:", *(f"  {one}" for one in refused)]
            if refused
            else ["  no batch refused"]
        )
    )
    if told["records"]:
        lines("  records: " + ", ".join(f"{one['n']:,} {one['method']} {one['end']}" for one in told["records"]))
    silent, number = told["silent"], devices - told["heard"]
    lines(f"  silent since then: {counted(number, 'device')}")
    if silent:
        header = ("device", "line", "last heard")
        rows = [(one["dev"][:8], one["subscriber"], _heard(one)) for one in silent]
        lines(*(f"    {row}" for row in columns(header, rows, left=3)))
    if number > len(silent):
        lines(f"    and {number - len(silent):,} more, silent for longer (--most shows more)")
    index = told["index"]
    lines(
        f"the index is {counted(index['entries'], 'entry', 'entries')} behind the ledger, "
        f"its newest {words.seconds_up(index['age_us'])} old"
        if index["entries"]
        else "the index is not behind the ledger"
    )


def _heard(one: Told) -> str:
    heard = "never" if one["heard_us"] is None else LineClock.of(one["time_zone"]).moment(one["heard_us"])
    return f"{heard}, frozen: enrol it anew" if one["frozen"] else heard


def cells(told: Told) -> None:
    """The worst cells, the worst hours, or the hours of one cell."""
    window, way = UTC.window(told["since_us"], told["until_us"]), said(DIRECTIONS, told["direction"]).lower()
    few = told["few_devices"]
    head = ("devices", "measured", "failed", f"median {way}")
    if "cell" in told:
        lines(f"cell {told['cell']}, {window}")
        if not told["hours"]:
            lines(f"  nothing was measured then; the newest is of {day_words(told['last_day'])} (UTC)")
            return
        lines(*(f"  {row}" for row in columns(("hour (UTC)", *head), map(_hour, told["hours"]))))
        if any(one["few"] for one in told["hours"]):
            lines(f"  -: fewer than {few} devices, so it would tell of a customer's line and not of the cell")
        return
    if told["by_hour"]:
        if not told["hours"]:
            lines(f"no hour of a cell has at least {few} devices, {window}")
            return
        rows = [(one["cell"], *_hour(one["hour"])) for one in told["hours"]]
        lines(f"the worst hours of cells, by their mean, {window}; hours of at least {few} devices")
        lines(*(f"  {row}" for row in columns(("cell", "hour (UTC)", *head), rows, left=2)))
        return
    enough = f"at least {told['least_n']} measurements by {few} devices"
    if not told["cells"]:
        lines(f"no cell has {enough}, {window}")
        return
    lines(f"the worst cells first, {window}; cells with {enough}")
    lines(*(f"  {row}" for row in columns(("cell", *head), [(one["cell"], *_figures(one)) for one in told["cells"]])))


def _hour(one: Told) -> tuple[str, ...]:
    hour = UTC.short(one["hour_us"])
    return (hour, "-", "-", "-", "-") if one["few"] else (hour, *_figures(one))


def _figures(one: Told) -> tuple[str, ...]:
    return f"{one['devices']:,}", f"{one['n']:,}", f"{one['failed']:,}", _median(one)


def _median(one: Told) -> str:
    return _or_none(rate, one["median_bps"]) if one["median_us"] is None else delay(one["median_us"])


def _or_none(spell: Callable[[int], str], value: int | None) -> str:
    return "-" if value is None else spell(value)


def days(told: Told) -> None:
    """The days of a line."""
    lines(f"{told['subscriber']}, days by the clocks of {told['time_zone']}; signed measurements")
    if told["newest_day"] is not None:
        lines(f"  nothing was measured then; the newest is of {day_words(told['newest_day'])} (UTC)")
    header = ("day", "measured", "failed", "missing slots", "download", "upload", "round trip")
    rows = [
        (
            one["day"], f"{one['n']:,}", f"{one['failed']:,}", f"{one['missing']:,} of {one['scheduled']:,}",
            _or_none(rate, one["down_median_bps"]), _or_none(rate, one["up_median_bps"]),
            _or_none(delay, one["rtt_median_us"]),
        )
        for one in told["days"]
    ]  # fmt: skip
    lines(*(f"  {row}" for row in columns(header, rows)))
    lines("  download, upload and round trip are medians of the day")
