"""WebSocket frames: what is put in comes out, however the network cuts it, and nothing else is let through."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.frames import (
    MESSAGE_LIMIT_BYTES,
    TEXT_LIMIT_BYTES,
    BadFrame,
    FrameReader,
    Load,
    Opcode,
    Told,
    frame,
    frame_head,
    mask,
)

KEYS = st.binary(min_size=4, max_size=4)
CONTROL = st.sampled_from([Opcode.CLOSE, Opcode.PING, Opcode.PONG])
MESSAGES = st.one_of(
    st.tuples(st.just(Opcode.BINARY), st.binary(max_size=400)),
    st.tuples(st.just(Opcode.TEXT), st.text(max_size=100).map(str.encode)),
    st.tuples(CONTROL, st.binary(max_size=125)),
)


def read(reader: FrameReader, stream: bytes, cuts: list[int]) -> list[tuple[Opcode, bytes]]:
    """Feed a stream in pieces; give messages, with the load joined that stood together."""
    seen: list[tuple[Opcode, bytes]] = []
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        for event in reader.feed(memoryview(stream)[start:end]):
            if isinstance(event, Load):
                seen.append((Opcode.BINARY, bytes(event.piece)))
            else:
                seen.append((event.opcode, event.payload))
    return seen


def joined(events: list[tuple[Opcode, bytes]]) -> tuple[bytes, list[tuple[Opcode, bytes]]]:
    """All load in one, and the rest in order."""
    load = b"".join(payload for opcode, payload in events if opcode is Opcode.BINARY)
    return load, [event for event in events if event[0] is not Opcode.BINARY]


@given(st.lists(MESSAGES, max_size=6), st.lists(st.integers(0, 5000), max_size=12), st.none() | KEYS)
def test_what_is_framed_is_read_back(messages: list[tuple[Opcode, bytes]], cuts: list[int], key: bytes | None) -> None:
    """Any messages, cut anywhere, come back whole and in order, masked or not; load comes as it stood on the wire."""
    stream = b"".join(frame(opcode, payload, key or b"") for opcode, payload in messages)
    load, told = joined(read(FrameReader(masked=key is not None), stream, cuts))
    expected_load, expected_told = joined(messages)
    assert told == expected_told
    pieces = [payload for opcode, payload in messages if opcode is Opcode.BINARY]
    assert load == (expected_load if key is None else b"".join(mask(piece, key) for piece in pieces))


@given(st.binary(max_size=50), KEYS)
def test_masking_twice_changes_nothing(payload: bytes, key: bytes) -> None:
    """The mask is its own inverse."""
    assert mask(mask(payload, key), key) == payload


@given(st.binary(max_size=300), st.booleans(), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_frames_or_refused(stream: bytes, masked: bool, cuts: list[int]) -> None:
    """Garbage is read as frames or refused, and never gives more load than there were bytes."""
    reader = FrameReader(masked=masked)
    try:
        load, _told = joined(read(reader, stream, cuts))
    except BadFrame:
        return
    assert len(load) <= len(stream)


def test_fragments_are_one_message() -> None:
    """A text in three frames, with a ping between them, is one text after the ping."""
    stream = bytes([0x01, 2]) + b"ab" + bytes([0x89, 1]) + b"p" + bytes([0x00, 0]) + bytes([0x80, 1]) + b"c"
    assert read(FrameReader(masked=False), stream, list(range(len(stream)))) == [
        (Opcode.PING, b"p"),
        (Opcode.TEXT, b"abc"),
    ]


def test_load_in_fragments_is_load() -> None:
    """Continuations of a binary message are load."""
    stream = bytes([0x02, 2]) + b"ab" + bytes([0x80, 1]) + b"c" + frame(Opcode.TEXT, b"t")
    load, told = joined(read(FrameReader(masked=False), stream, []))
    assert (load, told) == (b"abc", [(Opcode.TEXT, b"t")])


@pytest.mark.parametrize(
    "stream",
    [
        b"\xc2\x00",  # a reserved bit
        b"\x83\x00",  # an opcode that is none
        b"\x82\x81\x00\x00\x00\x00a",  # masked, from a server
        b"\x89\x7e\x00\x7e",  # a long ping
        b"\x09\x00",  # a ping in parts
        b"\x80\x00",  # a continuation of nothing
        b"\x01\x01a\x81\x01b",  # a text within a text
        frame_head(Opcode.BINARY, MESSAGE_LIMIT_BYTES + 1),
        frame_head(Opcode.TEXT, TEXT_LIMIT_BYTES + 1),
        frame_head(Opcode.BINARY, 2**64 - 1),
        frame(Opcode.TEXT, b"\xff"),
    ],
)
def test_what_must_not_come_is_refused(stream: bytes) -> None:
    """Frames that break RFC 6455 or a limit end the reading."""
    with pytest.raises(BadFrame):
        read(FrameReader(masked=False), stream, [])


def test_unmasked_from_a_client_is_refused() -> None:
    """A client's frames are masked."""
    with pytest.raises(BadFrame):
        read(FrameReader(masked=True), frame(Opcode.TEXT, b"a"), [])


def test_the_code_of_a_close() -> None:
    """A closing frame gives its code, or none."""
    assert Told(Opcode.CLOSE, b"\x03\xe8bye").close_code == 1000
    assert Told(Opcode.CLOSE, b"").close_code is None


@pytest.mark.parametrize(("n_bytes", "head"), [(125, "827d"), (126, "827e007e"), (65_536, "827f0000000000010000")])
def test_lengths_are_spelt_the_shortest_way(n_bytes: int, head: str) -> None:
    """The three spellings of a length."""
    assert frame_head(Opcode.BINARY, n_bytes).hex() == head
