"""A cell is named by its operator and its number, and what was written is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.cells import CellName
from collector.errors import BadRequest

operators = st.none() | st.from_regex(r"\A[0-9]{5,6}\Z")


@given(operators, st.integers(-(2**53), 2**53))
def test_a_name_is_read_back(operator: str | None, cell: int) -> None:
    """Any cell, also one whose operator nobody told, is read from its name as that cell."""
    assert CellName.read(str(CellName(operator, cell))) == (CellName(operator, cell), True)


def test_a_number_alone_names_no_operator() -> None:
    """A number without an operator is known to lack it, which is another thing than an operator nobody told."""
    assert CellName.read("21263107") == (CellName(None, 21_263_107), False)
    assert CellName.read("unknown-21263107") == (CellName(None, 21_263_107), True)


@pytest.mark.parametrize(
    "text", ["", "x", "23001-", "-", "23001-x", "23001 5", "23001-1.5", "1" * 40, "a/b-5", None, 7, "٣-٣"]
)
def test_no_cell(text: object) -> None:
    """What names no cell is refused with an example."""
    with pytest.raises(BadRequest, match="such as 23001-21263107"):
        CellName.read(text)
