"""DNS messages: a query for the addresses of a name, and what came back for it. RFC 1035, RFC 3596, RFC 6891.

Pure. As much as a lookup needs: one question, class IN, A and AAAA with the aliases that lead to them, and the size of
datagram we take (EDNS). Any bytes give a `Message` or `Malformed`: a compressed name may only point backwards, so
reading ends. Authority and additional sections are not read, nothing is validated cryptographically.

A name is a tuple of labels in lower case. Of a truncated message only the head and the question are read.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from shared.errors import Malformed

Name = tuple[bytes, ...]

HEADER = struct.Struct("!HHHHHH")
QUESTION = struct.Struct("!HH")
RESOURCE = struct.Struct("!HHIH")
IS_ANSWER, IS_TRUNCATED, RECURSION_DESIRED, RCODE = 0x8000, 0x0200, 0x0100, 0x000F
CLASS_IN = 1
POINTER, RESERVED = 0xC0, 0x40
MOST_NAME_BYTES = 254  # RFC 1035, 2.3.4: 255 with the root's zero
MOST_LABEL_BYTES = 63
MOST_TTL_S = 2**31 - 1  # RFC 2181, section 8: a larger one is zero
DATAGRAM_BYTES = 1232  # fits an IPv6 packet of 1280 bytes: DNS flag day 2020
SIZES = {4: IPv4Address, 16: IPv6Address}


class Kind(IntEnum):
    """The types of resource records that are read or written here."""

    A = 1
    CNAME = 5
    AAAA = 28
    OPT = 41


@dataclass(frozen=True, slots=True)
class Resource:
    """One record of an answer: an address, or the name that this one is an alias of."""

    owner: Name
    kind: Kind
    ttl_s: int
    address: str = ""
    alias: Name = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says; `question` is None where none is repeated, as some errors have it."""

    query_id: int
    is_answer: bool
    is_truncated: bool
    rcode: int
    question: tuple[Name, int] | None
    resources: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The addresses of a name, and for how long the whole way to them may be kept."""

    addresses: tuple[str, ...]
    ttl_s: int


def name_of(text: str) -> Name:
    """Cut an ASCII host name into labels; raises Malformed for what cannot be asked."""
    labels = tuple(text.removesuffix(".").lower().encode("ascii", "replace").split(b"."))
    long = sum(len(label) + 1 for label in labels) > MOST_NAME_BYTES
    if long or not all(0 < len(label) <= MOST_LABEL_BYTES for label in labels):
        raise Malformed("not a host name")
    return labels


def query(query_id: int, name: Name, kind: Kind) -> bytes:
    """Write a question for a resolver that is to do all the work, and say what size of datagram we take."""
    asked = b"".join(bytes([len(label)]) + label for label in name) + b"\0"
    edns = b"\0" + RESOURCE.pack(Kind.OPT, DATAGRAM_BYTES, 0, 0)
    return HEADER.pack(query_id, RECURSION_DESIRED, 1, 0, 0, 1) + asked + QUESTION.pack(kind, CLASS_IN) + edns


def read_message(data: bytes) -> Message:
    """Read a message as far as it concerns a lookup; raises Malformed."""
    query_id, flags, questions, answers, _, _ = _unpack(HEADER, data, 0)
    question, at = None, HEADER.size
    if questions > 1:  # RFC 9619
        raise Malformed("more than one question")
    if questions:
        name, at = _read_name(data, at)
        kind, asked_class = _unpack(QUESTION, data, at)
        at += QUESTION.size
        if asked_class != CLASS_IN:
            raise Malformed("a question of another class")
        question = (name, kind)
    is_truncated = bool(flags & IS_TRUNCATED)
    resources: list[Resource] = []
    for _ in range(0 if is_truncated else answers):
        resource, at = _read_resource(data, at)
        resources += [] if resource is None else [resource]
    return Message(query_id, bool(flags & IS_ANSWER), is_truncated, flags & RCODE, question, tuple(resources))


def found_in(message: Message, name: Name, kind: Kind) -> Found:
    """Follow the aliases from a name to its addresses; a circle of aliases has none."""
    aliases = {one.owner: one for one in message.resources if one.kind is Kind.CNAME}
    ttls_s: list[int] = []
    while (alias := aliases.pop(name, None)) is not None:
        name = alias.alias
        ttls_s.append(alias.ttl_s)
    held = [one for one in message.resources if one.kind is kind and one.owner == name]
    ttls_s += [one.ttl_s for one in held]
    return Found(tuple(dict.fromkeys(one.address for one in held)), min(ttls_s, default=0))


def _read_resource(data: bytes, at: int) -> tuple[Resource | None, int]:
    owner, at = _read_name(data, at)
    kind, its_class, ttl_s, length = _unpack(RESOURCE, data, at)
    at += RESOURCE.size
    value, end = data[at : at + length], at + length
    if end > len(data):
        raise Malformed("a record beyond the end")
    if its_class != CLASS_IN or kind not in {Kind.A, Kind.AAAA, Kind.CNAME}:
        return None, end
    ttl_s = ttl_s if ttl_s <= MOST_TTL_S else 0
    if kind == Kind.CNAME:
        alias, alias_end = _read_name(data, at)
        if alias_end != end:
            raise Malformed("an alias of another length than it says")
        return Resource(owner, Kind.CNAME, ttl_s, alias=alias), end
    if length != (4 if kind == Kind.A else 16):
        raise Malformed("an address of a wrong length")
    return Resource(owner, Kind(kind), ttl_s, address=str(SIZES[length](value))), end


def _read_name(data: bytes, at: int) -> tuple[Name, int]:
    """Read a name and the place after it; each pointer must lead to before the part that it stands in."""
    labels: list[bytes] = []
    part, after, size = at, 0, 0
    while length := _byte(data, at):
        if length >= POINTER:
            after = after or at + 2
            at = (length - POINTER) << 8 | _byte(data, at + 1)
            if at >= part:
                raise Malformed("a name that points forwards")
            part = at
            continue
        label = data[at + 1 : at + 1 + length]
        size += 1 + length
        if length >= RESERVED or len(label) < length or size > MOST_NAME_BYTES:
            raise Malformed("a name that is none")
        labels.append(label.lower())
        at += 1 + length
    return tuple(labels), after or at + 1


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise Malformed("a message that ends early")
    return data[at]


def _unpack(layout: struct.Struct, data: bytes, at: int) -> tuple[int, ...]:
    if at + layout.size > len(data):
        raise Malformed("a message that ends early")
    return layout.unpack_from(data, at)
