"""When a test that is due is not started: each row at its threshold, and unknown facts hold nothing back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.gate import HOLDS, Situation, Weight, held_back
from probe.settings import Rule, Settings
from probe.surroundings import Link, Power, Radio, Surroundings

ROAMING = Radio("termux", roaming=True)
NOON = Situation("heavy", Settings(), Surroundings(), 12 * 60)


def by(weight: Weight, around: Surroundings, settings: Settings | None = None) -> str | None:
    """Say what holds a test back there."""
    return held_back(replace(NOON, weight=weight, around=around, settings=settings or Settings()))


def test_the_reasons_are_different_and_explained() -> None:
    """Every row has a name of its own and says why."""
    assert len({row.reason for row in HOLDS}) == len(HOLDS)
    assert all(row.comment.endswith(".") for row in HOLDS)


@given(st.sampled_from(["light", "heavy"]), st.integers(0, 1439))
def test_a_device_that_tells_nothing_measures(weight: Weight, minute: int) -> None:
    """What nobody told is no reason."""
    assert held_back(Situation(weight, Settings(), Surroundings(), minute)) is None


def test_paused_and_out_of_bytes() -> None:
    """A person's wish comes first, the budget last."""
    assert held_back(replace(NOON, paused=True, affordable=False)) == "paused"
    assert held_back(replace(NOON, affordable=False)) == "budget"


@pytest.mark.parametrize(("rule", "held"), [("deny", {"light", "heavy"}), ("light", {"heavy"}), ("allow", set())])
def test_roaming_and_metered_links(rule: Rule, held: set[str]) -> None:
    """The owner says whether everything, only what loads the line, or nothing is held back there."""
    weights: tuple[Weight, ...] = ("light", "heavy")
    abroad = Surroundings(Link(kind="cellular"), ROAMING)
    assert {one for one in weights if by(one, abroad, Settings(roaming=rule)) == "roaming"} == held
    metered = Surroundings(Link(metered=True))
    assert {one for one in weights if by(one, metered, Settings(metered=rule)) == "metered"} == held


def test_roaming_is_of_the_link_that_is_used() -> None:
    """A phone abroad on a Wi-Fi pays no roaming for it."""
    assert by("heavy", Surroundings(Link(kind="wifi"), ROAMING)) is None
    assert by("heavy", Surroundings(Link(kind="cellular"), replace(ROAMING, roaming=None))) is None


@pytest.mark.parametrize(
    ("weight", "charge", "plugged", "reason"),
    [
        ("heavy", 19, False, "battery_low"),
        ("heavy", 19, None, "battery_low"),
        ("heavy", 20, False, None),
        ("heavy", 3, True, None),
        ("light", 19, False, None),
        ("light", 10, False, None),
        ("light", 9, False, "battery_low"),
    ],
)
def test_a_battery_that_runs_low(weight: Weight, charge: int, plugged: bool | None, reason: str | None) -> None:
    """Below a fifth nothing loads the line, below a tenth nothing runs, unless the device is plugged in."""
    assert by(weight, Surroundings(power=Power(plugged=plugged, charge_per_cent=charge))) == reason


def test_the_owner_sets_the_battery_threshold() -> None:
    """A device that may run down to nothing does."""
    low = Surroundings(power=Power(plugged=False, charge_per_cent=1))
    assert by("heavy", low, Settings(least_charge_per_cent=0)) is None
    assert by("light", low, Settings(least_charge_per_cent=1)) is None


def test_a_battery_saver() -> None:
    """It slows the radio, so nothing heavy is measured through it."""
    saving = Surroundings(power=Power(saver=True))
    assert by("heavy", saving) == "battery_saver"
    assert by("light", saving) is None


@pytest.mark.parametrize(
    ("quiet", "minute", "held"),
    [
        ((60, 120), 59, False),
        ((60, 120), 60, True),
        ((60, 120), 119, True),
        ((60, 120), 120, False),
        ((1380, 390), 1379, False),
        ((1380, 390), 1380, True),
        ((1380, 390), 0, True),
        ((1380, 390), 389, True),
        ((1380, 390), 390, False),
    ],
)
def test_quiet_hours(quiet: tuple[int, int], minute: int, *, held: bool) -> None:
    """Within them, over midnight too, nothing loads the line; the small tests go on."""
    there = replace(NOON, settings=Settings(quiet=(quiet,)), local_minute=minute)
    assert (held_back(there) == "quiet_hours") is held
    assert held_back(replace(there, weight="light")) is None
