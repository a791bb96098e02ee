"""What a peer says it counted."""

import json
from typing import Any

import pytest
from fakes.link import message, told
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_objects

from probe.measure.claims import (
    INTEGER_LIMIT,
    TEXT_LIMIT_BYTES,
    TEXTS_LIMIT_BYTES,
    Direction,
    FalseClaim,
    PeerCount,
    claim_of,
    read_message,
)
from probe.measure.held import Kernel
from probe.measure.transfer import Protocol

NDT7, MSAK = Protocol.NDT7, Protocol.THROUGHPUT1


@pytest.mark.parametrize(
    ("protocol", "direction", "said", "counted"),
    [
        (NDT7, "upload", {"AppInfo": {"NumBytes": 7, "ElapsedTime": 9}}, "app"),
        (NDT7, "download", {"AppInfo": {"NumBytes": 7, "ElapsedTime": 9}}, "app"),
        (NDT7, "upload", {"TCPInfo": {"BytesReceived": 7, "ElapsedTime": 9}}, "tcp"),
        (NDT7, "download", {"TCPInfo": {"BytesAcked": 7, "ElapsedTime": 9}}, "tcp"),
        (MSAK, "upload", {"Application": {"BytesReceived": 7, "BytesSent": 1}, "ElapsedTime": 9}, "app"),
        (MSAK, "download", {"Application": {"BytesSent": 7}, "ElapsedTime": 9}, "app"),
        (MSAK, "upload", {"Network": {"BytesReceived": 7}, "ElapsedTime": 9}, "tcp"),
        (MSAK, "download", {"Network": {"BytesSent": 7}, "ElapsedTime": 9}, "tcp"),
    ],
)
def test_each_protocol_has_its_counters(
    protocol: Protocol, direction: Direction, said: dict[str, Any], counted: str
) -> None:
    """What is counted, by whom and by when is found where the protocol puts it."""
    claim = claim_of(said, direction, protocol)
    assert claim is not None
    assert (claim.counted, claim.count_bytes, claim.elapsed_us) == (counted, 7, 9)
    assert claim.kernel is None


def test_the_application_is_heard_before_the_kernel() -> None:
    """Where both are told, the count without headers is the one."""
    said = {"AppInfo": {"NumBytes": 7, "ElapsedTime": 9}, "TCPInfo": {"BytesReceived": 99, "ElapsedTime": 9}}
    claim = claim_of(said, "upload", NDT7)
    assert claim is not None
    assert (claim.counted, claim.count_bytes) == ("app", 7)


def test_what_the_peers_kernel_counted_is_beside_the_claim() -> None:
    """Segments and their size are taken where they are told in full."""
    said = {"AppInfo": {"NumBytes": 7, "ElapsedTime": 9}, "TCPInfo": {"BytesReceived": 5, "DataSegsIn": 4, "RcvMSS": 3}}
    claim = claim_of(said, "upload", NDT7)
    assert claim is not None
    assert claim.kernel == Kernel(5, 4, 3)


@pytest.mark.parametrize("value", [-1, 2**53, 10**400, True, 1.0, "7", None, [7]])
@pytest.mark.parametrize("name", ["NumBytes", "ElapsedTime"])
def test_a_counter_is_an_integer_that_json_can_carry(name: str, value: object) -> None:
    """Anything but an integer from 0 to 2^53-1 is a false claim."""
    with pytest.raises(FalseClaim):
        claim_of({"AppInfo": {"NumBytes": 1, "ElapsedTime": 1, name: value}}, "upload", NDT7)
    assert claim_of({"AppInfo": {"NumBytes": INTEGER_LIMIT, "ElapsedTime": 0}}, "upload", NDT7) is not None


@pytest.mark.parametrize(
    ("said", "protocol"),
    [
        ({}, NDT7),
        ({"Origin": "client", "AppInfo": {"NumBytes": 1, "ElapsedTime": 1}}, NDT7),
        ({"AppInfo": {"NumBytes": 1}}, NDT7),
        ({"AppInfo": None}, NDT7),
        ({"Application": {"BytesReceived": 1}}, MSAK),
        ({"AppInfo": {"NumBytes": 1, "ElapsedTime": 1}}, MSAK),
    ],
)
def test_a_message_without_counters_says_nothing(said: dict[str, Any], protocol: Protocol) -> None:
    """Every field is optional to the reader."""
    assert claim_of(said, "upload", protocol) is None


def test_a_message_has_a_size() -> None:
    """A text as long as none needs to be is not even read."""
    assert read_message(b" " * (TEXT_LIMIT_BYTES - 2) + b"{}") == {}
    with pytest.raises(FalseClaim, match="too long"):
        read_message(b" " * (TEXT_LIMIT_BYTES - 1) + b"{}")


def test_all_messages_together_have_a_size() -> None:
    """A peer that says more than anybody has to say is not heard any longer."""
    peer, text = PeerCount("upload"), b"{}" + b" " * 65_534
    for _ in range(TEXTS_LIMIT_BYTES // len(text)):
        assert peer.read(text) is None
    with pytest.raises(FalseClaim, match="too many"):
        peer.read(b"{}")


def test_a_count_and_a_clock_never_go_back() -> None:
    """A claim below an accepted one is false; one that was not accepted binds nobody."""
    peer = PeerCount("upload", MSAK)
    first = peer.read(told(1000, 200))
    assert first is not None
    assert peer.read(told(900, 100)) is not None
    peer.accept(first)
    assert peer.read(told(1000, 200)) == first
    for text in (told(999, 300), told(2000, 199)):
        with pytest.raises(FalseClaim, match="went back"):
            peer.read(text)


@pytest.mark.parametrize(
    ("name", "kept"), [("bbr", {"bbr"}), ("x" * 40, {"x" * 16}), ("a b", set()), ("é", set()), (7, set()), ("", set())]
)
def test_the_congestion_control_is_kept_if_it_is_a_name(name: object, kept: set[str]) -> None:
    """What goes into the record is short and plain."""
    peer = PeerCount("upload")
    peer.read(json.dumps({"CC": name}).encode())
    assert peer.congestion == kept


@given(
    st.one_of(st.binary(max_size=60), json_objects.map(lambda said: json.dumps(said).encode())),
    st.sampled_from(Protocol),
)
def test_any_text_is_a_claim_or_nothing_or_false(text: bytes, protocol: Protocol) -> None:
    """No bytes of a peer's raise anything but a false claim."""
    try:
        claim = PeerCount("download", protocol).read(text)
    except FalseClaim:
        return
    assert claim is None or claim.count_bytes >= 0


@given(st.integers(0, INTEGER_LIMIT), st.integers(0, INTEGER_LIMIT))
def test_what_is_said_is_read(count: int, elapsed_us: int) -> None:
    """Both protocols' texts give back their count and their time."""
    for protocol, text in ((NDT7, message(count, elapsed_us)), (MSAK, told(count, elapsed_us))):
        claim = PeerCount("upload", protocol).read(text)
        assert claim is not None
        assert (claim.count_bytes, claim.elapsed_us) == (count, elapsed_us)
