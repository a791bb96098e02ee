"""What many measurements come to."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from probe.moments import DAY_US, HOUR_US, Local
from probe.page.digest import State, Usual, by_day, by_hour, by_stretch, counted, failed, reasons, silent, slots, usual
from probe.remembered import Remembered
from shared.kpi import percentile
from shared.record import End

AT_US = 1_795_345_500_000_000  # 22 Nov 2026, 12:05 in Prague
ROW = Remembered(1, AT_US, "download", "ok", slot=10, rate_bps=10)


def test_usual_of_nothing() -> None:
    """Without a known value there is no usual one."""
    assert usual([None, None]) is None
    assert usual([7, None]) == Usual(1, 7, 7, 7)


@given(values=st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_usual_is_the_contract_s_percentile(values: list[int]) -> None:
    """Quartiles are those of RFC 2330, as everywhere else."""
    found = usual(values)
    assert found is not None
    assert (found.low, found.middle, found.high) == tuple(percentile(values, share) for share in (250, 500, 750))


def test_what_is_counted() -> None:
    """Only planned measurements without a flaw that ran are counted; failures are among them."""
    rows = [
        ROW,
        replace(ROW, end="failed"),
        replace(ROW, slot=None, campaign="c"),
        replace(ROW, slot=None),
        replace(ROW, flaws=("wifi",)),
        replace(ROW, end="aborted"),
        replace(ROW, end="not_started"),
        replace(ROW, method="reach"),
        replace(ROW, method="latency"),
    ]
    assert counted(rows, "download") == rows[:3]
    assert counted(rows) == [*rows[:3], rows[8]]


def test_by_hour_and_by_day(local: Local) -> None:
    """Hours and days are those of the local clock; what has no value is left out."""
    rows = [
        ROW,
        replace(ROW, at_us=AT_US + HOUR_US, rate_bps=30),
        replace(ROW, at_us=AT_US + 12 * HOUR_US, rate_bps=None),
    ]
    assert by_hour(rows, local, lambda row: row.rate_bps) == {12: Usual(1, 10, 10, 10), 13: Usual(1, 30, 30, 30)}
    assert list(by_day(rows, local, lambda row: row.rate_bps).values()) == [(10, 30)]


def test_by_stretch() -> None:
    """Each stretch has its values in order, at its middle; an empty one is not there."""
    rows = [replace(ROW, at_us=at_us, rate_bps=at_us) for at_us in (5, 1, 99)]
    assert by_stretch(rows, 0, 100, 10, lambda row: row.rate_bps) == [(5, (1, 5)), (95, (99,))]


def test_what_came_of_a_slot() -> None:
    """A slot failed only if nothing in it worked; the server's own fault is not the line's."""
    rows = [
        replace(ROW, slot=1),
        replace(ROW, slot=2, end="failed"),
        replace(ROW, slot=3),
        replace(ROW, slot=3, end="failed"),
        replace(ROW, slot=4, end="not_started"),
        replace(ROW, slot=5, end="aborted"),
        replace(ROW, slot=6, end="failed", flaws=("peer_fault",)),
        replace(ROW, slot=7, method="presence"),
        replace(ROW, slot=None, end="failed"),
    ]
    expected = [State.WORKED, State.FAILED, State.PARTLY, State.HELD_BACK, State.HELD_BACK, State.HELD_BACK]
    assert list(slots(rows).values()) == expected


@given(bad=st.sets(st.integers(0, 40)), good=st.sets(st.integers(0, 40)))
def test_a_dead_line_is_no_absent_probe(bad: set[int], good: set[int]) -> None:
    """Runs of failed slots hold exactly those, touch nowhere, and are never silent."""
    states = dict.fromkeys(good, State.WORKED) | dict.fromkeys(bad, State.FAILED)
    runs = failed(states)
    assert [slot for run in runs for slot in run] == sorted(bad)
    assert all(before.stop < after.start for before, after in pairwise(runs))
    assert not bad & {slot for run in silent(states, 45 * 900 * 1_000_000, 900) for slot in run}


@given(known=st.sets(st.integers(0, 40)), until=st.integers(0, 45))
def test_silence_is_what_is_between(known: set[int], until: int) -> None:
    """Each slot from the first known to the last that is over is either known or silent, and none is both."""
    states = dict.fromkeys(known, State.WORKED)
    found = {slot for run in silent(states, until * 900 * 1_000_000, 900) for slot in run}
    expected = set(range(min(known), until)) - known if known else set()
    assert found == expected


def test_reasons_are_counted_the_commonest_first() -> None:
    """What went wrong is ordered by how often; equal counts by name."""
    rows = [replace(ROW, end="failed", failure=name) for name in ("b", "a", "c", "c")] + [ROW]
    assert reasons(rows, End.FAILED, lambda row: row.failure) == [("c", 2), ("a", 1), ("b", 1)]


def test_a_month_has_its_days(local: Local) -> None:
    """A day's values do not run into the next one."""
    rows = [replace(ROW, at_us=AT_US + n * DAY_US, rate_bps=n) for n in range(3)]
    assert [day.day for day in by_day(rows, local, lambda row: row.rate_bps)] == [22, 23, 24]
