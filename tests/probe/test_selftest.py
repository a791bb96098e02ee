"""The self-test: what passes, what is kept, what is said."""

from hypothesis import given
from hypothesis import strategies as st

from probe.selftest import RATES_BPS, RUNG_US, VERSION, Passed, is_clean, passed, passed_bps, plan_of, words

MBPS = 1_000_000
FOUND = Passed(250 * MBPS, whole=False, at_wall_us=1_800_000_000_000_000)


def test_a_rate_is_clean_if_nearly_all_of_it_came_in_its_time() -> None:
    """Less than 97 per cent of a rate, because bytes were missing or came late, is not clean."""
    assert is_clean(25 * MBPS, 3_031_250, RUNG_US)
    assert not is_clean(25 * MBPS, 3_031_249, RUNG_US)
    assert is_clean(25 * MBPS, 3_125_000, 1_030_927)
    assert not is_clean(25 * MBPS, 3_125_000, 1_030_928)


def test_what_is_kept_is_read_again() -> None:
    """What the outbox keeps is strict JSON with the rate, the moment and what clean means."""
    assert FOUND.to_keep() == b'{"at_wall_us":1800000000000000,"clean_bps":250000000,"version":1,"whole":false}'
    assert passed(FOUND.to_keep()) == FOUND
    assert passed_bps(FOUND.to_keep()) == 250 * MBPS


def test_where_nobody_fell_behind_the_limit_is_not_known() -> None:
    """A device that passed every rate has no known limit; one that passed none has the limit 0."""
    assert passed_bps(Passed(RATES_BPS[-1], whole=True, at_wall_us=1).to_keep()) is None
    assert passed_bps(Passed(0, whole=False, at_wall_us=1).to_keep()) == 0


def test_another_versions_result_is_none() -> None:
    """What was found when clean meant something else, and what was never found, is not believed."""
    assert passed(Passed(1, whole=False, at_wall_us=1, version=VERSION + 1).to_keep()) is None
    assert passed(None) is None
    assert passed(b'{"at_wall_us":1,"clean_bps":-1,"version":1,"whole":false}') is None


@given(
    st.binary() | st.sampled_from([b"{}", b"[]", b'{"clean_bps":"1"}', b'{"at_wall_us":1,"clean_bps":1,"version":1}'])
)
def test_anything_else_is_nothing(kept: bytes) -> None:
    """Whatever stands in the outbox, reading it gives nothing or a result."""
    assert passed(kept) is None


def test_a_rung_fits_its_plan() -> None:
    """A rung's bytes never reach the cap of its download."""
    for rate_bps in RATES_BPS:
        assert rate_bps * RUNG_US // 8_000_000 < plan_of(rate_bps).flow_cap_bytes


def test_plain_words() -> None:
    """People read what their device can do, and what becomes of downloads that are faster."""
    assert words(FOUND) == (
        "this device can measure up to about 250 Mbit/s",
        "downloads above 200 Mbit/s will be marked as limited by this device",
    )
    assert "up to 300 Mbit/s at least" in words(Passed(RATES_BPS[-1], whole=True, at_wall_us=1))[0]
    assert "cannot measure even 25 Mbit/s" in words(Passed(0, whole=False, at_wall_us=1))[0]
