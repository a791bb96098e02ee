"""Byte counts over time."""

from hypothesis import given
from hypothesis import strategies as st

from probe.measure.samples import SPACING_US, Samples

MOVES = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 300_000)), min_size=1, max_size=60)
LOOKS = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 300_000), st.integers(0, 9000)), min_size=1, max_size=40
)


def test_nothing_counted_is_no_sample() -> None:
    """An empty count stays empty when it is closed, and has no rate."""
    samples = Samples()
    samples.close()
    assert (samples.t_us, samples.counts, samples.rate_bps()) == ([], [], 0)
    assert samples.until_grown() == ([], [], [])


def test_two_counts_at_one_moment_are_one_sample() -> None:
    """Times grow strictly; the later count at a moment is the one kept."""
    samples = Samples()
    samples.add(5, 10)
    samples.add(6, 10)
    samples.close()
    assert (samples.t_us, samples.counts) == ([10], [11])


@given(MOVES, st.sampled_from([25_000, SPACING_US]))
def test_samples_are_thin_ordered_and_end_with_the_last(moves: list[tuple[int, int]], spacing_us: int) -> None:
    """First and last are kept, the others at least the spacing apart, each a count that was really reached."""
    samples, t_us, reached = Samples(spacing_us), 0, {}
    for n_bytes, gap_us in moves:
        t_us += gap_us
        samples.add(n_bytes, t_us)
        reached[t_us] = samples.total_bytes
    samples.close()
    assert samples.t_us == sorted(set(samples.t_us))
    assert all(later - sooner >= spacing_us for sooner, later in zip(samples.t_us, samples.t_us[1:-1], strict=False))
    assert (samples.t_us[-1], samples.counts[-1]) == (t_us, sum(n_bytes for n_bytes, _ in moves))
    assert samples.t_us[0] == moves[0][1]
    for kept_us, count in zip(samples.t_us[1:], samples.counts[1:], strict=True):
        assert count <= reached[kept_us]


@given(LOOKS)
def test_what_has_arrived_never_falls_and_was_counted_in_the_end(looks: list[tuple[int, int, int]]) -> None:
    """Count and held back together only rise, and never above the last count."""
    samples, t_us = Samples(), 0
    for n_bytes, gap_us, held_bytes in looks:
        t_us += gap_us
        samples.reach(samples.total_bytes + n_bytes, t_us, held_bytes)
    samples.close()
    arrived = [count + held for count, held in zip(samples.counts, samples.held, strict=True)]
    assert arrived == sorted(arrived)
    assert all(held >= 0 for held in samples.held)
    assert arrived[-1] == samples.total_bytes


def test_a_jump_is_made_of_what_was_held_back() -> None:
    """Bytes that come free at once had arrived before, and are no longer held."""
    samples = Samples()
    samples.reach(1000, 100_000)
    samples.reach(1000, 200_000, 5000)
    samples.add(4000, 300_000)
    samples.add(2000, 400_000)
    samples.close()
    assert (samples.counts, samples.held) == ([1000, 1000, 5000, 7000], [0, 5000, 1000, 0])


def test_looks_after_the_last_byte_are_left_out() -> None:
    """A series ends where the count last grew."""
    samples = Samples()
    for at_us in range(100_000, 600_000, 100_000):
        samples.reach(min(at_us, 300_000), at_us)
    samples.close()
    assert samples.until_grown() == ([100_000, 200_000, 300_000], [100_000, 200_000, 300_000], [0, 0, 0])
    assert samples.grown_us == 300_000


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 300_000)), min_size=1), st.integers(0, 10**7))
def test_a_bound_is_never_below_the_count(moves: list[tuple[int, int]], asked_us: int) -> None:
    """What `most_at` gives had not been passed at that moment."""
    samples, t_us, truth = Samples(), 0, 0
    for n_bytes, gap_us in moves:
        t_us += gap_us
        samples.add(n_bytes, t_us)
        truth = samples.total_bytes if t_us <= asked_us else truth
    assert samples.most_at(asked_us) >= truth


def test_the_rate_of_the_moment_is_over_a_tenth_of_a_second_or_more() -> None:
    """Close samples are taken together, so that one packet is not a rate."""
    samples = Samples(25_000)
    for at_us in range(25_000, 525_000, 25_000):
        samples.add(2500, at_us)
    assert samples.rate_bps() == 800_000
