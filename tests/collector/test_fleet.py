"""Fleet, cells and days as the desk is told them: complete, within bounds, and never of so few that it is of somebody."""

from collections.abc import Iterator
from dataclasses import asdict, replace

import pytest
from fakes.clock import FakeClock
from fakes.device import download
from fakes.fleet import END_US, HOURS, START_US, lived
from fakes.history import History
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import BadRequest, NotFound
from collector.fleet import FEW_DEVICES, HOUR_US, cell_of, cell_week, cells_of, days_of, fleet_of, hour_row
from collector.services import Services
from collector.store.answers import CellHour
from scripts.simulated_fleet import EDGE, FEW, FLEET, SLOW, WELL

DAY_US = 24 * HOUR_US
counts = st.integers(0, 10**6)
figures = st.none() | st.integers(0, 10**12)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A fleet that has lived for two and a half days."""
    with lived(tmp_path_factory.mktemp("fleet") / "data") as services:
        yield services


def test_the_fleet_adds_up(fleet: Services) -> None:
    """Every device is heard or silent, and the records are those that were sent."""
    told = fleet_of(fleet, {"since": "31d"})
    assert (told.devices, told.heard, told.silent) == (len(FLEET), len(FLEET), ())
    downloads = sum(one.n for one in told.records if one.method == "download")
    assert downloads == sum(
        1
        for unit in FLEET
        for hour in range(HOURS)
        if (START_US // HOUR_US + hour) % 24 in unit.up and hour < (unit.silent_after or HOURS)
    )
    assert told.refused == {"chain_fork": 1}
    assert told.index.entries == 0
    assert told.index.ledger_no == told.index.index_no == fleet.ledger.last_no


def test_who_is_silent_is_named_with_line_and_zone(services: Services, clock: FakeClock) -> None:
    """A device not heard since the moment asked for is named with its line, its zone and when it was heard; a frozen one as such."""
    history = History(services)
    one, two, never = (history.device(f"line-{number}") for number in range(3))
    for device in (one, two):
        history.batch(device)
    heard_us = clock.wall_us()
    clock.advance(2 * DAY_US)
    history.batch(one, download(), download())
    history.refused(two.seal(download(dur_us=7), batch=0, prev="0" * 64, first_seq=0))
    told = fleet_of(services, {})
    assert (told.devices, told.heard, told.heard_hour, told.heard_day, told.heard_week) == (3, 1, 1, 1, 2)
    assert [(row.dev, row.subscriber, row.time_zone, row.heard_us, row.frozen) for row in told.silent] == [
        (two.dev, "line-1", "Europe/Prague", heard_us, True),
        (never.dev, "line-2", "Europe/Prague", None, False),
    ]
    assert len(fleet_of(services, {"most": 1}).silent) == 1


def test_numbers_that_are_lost_are_counted(services: Services) -> None:
    """What devices declare lost is told."""
    history = History(services)
    device = history.device("line-0")
    history.refused(device.next(lost=3))
    assert fleet_of(services, {}).lost == 3


def test_an_index_that_is_late_says_so(services: Services, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the ledger and not in the index yet is told by number, with the age of the newest that is in it."""
    history = History(services)
    history.device("line-0")
    services.indexer.catch_up()
    clock.advance(5_000_000)
    history.line("line-1")
    monkeypatch.setattr(services.indexer, "comes_to", lambda *_: False)
    told = fleet_of(services, {}).index
    assert (told.entries, told.age_us) == (1, 5_000_000)
    assert told.ledger_no == told.index_no + 1 == services.ledger.last_no


def test_the_worst_cells_come_first_and_small_ones_not_at_all(fleet: Services) -> None:
    """Cells are listed by their median, with their figures, and one of two devices is not among them."""
    told = cells_of(fleet, {"since": "7d"})
    assert [one.eci for one in told.cells] == [EDGE, SLOW, WELL]
    assert FEW not in {one.eci for one in told.cells}
    for one in told.cells:
        assert one.n == one.ok + one.failed
        assert one.devices >= FEW_DEVICES
        assert one.cell == f"23001-{one.eci}"
    assert [one.eci for one in cells_of(fleet, {"since": "7d", "most": 1}).cells] == [EDGE]
    assert (told.since_us % HOUR_US, told.until_us % HOUR_US) == (0, 0)


def test_the_worst_hours_are_evenings(fleet: Services) -> None:
    """The worst single hours are those of the slow cell's evenings, each of enough devices."""
    told = cells_of(fleet, {"since": "7d", "hours": True, "most": 4})
    assert told.cells == ()
    assert {one.eci for one in told.hours} == {SLOW}
    assert {one.hour.hour_us // HOUR_US % 24 for one in told.hours} <= {18, 19, 20}
    assert all((one.hour.devices or 0) >= FEW_DEVICES for one in told.hours)


def test_round_trips_have_delays(fleet: Services) -> None:
    """Asked for round trips the medians are delays, and there are no rates."""
    told = cells_of(fleet, {"since": "7d", "direction": "round_trip"})
    assert told.cells
    assert all(one.median_bps is None and one.median_us is not None for one in told.cells)


def test_a_cell_of_two_devices_tells_of_no_hour(fleet: Services) -> None:
    """Of hours in which fewer than three devices measured it is told that there is something, and nothing of what."""
    told = cell_of(fleet, {"cell": f"23001-{FEW}", "since": "3d"})
    assert told.hours
    assert all(
        one == replace(one, few=True, devices=None, n=None, ok=None, failed=None, median_bps=None, median_us=None)
        for one in told.hours
    )


@given(
    st.integers(0, 6),
    st.integers(0, 6),
    counts,
    counts,
    figures,
    figures,
    st.sampled_from(["down", "up", "round_trip"]),
)
def test_no_figure_is_told_of_few(
    devices: int, with_figure: int, n: int, failed: int, rate: int | None, rtt: int | None, direction: str
) -> None:
    """Whatever an hour holds: with few devices all hours look alike, and with few figures all medians do."""
    hour = CellHour("23001", 1, 0, n, n, failed, n, rate, rate, n, rtt, rtt, devices, with_figure, rate, rtt)
    row = hour_row(hour, direction)
    if devices < FEW_DEVICES:
        empty = CellHour("23001", 1, 0, 0, 0, 0, 0, None, None, 0, None, None, 0, 0, None, None)
        assert row == hour_row(empty, direction)
        assert {value for name, value in asdict(row).items() if name not in {"hour_us", "few"}} == {None}
    else:
        assert (row.few, row.devices, row.n, row.failed) == (False, devices, n, failed)
        wanted = (None, rtt) if direction == "round_trip" else (rate, None)
        assert (row.median_bps, row.median_us) == (wanted if with_figure >= FEW_DEVICES else (None, None))


def test_a_cell_without_its_operator_is_found_if_it_is_the_only_one(services: Services) -> None:
    """A number alone is enough where one operator has it; where two have it they are named, and where none has it that is said."""
    history = History(services)
    device = history.device("line-0")

    def at(cell: int, operator: str) -> None:
        history.batch(device, download(radio={"signals": [{"cell": cell, "mccmnc": operator}]}))

    at(7, "23001")
    assert cell_of(services, {"cell": "7", "since": "1d"}).cell == "23001-7"
    at(7, "23003")
    with pytest.raises(BadRequest, match="say which: 23001-7, 23003-7"):
        cell_of(services, {"cell": "7", "since": "1d"})
    assert cell_of(services, {"cell": "23003-7", "since": "1d"}).operator == "23003"
    with pytest.raises(NotFound, match="cell 23002-7; there is 23001-7, 23003-7"):
        cell_of(services, {"cell": "23002-7", "since": "1d"})
    with pytest.raises(NotFound, match=r"nothing was ever measured in a cell 8$"):
        cell_of(services, {"cell": "8", "since": "1d"})


def test_the_week_of_a_cell_is_whole_days(fleet: Services) -> None:
    """The page's week ends with today, or with the day before a moment, and has seven whole days in UTC."""
    week = cell_week(fleet, f"23001-{SLOW}", {})
    assert (week.until_us - week.since_us, week.until_us % DAY_US) == (7 * DAY_US, 0)
    assert week.until_us - DAY_US <= END_US < week.until_us
    assert len(week.hours) == HOURS
    before = cell_week(fleet, f"23001-{SLOW}", {"until": "2026-11-16T00:00Z"})
    assert (before.until_us, before.hours) == (week.since_us, ())


def test_days_are_those_of_the_line(fleet: Services) -> None:
    """Without bounds the last days; with them every day that is touched, as a whole, whichever zone they were written in."""
    assert len(days_of(fleet, {"subscriber": "line-01"}).days) == 28
    told = days_of(fleet, {"subscriber": "line-01", "since": "2026-11-20T23:30Z", "until": "2026-11-21T23:00Z"})
    assert [one.day for one in told.days] == ["2026-11-21"]
    told = days_of(fleet, {"subscriber": "line-17", "since": "2026-11-20T23:30Z", "until": "2026-11-21T23:00Z"})
    assert (told.time_zone, [one.day for one in told.days]) == ("Europe/London", ["2026-11-20", "2026-11-21"])


def test_days_before_anything_say_when_there_is_something(fleet: Services) -> None:
    """Where nothing was measured the newest day with anything is told."""
    told = days_of(fleet, {"subscriber": "line-01", "since": "2026-10-01T00:00Z", "until": "2026-10-03T00:00Z"})
    assert not any(one.n for one in told.days)
    assert told.newest_day == (END_US - 1) // DAY_US


@pytest.mark.parametrize(
    ("run", "told", "error", "words"),
    [
        (fleet_of, {"since": "32d"}, BadRequest, "31 or fewer"),
        (fleet_of, {"since": "2026-11-01"}, BadRequest, "time zone"),
        (fleet_of, {"most": 0}, BadRequest, "from 1 to 1000"),
        (fleet_of, {"most": True}, BadRequest, "from 1 to 1000"),
        (fleet_of, {"most": "7"}, BadRequest, "from 1 to 1000"),
        (fleet_of, {"until": "1d"}, BadRequest, "not known here"),
        (cells_of, {}, BadRequest, "since is missing"),
        (cells_of, {"since": "32d"}, BadRequest, "31 or fewer"),
        (cells_of, {"since": "1d", "direction": "sideways"}, BadRequest, "one of down, up, round_trip"),
        (cells_of, {"since": "1d", "hours": "yes"}, BadRequest, "true or false"),
        (cells_of, {"since": "1d", "cell": "23001-5"}, BadRequest, "not known here"),
        (cell_of, {"since": "1d"}, BadRequest, "a cell is written"),
        (cell_of, {"since": "1d", "cell": "23001-5"}, NotFound, "nothing was ever measured"),
        (days_of, {}, BadRequest, "subscriber is missing"),
        (days_of, {"subscriber": "nobody"}, NotFound, "no subscriber"),
        (days_of, {"subscriber": "line-01", "until": "1d"}, BadRequest, "since is missing"),
        (days_of, {"subscriber": "line-01", "since": "401d"}, BadRequest, "400 or fewer"),
    ],
)
def test_what_cannot_be_asked(
    fleet: Services, run: object, told: dict[str, object], error: type[Exception], words: str
) -> None:
    """A bound that is missing, misspelt or too wide is refused with what to do."""
    with pytest.raises(error, match=words):
        run(fleet, told)  # type: ignore[operator]
