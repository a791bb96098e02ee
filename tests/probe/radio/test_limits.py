"""Numbers of modems, and the sentinels that must never pass for one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.radio.limits import (
    AREA,
    BAND,
    CELL,
    CHANNEL,
    PCI,
    RSRP_DBM,
    RSRQ_DDB,
    SINR_DDB,
    Limits,
    cell,
    hexadecimal,
    interface,
    name,
    network,
    truth,
)
from probe.surroundings import Cell, Technology

SENTINELS = (
    2147483647,
    -2147483648,
    4294967295,
    2**63 - 1,
    -32768,
    99,
    255,
    0xFFFF,
    "--",
    "",
    "-",
    "unknown",
    None,
    True,
)
NO_NUMBERS = (
    math.nan,
    math.inf,
    -math.inf,
    -1.7976931348623157e308,
    1e300,
    [],
    {},
    b"-97",
    "1e3",
    "0x10",
    "-97 dBm",
    "９",
)


@pytest.mark.parametrize("told", [*SENTINELS, *NO_NUMBERS], ids=repr)
def test_no_sentinel_is_a_strength(told: object) -> None:
    """What any system says for "unknown" is no strength."""
    assert RSRP_DBM.take(told) is None
    assert RSRQ_DDB.take(told) is None
    assert SINR_DDB.take(told) is None


@pytest.mark.parametrize("radio", ["2g", "3g", "lte", "nr"])
def test_no_sentinel_names_a_cell(radio: Technology) -> None:
    """What stands for "none" in a cell's identity is none."""
    for told in (2147483647, 4294967295, 2**63 - 1, -1, "--", ""):
        assert cell(radio, area=told, number=told, pci=told, channel=told, band=told, timing_advance=told) is None
    assert AREA[radio].take(0) is None
    assert AREA[radio].take(AREA[radio].greatest) is None
    assert AREA[radio].take(AREA[radio].greatest - 1) is None
    assert CELL[radio].take(0) is None
    assert CELL[radio].take(CELL[radio].greatest + 1) is None


def test_numbers_are_told_in_many_ways() -> None:
    """An integer, a double and a text are the same number; tenths are as a person would say them."""
    assert {RSRP_DBM.take(told) for told in (-97, -97.0, "-97", "-97.00", " -97 ")} == {-97}
    assert [RSRQ_DDB.take(told) for told in (-8.45, "8.45", -11, 0.1 + 0.2)] == [-84, 84, -110, 3]


def test_the_limits_belong_to_them() -> None:
    """The least and the greatest possible value are values; what lies beyond them is none."""
    for limits in (RSRP_DBM, PCI["lte"], CHANNEL["lte"], BAND["nr"]):
        assert limits.take(limits.least) == limits.least
        assert limits.take(limits.greatest) == limits.greatest
        assert limits.take(limits.least - 1) is None
        assert limits.take(limits.greatest + 1) is None
    assert CHANNEL["lte"].take(65_535) is None


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.binary(max_size=4)


@given(anything, st.integers(-1000, 1000), st.integers(0, 1000), st.sampled_from([1, 10, 100]))
def test_anything_is_a_value_within_its_limits_or_none(told: object, least: int, more: int, scale: int) -> None:
    """Whatever is told, a value lies within the limits, or there is none."""
    taken = Limits(least, least + more, scale).take(told)
    assert taken is None or least <= taken <= least + more


@given(
    st.fixed_dictionaries(dict.fromkeys(("mccmnc", "area", "number", "pci", "band", "rsrp_dbm", "sinr_db"), anything))
)
def test_a_cell_says_something_or_is_none(told: dict[str, object]) -> None:
    """Whatever is told of a cell, there is one only if one thing of it can be."""
    made = cell("lte", **told)
    assert made is None or made != Cell("lte")


def test_networks_words_and_names() -> None:
    """A network has five or six digits and keeps its zeros; truths may be words; a name is what people can read."""
    assert [network(told) for told in ("00101", "001001", "1", "00000", "0010a", 101, None, "1234567")] == [
        *("00101", "001001"),
        *[None] * 6,
    ]
    assert [truth(told) for told in (True, "true", "yes", False, "false", "no", "--", 1, None)] == [
        *[True] * 3,
        *[False] * 3,
        *[None] * 3,
    ]
    assert [name(told) for told in (" Test ", "--", "", "a\nb", 7)] == ["Test", None, None, None, None]
    assert name("n" * 99) == "n" * 40
    assert [interface(told) for told in ("wwan0", "--", "", "a b", "n" * 16, None)] == ["wwan0", *[None] * 5]
    assert [hexadecimal(told) for told in ("84CD", "0x1a", "", "--", "G", 12)] == [0x84CD, 0x1A, None, None, None, None]
