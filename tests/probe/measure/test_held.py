"""What waits in the receiver's kernel behind a lost packet."""

from hypothesis import given
from hypothesis import strategies as st

from probe.measure.held import LIMIT_BYTES, Held, Kernel

MSS = 1448


def test_a_kernel_that_tells_nothing_holds_nothing() -> None:
    """Without counts of segments there is no estimate."""
    held = Held()
    assert [held.look(Kernel()), held.look(Kernel(10_000)), held.look(Kernel(20_000, 14, 0))] == [0, 0, 0]


def test_a_hole_shows_at_once_and_is_over_at_once() -> None:
    """While a packet is missing, what comes is held; when it comes, nothing is."""
    held, told = Held(), []
    for in_order, segments in ((10, 10), (20, 20), (20, 25), (20, 30), (31, 31), (40, 40)):
        told.append(held.look(Kernel(in_order * MSS, segments, MSS)))
    assert told == [0, 0, 5 * MSS, 10 * MSS, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60))
def test_whole_segments_are_estimated_exactly(looks: list[tuple[int, bool]]) -> None:
    """With whole segments that each come once, the estimate is what the kernel really holds."""
    held, in_order, segments = Held(), 0, 0
    assert held.look(Kernel(0, 0, MSS)) == 0
    for came, hole in looks:
        segments += came
        in_order = in_order if hole else segments
        assert held.look(Kernel(in_order * MSS, segments, MSS)) == min((segments - in_order) * MSS, LIMIT_BYTES)


def test_what_short_segments_made_of_it_is_taken_back() -> None:
    """Short segments look like held bytes until bytes have come smoothly for some looks."""
    held = Held()
    held.look(Kernel(0, 0, MSS))
    held.look(Kernel(1000, 10, MSS))
    assert held.look(Kernel(1000 + 5 * MSS, 15, MSS)) > 0
    told = [held.look(Kernel(1000 + (5 + 5 * step) * MSS, 15 + 5 * step, MSS)) for step in range(1, 4)]
    assert told[-1] == 0


@given(st.lists(st.builds(Kernel, *[st.integers(0, 2**40)] * 3), max_size=20))
def test_any_counts_give_a_bounded_estimate(told: list[Kernel]) -> None:
    """Whatever a kernel tells, the estimate is neither negative nor beyond any receive buffer."""
    held = Held()
    assert all(0 <= held.look(kernel) <= LIMIT_BYTES for kernel in told)
