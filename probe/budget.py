"""What measuring may cost in a month, and what it has cost: pure.

Four accounts: the light slots, the heavy ones, what is sent to the collector, and the reserve out of which events and
campaigns are paid. Heavy slots leave the reserve alone; events and campaigns may use it, and what heavy slots left over;
both leave what the light slots of the rest of the month need, because a line without a heartbeat looks like a probe that is off.
A test is allowed only if its worst case still fits; what it really cost is booked afterwards. Heavy
tests are also paced, so that the allowance of a month is not gone after a week. The month is that of the line's
allowance: it begins on a day of the device's own calendar, at midnight.

A clock that jumps into another month and back finds the accounts of each month as they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from probe.settings import Settings
from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import Json

Account = Literal["light", "heavy", "reserve", "sent"]
ACCOUNTS: tuple[Account, ...] = ("light", "heavy", "reserve", "sent")
MONTHS_KEPT = 4
HEAD_START_DAYS = 4  # ours: enough for one worst case each way on the first day of a gigabyte's month
LIGHT_DAY_BYTES = 96 * 100_000  # of a slot each quarter of an hour, at the most it may cost
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the line's allowance: its first day, how long it is, and which of its days it is now (from 0)."""

    begins: date
    days: int
    day: int

    @classmethod
    def at(cls, wall_us: int, ahead_s: int, starts_on: int) -> "Month":
        """The month a moment lies in, by a zone so many seconds ahead of UTC."""
        today = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_us, seconds=ahead_s)).date()
        begins = today.replace(day=starts_on)
        if begins > today:
            begins = (today.replace(day=1) - timedelta(days=1)).replace(day=starts_on)
        after = (begins.replace(day=28) + timedelta(days=4)).replace(day=starts_on)
        return cls(begins, (after - begins).days, (today - begins).days)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one month has cost so far, in bytes, both directions together."""

    month: str  # its first day, ISO 8601
    light_bytes: int = 0
    heavy_bytes: int = 0
    reserve_bytes: int = 0
    sent_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.light_bytes + self.heavy_bytes + self.reserve_bytes + self.sent_bytes

    def of(self, account: Account) -> int:
        """One account."""
        found: int = getattr(self, f"{account}_bytes")
        return found


@dataclass(frozen=True, slots=True)
class Budget:
    """What a month may cost."""

    month_bytes: int
    reserve_bytes: int
    starts_on: int = 1

    @classmethod
    def of(cls, settings: Settings) -> "Budget":
        """What the settings say."""
        whole = settings.month_mb * MEGA
        return cls(whole, whole * settings.reserve_per_cent // 100, settings.month_starts_on)

    def _floor_bytes(self, month: Month) -> int:
        """What the light slots of the rest of the month need: nothing else may take the heartbeat's share."""
        return min(self.month_bytes // 3, LIGHT_DAY_BYTES * (month.days - month.day))

    def allows(self, account: Account, cost_bytes: int, spent: Spent, month: Month) -> bool:
        """Whether the worst case of a test still fits."""
        if spent.total_bytes + cost_bytes > self.month_bytes:
            return False
        if account in {"light", "sent"}:
            return True
        if spent.total_bytes + cost_bytes > self.month_bytes - self._floor_bytes(month):
            return False
        if account == "reserve":
            return True
        share_days = min(month.days, month.day + 1 + HEAD_START_DAYS)
        pace_bytes = (self.month_bytes - self.reserve_bytes) * share_days // month.days
        return spent.total_bytes - spent.reserve_bytes + cost_bytes <= pace_bytes


@dataclass(frozen=True, slots=True)
class Books:
    """The accounts of the last months, the newest written last."""

    months: tuple[Spent, ...] = ()

    def of(self, month: Month) -> Spent:
        """One month's accounts, empty if nothing was spent in it."""
        name = month.begins.isoformat()
        return next((one for one in self.months if one.month == name), Spent(name))

    def book(self, month: Month, account: Account, cost_bytes: int) -> "Books":
        """With so many bytes more on an account."""
        spent = self.of(month)
        others = tuple(one for one in self.months if one.month != spent.month)
        told = {name: spent.of(name) + (cost_bytes if name == account else 0) for name in ACCOUNTS}
        more = Spent(spent.month, *(told[name] for name in ACCOUNTS))
        return Books((*others[1 - MONTHS_KEPT :], more))

    def write(self) -> bytes:
        """As kept in the outbox."""
        months: list[Json] = [
            {"month": one.month, **{f"{name}_bytes": one.of(name) for name in ACCOUNTS}} for one in self.months
        ]
        return strictjson.encode({"months": months})

    @classmethod
    def read(cls, kept: bytes | None) -> "Books":
        """What was kept; what cannot be read is begun anew: the budget is a courtesy, not evidence."""
        try:
            months = strictjson.decode(kept or b"{}").get("months", [])
        except Malformed:
            return cls()
        rows = [one for one in months if isinstance(one, dict)] if isinstance(months, list) else []
        return cls(tuple(_spent(row) for row in rows if isinstance(row.get("month"), str))[-MONTHS_KEPT:])


def _spent(row: Mapping[str, Json]) -> Spent:
    told = {f"{name}_bytes": row.get(f"{name}_bytes") for name in ACCOUNTS}
    whole = {name: value for name, value in told.items() if type(value) is int and value >= 0}
    return Spent(str(row["month"]), **whole)
