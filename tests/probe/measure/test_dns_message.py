"""DNS messages: what was written is read, and any bytes end."""

import struct

import pytest
from fakes.resolver import AAAA, ADDRESS, ADDRESS_6, CNAME, SAME_NAME, A, labels, reply
from hypothesis import given
from hypothesis import strategies as st
from strategies import mangled

from probe.measure.dns_message import Found, Kind, Message, found_in, name_of, query, read_message
from shared.errors import Malformed

HOST = name_of("www.example.net")
NUMBERS = st.integers(0, 0xFFFF)
LABELS = st.binary(min_size=1, max_size=63).map(bytes.lower)
NAMES = st.lists(LABELS, max_size=10).map(tuple).filter(lambda name: sum(len(one) + 1 for one in name) <= 254)
QUESTION = query(7, HOST, Kind.A)


def head(questions: int = 0, answers: int = 0, flags: int = 0x8180) -> bytes:
    """Write the head of an answer."""
    return struct.pack("!HHHHHH", 7, flags, questions, answers, 0, 0)


def found(*resources: tuple[bytes, int, int, bytes], kind: Kind = Kind.A) -> Found:
    """Read the addresses of the host out of an answer that holds these records."""
    return found_in(read_message(reply(query(7, HOST, kind), resources)), HOST, kind)


@given(NUMBERS, NAMES, st.sampled_from([Kind.A, Kind.AAAA]))
def test_a_question_is_read_as_it_was_written(number: int, name: tuple[bytes, ...], kind: Kind) -> None:
    """Reading is the inverse of writing, for every number, name and kind."""
    assert read_message(query(number, name, kind)) == Message(
        number, is_answer=False, is_truncated=False, rcode=0, question=(name, kind)
    )


def test_a_question_in_bytes() -> None:
    """A question asks for recursion, in class IN, and takes datagrams of 1232 bytes."""
    assert QUESTION.hex() == (
        "0007" "0100" "0001" "0000" "0000" "0001"
        "03777777" "076578616d706c65" "036e6574" "00" "0001" "0001"
        "00" "0029" "04d0" "00000000" "0000"
    )  # fmt: skip


@given(st.binary(max_size=300) | mangled(st.just(reply(QUESTION, [(SAME_NAME, A, 60, ADDRESS)] * 3))))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    """Whatever a resolver sends is a message or Malformed, and its addresses are addresses."""
    try:
        message = read_message(data)
    except Malformed:
        return
    for one in found_in(message, HOST, Kind.A).addresses:
        assert one.count(".") == 3


@given(st.binary(min_size=2, max_size=200), st.integers(1, 4))
def test_names_of_any_bytes_end(data: bytes, answers: int) -> None:
    """Records made of any bytes, pointers among them, are read to an end."""
    try:
        read_message(head(answers=answers) + data.replace(b"\x01", b"\xc0"))
    except Malformed:
        return


@given(st.integers(0, 40))
def test_an_answer_cut_anywhere_is_malformed(cut: int) -> None:
    """An answer that ends early is no answer, wherever it was cut."""
    whole = reply(QUESTION, [(SAME_NAME, A, 60, ADDRESS)])
    with pytest.raises(Malformed):
        read_message(whole[: max(0, len(whole) - 1 - cut)])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"\xc0\x0c", "to itself"),
        (b"\xc0\x0e", "forwards"),
        (b"\xc0", "half a pointer"),
        (b"\x40" + b"a" * 64 + b"\0", "a label of another kind"),
        (b"\x05abc", "a label beyond the end"),
        ((b"\x3f" + b"a" * 63) * 4 + b"\0", "a name that is too long"),
    ],
)
def test_a_bad_name_is_malformed(name: bytes, why: str) -> None:
    """A name that runs in a circle, forwards, or beyond any bound is no name."""
    with pytest.raises(Malformed):
        read_message(head(answers=1) + name + struct.pack("!HHIH", A, 1, 60, 4) + ADDRESS)


def test_pointers_may_lead_through_each_other() -> None:
    """A pointer to a name that ends in a pointer is followed, as long as it leads backwards."""
    ends_in_a_pointer = b"\x03cdn" + SAME_NAME  # cdn.www.example.net, at 33
    first = (SAME_NAME, CNAME, 60, ends_in_a_pointer)
    place = 12 + len(labels("www.example.net")) + 4 + len(SAME_NAME) + 10
    second = (bytes([0xC0, place]), A, 30, ADDRESS)
    assert found(first, second) == Found(("192.0.2.7",), 30)


def test_aliases_are_followed_in_any_order() -> None:
    """The addresses are those at the end of the aliases, and the least TTL on the way is the one that counts."""
    address = (labels("b.example"), A, 300, ADDRESS)
    aliases = [(SAME_NAME, CNAME, 90, labels("a.example")), (labels("A.example"), CNAME, 20, labels("b.example"))]
    assert found(*aliases, address) == Found(("192.0.2.7",), 20)
    assert found(address, *reversed(aliases)) == Found(("192.0.2.7",), 20)


def test_a_circle_of_aliases_has_no_address() -> None:
    """Aliases of each other lead nowhere."""
    circle = [(SAME_NAME, CNAME, 60, labels("a.example")), (labels("a.example"), CNAME, 60, labels("www.example.net"))]
    assert found(*circle).addresses == ()


def test_what_was_not_asked_for_is_not_found() -> None:
    """Another name's address, another kind of address and an unknown kind of record are passed over."""
    strange = [(labels("other.example"), A, 60, ADDRESS), (SAME_NAME, AAAA, 60, ADDRESS_6), (SAME_NAME, 46, 60, b"sig")]
    assert found(*strange) == Found((), 0)
    assert found(*strange, kind=Kind.AAAA) == Found(("2001:db8::7",), 60)


def test_an_address_counts_once() -> None:
    """The same address twice is one address."""
    assert found((SAME_NAME, A, 60, ADDRESS), (SAME_NAME, A, 50, ADDRESS)) == Found(("192.0.2.7",), 50)


def test_a_ttl_beyond_its_bound_is_none() -> None:
    """A TTL with its highest bit set counts as zero (RFC 2181)."""
    assert found((SAME_NAME, A, 1 << 31, ADDRESS)).ttl_s == 0


@pytest.mark.parametrize(
    "record",
    [
        (SAME_NAME, A, 60, ADDRESS + b"\0"),
        (SAME_NAME, AAAA, 60, ADDRESS),
        (SAME_NAME, CNAME, 60, labels("a.example") + b"\0"),
    ],
)
def test_a_record_of_a_wrong_length_is_malformed(record: tuple[bytes, int, int, bytes]) -> None:
    """An address of five bytes is no address."""
    with pytest.raises(Malformed):
        found(record)


def test_records_of_another_class_are_passed_over() -> None:
    """What is not of class IN does not concern the Internet."""
    chaos = head(answers=1) + b"\0" + struct.pack("!HHIH", A, 3, 60, 4) + ADDRESS
    assert read_message(chaos).resources == ()
    with pytest.raises(Malformed):
        read_message(head(questions=1) + b"\0" + struct.pack("!HH", A, 3))


def test_two_questions_are_malformed() -> None:
    """A message has one question or none (RFC 9619)."""
    with pytest.raises(Malformed):
        read_message(head(questions=2) + (b"\0" + struct.pack("!HH", A, 1)) * 2)


def test_a_truncated_answer_is_not_read_on() -> None:
    """Of a truncated message the records may be cut anywhere, so none is read."""
    message = read_message(reply(QUESTION, [(SAME_NAME, A, 60, ADDRESS)], truncated=True)[:-3])
    assert message.is_truncated
    assert message.resources == ()


@pytest.mark.parametrize("text", ["", ".", "a..b", "a" * 64 + ".example", ".".join(["a" * 63] * 4)])
def test_what_is_no_name_cannot_be_asked(text: str) -> None:
    """A name with an empty label, or one that is too long, cannot be written."""
    with pytest.raises(Malformed):
        name_of(text)


def test_names_are_compared_in_lower_case() -> None:
    """Case and a last dot make no other name."""
    assert name_of("WWW.Example.NET.") == HOST
