"""Another link between two tests, and during one: every record says what carried it, and Wi-Fi is never taken for 4G."""

from pathlib import Path
from typing import Any

import pytest
from fakes.days import MINUTE, WELL, Days, of

from probe.measure.outcome import Measured
from probe.surroundings import Link, Surroundings

MOBILE, WIFI = Link("wwan0", "cellular"), Link("wlan0", "wifi")


@pytest.fixture
def days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Days:
    """Give a device on a mobile line."""
    return Days(tmp_path).put(monkeypatch)


def test_another_link_between_two_slots(days: Days) -> None:
    """The slots before say mobile; from the next one on all say Wi-Fi and have its flaw, whatever was seen a moment ago."""

    def at_home() -> None:
        days.link = WIFI  # what looks round still tells of the modem: its picture is that of before

    records = of(days.run(4 * 15 * MINUTE, (32 * MINUTE, at_home)), "latency", "fetch", "dns")
    kinds = [(_ctx(one.fields, "network_type"), "wifi" in one.texts("flaws")) for one in records]
    after = [(one.integer("mono_us") or 0) >= 32 * MINUTE for one in records]
    assert {True, False} == set(after)
    assert kinds == [("wifi", True) if later else ("mobile", False) for later in after]
    assert all("link_changed" not in one.texts("flaws") for one in records)


def test_another_link_during_a_test(days: Days) -> None:
    """The test says from which link to which, and is no measurement of either; the next one of the slot is all Wi-Fi."""
    tests = 0

    def does(_plan: Any) -> Measured:
        nonlocal tests
        tests += 1
        if tests == 4:  # the first of the second slot
            days.link, days.around = WIFI, Surroundings(WIFI)
        return WELL

    days.does = does
    records = of(days.run(3 * 15 * MINUTE), "latency", "fetch", "dns")
    changed, following = records[3], records[4]
    assert {"link_changed", "wifi"} <= set(changed.texts("flaws"))
    assert (_ctx(changed.fields, "interface_before"), _ctx(changed.fields, "interface")) == ("wwan0", "wlan0")
    assert (_ctx(changed.fields, "link_before"), _ctx(changed.fields, "link")) == ("cellular", "wifi")
    assert following.texts("flaws") == ("wifi",)
    assert all(one.texts("flaws") == () for one in records[:3])


def _ctx(told: Any, name: str) -> object:
    return told["ctx"].get(name)
