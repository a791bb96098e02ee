"""Byte counts over time."""

from hypothesis import given
from hypothesis import strategies as st

from probe.measure.samples import SPACING_US, Samples


def test_nothing_counted_is_no_sample() -> None:
    """An empty count stays empty when it is closed, and has no rate."""
    samples = Samples()
    samples.close()
    assert (samples.t_us, samples.counts, samples.rate_bps()) == ([], [], 0)


def test_two_counts_at_one_moment_are_one_sample() -> None:
    """Times grow strictly; the later count at a moment is the one kept."""
    samples = Samples()
    samples.add(5, 10)
    samples.add(6, 10)
    samples.close()
    assert (samples.t_us, samples.counts) == ([10], [11])


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 300_000)), min_size=1, max_size=60))
def test_samples_are_thin_ordered_and_end_with_the_last(moves: list[tuple[int, int]]) -> None:
    """First and last are kept, the others at least 100 ms apart, each a count that was really reached."""
    samples, t_us, reached = Samples(), 0, {}
    for n_bytes, gap_us in moves:
        t_us += gap_us
        samples.add(n_bytes, t_us)
        reached[t_us] = samples.total_bytes
    samples.close()
    assert samples.t_us == sorted(set(samples.t_us))
    assert all(later - sooner >= SPACING_US for sooner, later in zip(samples.t_us, samples.t_us[1:-1], strict=False))
    assert (samples.t_us[-1], samples.counts[-1]) == (t_us, sum(n_bytes for n_bytes, _ in moves))
    assert samples.t_us[0] == moves[0][1]
    for kept_us, count in zip(samples.t_us[1:], samples.counts[1:], strict=True):
        assert count <= reached[kept_us]


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 300_000)), min_size=1), st.integers(0, 10**7))
def test_a_bound_is_never_below_the_count(moves: list[tuple[int, int]], asked_us: int) -> None:
    """What `most_at` gives had not been passed at that moment."""
    samples, t_us, truth = Samples(), 0, 0
    for n_bytes, gap_us in moves:
        t_us += gap_us
        samples.add(n_bytes, t_us)
        truth = samples.total_bytes if t_us <= asked_us else truth
    assert samples.most_at(asked_us) >= truth
