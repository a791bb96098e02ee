"""Reading the kernel's view of a connection."""

import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.peer import tcpinfo

FULL = bytes(range(256))


def test_an_empty_answer_has_no_fields() -> None:
    """A kernel that tells nothing gives nothing, rather than zeros."""
    assert tcpinfo.parse(b"") == {}


def test_offsets() -> None:
    """Each field is read from its own place and in its own width."""
    answer = bytearray(256)
    for number, (offset, form) in enumerate(
        [
            (20, "=I"),
            (68, "=I"),
            (72, "=I"),
            (120, "=Q"),
            (128, "=Q"),
            (148, "=I"),
            (152, "=I"),
            (168, "=Q"),
            (176, "=Q"),
            (184, "=Q"),
        ],
        1,
    ):
        struct.pack_into(form, answer, offset, number)
    struct.pack_into("=QQ", answer, 200, 11, 12)
    assert tcpinfo.parse(bytes(answer)) == {
        "RcvMSS": 1,
        "RTT": 2,
        "RTTVar": 3,
        "BytesAcked": 4,
        "BytesReceived": 5,
        "MinRTT": 6,
        "DataSegsIn": 7,
        "BusyTime": 8,
        "RWndLimited": 9,
        "SndBufLimited": 10,
        "BytesSent": 11,
        "BytesRetrans": 12,
    }


@given(st.integers(0, 256))
def test_a_shorter_answer_leaves_fields_out(n_bytes: int) -> None:
    """An older kernel's answer gives the fields it holds, with unchanged values."""
    full, short = tcpinfo.parse(bytes(256)), tcpinfo.parse(bytes(n_bytes))
    assert short.items() <= full.items()
    assert ("BytesRetrans" in short) == (n_bytes >= 216)


def test_an_unknown_round_trip_is_left_out() -> None:
    """The kernel's mark for no sample is not taken for 71 minutes."""
    answer = bytearray(256)
    struct.pack_into("=I", answer, 148, 2**32 - 1)
    assert "MinRTT" not in tcpinfo.parse(bytes(answer))


@given(st.binary(max_size=300))
def test_any_answer_fits_a_record(answer: bytes) -> None:
    """No value is beyond what a record may hold."""
    assert all(0 <= value < 2**53 for value in tcpinfo.parse(answer).values())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this structure")
def test_a_real_connection() -> None:
    """What was sent over a connection shows in its counts; a closed socket tells nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        with client, accepted:
            client.sendall(bytes(1000))
            accepted.recv(1000, socket.MSG_WAITALL)
            assert tcpinfo.parse(tcpinfo.read(accepted))["BytesReceived"] == 1000
            assert tcpinfo.parse(tcpinfo.read(client))["BytesSent"] == 1000
    assert tcpinfo.read(client) == b""
    assert tcpinfo.read(None) == b""
