"""The age of a packet by the kernel's stamp, and two clocks read at one moment."""

import socket

import pytest
from fakes.clock import FakeClock

from probe.net.udp import AGE_LIMIT_US, SO_TIMESTAMPNS, TIMESPEC, age_us, one_moment

NOW_US = 1_800_000_000_000_000


@pytest.mark.parametrize(
    ("stamp_us", "expected_us"),
    [(NOW_US - 700, 700), (NOW_US, 0), (NOW_US + 1, None), (NOW_US - AGE_LIMIT_US - 1, None)],
)
def test_only_a_possible_age_is_believed(stamp_us: int, expected_us: int | None) -> None:
    """A stamp from the future or from long ago is a clock that was set, and is no age."""
    stamp = TIMESPEC.pack(stamp_us // 1_000_000, stamp_us % 1_000_000 * 1000)
    assert age_us([(socket.SOL_SOCKET, SO_TIMESTAMPNS, stamp)], NOW_US) == expected_us


def test_without_a_stamp_a_packet_has_no_age() -> None:
    """Nothing, another message and a stamp of another size are no age."""
    assert age_us([], NOW_US) is None
    assert age_us([(socket.SOL_SOCKET, 1, b"x"), (socket.SOL_SOCKET, SO_TIMESTAMPNS, b"x")], NOW_US) is None


class Paused(FakeClock):
    """A clock whose reader is paused by the system for some readings."""

    def __init__(self, pauses_us: list[int]) -> None:
        """Pause after each wall reading, in turn."""
        super().__init__()
        self._pauses_us = pauses_us

    def wall_us(self) -> int:
        """Read, and then be paused."""
        reading = super().wall_us()
        self.advance(self._pauses_us.pop(0))
        return reading


def apart_us(pauses_us: list[int]) -> int:
    """Say how far apart in time the two readings were."""
    clock = Paused(pauses_us)
    mono_us, wall_us = one_moment(clock)
    return mono_us - (wall_us - 1_800_000_000_000_000)


def test_two_clocks_are_read_at_one_moment() -> None:
    """A pause between the two readings is not taken for a packet's age, unless every try has one."""
    assert apart_us([0]) == 0
    assert apart_us([9_000, 9_000, 3]) == 3
    assert apart_us([9_000] * 4) == 9_000
