"""A peer that is treated better than others is told from a line that treats all alike (T20)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.favour import HOUR_US, LEAST, RULE, Favour, Pull, compare, pull_of
from shared.record import Record

PEER = "peer.example"


def record(**members: Any) -> Record:
    """An object of 1 MB in one second behind its first byte."""
    told = {
        "method": "fetch", "end": "ok", "host": "peer", "peer": PEER, "received_bytes": 1_000_000, "dur_us": 1_100_000,
        "first_byte_us": 100_000, "wall_us": 5, "url": "http://peer.example/o", "seq": 1,
    } | members  # fmt: skip
    kept = {name: value for name, value in told.items() if value is not None}
    return Record(json.dumps(kept).encode(), kept, 1)


def test_what_a_record_says() -> None:
    """Of an object its mean data rate and whose it is, of a download its rate and the peer."""
    assert pull_of(record()) == Pull("fetch", PEER, is_peer=True, at_us=5, rate_bps=8_000_000)
    foreign = record(host="foreign", url="https://me@www.example.net/p.jpg", peer=None)
    assert pull_of(foreign) == Pull("fetch", "www.example.net", is_peer=False, at_us=5, rate_bps=8_000_000)
    assert pull_of(record(method="download", dur_us=1_000_000)) == Pull(
        "download", PEER, is_peer=True, at_us=5, rate_bps=8_000_000
    )


@pytest.mark.parametrize(
    "members",
    [
        {"end": "failed"}, {"flaws": ["wifi"]}, {"received_bytes": 199_999}, {"received_bytes": None}, {"method": "latency"},
        {"dur_us": 100_000}, {"peer": None}, {"host": "foreign", "url": None}, {"host": "foreign", "url": "x"},
        {"method": "download", "peer": None}, {"method": "download", "dur_us": 0},
    ],
)  # fmt: skip
def test_what_says_nothing(members: dict[str, Any]) -> None:
    """What failed, is flawed, small, or of nobody knows where, is in no comparison."""
    assert pull_of(record(**members)) is None


def pulls(rates: dict[str, int], n: int = LEAST, method: str = "fetch") -> list[Pull]:
    """So many results from each source, one an hour; what is called a peer is one."""
    return [
        Pull(method, source, source.startswith("peer"), hour * HOUR_US + place, rate)
        for hour in range(n)
        for place, (source, rate) in enumerate(rates.items())
    ]


@pytest.mark.threat("T20")
def test_a_peer_that_is_let_through() -> None:
    """Where the peer is twice as fast as ordinary hosts over the same hours it is favoured, and the figures say by how much."""
    (found,) = compare(pulls({"peer-1": 40, "a.example": 19, "b.example": 20}))
    assert found == Favour("fetch", "peer-1", LEAST, 40, ("a.example", "b.example"), 2 * LEAST, 19, RULE)
    assert compare(pulls({"peer-1": 39, "a.example": 20}))[0].favoured is None
    assert compare(pulls({"peer-1": 40, "a.example": 1}, LEAST - 1))[0].favoured is None
    assert compare(pulls({"peer-1": 5, "a.example": 0}))[0].favoured == RULE


@pytest.mark.threat("T20")
def test_one_peer_beside_another() -> None:
    """Of two peers the one that is let through is named, and the other is not."""
    first, second = compare(pulls({"peer-1": 40, "peer-2": 8}, method="download"))
    assert (first.peer, first.favoured, second.peer, second.favoured) == ("peer-1", RULE, "peer-2", None)


def test_other_hours_are_no_comparison() -> None:
    """A peer measured at night and a host measured in the evening are not set beside each other."""
    night = pulls({"peer-1": 40})
    evening = [Pull("fetch", "a.example", is_peer=False, at_us=100 * HOUR_US, rate_bps=1)]
    assert compare([*night, *evening]) == ()
    assert compare([]) == ()
    assert compare(pulls({"a.example": 3})) == ()


@given(
    st.lists(
        st.tuples(st.sampled_from(["peer-1", "peer-2", "a.example"]), st.integers(0, 20), st.integers(1, 100)),
        max_size=60,
    )
)
def test_alike_is_never_favoured(some: list[tuple[str, int, int]]) -> None:
    """On a line whose rates lie within a factor of two, however they fall, nobody is favoured; and order does not matter."""
    told = [
        Pull("fetch", source, source.startswith("peer"), hour * HOUR_US, 100 + rate % 100)
        for source, hour, rate in some
    ]
    assert not any(one.favoured for one in compare(told))
    assert compare(told) == compare(told[::-1])
