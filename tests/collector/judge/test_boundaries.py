"""Each shipped criterion at its edges: the last value on one side and the first on the other."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.judge.criterion import builtin
from collector.judge.evaluate import judge
from collector.judge.sample import read_case

Json = dict[str, Any]
MBIT = 1_000_000
PRAGUE, BERLIN, CHICAGO, LJUBLJANA = "Europe/Prague", "Europe/Berlin", "America/Chicago", "Europe/Ljubljana"
CZ_FIXED = {"time_zone": PRAGUE, "normal_bps": 60 * MBIT, "min_bps": 30 * MBIT}
CZ_MOBILE = {"time_zone": PRAGUE, "advertised_bps": 40 * MBIT}
DE_FIXED = {"time_zone": BERLIN, "max_bps": 100 * MBIT, "normal_bps": 80 * MBIT, "min_bps": 40 * MBIT}
SI = {"time_zone": LJUBLJANA, "normal_bps": 80 * MBIT}
US = {"time_zone": CHICAGO, "required_bps": 25 * MBIT}
MOBILE = {
    "network_type": "mobile",
    "sim_mccmnc": "23001",
    "net_mccmnc": "23001",
    "located": True,
    "signals": [{"radio": "lte", "channel": 6300, "rsrp_dbm": -100}],
}


def outcome(value: int | str) -> Json:
    """A rate, or what a word stands for: a failure, or an entry that was not started."""
    if isinstance(value, int):
        return {"rate_bps": value}
    return {"not_started": value} if value in {"cross_traffic", "battery_low"} else {"failure": value}


def series(start: str, gaps_s: Sequence[float], values: Sequence[int | str], **more: object) -> list[Json]:
    """Downloads with these gaps in elapsed seconds from a start."""
    at, found = datetime.fromisoformat(start), []
    for gap_s, value in zip([0, *gaps_s], values, strict=True):
        at += timedelta(seconds=gap_s)
        found.append({"t": at.isoformat(), "direction": "down", **outcome(value), **more})
    return found


def answer(
    criterion: str, contract: Mapping[str, object], measurements: Sequence[Json], direction: str = "down"
) -> tuple[str, list[str], list[str]]:
    """Verdict, met and failed of a case."""
    case = {"direction": direction, "contract": dict(contract), "measurements": list(measurements)}
    finding = judge(builtin()[criterion], read_case(case))
    return finding.verdict.value, list(finding.met), list(finding.failed)


FINE: tuple[str, list[str], list[str]] = ("not_substantiated", [], [])


def lacking(*failed: str) -> tuple[str, list[str], list[str]]:
    """The answer when these conditions fail."""
    return "insufficient_evidence", [], sorted(failed)


def shown(*met: str) -> tuple[str, list[str], list[str]]:
    """The answer when these deviations are met."""
    return "substantiated", sorted(met), []


SIX_GOOD: list[int | str] = [70 * MBIT] * 6
EVENING = "2025-04-08T18:00:00+02:00"
CZ_FIXED_CASES: dict[str, tuple[list[Json], tuple[str, list[str], list[str]]]] = {
    "gaps of 15 min to the microsecond": (series(EVENING, [900] * 5, SIX_GOOD), FINE),
    "one gap a microsecond short": (
        series(EVENING, [900, 900, 899.999999, 900, 900], SIX_GOOD),
        lacking("spacing_15min"),
    ),
    "90 min exactly": (series(EVENING, [1080] * 5, SIX_GOOD), FINE),
    "90 min and a microsecond": (
        series(EVENING, [1080] * 4 + [1080.000001], SIX_GOOD),
        lacking("span_90min"),
    ),
    "midnight passes within the cycle": (
        series("2025-04-08T23:15:00+02:00", [900] * 5, SIX_GOOD),
        lacking("same_day"),
    ),
    "the last start is a microsecond before midnight": (
        series("2025-04-08T22:44:59.999999+02:00", [900] * 5, SIX_GOOD),
        FINE,
    ),
    "the clock is put back within the cycle: elapsed time counts": (
        series("2025-10-26T02:30:00+02:00", [900] * 5, SIX_GOOD),
        FINE,
    ),
    "the clock is put forward within the cycle": (
        series("2025-03-30T01:30:00+01:00", [900] * 5, SIX_GOOD),
        FINE,
    ),
    "one bit/s below the minimum": (
        series(EVENING, [900] * 5, [*SIX_GOOD[:5], 30 * MBIT - 1]),
        shown("outage"),
    ),
    "three one bit/s below normal": (
        series(EVENING, [900] * 5, [*SIX_GOOD[:3], *[60 * MBIT - 1] * 3]),
        shown("recurring"),
    ),
    "five of six below normal": (
        series(EVENING, [900] * 5, [*SIX_GOOD[:1], *[60 * MBIT - 1] * 5]),
        shown("recurring"),
    ),
    "a failure with a good partial rate": (
        [
            *series(EVENING, [900] * 4, SIX_GOOD[:5]),
            {
                "t": "2025-04-08T19:15:00+02:00",
                "direction": "down",
                "rate_bps": 90 * MBIT,
                "failure": "eof_error",
            },
        ],
        shown("outage"),
    ),
    "a failure with a flaw is left out": (
        [
            *series(EVENING, [900] * 5, SIX_GOOD),
            {
                "t": "2025-04-08T18:01:00+02:00",
                "direction": "down",
                "failure": "eof_error",
                "flaws": ["wifi"],
            },
        ],
        FINE,
    ),
    "an entry not started and flawed is no test": (
        [
            *series(EVENING, [900] * 5, SIX_GOOD),
            {
                "t": "2025-04-08T18:01:00+02:00",
                "direction": "down",
                "not_started": "battery_low",
                "flaws": ["wifi"],
            },
        ],
        FINE,
    ),
    "six exactly at normal": (series(EVENING, [900] * 5, [60 * MBIT] * 6), FINE),
    "six one bit/s below it": (
        series(EVENING, [900] * 5, [60 * MBIT - 1] * 6),
        shown("recurring", "continuous"),
    ),
    "one exactly at the minimum": (series(EVENING, [900] * 5, [*SIX_GOOD[:5], 30 * MBIT]), FINE),
    "two below normal": (series(EVENING, [900] * 5, [*SIX_GOOD[:4], *[60 * MBIT - 1] * 2]), FINE),
    "nothing measured": ([], lacking("count")),
    "one measurement": (series(EVENING, [], [1]), lacking("count")),
    "a copy in another offset is the same measurement": (
        [
            *series(EVENING, [900] * 5, SIX_GOOD),
            {"t": "2025-04-08T16:00:00Z", "direction": "down", "rate_bps": 70 * MBIT},
        ],
        FINE,
    ),
    "the same instant with another rate is another measurement": (
        [
            *series(EVENING, [900] * 5, SIX_GOOD),
            {"t": "2025-04-08T16:00:00Z", "direction": "down", "rate_bps": 70 * MBIT + 1},
        ],
        lacking("count", "spacing_15min"),
    ),
    "the backward order of input": (list(reversed(series(EVENING, [900] * 5, SIX_GOOD))), FINE),
}


@pytest.mark.parametrize("name", CZ_FIXED_CASES)
def test_cz_fixed_cert_at_its_edges(name: str) -> None:
    """Fifteen and ninety minutes, one local date and both speeds hold to the microsecond and the bit."""
    measurements, expected = CZ_FIXED_CASES[name]
    assert answer("cz-fixed-cert", CZ_FIXED, measurements) == expected


@pytest.mark.parametrize(
    ("contract", "failed"),
    [
        ({"time_zone": PRAGUE}, ["basis", "count"]),
        ({"time_zone": PRAGUE, "normal_bps": 1}, ["basis", "count"]),
        ({"time_zone": PRAGUE, "min_bps": 1, "max_bps": 2}, ["basis", "count"]),
        ({"time_zone": PRAGUE, "min_bps": 1, "normal_bps": 1, "area_class": "lunar"}, ["count"]),
    ],
)
def test_an_absent_contract_value_fails_the_basis_and_nothing_else(contract: Json, failed: list[str]) -> None:
    """Only the values that the rule needs are missed; an area class it does not use means nothing to it."""
    assert answer("cz-fixed-cert", contract, []) == ("insufficient_evidence", [], failed)


LOW, QUARTER = 10 * MBIT - 1, 10 * MBIT
NOON = "2025-05-13T15:00:00+02:00"


def mobile(values: Sequence[int | str], gaps_s: Sequence[float] = (600,) * 5, **changed: object) -> list[Json]:
    """Tests of which the last differs in these members; a member set to None is absent."""
    found = series(NOON, list(gaps_s)[: len(values) - 1], values, **MOBILE)
    found[-1] = {key: value for key, value in {**found[-1], **changed}.items() if value is not None}
    return found


def signal(channel: int | None, rsrp_dbm: int | None, radio: str = "lte") -> list[Json]:
    """One radio reading; None is what the modem did not tell."""
    told = {"radio": radio, "channel": channel, "rsrp_dbm": rsrp_dbm}
    return [{key: value for key, value in told.items() if value is not None}]


SIX_LOW: list[int | str] = [LOW] * 6
BOTH = shown("continuous", "recurring")
CZ_MOBILE_CASES: dict[str, tuple[list[Json], tuple[str, list[str], list[str]]]] = {
    "exactly a quarter is not below": (mobile([QUARTER] * 6), FINE),
    "one bit/s below a quarter": (mobile(SIX_LOW), BOTH),
    "five below, the good one in the middle": (
        mobile([LOW, LOW, QUARTER, LOW, LOW, LOW]),
        shown("recurring"),
    ),
    "a run of exactly 40 min is not longer": (
        mobile([LOW] * 4 + [QUARTER] * 2, [800, 800, 800, 1, 1]),
        FINE,
    ),
    "a run of 40 min and a microsecond": (
        mobile([LOW] * 4 + [QUARTER] * 2, [800, 800, 800.000001, 1, 1]),
        shown("continuous"),
    ),
    "two runs of 30 min are not one of 60": (
        mobile([LOW, LOW, LOW, QUARTER, LOW, LOW], [900, 900, 1, 1, 1700]),
        shown("recurring"),
    ),
    "60 min exactly": (mobile(SIX_LOW, [720] * 5), BOTH),
    "60 min and a microsecond": (mobile(SIX_LOW, [720] * 4 + [720.000001]), lacking("duration_60min")),
    "60 min 59 s does not pass as 60 min": (mobile(SIX_LOW, [720] * 4 + [779]), lacking("duration_60min")),
    "five finished, one failed": (mobile([*SIX_LOW[:5], "eof_error"]), lacking("count")),
    "seven finished": (mobile([*SIX_LOW, LOW], [500] * 6), lacking("count")),
    "seven of which one failed over Wi-Fi": (
        mobile([*SIX_LOW, "eof_error"], [500] * 6, network_type="wifi"),
        BOTH,
    ),
    "a failed test far away takes no part": (mobile([*SIX_LOW, "eof_error"], [600] * 5 + [86_400]), BOTH),
    "nothing measured": ([], lacking("count")),
    "no network type": (mobile(SIX_LOW, network_type=None), lacking("network_type")),
    "no network at all": (mobile(SIX_LOW, network_type="none"), lacking("network_type")),
    "not located": (mobile(SIX_LOW, located=None), lacking("location")),
    "no network told": (mobile(SIX_LOW, net_mccmnc=None), lacking("home_mcc", "sim_ne_network")),
    "no SIM told": (mobile(SIX_LOW, sim_mccmnc=None), lacking("sim_ne_network")),
    "abroad with the last test": (
        mobile(SIX_LOW, net_mccmnc="26201"),
        lacking("home_mcc", "network_changed", "sim_ne_network"),
    ),
    "exactly the band's limit": (mobile(SIX_LOW, signals=signal(6300, -109)), BOTH),
    "one dB below the band's limit": (
        mobile(SIX_LOW, signals=signal(6300, -110)),
        lacking("rsrp_below_band_limit"),
    ),
    "first channel of a row": (mobile(SIX_LOW, signals=signal(0, -107)), BOTH),
    "last channel of a row": (mobile(SIX_LOW, signals=signal(599, -108)), lacking("rsrp_below_band_limit")),
    "first channel after a row": (mobile(SIX_LOW, signals=signal(600, -60)), lacking("rsrp_unknown")),
    "last channel of the last row": (mobile(SIX_LOW, signals=signal(680_000, -100, "nr")), BOTH),
    "no channel told": (mobile(SIX_LOW, signals=signal(None, -60)), lacking("rsrp_unknown")),
    "no strength told": (mobile(SIX_LOW, signals=signal(6300, None)), lacking("rsrp_unknown")),
    "no readings": (mobile(SIX_LOW, signals=None), lacking("rsrp_unknown")),
    "3G only is not checked": (mobile(SIX_LOW, signals=signal(None, None, "3g")), BOTH),
    "weak on one channel, unknown on the other": (
        mobile(SIX_LOW, signals=signal(6300, -110) + signal(5000, -60)),
        lacking("rsrp_below_band_limit", "rsrp_unknown"),
    ),
}


@pytest.mark.parametrize("name", CZ_MOBILE_CASES)
def test_cz_mobile_cert_at_its_edges(name: str) -> None:
    """What is not known is not valid, failed tests take no part, and "longer than 40 min" is longer."""
    measurements, expected = CZ_MOBILE_CASES[name]
    assert answer("cz-mobile-cert", CZ_MOBILE, measurements) == expected


@pytest.mark.parametrize(
    ("first", "last", "limit_dbm"),
    [
        (9210, 9656, -109),
        (6150, 6450, -109),
        (1200, 1949, -107),
        (0, 599, -107),
        (2750, 3449, -105),
        (41_590, 45_589, -100),
        (151_600, 160_600, -109),
        (361_000, 376_000, -107),
        (422_000, 434_000, -107),
        (620_000, 680_000, -100),
    ],
)
def test_each_row_of_the_band_table_holds_from_its_first_channel_to_its_last(
    first: int, last: int, limit_dbm: int
) -> None:
    """At the limit a signal is enough, one dB below it is not, and next to the row nothing is known."""
    for channel in (first, last):
        assert answer("cz-mobile-cert", CZ_MOBILE, mobile(SIX_LOW, signals=signal(channel, limit_dbm))) == BOTH
        weak = mobile(SIX_LOW, signals=signal(channel, limit_dbm - 1))
        assert answer("cz-mobile-cert", CZ_MOBILE, weak) == lacking("rsrp_below_band_limit")
    for channel in {max(first - 1, 600), last + 1}:  # nothing is below channel 0, 600 is in no row
        unknown = mobile(SIX_LOW, signals=signal(channel, 0))
        assert answer("cz-mobile-cert", CZ_MOBILE, unknown) == lacking("rsrp_unknown")


@pytest.mark.parametrize(("rate_bps", "met"), [(9_999_999, ["continuous", "recurring"]), (10_000_000, [])])
def test_a_quarter_is_compared_exactly(rate_bps: int, met: list[str]) -> None:
    """A quarter of 39 999 999 lies between 9 999 999 and 10 000 000."""
    contract = {"time_zone": PRAGUE, "advertised_bps": 39_999_999}
    assert answer("cz-mobile-cert", contract, mobile([rate_bps] * 6))[1] == met


TEN_GAPS_S = [600.0] * 4 + [10_800.0] + [600.0] * 4


def german(
    values: Sequence[int | str],
    days: Sequence[str] = ("03-03", "03-05", "03-07"),
    gaps_s: Sequence[float] = TEN_GAPS_S,
) -> list[Json]:
    """Ten downloads on each of these days of 2025."""
    return [
        one
        for n, day in enumerate(days)
        for one in series(f"2025-{day}T10:00:00+01:00", gaps_s, values[10 * n : 10 * n + 10])
    ]


GOOD, OK, BAD = 95 * MBIT, 85 * MBIT, 40 * MBIT - 1
DE_CASES: dict[str, tuple[list[Json], tuple[str, list[str], list[str]]]] = {
    "27 of 30 reach normal exactly": (german([GOOD] * 27 + [79 * MBIT] * 3), FINE),
    "26 of 30": (german([GOOD] * 26 + [79 * MBIT] * 4), shown("normal90")),
    "27 of 30 at exactly normal, one bit/s less in three": (
        german([80 * MBIT] * 7 + [GOOD] * 20 + [80 * MBIT - 1] * 3),
        FINE,
    ),
    "exactly 90 % of the maximum on two days": (german([OK] * 9 + [90 * MBIT] * 2 + [OK] * 19), FINE),
    "one bit/s short of it on the second day": (
        german([OK] * 9 + [90 * MBIT, 90 * MBIT - 1] + [OK] * 19),
        shown("max90"),
    ),
    "below the minimum on the first two days": (german([GOOD] * 9 + [BAD] * 2 + [GOOD] * 19), shown("min")),
    "exactly the minimum on the second": (german([GOOD] * 9 + [BAD, 40 * MBIT] + [GOOD] * 19), FINE),
    "14 calendar days": (german([GOOD] * 30, ("03-03", "03-05", "03-16")), FINE),
    "15 calendar days": (german([GOOD] * 30, ("03-03", "03-05", "03-17")), lacking("window_14d")),
    "neighbouring dates": (german([GOOD] * 30, ("03-03", "03-04", "03-06")), lacking("free_day_between")),
    "3 h to the microsecond": (
        german([GOOD] * 30, gaps_s=[300] * 4 + [10_799.999999] + [300] * 4),
        lacking("gap_3h_5th_6th"),
    ),
    "a short pause is not also a short gap": (
        german([GOOD] * 30, gaps_s=[600] * 4 + [60] + [600] * 4),
        lacking("gap_3h_5th_6th"),
    ),
    "5 min exactly": (german([GOOD] * 30, gaps_s=[300] * 4 + [10_800] + [300] * 4), FINE),
    "5 min less a microsecond at the end of the day": (
        german([GOOD] * 30, gaps_s=[300] * 4 + [10_800] + [300] * 3 + [299.999999]),
        lacking("gap_5min"),
    ),
    "four short of normal by one bit/s": (german([GOOD] * 26 + [80 * MBIT - 1] * 4), shown("normal90")),
    "40 on four days of ten": (
        german([GOOD] * 40, ("03-03", "03-05", "03-07", "03-09")),
        lacking("count", "ten_per_day_on_three_days"),
    ),
    "29": (german([GOOD] * 30)[:-1], lacking("count", "ten_per_day_on_three_days")),
    "31 with eleven on the last day": (
        [*german([GOOD] * 30), *series("2025-03-07T18:00:00+01:00", [], [GOOD])],
        lacking("count", "ten_per_day_on_three_days"),
    ),
    "30 on three days, but 9, 11 and 10": (
        [*german([GOOD] * 30)[1:], *series("2025-03-05T18:00:00+01:00", [], [GOOD])],
        # without its first the first day's pause lies between the 4th and the 5th
        lacking("gap_3h_5th_6th", "ten_per_day_on_three_days"),
    ),
    "nothing measured": ([], lacking("count", "ten_per_day_on_three_days")),
}


@pytest.mark.parametrize("name", DE_CASES)
def test_de_fixed_2021_at_its_edges(name: str) -> None:
    """Thirty on three dates, a free date between, three hours at noon and each threshold hold exactly."""
    measurements, expected = DE_CASES[name]
    assert answer("de-fixed-2021", DE_FIXED, measurements) == expected


def test_a_gap_across_midnight_is_no_gap_of_a_day() -> None:
    """23:59 and 00:01 are neighbours of two dates, which the rule holds apart by dates and not by minutes."""
    measurements = [
        *series("2025-03-03T23:59:00+01:00", [], [GOOD]),
        *series("2025-03-04T00:01:00+01:00", [], [GOOD]),
    ]
    failed = lacking("count", "free_day_between", "ten_per_day_on_three_days")
    assert answer("de-fixed-2021", DE_FIXED, measurements) == failed


@pytest.mark.parametrize(
    ("last", "expected"),
    [(80 * MBIT, FINE), (80 * MBIT - 1, shown("mean_normal")), ("eof_error", shown("mean_normal"))],
)
def test_si_2019_compares_the_mean_without_rounding(
    last: int | str, expected: tuple[str, list[str], list[str]]
) -> None:
    """A mean short of normal by a fifth of a bit/s is below it."""
    measurements = series("2025-06-02T10:00:00+02:00", [3600] * 4, [80 * MBIT] * 4 + [last])
    assert answer("si-2019", SI, measurements) == expected


@pytest.mark.parametrize(
    ("gap_s", "last_s", "expected"),
    [
        (3600, 3600, FINE),
        (3600, 3599.999999, lacking("gap_1h")),
        (86_400, 86_400, FINE),
        (86_400, 2 * 86_400, lacking("window_5d")),
        (86_400, 86_400 + 13 * 3600 + 3599, FINE),
        (86_400, 86_400 + 14 * 3600, lacking("window_5d")),
    ],
)
def test_si_2019_counts_calendar_days_and_elapsed_hours(
    gap_s: float, last_s: float, expected: tuple[str, list[str], list[str]]
) -> None:
    """Five days are five dates of the contract's zone, an hour is an hour."""
    measurements = series("2025-06-02T10:00:00+02:00", [gap_s] * 3 + [last_s], [90 * MBIT] * 5)
    assert answer("si-2019", SI, measurements) == expected


def week(values: Sequence[int | str], minute: str = "10:00", direction: str = "down") -> list[Json]:
    """An entry in each of the 42 evening hours from 5 May 2025 on, local time of Chicago."""
    return [
        {
            "t": f"2025-05-{5 + n // 6:02}T{18 + n % 6}:{minute}-05:00",
            "direction": direction,
            **outcome(value),
        }
        for n, value in enumerate(values)
    ]


FAST, SLOW = 20 * MBIT, 20 * MBIT - 1
US_CASES: dict[str, tuple[list[Json], tuple[str, list[str], list[str]]]] = {
    "34 of 42 at exactly 80 %": (week([FAST] * 34 + [SLOW] * 8), FINE),
    "33 of 42": (week([FAST] * 33 + [SLOW] * 9), shown("speed80_80")),
    "exactly 80 % of 40": (week([FAST] * 32 + [SLOW] * 8 + ["cross_traffic"] * 2), FINE),
    "35 of 44, two hours measured twice": (
        [*week([FAST] * 35 + [SLOW] * 7), *week([SLOW] * 2, "40:00")],
        shown("speed80_80"),
    ),
    "the hour from 18 is a slot": (week([*[FAST] * 36, "battery_low", *[FAST] * 5]), lacking("hour_slots")),
    "34 measured and eight hours given up": (week([FAST] * 34 + ["cross_traffic"] * 8), FINE),
    "33 measured and nine given up": (week([FAST] * 33 + ["cross_traffic"] * 9), lacking("count")),
    "an hour given up with a flaw is excused all the same": (
        [*week([FAST] * 41), {**week([FAST] * 41 + ["cross_traffic"])[-1], "flaws": ["cross_traffic"]}],
        FINE,
    ),
    "an hour given up in the other direction excuses nothing": (
        [*week([FAST] * 41), {**week([FAST] * 41 + ["cross_traffic"])[-1], "direction": "up"}],
        lacking("hour_slots"),
    ),
    "a low battery excuses nothing": (week([FAST] * 41 + ["battery_low"]), lacking("hour_slots")),
    "a flawed hour is an empty one": (
        [*week([FAST] * 41), {**week([FAST] * 42)[-1], "flaws": ["wifi"]}],
        lacking("hour_slots"),
    ),
    "18:00:00 and the hours' last microsecond count": (week([FAST] * 42, "00:00"), FINE),
    "23:59:59.999999 counts": (week([FAST] * 42, "59:59.999999"), FINE),
    "a start at 17:59:59.999999 is left out": (
        [*week([FAST] * 34 + [SLOW] * 8), *series("2025-05-05T17:59:59.999999-05:00", [], [1])],
        FINE,
    ),
    "midnight is the next day's hour 0 and left out": (
        [*week([FAST] * 34 + [SLOW] * 8), *series("2025-05-12T00:00:00-05:00", [], [1])],
        FINE,
    ),
    "an eighth date": (
        [*week([FAST] * 42), *series("2025-05-12T18:00:00-05:00", [], [FAST])],
        lacking("window_7d"),
    ),
    "an eighth date given up lengthens the window too": (
        [*week([FAST] * 42), *series("2025-05-12T18:00:00-05:00", [], ["cross_traffic"])],
        lacking("window_7d"),
    ),
    "an eighth date given up by day does not": (
        [*week([FAST] * 42), *series("2025-05-12T12:00:00-05:00", [], ["cross_traffic"])],
        FINE,
    ),
    "an hour given up before the first test is the first date": (
        [*series("2025-05-04T18:10:00-05:00", [], ["cross_traffic"]), *week([FAST] * 42)],
        lacking("hour_slots", "window_7d"),
    ),
    "nothing measured": ([], lacking("count", "hour_slots")),
    "only noon": (series("2025-05-05T12:00:00-05:00", [], [FAST]), lacking("count", "hour_slots")),
    "everything given up": (week(["cross_traffic"] * 42), lacking("count")),
}


@pytest.mark.parametrize("name", US_CASES)
def test_us_caf_80_80_at_its_edges(name: str) -> None:
    """An hour counts from its first microsecond to its last; only the customer's own traffic excuses it."""
    measurements, expected = US_CASES[name]
    assert answer("us-caf-80-80", US, measurements) == expected


@pytest.mark.parametrize(
    ("slow_us", "n_slow", "expected"),
    [
        (100_000, 42, FINE),
        (100_001, 2, FINE),
        (100_001, 3, shown("latency95")),
    ],
)
def test_us_caf_latency_has_its_own_limit_and_no_basis(
    slow_us: int, n_slow: int, expected: tuple[str, list[str], list[str]]
) -> None:
    """100 ms is within the limit; 40 of 42 are 95 %, 39 are not; the contract need not name anything."""
    trips = [
        {**{key: one[key] for key in ("t", "direction")}, "rtt_us": slow_us if n < n_slow else 50_000}
        for n, one in enumerate(week([0] * 42, direction="round_trip"))
    ]
    assert answer("us-caf-80-80", {"time_zone": CHICAGO}, trips, "round_trip") == expected


def test_the_zone_of_the_contract_decides_the_day_not_the_offset_written() -> None:
    """The same instants are one evening in Prague and two dates in Auckland."""
    measurements = series("2025-04-08T12:00:00+02:00", [1080] * 5, SIX_GOOD)
    there = {**CZ_FIXED, "time_zone": "Pacific/Auckland"}
    midnight = datetime(2025, 4, 9, tzinfo=ZoneInfo("Pacific/Auckland"))
    assert datetime.fromisoformat(measurements[0]["t"]) < midnight
    assert answer("cz-fixed-cert", CZ_FIXED, measurements) == FINE
    assert answer("cz-fixed-cert", there, series("2025-04-08T13:30:00+02:00", [1080] * 5, SIX_GOOD)) == lacking(
        "same_day"
    )
