"""What a month may cost: worst case before, real cost after, paced, and each month by itself whatever the clock does."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.budget import ACCOUNTS, Account, Books, Budget, Month, Spent
from probe.settings import Settings

MB = 1_000_000
DAY_US = 86_400_000_000
NOVEMBER_US = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * MB
moments_us = st.integers(0, 4_000_000_000_000_000)
days = st.integers(1, 28)
zones_s = st.integers(-14 * 3600, 14 * 3600)
costs = st.integers(0, 10**9)
accounts = st.sampled_from(ACCOUNTS)


@given(moments_us, zones_s, days)
def test_every_moment_lies_in_its_month(wall_us: int, ahead_s: int, starts_on: int) -> None:
    """A month begins on the day it is to begin on, has 28 to 31 days, and holds the local day of the moment."""
    month = Month.at(wall_us, ahead_s, starts_on)
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_us, seconds=ahead_s)
    assert month.begins.day == starts_on
    assert month.begins + timedelta(days=month.day) == local.date()
    assert 0 <= month.day < month.days
    assert 28 <= month.days <= 31


@given(moments_us, days)
def test_months_follow_each_other(wall_us: int, starts_on: int) -> None:
    """The day after a month's last one is the first of the next."""
    month = Month.at(wall_us, 0, starts_on)
    after = Month.at(wall_us + (month.days - month.day) * DAY_US, 0, starts_on)
    assert after.begins == month.begins + timedelta(days=month.days)
    assert after.day == 0


def test_the_settings_make_the_budget() -> None:
    """A gigabyte with a fifth in reserve, unless somebody says otherwise."""
    assert Budget.of(Settings()) == Budget(1000 * MB, 200 * MB, 1)
    assert Budget.of(Settings(month_mb=10, reserve_per_cent=0, month_starts_on=9)) == Budget(10 * MB, 0, 9)


@pytest.mark.parametrize(
    ("account", "spent", "day", "cost_mb", "allowed"),
    [
        ("light", Spent("m"), 0, 1000, True),
        ("light", Spent("m"), 0, 1001, False),
        ("light", Spent("m", heavy_bytes=999 * MB), 0, 1, True),
        ("light", Spent("m", 250 * MB, 250 * MB, 250 * MB, 250 * MB), 0, 1, False),
        ("reserve", Spent("m", heavy_bytes=500 * MB), 0, 212, True),  # 288 MB are for thirty days of light slots
        ("reserve", Spent("m", heavy_bytes=500 * MB), 0, 213, False),
        ("reserve", Spent("m", heavy_bytes=800 * MB), 29, 190, True),
        ("reserve", Spent("m", heavy_bytes=800 * MB), 29, 191, False),
        ("sent", Spent("m", light_bytes=999 * MB), 29, 1, True),
        ("heavy", Spent("m"), 0, 133, True),  # 800 MB x 5 of 30 days
        ("heavy", Spent("m"), 0, 134, False),
        ("heavy", Spent("m", reserve_bytes=200 * MB), 0, 133, True),  # what events cost is not held against the slots
        ("heavy", Spent("m"), 28, 800, True),
        ("heavy", Spent("m"), 29, 801, False),
    ],
)
def test_what_is_allowed(account: Account, spent: Spent, day: int, cost_mb: int, *, allowed: bool) -> None:
    """Everything fits into the month; what loads the line leaves the light slots theirs; heavy slots also keep pace."""
    month = Month.at(NOVEMBER_US + day * DAY_US, 0, 1)
    assert Budget(1000 * MB, 200 * MB).allows(account, cost_mb * MB, spent, month) is allowed


@given(st.lists(st.tuples(st.integers(0, 3), accounts, costs), max_size=30), zones_s)
def test_books_add_up_and_outlast_a_restart(booked: list[tuple[int, Account, int]], ahead_s: int) -> None:
    """Each month has what was booked in it, in any order of months, before and after being kept."""
    books = Books()
    for number, account, cost in booked:
        month = Month.at(NOVEMBER_US + number * 40 * DAY_US, ahead_s, 1)
        books = Books.read(books.book(month, account, cost).write())
    for number in range(4):
        month = Month.at(NOVEMBER_US + number * 40 * DAY_US, ahead_s, 1)
        for account in ACCOUNTS:
            wanted = sum(cost for n, name, cost in booked if (n, name) == (number, account))
            assert books.of(month).of(account) == wanted


def test_a_clock_that_jumps_a_year_and_back() -> None:
    """The month that was being spent is found again, so that a jump neither doubles the allowance nor ends it."""
    here, there = (Month.at(NOVEMBER_US + at * DAY_US, 0, 1) for at in (0, 365))
    books = Books().book(here, "heavy", 700 * MB).book(there, "heavy", 5 * MB)
    assert books.of(here).heavy_bytes == 700 * MB
    assert books.of(there).heavy_bytes == 5 * MB


@pytest.mark.parametrize(
    "kept", [None, b"", b"{", b"[]", b'{"months":3}', b'{"months":[3]}', b'{"months":[{"heavy_bytes":7}]}']
)
def test_books_that_cannot_be_read(kept: bytes | None) -> None:
    """A damaged account is begun anew and stops nothing."""
    assert Books.read(kept) == Books()


def test_only_the_last_months_are_kept() -> None:
    """The kept value stays small, however long the device runs."""
    books = Books()
    for number in range(40):
        books = books.book(Month.at(NOVEMBER_US + number * 31 * DAY_US, 0, 1), "light", 1)
    assert len(books.months) == 4
