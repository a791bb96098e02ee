"""All flows together at even steps."""

from hypothesis import given
from hypothesis import strategies as st

from probe.measure.grid import Grid
from probe.measure.samples import Samples
from probe.measure.steady import GRID_US
from shared.kpi import bytes_at

MOVES = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 120_000), st.integers(0, 3000)), min_size=1, max_size=30
)


def filled(moves: list[tuple[int, int, int]]) -> Samples:
    """Make samples of counts, gaps and what was held back."""
    samples, t_us = Samples(25_000), 0
    for n_bytes, gap_us, held_bytes in moves:
        t_us += gap_us
        samples.reach(samples.total_bytes + n_bytes, t_us, held_bytes)
    samples.close()
    return samples


@given(st.lists(MOVES, min_size=1, max_size=3))
def test_every_point_is_the_sum_of_what_the_record_will_say(flows: list[list[tuple[int, int, int]]]) -> None:
    """A point is what anyone computes from the series at that moment, and there is none beyond the shortest flow."""
    grid, samples = Grid(), [filled(moves) for moves in flows]
    grid.advance(samples)
    end_us = min(flow.t_us[-1] for flow in samples)
    assert len(grid.points) == end_us // GRID_US + 1
    for place, point in enumerate(grid.points[1:], 1):
        arrived = [[count + held for count, held in zip(flow.counts, flow.held, strict=True)] for flow in samples]
        assert point == sum(
            bytes_at(flow.t_us, counts, place * GRID_US) for flow, counts in zip(samples, arrived, strict=True)
        )
    assert grid.points == sorted(grid.points)


def test_it_grows_as_the_flows_do_and_says_so() -> None:
    """Only moments that every flow has reached are there; nothing new is said to be nothing new."""
    grid, one, two = Grid(), Samples(GRID_US), Samples(GRID_US)
    assert grid.advance([one, two]) is False
    one.reach(1000, 4 * GRID_US)
    assert grid.advance([one, two]) is False
    two.reach(500, 2 * GRID_US)
    assert grid.advance([one, two]) is True
    assert grid.points == [0, 250 + 250, 500 + 500]
    assert grid.advance([one, two]) is False
    two.reach(900, 4 * GRID_US)
    assert grid.advance([one, two]) is True
    assert grid.points == [0, 500, 1000, 750 + 700, 1000 + 900]
