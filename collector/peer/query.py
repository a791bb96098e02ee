"""Reading a query string strictly: the ndt7 rules (specification v0.11), used for every path.

At most 4096 bytes, UTF-8 after unescaping, no key empty and none twice. Which keys have a meaning is decided
by the caller; others are left alone, because any ndt7 client may send its own metadata.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from collector.peer.errors import BadRequest

MAX_QUERY_BYTES = 4096
MAX_INTEGER = 2**53 - 1
_LONGEST_INTEGER = len(str(MAX_INTEGER))


def query_of(request_target: str) -> bytes:
    """The query of a request target as it stood on the wire, without the question mark."""
    return request_target.partition("?")[2].encode("utf-8", "surrogateescape")


def parse_fields(query: bytes) -> dict[str, str]:
    """The fields of a query by name. Raises BadRequest."""
    if len(query) > MAX_QUERY_BYTES:
        raise BadRequest(f"the query has {len(query)} bytes, at most {MAX_QUERY_BYTES} are read")
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest("the query is not UTF-8") from error
    fields: dict[str, str] = {}
    for key, value in pairs:
        if not key:
            raise BadRequest("the query has an empty key")
        if key in fields:
            raise BadRequest(f"the query has the key {key!r} twice")
        fields[key] = value
    return fields


def integer(text: str, what: str, least: int, most: int = MAX_INTEGER) -> int:
    """A decimal number without sign or leading zero, within bounds. Raises BadRequest naming `what`."""
    plain = text.isascii() and text.isdigit() and len(text) <= _LONGEST_INTEGER
    if not plain or text != str(int(text)) or not least <= int(text) <= most:
        raise BadRequest(f"{what} must be an integer from {least} to {most}")
    return int(text)


def integer_field(fields: Mapping[str, str], name: str, default: int, least: int, most: int = MAX_INTEGER) -> int:
    """The field `name` as a number, or the default where it is absent. Raises BadRequest."""
    return integer(fields[name], name, least, most) if name in fields else default
