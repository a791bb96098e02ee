"""How long a collector took nothing, and what it answered meanwhile."""

import pytest

from probe.delays import LEAST_US, Delay, How


def test_a_delay_is_told_when_it_was_long() -> None:
    """What was tried in vain is counted by how it was answered; a short wait is no delay."""
    delay = Delay.begun(None, 10, 5)
    tries: tuple[How, ...] = ("put_off", "silent", "put_off", "refused")
    for how in tries:
        delay = delay.tried(how)
    assert delay.ended(10 + LEAST_US - 1) is None
    assert delay.ended(10 + LEAST_US) == {
        "event": "not_accepted", "method": "presence", "ver": 1,
        "put_off": 2, "refused": 1, "silent": 1, "since_mono_us": 5, "since_wall_us": 10,
    }  # fmt: skip


@pytest.mark.parametrize("how", ["put_off", "refused", "silent"])
def test_of_an_earlier_run_only_the_moment_is_known(how: How) -> None:
    """A restart keeps since when, by the wall clock, and counts anew; what did not happen is left out."""
    told = Delay.begun(7, 10**12, 5).tried(how).ended(10**12)
    assert told == {"event": "not_accepted", "method": "presence", "ver": 1, how: 1, "since_wall_us": 7}
