"""Every clock of the probe, the real one and the fake one, keeps the port's promises."""

import pytest
from fakes.clock import FakeClock

from probe.clock import Clock, SystemClock


@pytest.fixture(params=[SystemClock, FakeClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    """Give each clock in turn."""
    return request.param()  # type: ignore[no-any-return]


def test_readings_are_integers(clock: Clock) -> None:
    """A reading is an integer, since floats of seconds do not add up."""
    assert type(clock.wall_us()) is int
    assert type(clock.mono_us()) is int
    assert type(clock.awake_us()) is int


def test_monotonic_time_never_goes_back(clock: Clock) -> None:
    """A later monotonic reading is never smaller."""
    for read in (clock.mono_us, clock.awake_us):
        readings = [read() for _ in range(1000)]
        assert readings == sorted(readings)


def test_the_zone_is_less_than_a_day_from_utc(clock: Clock) -> None:
    """A zone is so many seconds ahead of UTC and has a name, even at a moment that no calendar has."""
    for wall_us in (0, 1_800_000_000_000_000, 10**30):
        ahead_s, name = clock.zone(wall_us)
        assert -86_400 < ahead_s < 86_400
        assert name


def test_wall_time_is_in_microseconds_since_1970(clock: Clock) -> None:
    """Wall time lies between 2020 and 2100, so its unit is the microsecond."""
    assert 1_577_836_800_000_000 < clock.wall_us() < 4_102_444_800_000_000


def test_fake_time_moves_only_when_told() -> None:
    """The fake moves both readings together, and its wall clock can be set by itself."""
    clock = FakeClock(mono_us=5)
    clock.advance(10)
    clock.set_wall(7)
    assert (clock.mono_us(), clock.wall_us()) == (15, 7)
    clock.advance(100, asleep=True)
    assert (clock.mono_us(), clock.awake_us()) == (115, 15)
    clock.reboot(50)
    assert (clock.mono_us(), clock.awake_us(), clock.wall_us()) == (0, 0, 157)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)
