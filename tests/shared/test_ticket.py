"""A probe's request for a transfer, and the peer's ticket."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, key_of_scalar

from shared import dsse, strictjson
from shared.dsse import Envelope, read_envelope
from shared.enrolment import CODE_SYMBOLS
from shared.errors import Malformed
from shared.keys import FileKey, WrongSignature
from shared.statement import Kind, Statement
from shared.strictjson import MAX_INTEGER, JsonObject
from shared.ticket import Ticket, TicketRequest, make_sid, read_ticket, read_ticket_request, ticket_for
from shared.transfer import Direction, sid_sha256

PEER = key_of_scalar(0x9EE4)
DIGEST = hashlib.sha256(b"intent").hexdigest()
SEED_SHA256 = hashlib.sha256(bytes(32)).hexdigest()
DEV = DEVICE.public.key_id
DOWN = TicketRequest(DEV, DIGEST, Direction.DOWN, 3, 7, 5)
UP = TicketRequest(DEV, DIGEST, Direction.UP, 1, 7, 5, SEED_SHA256)
SID = make_sid(5_000, bytes(10))
TICKET = Ticket(SID, DEV, DIGEST, Direction.DOWN, 3, 7, 5, 65, 1000, "peer", SEED_SHA256)


def sealed(kind: Kind, name: str, digest: str, predicate: JsonObject, key: FileKey) -> Envelope:
    """An envelope around a predicate of the test's own."""
    return read_envelope(dsse.seal(Statement(kind, name, digest, predicate).encode(), key))


def predicate_of(line: bytes) -> JsonObject:
    """The predicate in an envelope line."""
    predicate = strictjson.decode(read_envelope(line).payload)["predicate"]
    assert isinstance(predicate, dict)
    return predicate


@given(st.integers(0, MAX_INTEGER), st.binary(min_size=10, max_size=10))
def test_a_sid_is_a_ulid(t_us: int, chance: bytes) -> None:
    """The 26 symbols spell milliseconds and chance, so that numbers sort by time."""
    sid = make_sid(t_us, chance)
    number = 0
    for symbol in sid:
        number = number * 32 + CODE_SYMBOLS.index(symbol)
    assert len(sid) == 26
    assert number.to_bytes(16, "big") == (t_us // 1000).to_bytes(6, "big") + chance


def test_a_sid_of_the_known_time() -> None:
    """The time stands in the first ten symbols."""
    assert make_sid(1_795_310_616_744_166, bytes(10)) == "01M80DM0580000000000000000"


def test_a_sid_needs_all_its_chance() -> None:
    """A number that could be guessed is not made."""
    with pytest.raises(ValueError, match="10 bytes"):
        make_sid(0, bytes(9))


@pytest.mark.parametrize("request_", [DOWN, UP])
def test_reading_undoes_a_request(request_: TicketRequest) -> None:
    """A request is read back as it was made."""
    assert read_ticket_request(read_envelope(request_.seal(DEVICE)), DEVICE.public) == request_


def test_a_request_is_its_devices_own() -> None:
    """Nobody asks in another's name: neither with another key nor with another key's id inside."""
    with pytest.raises(WrongSignature):
        read_ticket_request(read_envelope(DOWN.seal(OTHER_DEVICE)), DEVICE.public)
    with pytest.raises(Malformed, match="another device"):
        read_ticket_request(read_envelope(DOWN.seal(OTHER_DEVICE)), OTHER_DEVICE.public)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dir": "both"}, "dir"),
        ({"dir": 1}, "dir"),
        ({"flows": 0}, "flows"),
        ({"seq": -1}, "seq"),
        ({"t_us": "now"}, "t_us"),
        ({"dev": "me"}, "dev"),
        ({"seed_sha256": SEED_SHA256}, "the other side's"),
        ({"dir": "up"}, "seed_sha256"),
    ],
)
def test_what_no_request_says(change: JsonObject, why: str) -> None:
    """A request of another shape is refused; only an upload names the hash of a seed, and it must."""
    predicate = predicate_of(DOWN.seal(DEVICE)) | change
    with pytest.raises(Malformed, match=why):
        read_ticket_request(sealed(Kind.TICKET_REQUEST, "intent", DIGEST, predicate, DEVICE), DEVICE.public)


def test_a_request_is_about_an_intent() -> None:
    """Another subject, or another kind of statement, asks for nothing."""
    predicate = predicate_of(DOWN.seal(DEVICE))
    with pytest.raises(Malformed, match="intent"):
        read_ticket_request(sealed(Kind.TICKET_REQUEST, "batch", DIGEST, predicate, DEVICE), DEVICE.public)
    with pytest.raises(Malformed, match="predicateType"):
        read_ticket_request(sealed(Kind.TICKET, "intent", DIGEST, predicate, DEVICE), DEVICE.public)


@pytest.mark.parametrize("ticket", [TICKET, replace(TICKET, direction=Direction.UP, seed_sha256=None)])
def test_reading_undoes_a_ticket(ticket: Ticket) -> None:
    """A ticket is read back as it was given."""
    assert read_ticket(read_envelope(ticket.seal(PEER)), PEER.public) == ticket


def test_a_ticket_is_the_peers() -> None:
    """A ticket that another key signed is none."""
    with pytest.raises(WrongSignature):
        read_ticket(read_envelope(TICKET.seal(DEVICE)), PEER.public)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sid": "x"}, "subject"),
        ({"max_bytes": -1}, "max_bytes"),
        ({"dir": "up"}, "the other side's"),
        ({"peer": 1}, "peer"),
    ],
)
def test_what_no_ticket_says(change: JsonObject, why: str) -> None:
    """A ticket of another shape, or about another transfer than its subject, is refused."""
    predicate = predicate_of(TICKET.seal(PEER)) | change
    with pytest.raises(Malformed, match=why):
        read_ticket(sealed(Kind.TICKET, "transfer", sid_sha256(SID), predicate, PEER), PEER.public)


def test_a_tickets_subject_has_its_name() -> None:
    """A ticket's subject is called a transfer."""
    with pytest.raises(Malformed, match="subject"):
        read_ticket(sealed(Kind.TICKET, "x", sid_sha256(SID), predicate_of(TICKET.seal(PEER)), PEER), PEER.public)


@pytest.mark.parametrize(
    "other",
    [
        replace(TICKET, dev=OTHER_DEVICE.public.key_id),
        replace(TICKET, intent=SEED_SHA256),
        replace(TICKET, direction=Direction.UP, seed_sha256=None),
        replace(TICKET, flows=1),
        replace(TICKET, seq=8),
    ],
)
def test_a_ticket_answers_its_request(other: Ticket) -> None:
    """A probe takes the ticket for what it asked, and no other."""
    assert ticket_for(DOWN, read_envelope(TICKET.seal(PEER)), PEER.public) == TICKET
    with pytest.raises(Malformed, match="another request"):
        ticket_for(DOWN, read_envelope(other.seal(PEER)), PEER.public)
