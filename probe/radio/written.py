"""The file that a unit with more rights leaves for the probe: the serving cells, and when they were seen. Pure.

ModemManager tells cells to root only. What root writes holds neither the device's nor the SIM's number: nothing but the
members of `Cell`. Its age is counted on the clock that goes on from boot, so a wall clock that jumps makes no cell old or fresh.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, cast, get_args

from probe.radio.limits import cell
from probe.radio.strangers import items, members, read_json
from probe.surroundings import Cell, Technology

FRESH_US: Final = 30_000_000  # three writings of ten seconds each
MOST_CELLS: Final = 8


def write_cells(cells: Sequence[Cell], mono_us: int) -> str:
    """Spell the cells seen at a moment since boot."""
    told = [{name: value for name, value in asdict(one).items() if value is not None} for one in cells[:MOST_CELLS]]
    return json.dumps({"mono_us": mono_us, "cells": told}) + "\n"


def read_cells(text: str, now_us: int) -> tuple[Cell, ...]:
    """Read cells that were seen lately; raises ValueError with a few words if they were not, or if this is no such file."""
    told = members(read_json(text))
    seen_us = told.get("mono_us")
    if type(seen_us) is not int or not 0 <= seen_us <= now_us:
        raise ValueError("cells of no known moment")
    if now_us - seen_us > FRESH_US:
        raise ValueError(f"cells {(now_us - seen_us) // 1_000_000} s old")
    return tuple(found for item in items(told.get("cells"))[:MOST_CELLS] if (found := _cell(members(item))) is not None)


def _cell(told: dict[str, object]) -> Cell | None:
    if told.get("radio") not in get_args(Technology):
        return None
    return cell(
        cast("Technology", told["radio"]),
        mccmnc=told.get("mccmnc"),
        area=told.get("area"),
        number=told.get("cell"),
        pci=told.get("pci"),
        channel=told.get("channel"),
        band=told.get("band"),
        bandwidth_khz=told.get("bandwidth_khz"),
        rsrp_dbm=told.get("rsrp_dbm"),
        rsrq_db=_tenth(told.get("rsrq_ddb")),
        rssi_dbm=told.get("rssi_dbm"),
        sinr_db=_tenth(told.get("sinr_ddb")),
        timing_advance=told.get("timing_advance"),
    )


def _tenth(told: object) -> float | None:
    return told / 10 if type(told) is int and abs(told) < 1_000 else None  # noqa: PLR2004  (beyond any limit)
