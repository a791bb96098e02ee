"""What is handed over next, and what an answer settles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer.delivery import (
    LEAST_WAIT_S,
    MOST_LINES,
    MOST_WAIT_S,
    Answer,
    next_lines,
    read_answers,
    settled,
    wait_s,
)
from shared import strictjson
from shared.errors import Malformed

KEPT, REPEAT = Answer("kept"), Answer("repeat")
NEVER, LATER = Answer("refused", "not_found", "no device"), Answer("refused", "unknown_key", "no peer")


@given(
    lines=st.lists(st.binary(max_size=5).filter(lambda one: b"\n" not in one), max_size=MOST_LINES + 3),
    torn=st.booleans(),
)
def test_whole_lines_are_next(lines: list[bytes], torn: bool) -> None:
    """Whole lines are sent in order, each with its end, not more than fit; what has no end yet waits."""
    found = next_lines(b"".join(line + b"\n" for line in lines) + b"torn" * torn)
    assert found == [line + b"\n" for line in lines[:MOST_LINES]]


@pytest.mark.parametrize(
    ("answers", "number"),
    [
        ([], 0),
        ([KEPT, REPEAT, NEVER], 3),
        ([KEPT, LATER, KEPT], 1),
        ([LATER], 0),
    ],
)
def test_settled(answers: list[Answer], number: int) -> None:
    """A line is settled by any answer but that the peer is not trusted, which may change; nothing behind that one is."""
    assert settled(answers) == number


def test_answers_are_read() -> None:
    """An answer for each line is read as it was given."""
    body = strictjson.encode(
        {
            "answers": [
                {"answer": "kept"},
                {"answer": "repeat"},
                {"answer": "refused", "detail": "no peer", "error": "unknown_key"},
            ]
        }
    )
    assert read_answers(body, 3) == [KEPT, REPEAT, LATER]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"answers":{}}', b'{"answers":[]}', b'{"answers":[{"answer":"kept"},{"answer":"kept"}]}',
        b'{"answers":[{"answer":"eaten"}]}', b'{"answers":[{"answer":"refused"}]}', b'{"answers":["kept"]}', b"\xff",
    ],
)  # fmt: skip
def test_what_is_no_answer(body: bytes) -> None:
    """Anything but one known answer for each line is Malformed: nothing of it is believed."""
    with pytest.raises(Malformed):
        read_answers(body, 1)


@given(failures=st.integers(1, 10_000), asked=st.floats(0, 60), chance=st.floats(0, 1))
def test_waits_are_bounded(failures: int, asked: float, chance: float) -> None:
    """Waits grow, are drawn, keep to what the collector asked for, and never exceed a bound."""
    wait = wait_s(failures, asked, chance)
    assert max(asked, LEAST_WAIT_S / 2) <= wait <= max(asked, MOST_WAIT_S / 2) + MOST_WAIT_S / 2
    assert wait <= wait_s(failures + 1, asked, chance)
