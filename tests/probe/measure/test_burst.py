"""Whether a line is fast enough for several flows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure.burst import BURST_BYTES, MOST_OF_IT_BYTES, SLOW_US, Burst

PACKET_BYTES = 1448


@pytest.mark.parametrize(("rate_bps", "fast"), [(500_000, False), (1_500_000, False), (4_000_000, True), (10**8, True)])
def test_a_burst_tells_a_fast_line(rate_bps: int, fast: bool) -> None:
    """A burst spreads out on a slow line and stays together on a fast one."""
    burst, arrived = Burst(), 0
    while arrived < BURST_BYTES:
        arrived += PACKET_BYTES
        burst.note(500_000 + arrived * 8_000_000 // rate_bps, arrived)
    assert burst.fast is fast


def test_a_trickle_is_not_a_burst() -> None:
    """Little messages, however many, never make a line fast."""
    burst = Burst()
    for number in range(200):
        burst.note(number * 100_000, 256 * number)
    assert not burst.fast


@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 3000)), max_size=60))
def test_it_is_fast_exactly_if_most_of_a_burst_came_close_together(steps: list[tuple[int, int]]) -> None:
    """The verdict is what a look over all pairs of counts says."""
    burst, counts, t_us, total = Burst(), [(0, 0)], 0, 0
    for gap_us, n_bytes in steps:
        t_us, total = t_us + gap_us + 1, total + n_bytes
        counts.append((t_us, total))
        burst.note(t_us, total)
    fast = any(
        total - counts[place - 1][1] >= MOST_OF_IT_BYTES
        for end, (t_us, total) in enumerate(counts)
        for place in range(1, end + 1)
        if t_us - counts[place][0] <= SLOW_US
    )
    assert burst.fast is fast
