"""Reading query strings strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer.errors import BadRequest
from collector.peer.query import MAX_INTEGER, MAX_QUERY_BYTES, integer, parse_fields, query_of


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        (b"", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"flag", {"flag": ""}),
        (b"a=%C3%A9+x", {"a": "é x"}),
        (b"a=" + b"x" * (MAX_QUERY_BYTES - 2), {"a": "x" * (MAX_QUERY_BYTES - 2)}),
    ],
)
def test_good_queries(query: bytes, fields: dict[str, str]) -> None:
    """A well-formed query gives its fields."""
    assert parse_fields(query) == fields


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (b"a=" + b"x" * (MAX_QUERY_BYTES - 1), "at most"),
        (b"a=1&a=1", "twice"),
        (b"a=1&%61=2", "twice"),
        (b"=1", "empty key"),
        (b"a=1&=", "empty key"),
        (b"a=%ff", "UTF-8"),
        (b"\xff=1", "UTF-8"),
    ],
)
def test_bad_queries(query: bytes, says: str) -> None:
    """A query that breaks a rule is refused in words that name the rule."""
    with pytest.raises(BadRequest, match=says):
        parse_fields(query)


@given(st.binary(max_size=200))
def test_any_bytes_give_fields_or_bad_request(query: bytes) -> None:
    """No query brings the reader down."""
    try:
        fields = parse_fields(query)
    except BadRequest:
        return
    assert all(fields)


def test_the_query_is_taken_as_it_stood_on_the_wire() -> None:
    """Escapes are not touched before the length is counted."""
    assert query_of("/x?a=%41&b=1?2") == b"a=%41&b=1?2"
    assert query_of("/x") == b""


@given(st.integers(0, MAX_INTEGER))
def test_an_integer_has_one_spelling(number: int) -> None:
    """Every number in bounds is read from its plain spelling, and from no longer one."""
    assert integer(str(number), "n", 0) == number
    with pytest.raises(BadRequest):
        integer(f"0{number}", "n", 0)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1_0", "0x1", "\u0661", "11", "0", "9" * 5000])
def test_not_an_integer_in_bounds(text: str) -> None:
    """Whatever is not a plain number within the bounds is refused."""
    with pytest.raises(BadRequest, match="from 1 to 10"):
        integer(text, "n", 1, 10)
