"""Notes of the probe in the index: they are there, they tell what happened, and they are never counted as measurements."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import WALL_US, Device, download
from fakes.history import History

from collector.case import case_of
from collector.config import Config
from collector.services import Services
from collector.store import queries
from collector.view import Counts
from shared.record import UNCOUNTED
from shared.strictjson import JsonObject

SLOT = WALL_US // 900_000_000 + 2


def note(method: str = "presence", **members: str | int) -> JsonObject:
    """A note's members."""
    return {"end": "ok", "method": method, "wall_us": WALL_US + 1_800_000_000, **members}


def ladder(**members: str | int) -> JsonObject:
    """A climb that came as far as the router."""
    told: JsonObject = {"failures": ",generic_timeout_error", "reached": "gateway", "rungs": "gateway,peer"}
    return told | {"end": "failed", "failure": "generic_timeout_error", "method": "reach", **members}


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A collector at the end of the slots that are looked at."""
    clock = FakeClock(wall_us=WALL_US)
    with contextlib.closing(Services.over_folder(Config(data=tmp_path / "data"), clock)) as services:
        yield History(services)


def later(history: History) -> None:
    """Let an hour and a quarter pass."""
    clock = history.services.clock
    assert isinstance(clock, FakeClock)
    clock.advance(5 * 900_000_000)


def outage(history: History) -> Device:
    """A device whose network goes down in one slot and is there in the next."""
    device, at_us = history.device("line-0"), SLOT * 900_000_000
    later(history)
    history.batch(
        device,
        note(event="started", after="first"),
        {"end": "failed", "failure": "generic_timeout_error", "method": "latency", "slot": SLOT, "wall_us": at_us + 1},
        ladder(slot=SLOT, wall_us=at_us + 2),
        note("mark", words="nothing loads", wall_us=at_us + 3),
        download(slot=SLOT + 1, wall_us=at_us + 900_000_000),
    )
    return device


def test_the_case_tells_down_from_not_known(history: History) -> None:
    """A slot whose tests failed and whose ladder reached nobody is down; slots before the first record are not known."""
    outage(history)
    case, rows = case_of(history.services, "line-0")
    (view,) = case.presence
    assert [(one.stand, one.detail) for one in view.stretches if one.stand in {"down", "measured"}] == [
        ("down", "generic_timeout_error"),
        ("measured", None),
    ]
    assert sum(view.slots.values()) == case.counts["signed"].scheduled_slots
    assert [row.says for row in rows if row.method != "download"] == ["started", None, "gateway", "nothing loads"]


def test_notes_are_not_counted(history: History) -> None:
    """A note is no measurement, and a ladder no second failure; missing slots are the same with them."""
    outage(history)
    counts = case_of(history.services, "line-0")[0].counts["signed"]
    assert (counts.ok, counts.failed, counts.by_hand) == (1, 1, 0)
    assert counts.missing_slots == counts.scheduled_slots - 2


def test_a_device_that_only_notes(history: History) -> None:
    """Of a device that has measured nothing there is nothing to count, and its notes are there all the same."""
    device = history.device("line-1")
    history.batch(device, note(event="alive"), note(event="stopped"))
    assert case_of(history.services, "line-1")[0].counts["signed"] == Counts()
    assert {row.says for row in history.services.store.timeline("line-1")} == {"alive", "stopped"}
    assert list(history.services.store.notes("line-1")[device.dev]) == [0, 1]
    assert history.services.store.notes("line-0") == {}


def test_the_query_knows_what_is_not_counted() -> None:
    """What the view names and what the count leaves out are the same methods."""
    listed = queries.COUNTS.partition("NOT IN (")[2].partition(")")[0]
    assert {name.strip(" '") for name in listed.split(",")} == UNCOUNTED
