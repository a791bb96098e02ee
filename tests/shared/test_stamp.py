"""STAMP packets, stamps and error estimates."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Malformed
from shared.stamp import (
    MAX_NUMBER,
    PACKET_BYTES,
    Reply,
    Request,
    error_estimate,
    error_us,
    ntp_of,
    read_reply,
    read_request,
    ssid_of,
    turn_round,
    us_of,
)

U8, U16, U32, U64 = (st.integers(0, 2**bits - 1) for bits in (8, 16, 32, 64))
REQUESTS = st.builds(Request, U32, U64, U16, U16)
REPLIES = st.builds(Reply, U32, U64, U16, U16, U64, U32, U64, U16, U8)
US = st.integers(0, 2**32 * 1_000_000 - 1)


@given(REQUESTS, st.binary(max_size=60))
def test_a_request_reads_as_it_was_written(request_: Request, tail: bytes) -> None:
    """Reading gives back what was written, whatever follows."""
    assert len(request_.encode()) == PACKET_BYTES
    assert read_request(request_.encode() + tail) == request_
    assert ssid_of(request_.encode()) == request_.ssid


@given(REPLIES, st.binary(max_size=60))
def test_a_reply_reads_as_it_was_written(reply: Reply, tail: bytes) -> None:
    """Reading gives back what was written, whatever follows."""
    assert len(reply.encode()) == PACKET_BYTES
    assert read_reply(reply.encode() + tail) == reply
    assert ssid_of(reply.encode()) == reply.ssid


@given(st.binary(max_size=PACKET_BYTES - 1))
def test_what_is_too_short_is_malformed(packet: bytes) -> None:
    """Less than a packet is none."""
    with pytest.raises(Malformed):
        read_request(packet)
    with pytest.raises(Malformed):
        read_reply(packet)


@given(REQUESTS, U32, US, US, U16, st.binary(max_size=60))
def test_turning_round_makes_the_reply(
    request_: Request, number: int, received_us: int, sent_us: int, error: int, tail: bytes
) -> None:
    """A request turned round in place is the reply one would write, and its padding is untouched."""
    packet = bytearray(request_.encode() + tail)
    turn_round(packet, number + MAX_NUMBER + 1, received_us, sent_us, error)
    expected = Reply(
        number, ntp_of(sent_us), error, request_.ssid, ntp_of(received_us), request_.number, request_.sent_ntp,
        request_.error,
    )  # fmt: skip
    assert bytes(packet) == expected.encode() + tail


def test_the_layout_of_the_standard() -> None:
    """Each member stands at the byte where RFC 8762 and RFC 8972 have it."""
    request_ = Request(0x01020304, 0x1112131415161718, 0x2122, 0x3132).encode()
    assert request_.hex() == "01020304111213141516171821223132" + "00" * 28
    reply = Reply(1, 2, 3, 4, 5, 6, 7, 8, 9).encode()
    assert struct.unpack("!I", reply[:4]) == (1,)
    assert [struct.unpack_from("!Q", reply, at)[0] for at in (4, 16, 28)] == [2, 5, 7]
    assert [struct.unpack_from("!H", reply, at)[0] for at in (12, 14, 36)] == [3, 4, 8]
    assert struct.unpack_from("!I", reply, 24) == (6,)
    assert reply[38:] == bytes((0, 0, 9, 0, 0, 0))


def test_an_independent_implementation_reads_the_same() -> None:
    """Scapy's STAMP layers find every member where we put it, and write what we write."""
    stamp = pytest.importorskip("scapy.contrib.stamp", reason="scapy is not installed")
    reply = Reply(1, 2 << 32, 0x8101, 4, 5 << 32, 6, 7 << 32, 0x0108, 9)
    theirs = stamp.STAMPSessionReflectorTestUnauthenticated(reply.encode())
    assert (theirs.seq, theirs.ssid, theirs.seq_sender, theirs.ttl_sender) == (1, 4, 6, 9)
    assert bytes(theirs)[:PACKET_BYTES] == reply.encode()
    sender = stamp.STAMPSessionSenderTestUnauthenticated(Request(1, 2 << 32, 0x8101, 4).encode())
    assert (sender.seq, sender.ssid, sender.err_estimate.S, sender.err_estimate.scale) == (1, 4, 1, 1)


@given(US)
def test_a_time_stamp_is_the_microsecond_it_was_made_of(wall_us: int) -> None:
    """Between 1970 and 2106 a microsecond survives the way to an NTP stamp and back, over the era of 2036 too."""
    assert us_of(ntp_of(wall_us)) == wall_us


@given(U64)
def test_every_stamp_is_some_microsecond(ntp: int) -> None:
    """Any 64 bits are a time, and it is within half a microsecond of them."""
    distance = (ntp - ntp_of(us_of(ntp)) + (1 << 63)) % (1 << 64) - (1 << 63)
    assert abs(distance) <= 2148


def test_known_stamps() -> None:
    """1970 began 2,208,988,800 s into NTP's first era; the second one began in 2036."""
    assert ntp_of(0) == 2_208_988_800 << 32
    assert ntp_of(500_000) & 0xFFFF_FFFF == 1 << 31
    assert us_of(0) == 2_085_978_496 * 1_000_000


@given(st.integers(0, 2**53), st.booleans())
def test_an_error_estimate_says_no_less_than_the_error(error: int, synchronised: bool) -> None:
    """The estimate is the error or at most one part in 128 more, never with a multiplier of 0, and S is as told."""
    estimate = error_estimate(error, synchronised=synchronised)
    assert error <= error_us(estimate) <= error + error // 127 + 1
    assert estimate & 0xFF
    assert estimate >> 15 == synchronised
    assert not estimate & 1 << 14


def test_an_error_beyond_words() -> None:
    """An error that the format cannot hold is refused."""
    with pytest.raises(ValueError, match="years"):
        error_estimate(2**60)


def test_the_format_of_time_is_told() -> None:
    """The Z flag says that T2 and T3 are not NTP stamps."""
    assert Reply(1, 2, 1, 4, 5, 6, 7, 8).in_ntp_time
    assert not Reply(1, 2, 1 << 14 | 1, 4, 5, 6, 7, 8).in_ntp_time
