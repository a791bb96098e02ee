"""What a peer signs of a transfer, and the stream it is about."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DEVICE, key_of_scalar

from shared import dsse, strictjson
from shared.dsse import Envelope, b64, b64_exact, read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey, WrongSignature
from shared.statement import Kind, Statement
from shared.strictjson import MAX_INTEGER, JsonObject
from shared.transfer import (
    NO_CLAIM,
    Claim,
    Direction,
    KeyStream,
    TransferStatement,
    co_member,
    envelope_in,
    read_claim,
    read_co,
    read_transfer,
    sid_sha256,
    stream_sha256,
    stream_sha256_of,
)

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
FOLDER = SHARED / "vectors" / "integrity"
PEER = key_of_scalar(0x9EE4)
SID = "01JD8Z7Q4T9XK2M5N6P7R8S9T0"
SEED = bytes(range(32))
DIGEST = hashlib.sha256(b"x").hexdigest()

seeds = st.binary(min_size=32, max_size=32)
counts = st.integers(0, MAX_INTEGER)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def transfers(draw: st.DrawFn) -> TransferStatement:
    """Statements with any of their optional members said or not."""
    down = draw(st.booleans())
    flow_bytes = draw(st.none() | st.lists(st.integers(0, 10**12), min_size=1, max_size=5).map(tuple))
    total = draw(st.none() | counts) if flow_bytes is None else sum(flow_bytes)
    return TransferStatement(
        sid=draw(texts),
        dev=draw(digests),
        direction=Direction.DOWN if down else Direction.UP,
        peer=draw(texts),
        t_us=draw(counts),
        dur_us=draw(counts),
        acked_bytes=draw(st.none() | counts),
        received_bytes=draw(st.none() | counts) if down else total,
        probe_bytes=total if down else draw(st.none() | counts),
        stream_sha256=draw(st.none() | digests),
        flow_bytes=flow_bytes,
        seed=draw(st.none() | seeds),
        seed_sha256=draw(st.none() | digests),
        min_rtt_us=draw(st.none() | counts),
        retransmitted_bytes=draw(st.none() | counts),
        rwnd_limited_pm=draw(st.none() | counts),
        flows=draw(st.none() | counts),
        seq=draw(st.none() | counts),
        intent=draw(st.none() | digests),
        cc=draw(st.none() | texts),
        client=draw(st.none() | texts),
        end=draw(st.none() | texts),
    )


TOLD = TransferStatement(
    SID, DEVICE.public.key_id, Direction.DOWN, "peer", 5, 4, acked_bytes=9, probe_bytes=3, flow_bytes=(1, 2)
)


def signed(predicate: JsonObject, name: str = "transfer", sid: str = SID, kind: Kind = Kind.TRANSFER) -> Envelope:
    """The peer's envelope around a predicate of the test's own."""
    return read_envelope(dsse.seal(Statement(kind, name, sid_sha256(sid), predicate).encode(), PEER))


def predicate_of(transfer: TransferStatement) -> JsonObject:
    """The predicate of a statement."""
    predicate = strictjson.decode(transfer.encode())["predicate"]
    assert isinstance(predicate, dict)
    return predicate


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no golden vectors in {FOLDER}")
def test_the_golden_transfer() -> None:
    """Statement, signature and stream of the vector come out byte for byte."""
    golden = json.loads((FOLDER / "golden.json").read_text())["transfer"]
    payload = (FOLDER / "transfer.statement.json").read_bytes()
    peer = PublicKey.from_pem((FOLDER / "peer.pub.pem").read_bytes())
    envelope = Envelope(payload, peer.key_id, b64_exact(golden["signature_b64"]))
    told = read_transfer(envelope, peer)
    assert envelope.pae_sha256 == golden["pae_sha256"]
    assert told.encode() == payload
    assert told.peer_bytes == 4_132_992
    assert told.seed is not None and told.probe_bytes is not None
    assert stream_sha256_of(told.seed, (told.probe_bytes,)) == told.stream_sha256
    assert hashlib.sha256(KeyStream(told.seed).take(told.probe_bytes)).hexdigest() == told.stream_sha256


@given(seeds, st.integers(0, 2**64 - 1), st.lists(st.integers(0, 5000), max_size=8))
def test_pieces_do_not_change_the_stream(seed: bytes, flow: int, pieces: list[int]) -> None:
    """However a flow is taken apart, its bytes are the same, and its position is how many were taken."""
    stream = KeyStream(seed, flow)
    assert b"".join(stream.take(piece) for piece in pieces) == KeyStream(seed, flow).take(sum(pieces))
    assert stream.position == sum(pieces)


def test_a_large_piece_is_like_many() -> None:
    """A piece of more than a MiB continues the stream as small ones do."""
    one, many = KeyStream(SEED), KeyStream(SEED)
    assert one.take((1 << 20) + 77) == many.take(1 << 20) + many.take(77)
    assert one.take(16) == many.take(16)


@given(seeds, st.integers(0, 1000), st.integers(0, 1000))
def test_flows_have_streams_of_their_own(seed: bytes, one: int, other: int) -> None:
    """Two flows of one seed share no bytes, nor do two seeds."""
    assert (KeyStream(seed, one).take(64) == KeyStream(seed, other).take(64)) == (one == other)
    assert KeyStream(seed, one).take(64) != KeyStream(hashlib.sha256(seed).digest(), one).take(64)


@given(seeds, st.lists(st.integers(0, 600_000), min_size=1, max_size=3))
def test_the_hash_of_a_transfer(seed: bytes, flow_bytes: list[int]) -> None:
    """Who received the bytes finds the hash that is computed from the seed; one byte less gives another."""
    received = [hashlib.sha256(KeyStream(seed, flow).take(n)).digest() for flow, n in enumerate(flow_bytes)]
    assert stream_sha256(received) == stream_sha256_of(seed, flow_bytes)
    assert stream_sha256_of(seed, [*flow_bytes[:-1], flow_bytes[-1] + 1]) != stream_sha256(received)


def test_one_flow_needs_no_second_hash() -> None:
    """The hash of a single flow is its SHA-256; of several it is SHA-256 over theirs."""
    one, two = hashlib.sha256(b"1").digest(), hashlib.sha256(b"2").digest()
    assert stream_sha256([one]) == one.hex()
    assert stream_sha256([one, two]) == hashlib.sha256(one + two).hexdigest()


@given(transfers())
def test_reading_undoes_sealing(transfer: TransferStatement) -> None:
    """A statement is read back as it was said; what was not said is not there."""
    envelope = read_envelope(transfer.seal(PEER))
    assert read_transfer(envelope, PEER.public) == transfer
    assert read_transfer(read_co(strictjson.decode(strictjson.encode(co_member(envelope)))), PEER.public) == transfer
    down = transfer.direction is Direction.DOWN
    assert transfer.peer_bytes == (transfer.acked_bytes if down else transfer.received_bytes)


def test_only_the_peer_can_have_said_it() -> None:
    """Another key, or one changed byte, is a wrong signature."""
    envelope = read_envelope(TOLD.seal(PEER))
    with pytest.raises(WrongSignature):
        read_transfer(envelope, DEVICE.public)
    with pytest.raises(WrongSignature):
        read_transfer(replace(envelope, payload=envelope.payload.replace(b'"dur_us":4', b'"dur_us":5')), PEER.public)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sid": "another"}, "subject"),
        ({"sid": 1}, "sid is not text"),
        ({"dir": "sideways"}, "dir"),
        ({"dev": "x"}, "dev"),
        ({"dur_us": -1}, "dur_us"),
        ({"acked_bytes": "9"}, "acked_bytes"),
        ({"flow_bytes": 3}, "not a list"),
        ({"flow_bytes": [1, True]}, "no count"),
        ({"flow_bytes": [4, -1]}, "no count"),
        ({"flow_bytes": [1, 1]}, "the flows' bytes"),
        ({"dir": "up", "received_bytes": 4}, "the flows' bytes"),
        ({"seed": b64(bytes(31))}, "32 bytes"),
        ({"seed": 1}, "base64"),
        ({"stream_sha256": "x"}, "stream_sha256"),
    ],
)
def test_what_no_transfer_says(change: JsonObject, why: str) -> None:
    """A member of another shape, or one that contradicts another, is refused even if the peer signed it."""
    with pytest.raises(Malformed, match=why):
        read_transfer(signed(predicate_of(TOLD) | change), PEER.public)


def test_what_is_no_transfer() -> None:
    """Another subject or another kind of statement does not stand for a transfer."""
    with pytest.raises(Malformed, match="subject"):
        read_transfer(signed(predicate_of(TOLD), name="ticket"), PEER.public)
    with pytest.raises(Malformed, match="predicateType"):
        read_transfer(signed(predicate_of(TOLD), kind=Kind.TICKET), PEER.public)


@given(st.lists(counts, max_size=5).map(tuple), digests)
def test_reading_undoes_a_claim(flow_bytes: tuple[int, ...], digest: str) -> None:
    """A claim is read back as it was made."""
    claim = Claim(flow_bytes, digest)
    assert read_claim(claim.encode()) == claim


def test_no_claim() -> None:
    """An empty object claims nothing, and neither does one with other members."""
    assert read_claim(NO_CLAIM) is None
    assert read_claim(b'{"more":1}') is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"flow_bytes":[1]}', b'{"stream_sha256":"' + b"0" * 64 + b'"}', b'{"flow_bytes": [1]}']
)
def test_half_a_claim_is_none_at_all(body: bytes) -> None:
    """Count and hash come together, in the strict profile."""
    with pytest.raises(Malformed):
        read_claim(body)


@pytest.mark.parametrize("co", [None, 1, {}, {"k": "x", "p": "AA=="}, {"k": 1, "p": "AA==", "s": "AA=="}])
def test_what_is_no_co(co: object) -> None:
    """A member `co` has its three texts, or is none."""
    with pytest.raises(Malformed, match="co does not have"):
        read_co(co)


def test_co_is_base64() -> None:
    """What a `co` holds is base64 in its one spelling; its hint is the first 16 digits of the key's id."""
    member = co_member(read_envelope(TOLD.seal(PEER)))
    assert member["k"] == PEER.public.key_id[:16]
    with pytest.raises(Malformed, match="base64"):
        read_co(member | {"s": "!"})


def test_the_envelope_in_an_answer() -> None:
    """An answer's envelope is the line that was signed; an answer without one is said to have none."""
    line = TOLD.seal(PEER)
    assert envelope_in(b'{"transfer":' + line + b"}", "transfer") == read_envelope(line)
    for body in (b"{}", b'{"transfer":"x"}', b'{"ticket":' + line + b"}"):
        with pytest.raises(Malformed, match="no transfer"):
            envelope_in(body, "transfer")
