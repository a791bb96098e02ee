"""What is due: the tests of a slot, a confirming test soon after what asked for it, and the earliest first."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.catalogue import METHODS, TRANSFERS
from probe.errands import (
    CONFIRM_FROM_US,
    CONFIRM_SPREAD_US,
    confirming,
    confirming_again,
    earliest,
    of_slot,
    without_a_clock,
)
from probe.schedule import Due
from shared.slots import SlotPlan

plans = st.sampled_from(TRANSFERS)
moments_us = st.integers(0, 2**51)
LIGHT = ["latency", "fetch", "dns"]


@given(st.integers(0, 2**30), st.booleans(), plans)
def test_the_tests_of_a_slot(slot: int, heavy: bool, plan: str) -> None:
    """A light slot is paid for by one account, a heavy one also by the other; it is over with its slot."""
    slots = SlotPlan()
    errand = of_slot(Due(slot, slot * 900_000_000 + 5, heavy), slots, plan)
    assert [test.method for test in errand.tests if test.account == "light"] == LIGHT
    assert [test.method for test in errand.tests if test.account == "heavy"] == ["download", "upload", "path"][
        : 3 * heavy
    ]
    assert all(test.plan in METHODS[test.method].plans for test in errand.tests)
    assert slots.slot_at(errand.until_us) == slot + 1
    assert errand.why == {}


def test_a_slot_that_anybody_can_recompute_says_so() -> None:
    """Which key a start was drawn from is in its record, unless it was the device's own seed."""
    assert of_slot(Due(1, 900_000_001, heavy=False, drawn="beacon"), SlotPlan(), "light").why == {"drawn": "beacon"}
    assert of_slot(Due(1, 900_000_001, heavy=False, drawn="older"), SlotPlan(), "light").why == {"drawn": "older"}


@given(moments_us, st.binary(min_size=8, max_size=8), plans)
def test_a_confirming_test(now_us: int, chance: bytes, plan: str) -> None:
    """It comes two to five minutes later, at once if a person asked, is paid out of the reserve and fills no slot."""
    soon, now = (confirming(now_us, chance, plan, why) for why in ("event", "mark"))
    assert CONFIRM_FROM_US <= soon.at_us - now_us < CONFIRM_FROM_US + CONFIRM_SPREAD_US
    assert now.at_us - now_us == 1_000_000
    for errand in (soon, now):
        assert errand.slot is None
        assert {test.account for test in errand.tests} == {"reserve"}
        assert [test.method for test in errand.tests] == ["download", "upload"]
        assert errand.until_us > errand.at_us
    assert earliest((soon, now)) is now


def test_without_a_clock_no_slot_is_named() -> None:
    """What a device measures before it knows the time goes into no statistics, costs little, and says why."""
    errand = without_a_clock(7, 900, 3, "light")
    assert (errand.at_us, errand.until_us, errand.slot, errand.stretch) == (7, 900, None, 3)
    assert errand.why == {"why": "clock_unset"}
    assert [test.method for test in errand.tests] == LIGHT


@given(moments_us, st.binary(min_size=8, max_size=8), st.sampled_from(["event", "mark"]), st.integers(0, 800_000_000))
def test_a_restart_finds_what_was_to_be_confirmed(now_us: int, chance: bytes, why: str, off_us: int) -> None:
    """It is due when it was due, unless it was missed meanwhile."""
    one = confirming(now_us, chance, "light", why)
    kept = json.dumps({"pending": [[why, one.at_us]]}, separators=(",", ":")).encode()
    assert confirming_again(kept, "light", now_us + off_us) == ([one] if now_us + off_us < one.until_us else [])


@pytest.mark.parametrize(
    "kept",
    [None, b"", b"{", b"[]", b'{"pending":3}', b'{"pending":[3]}', b'{"pending":[["mark"]]}', b'{"pending":[["mark","x"]]}',
     b'{"pending":[["mark",4102444800000000]]}', b'{"pending":[["mark",5]]}', b'{"pending":[["mark",1,2]]}'],
)  # fmt: skip
def test_what_was_to_be_confirmed_by_another_clock(kept: bytes | None) -> None:
    """What cannot be read, or is dated years away, is let go and blocks nothing."""
    assert confirming_again(kept, "light", 1_800_000_000_000_000) == []
