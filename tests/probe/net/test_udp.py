"""The age of a packet by the kernel's stamp."""

import socket

import pytest

from probe.net.udp import AGE_LIMIT_US, SO_TIMESTAMPNS, TIMESPEC, _age_us

NOW_US = 1_800_000_000_000_000


@pytest.mark.parametrize(
    ("stamp_us", "age_us"),
    [(NOW_US - 700, 700), (NOW_US, 0), (NOW_US + 1, 0), (NOW_US - AGE_LIMIT_US - 1, 0)],
)
def test_only_a_possible_age_is_believed(stamp_us: int, age_us: int) -> None:
    """A stamp from the future or from long ago is a clock that was set, and counts as no age."""
    stamp = TIMESPEC.pack(stamp_us // 1_000_000, stamp_us % 1_000_000 * 1000)
    assert _age_us([(socket.SOL_SOCKET, SO_TIMESTAMPNS, stamp)], NOW_US) == age_us


def test_without_a_stamp_a_packet_has_no_age() -> None:
    """Nothing, another message and a stamp of another size are no age."""
    assert _age_us([], NOW_US) == 0
    assert _age_us([(socket.SOL_SOCKET, 1, b"x"), (socket.SOL_SOCKET, SO_TIMESTAMPNS, b"x")], NOW_US) == 0
