"""Which devices are asked for: numbered or listed, and nothing that could not be a folder's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import BadRequest
from collector.provision.units import MOST_UNITS, Unit, listed, numbered


def test_numbered() -> None:
    """Each has a line and a serial of its own, with as many digits as they need."""
    assert numbered(2, "line-", "SP-") == (Unit("SP-001", "line-001"), Unit("SP-002", "line-002"))
    assert numbered(MOST_UNITS, "l", "s")[0] == Unit("s0001", "l0001")


@pytest.mark.parametrize("count", [-1, 0, MOST_UNITS + 1])
def test_too_few_and_too_many(count: int) -> None:
    """There is a least and a most."""
    with pytest.raises(BadRequest, match="between 1 and 1000"):
        numbered(count, "line-", "SP-")


def test_listed() -> None:
    """A list names lines that are there, some with a serial of their own; a line may have two devices."""
    text = "# flat 4\nanna, A-7\n\n  ben # without\nanna\n"
    assert listed(text, "SP-") == (Unit("A-7", "anna"), Unit("SP-002", "ben"), Unit("SP-003", "anna"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names 1 to 1000"),
        ("# nothing\n", "names 1 to 1000"),
        ("an na", "no subscriber's id"),
        ("../x", "no subscriber's id"),
        ("anna, ../x", "a serial has"),
        ("anna, sheet.html", "a serial has"),
        ("anna, A\nben, a", "device 2 of the list: the serial a is there twice"),
        ("anna, SP-002\nben", "there twice"),
        ("anna\n" * 1001, "names 1 to 1000"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    """What is wrong in a list is said with the number of the device."""
    with pytest.raises(BadRequest, match=why):
        listed(text, "SP-")


@given(st.text())
def test_any_list_is_units_or_refused(text: str) -> None:
    """Whatever stands in a list, serials differ and are names of files."""
    try:
        units = listed(text, "SP-")
    except BadRequest:
        return
    assert len({unit.serial for unit in units}) == len(units)
    assert all(unit.serial.isascii() and "/" not in unit.serial and "." not in unit.serial for unit in units)
