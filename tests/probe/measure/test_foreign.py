"""When probes are due, and what is kept of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.measure import foreign
from probe.measure.foreign import LEAST_GAP_US, MOST_OPEN, MOST_PROBES, PATIENCE_US, Foreign, gap_us
from probe.measure.outcome import Trouble
from probe.measure.train import DRAWS
from shared.failure import Failure, Stage

RESET = Trouble(Failure.CONNECTION_RESET, Stage.REQUEST)
REFUSED = Trouble(Failure.CONNECTION_REFUSED, Stage.CONNECT)


def test_nothing_is_ever_answered() -> None:
    """Probes without an answer are lost in their places, no more than eight are waited for, and patience has an end."""
    core = Foreign(b"seed")
    while core.due_us(10**9) is not None:
        core.begin(core.due_us(10**9) or 1)
    assert len(core.start_us) == MOST_OPEN
    assert core.tcp_us == core.tls_us == core.http_us == [-1] * MOST_OPEN
    assert core.open_until_us == core.start_us[-1] + PATIENCE_US
    for number in range(MOST_OPEN):
        core.failed(number, REFUSED)
    assert core.open_until_us is None
    assert core.commonest_trouble() == REFUSED


def test_each_stage_is_timed_apart() -> None:
    """Connecting, TLS and the request each have their own length; the whole is remembered."""
    core = Foreign(b"seed")
    number = core.begin(1000)
    assert core.stage(number) is Stage.CONNECT
    core.enter(number, Stage.TLS, 1030)
    core.enter(number, Stage.REQUEST, 1070)
    assert core.stage(number) is Stage.REQUEST
    core.done(number, 1120)
    assert (core.tcp_us, core.tls_us, core.http_us, core.longest_us) == ([30], [40], [50], 120)


def test_a_failure_keeps_what_was_reached() -> None:
    """A probe that fails in its request was connected all the same; the last status stays, and the commonest reason."""
    core = Foreign(b"seed")
    for trouble, status in ((RESET, 503), (RESET, None), (REFUSED, None)):
        number = core.begin(1000)
        core.enter(number, Stage.REQUEST, 1030)
        core.failed(number, trouble, status)
        core.failed(number, REFUSED, 500)
    assert (core.tcp_us, core.http_us) == ([30] * 3, [-1] * 3)
    assert (core.status, core.commonest_trouble()) == (503, RESET)
    assert Foreign(b"").commonest_trouble() is None


def test_there_is_a_last_probe() -> None:
    """However long the load lasts, the number of probes is bounded, and so is what they cost."""
    core = Foreign(b"seed")
    while core.due_us(10**9) is not None:
        core.done(core.begin(len(core.start_us) + 1), 5)
    assert len(core.start_us) == MOST_PROBES


@pytest.mark.parametrize(
    ("rate_bps", "mean_us"), [(0, 1_000_000), (8_000, 100_000_000), (1_000_000, 800_000), (20_000_000, LEAST_GAP_US)]
)
def test_probes_take_a_twentieth_of_the_line(rate_bps: int, mean_us: int) -> None:
    """On average a probe of 5000 bytes comes as seldom as 5 % of the rate asks, and never oftener than ten a second."""
    number = 2000
    gaps = [gap_us(DRAWS * (2 * draw + 1) // (2 * number), rate_bps) for draw in range(number)]
    assert sum(gaps) / number == pytest.approx(mean_us, rel=0.05)
    if rate_bps:
        assert foreign.PROBE_BYTES * 8_000_000 / mean_us <= rate_bps * foreign.PTC_PER_CENT / 100


@given(st.integers(0, DRAWS - 1), st.integers(0, 10**10))
def test_every_gap_is_bounded(draw: int, rate_bps: int) -> None:
    """Whatever is drawn, two probes are neither at once nor without end apart."""
    mean_us = max(gap_us(DRAWS // 3, rate_bps), 1)
    assert LEAST_GAP_US // 4 <= gap_us(draw, rate_bps) <= 5 * mean_us
