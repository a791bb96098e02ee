"""Where delay and loss begin, and whose part of the path it is."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.hops import LOST, Hop, Near, Standing, delay_from, loss_from, segments_of

ADDRESS = ip_address("10.0.0.1")


def hop(lost: int, sent: int = 20, us: int = 5_000) -> Hop:
    """Make a hop that lost so many."""
    return Hop((ADDRESS,), (LOST,) * lost + (us,) * (sent - lost))


def delays(*medians_us: int) -> list[Hop]:
    """Make hops with these round trips; a negative one is silent."""
    return [hop(0, 5, us) if us >= 0 else hop(5, 5) for us in medians_us]


def at(*addresses: str) -> list[Hop]:
    """Make hops at these addresses; a star is silent."""
    return [Hop(() if one == "*" else (ip_address(one),), (5_000,)) for one in addresses]


def test_nothing_answers() -> None:
    """Without a round trip nothing begins anywhere."""
    assert delay_from([]) is None
    assert delay_from(delays(-1, -1)) is None
    assert loss_from([], reached=False) is None
    assert loss_from(delays(-1, -1), reached=False) is None
    assert hop(5, 5).median_us == LOST


@pytest.mark.parametrize(
    ("medians_us", "begins"),
    [
        ((1_000, 45_000, 50_000, 60_000), 1),
        ((1_000, 30_000, 35_000, 150_000, 150_000), 3),
        ((300_000, 45_000, 50_000), 1),  # the first router is slow, its answers are late, the path is not
        ((1_000, 300_000, 2_000, 3_000), None),  # a slow router on a fast path
        ((50_000, 45_000, 45_000), 0),  # late by no more than chance
        ((1_000, -1, 45_000), 2),
        ((9_999,), None),
        ((10_000,), 0),
    ],
)
def test_delay_begins_where_it_is_long_and_stays(medians_us: tuple[int, ...], begins: int | None) -> None:
    """A hop is as late as the quickest hop behind it, and the delay begins with the first that has half of it."""
    assert delay_from(delays(*medians_us)) == begins


def test_the_median_is_one_that_was_measured() -> None:
    """Of an even number of round trips the lower of the middle two is taken."""
    assert Hop((), (4, LOST, 2, 3, 1)).median_us == 2


@pytest.mark.parametrize(
    ("lost", "begins"),
    [
        ([0, 12, 0, 0, 0], None),  # one router answers rarely
        ([12, 12, 12, 12, 0], None),  # all do, and the target loses nothing
        ([0, 0, 5, 6, 4, 5], 2),
        ([0, 12, 0, 4, 5, 4], 3),  # a thrifty router before the loss
        ([0, 0, 4, 15, 5, 4], 2),  # and one behind where it begins
        ([2, 3, 2, 2, 3], 0),  # the same everywhere: it begins at once
        ([0, 0, 0, 0, 5], 4),  # only the target
        ([0, 1, 0, 0, 6, 7, 6], 4),  # one stray loss is not where it begins
    ],
)
def test_loss_begins_where_it_persists(lost: list[int], begins: int | None) -> None:
    """What one hop loses counts only if the hops behind it show as much, within chance."""
    assert loss_from([hop(one) for one in lost], reached=True) == begins


def test_the_last_hop_does_not_vouch_for_itself() -> None:
    """Where the target keeps silent, loss that only the last hop shows may be that hop's thrift."""
    assert loss_from([hop(0), hop(0), hop(8)], reached=False) is None
    assert loss_from([hop(0), hop(8), hop(8)], reached=False) == 1


@given(st.lists(st.integers(0, 20), min_size=2, max_size=12), st.booleans())
def test_a_path_that_delivers_has_no_loss(lost: list[int], reached: bool) -> None:
    """Whatever hops in between lose: if the end lost nothing, nothing is lost."""
    assert loss_from([*map(hop, lost), hop(0)], reached=reached) is None


@given(st.lists(st.integers(0, 20), max_size=12), st.lists(st.integers(-1, 10**6), max_size=12), st.booleans())
def test_what_begins_begins_at_a_hop(lost: list[int], medians_us: list[int], reached: bool) -> None:
    """Loss begins at a hop that answers and lost; delay at one that answers."""
    hops = [hop(one) for one in lost]
    begins = loss_from(hops, reached=reached)
    assert begins is None or (hops[begins].answers and hops[begins].lost)
    hops = delays(*medians_us)
    begins = delay_from(hops)
    assert begins is None or hops[begins].answers


@pytest.mark.parametrize(
    ("near", "hops", "names"),
    [
        (Near.HOST, ["127.0.0.1"], "host"),
        (Near.LINK, ["192.168.1.9"], "local"),
        (Near.UNKNOWN, ["10.8.0.1", "1.1.1.1"], ""),
        (Near.GATEWAY, ["192.168.8.1", "10.1.1.1", "100.64.0.1", "1.1.1.1"], "local operator operator beyond"),
        (Near.GATEWAY, ["192.168.8.1", "*", "100.64.0.1", "1.1.1.1"], "local operator operator beyond"),
        (Near.GATEWAY, ["192.168.8.1", "1.1.1.1", "1.1.2.1"], "local operator beyond"),
        (Near.GATEWAY, ["*", "10.1.1.1"], "local operator"),
        (Near.GATEWAY, ["192.168.8.1"], "local"),
        (Near.OPERATOR, ["*", "1.1.1.1", "172.31.255.255", "172.32.0.1"], "operator operator operator beyond"),
        (Near.OPERATOR, ["2001:db8:ff::1", "2001:db8:2::1", "2001:db9::1"], "operator operator beyond"),
        (Near.OPERATOR, [], ""),
    ],
)
def test_segments(near: Near, hops: list[str], names: str) -> None:
    """What is local is known from the device; the operator goes on to its last address that gives it away."""
    assert segments_of(at(*hops), Standing(near, ip_address("2001:db8:1::5"))) == tuple(names.split())


def test_an_address_of_its_own_network_says_nothing_of_the_operator() -> None:
    """A device behind a private IPv6 address has no operator's prefix to compare with."""
    hops = at("2001:db8::1", "2001:db8::2", "2001:db8::3")
    assert segments_of(hops, Standing(Near.GATEWAY, ip_address("fd00::5"))) == ("local", "operator", "beyond")
    assert segments_of(hops, Standing(Near.GATEWAY)) == ("local", "operator", "beyond")
