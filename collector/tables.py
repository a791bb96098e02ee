"""Answers of the desk as tables: a header and rows of text, for CSV (RFC 4180) and for whatever lays out columns. Pure.

Times are ISO 8601, in UTC or with the offset of the line's own zone; numbers have their unit in the column's name; what is not
there is empty. Text that a spreadsheet would take for a formula has an apostrophe before it.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from collector.web.localtime import LineClock

Told = Mapping[str, Any]
Table = tuple[tuple[str, ...], list[tuple[object, ...]]]
UTC: Final = LineClock.of("UTC")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_HOUR_US: Final = 3_600_000_000
_CELL: Final = ("cell", "operator", "eci")
_FIGURES: Final = ("devices", "n", "ok", "failed", "median_bps", "median_us")
_DAY: Final = (
    "scheduled", "missing", "n", "ok", "failed", "not_started", "aborted", "flawed",
    "down_n", "down_median_bps", "up_n", "up_median_bps", "rtt_n", "rtt_median_us",
)  # fmt: skip


def csv_of(table: Table) -> str:
    """A table as CSV, lines ended by CR LF."""
    header, rows = table
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_safe(value) for value in row] for row in rows)
    return text.getvalue()


def _safe(value: object) -> object:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def fleet(told: Told) -> Table:
    """One figure in each row: what it is, of what, and how many; a silent device with its line and when it was heard."""
    heard: Iterable[tuple[str, object]] = (
        ("last hour", told["heard_hour"]),
        ("last day", told["heard_day"]),
        ("last 7 days", told["heard_week"]),
    )
    rows: list[tuple[object, ...]] = [("devices", "", "", "", told["devices"])]
    rows += [("heard", name, "", "", n) for name, n in heard]
    rows.append(("lost", "", "", "", told["lost"]))
    rows += [("refused", name, "", "", n) for name, n in told["refused"].items()]
    rows += [("records", f"{one['method']} {one['end']}", "", "", one["n"]) for one in told["records"]]
    rows += [
        (
            "frozen" if one["frozen"] else "silent",
            one["dev"],
            one["subscriber"],
            _at(one["heard_us"], one["time_zone"]),
            "",
        )
        for one in told["silent"]
    ]
    rows.append(("index behind", "entries", "", "", told["index"]["entries"]))
    return ("what", "name", "subscriber", "last_heard", "n"), rows


def cells(told: Told) -> Table:
    """A row for each cell, for each hour of a cell, or for each hour of one cell."""
    if "cell" in told:
        return ("cell", "hour_from", "few_devices", *_FIGURES), [(told["cell"], *_hour(one)) for one in told["hours"]]
    if told["by_hour"]:
        return (*_CELL, "hour_from", "few_devices", *_FIGURES), [
            (*(one[name] for name in _CELL), *_hour(one["hour"])) for one in told["hours"]
        ]
    return (*_CELL, *_FIGURES), [tuple(one[name] for name in (*_CELL, *_FIGURES)) for one in told["cells"]]


def _hour(one: Told) -> tuple[object, ...]:
    return _at(one["hour_us"], "UTC"), int(one["few"]), *(one[name] for name in _FIGURES)


def days(told: Told) -> Table:
    """A row for each day of a line."""
    return ("subscriber", "day", "time_zone", *_DAY), [
        (told["subscriber"], one["day"], told["time_zone"], *(one[name] for name in _DAY)) for one in told["days"]
    ]


TABLES: Final[Mapping[str, Callable[[Told], Table]]] = {"fleet": fleet, "cells": cells, "days": days}


def _at(at_us: int | None, zone: str) -> str:
    if at_us is None:
        return ""
    clock = LineClock.of(zone)
    return clock.machine(at_us)
