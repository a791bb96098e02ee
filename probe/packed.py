"""A batch body as it is stored and sent: gzip (RFC 1952), made once, without a time, so equal bodies are equal bytes.

A single record's line, which never leaves the device like this, is packed too: what is written takes pages of a card.
"""

import zlib
from dataclasses import dataclass

from shared.batch import MAX_BODY_BYTES
from shared.errors import Malformed
from shared.record import MAX_RECORD_BYTES

_GZIP, _ZLIB = 31, 15  # wbits: the widest window, in gzip's wrapping or in zlib's
_LEVEL = 9


@dataclass(frozen=True, slots=True)
class Packed:
    """A body's compressed bytes."""

    gzip: bytes

    @classmethod
    def of(cls, body: bytes) -> "Packed":
        """Pack a body."""
        return cls(zlib.compress(body, _LEVEL, _GZIP))

    @property
    def body(self) -> bytes:
        """The body; raises Malformed if these bytes are not whole, or hold more than a body may be."""
        return _unpack(self.gzip, _GZIP, MAX_BODY_BYTES)


def pack_line(line: bytes) -> bytes:
    """Pack a record's line."""
    return zlib.compress(line, _LEVEL, _ZLIB)


def unpack_line(packed: bytes) -> bytes:
    """A record's line, LF included; raises Malformed."""
    return _unpack(packed, _ZLIB, MAX_RECORD_BYTES + 1)


def _unpack(packed: bytes, wrapping: int, most_bytes: int) -> bytes:
    inflating = zlib.decompressobj(wrapping)
    try:
        told = inflating.decompress(packed, most_bytes)
    except zlib.error as error:
        raise Malformed(f"packed bytes that do not unpack: {error}") from error
    if not inflating.eof or inflating.unused_data:
        raise Malformed("packed bytes that are not whole")
    return told
