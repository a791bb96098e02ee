"""The ndt7 server's decisions, without a socket."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer.account import End
from collector.peer.errors import BadRequest
from collector.peer.ndt7 import (
    DURATION_US,
    Direction,
    Ndt7Test,
    Plan,
    message_bytes,
    parse_plan,
    pause_us,
    require_subprotocol,
)


def _test(direction: Direction = Direction.DOWNLOAD, plan: Plan | None = None) -> Ndt7Test:
    return Ndt7Test(direction, plan or Plan(), random.Random(1))


def test_a_client_of_the_specification_gets_the_full_test() -> None:
    """Without our fields the test has the specification's length and no cap; metadata is let through."""
    assert parse_plan(b"client_name=x&client_version=1") == Plan(DURATION_US, None, None)


def test_all_fields_of_a_plan() -> None:
    """Each field that has a meaning arrives in the plan."""
    plan = parse_plan(b"max_ms=250&max_bytes=1000&early_exit=250")
    assert plan == Plan(duration_us=250_000, max_bytes=1000, acked_bytes=250_000_000)


@pytest.mark.parametrize(
    "query",
    [
        b"early_exit=249",
        b"early_exit=",
        b"early_exit=250.0",
        b"max_ms=0",
        b"max_ms=10001",
        b"max_ms=-1",
        b"max_ms=1e3",
        b"max_bytes=0",
        b"max_bytes=",
        b"max_bytes=9007199254740992",
        b"max_bytes=1&max_bytes=1",
    ],
)
def test_bad_plans(query: bytes) -> None:
    """A field with a meaning and a wrong value is refused, not ignored."""
    with pytest.raises(BadRequest):
        parse_plan(query)


def test_the_subprotocol_may_be_one_of_several_offers() -> None:
    """Only an exact offer counts."""
    require_subprotocol("a, net.measurementlab.ndt.v7")
    for header in ("", "net.measurementlab.ndt.v70", "net.measurementlab.ndt.v7;q=1"):
        with pytest.raises(BadRequest):
            require_subprotocol(header)


@given(st.integers(0, 2**40))
def test_message_sizes_follow_the_specification(moved_bytes: int) -> None:
    """A message is a power of two from 2^13 to 2^20, and above the start at most 1/8 of what was moved."""
    size = message_bytes(moved_bytes, None)
    assert size & (size - 1) == 0
    assert 2**13 <= size <= 2**20
    assert size == 2**13 or size // 2 <= moved_bytes // 16


@given(st.integers(1, 2**27))
def test_a_cap_is_reached_and_hardly_passed(max_bytes: int) -> None:
    """A capped download ends, with less than the smallest message beyond its cap."""
    test = _test(plan=Plan(max_bytes=max_bytes))
    while test.end is None:
        test.moved(test.next_message_bytes())
    assert test.end is End.BYTE_CAP
    assert 0 <= test.moved_bytes - max_bytes < 1024


@given(st.integers(0, 2**32))
def test_pauses_between_texts_are_bounded(seed: int) -> None:
    """No pause is shorter or longer than ndt-server's."""
    assert 25_000 <= pause_us(random.Random(seed)) <= 625_000


def test_texts_come_four_times_a_second_on_average() -> None:
    """Over many pauses there are fewer than ten texts a second and more than three."""
    chance = random.Random(3)
    mean_us = sum(pause_us(chance) for _ in range(10_000)) // 10_000
    assert 200_000 < mean_us < 300_000


def test_a_text_is_given_once() -> None:
    """A late look sends one text and not those that were missed."""
    test = _test()
    assert not test.take_text(0)
    assert test.take_text(5_000_000)
    assert not test.take_text(5_000_000)


@given(st.lists(st.integers(0, 700_000), max_size=50))
def test_a_wakeup_is_never_after_the_end(steps_us: list[int]) -> None:
    """Whoever sleeps until the next wakeup never sleeps through the end of the test."""
    test, now_us = _test(), 0
    for step_us in steps_us:
        now_us += step_us
        test.take_text(now_us)
        assert test.next_wakeup_us() <= DURATION_US


def test_time_ends_a_test() -> None:
    """A test is over exactly when its planned time has passed."""
    test = _test(plan=Plan(duration_us=300_000))
    test.passed(299_999)
    assert test.end is None
    test.passed(300_000)
    assert test.end is End.DURATION


def test_early_exit_counts_what_the_client_acknowledged() -> None:
    """A download with early_exit ends at 250 MB acknowledged; without, or as an upload, it does not."""
    wanted = Plan(acked_bytes=250_000_000)
    for direction, plan, end in (
        (Direction.DOWNLOAD, wanted, End.EARLY_EXIT),
        (Direction.DOWNLOAD, Plan(), None),
        (Direction.UPLOAD, wanted, None),
    ):
        test = _test(direction, plan)
        test.acknowledged(249_999_999)
        assert test.end is None
        test.acknowledged(250_000_000)
        assert test.end is end


def test_the_first_reason_stays() -> None:
    """What ended a test is not overwritten by what followed."""
    test = _test()
    test.stop(End.CLIENT_CLOSED)
    test.passed(DURATION_US)
    assert test.end is End.CLIENT_CLOSED


def test_a_measurement_has_the_names_of_the_specification() -> None:
    """A text carries who, what, how much and since when."""
    test = _test(Direction.UPLOAD)
    test.moved(8192)
    assert test.measurement(1234, {"Client": "c", "Server": "s"}, {"BytesReceived": 9000}) == {
        "AppInfo": {"ElapsedTime": 1234, "NumBytes": 8192},
        "ConnectionInfo": {"Client": "c", "Server": "s"},
        "Origin": "server",
        "TCPInfo": {"BytesReceived": 9000, "ElapsedTime": 1234},
        "Test": "upload",
    }
    assert "TCPInfo" not in test.measurement(1234, {}, {})
