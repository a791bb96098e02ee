"""Reading an evidence zip without trusting it: one reading only, nothing is extracted (`verify.html` reads by the same rules).

The members fill the file from its first byte to the list of members, which fills it to its end; what the list says of a member
is what stands before that member, and what comes out of it. Names lead to one file each, and to none outside. Numbers and sizes
are bounded, and looked at before anything is unpacked (APPNOTE.TXT 6.3, sections 4.3 and 4.4; RFC 1951).
"""

import re
import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

MAX_MEMBERS = 200_000
MAX_MEMBER_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 2 * 1024 * 1024 * 1024
_STORED, _DEFLATED = 0, 8
_LIST_MARK, _LOCAL_MARK = 0x02014B50, 0x04034B50
_ELSEWHERE16, _ELSEWHERE32 = 0xFFFF, 0xFFFFFFFF  # the figure stands in the large list
_ENCRYPTED, _SIZES_BEHIND, _NAME_UTF8 = 1, 8, 0x800
_HARMLESS_FLAGS = 6 | _SIZES_BEHIND | _NAME_UTF8  # 6: how hard the packer tried
_END = struct.Struct("<IHHHHIIH")
_PLACE64 = struct.Struct("<IIQI")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LISTED = struct.Struct("<I4xHH4xIIIHHHH6xI")
_LOCAL = struct.Struct("<I2xHH4xIIIHH")
_FIGURES = struct.Struct("<III")
_BEHIND = b"PK\x07\x08"
_ODD = re.compile(r"[\x00-\x1f\x7f\\:]")


class NotEvidence(Exception):
    """The file is not an evidence file at all."""


@dataclass(frozen=True, slots=True)
class _Member:
    """What the list at the end says of a member."""

    name: str
    raw: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int

    @property
    def figures(self) -> tuple[int, int, int]:
        """As they stand before or behind it."""
        return self.crc, self.packed, self.size


def read_archive(data: bytes) -> dict[str, bytes]:
    """The members by name; raises NotEvidence if it is no zip or one that no collector made."""
    try:
        begin, listed = _listed(data)
        ends = [0, *(_local(data, one)[1] for one in listed)]
        if ends[-1] != begin or any(one.offset != end for one, end in zip(listed, ends, strict=False)):
            raise _unreadable("there is more or less in it than its members")
        if any(end < before for before, end in pairwise(ends)):
            raise _unreadable("members that overlap")
        return {one.name: _unpacked(data, one) for one in listed}
    except struct.error as error:
        raise _unreadable("it points outside itself") from error


def _unreadable(why: str) -> NotEvidence:
    return NotEvidence(f"not a readable zip: {why}")


def _listed(data: bytes) -> tuple[int, list[_Member]]:
    """Where the list of members begins, and the members in its order."""
    end = len(data) - _END.size
    if end < 0 or data[end : end + 4] != b"PK\x05\x06":
        raise _unreadable("no list of members at its very end")
    _, disk, first, here, count, size, begin, comment = _END.unpack_from(data, end)
    if disk or first or comment or here != count:
        raise _unreadable("in several parts, or with something behind it")
    if count == _ELSEWHERE16 or _ELSEWHERE32 in (size, begin):
        end, count, size, begin = _large(data, end)
    if begin + size != end:
        raise _unreadable("its list of members is elsewhere")
    if count > MAX_MEMBERS:
        raise NotEvidence("too many members, or one name twice")
    members, at = [], begin
    for _ in range(count):
        one, at = _member(data, at)
        members.append(one)
    if at != end:
        raise _unreadable("there is more in its list than its members")
    if len({one.name for one in members}) != count:
        raise NotEvidence("too many members, or one name twice")
    if sum(one.size for one in members) > MAX_TOTAL_BYTES:
        raise NotEvidence("more than evidence ever holds")
    return begin, members


def _large(data: bytes, end: int) -> tuple[int, int, int, int]:
    """End, count, size and beginning of the list of a zip with more than 65,534 members."""
    place = end - _PLACE64.size
    end = place - _END64.size
    if end < 0 or data[place : place + 4] != b"PK\x06\x07" or data[end : end + 4] != b"PK\x06\x06":
        raise _unreadable("no large list of members")
    _, _, at, _ = _PLACE64.unpack_from(data, place)
    _, length, _, _, _, _, here, count, size, begin = _END64.unpack_from(data, end)
    if at != end or length != _END64.size - 12 or here != count:
        raise _unreadable("another large list of members")
    return end, count, size, begin


def _member(data: bytes, at: int) -> tuple[_Member, int]:
    """The member that is listed there, and where the next one is."""
    mark, flags, method, crc, packed, size, name, extra, comment, disk, offset = _LISTED.unpack_from(data, at)
    raw = data[at + _LISTED.size : at + _LISTED.size + name]
    if mark != _LIST_MARK or len(raw) != name:
        raise _unreadable("its list of members is broken")
    one = _Member(_name(raw, flags), raw, flags, method, crc, packed, size, offset)
    if flags & _ENCRYPTED:
        raise _unreadable(f"{one.name} is encrypted")
    if flags & ~_HARMLESS_FLAGS or disk:
        raise _unreadable(f"{one.name} is packed in another way")
    if method not in (_STORED, _DEFLATED):
        raise NotEvidence("packed in a way that no collector uses")
    if size > MAX_MEMBER_BYTES or packed > MAX_MEMBER_BYTES + 65536:
        raise NotEvidence(f"{one.name} is larger than any member is")
    if method == _STORED and packed != size:
        raise _unreadable(f"{one.name} has two sizes")
    return one, at + _LISTED.size + name + extra + comment


def _name(raw: bytes, flags: int) -> str:
    """A name that means the same file to every reader, and none outside a folder."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotEvidence("a member's name is not text") from error
    is_named = name.isascii() or flags & _NAME_UTF8
    if not is_named or _ODD.search(name) or {"", ".", ".."} & {*name.split("/")}:
        raise NotEvidence(f"a member's name leads elsewhere: {name!a}")
    return name


def _local(data: bytes, one: _Member) -> tuple[int, int]:
    """From where to where a member's bytes and what belongs to them reach, if what stands there is what the list says."""
    mark, flags, method, crc, packed, size, name, extra = _LOCAL.unpack_from(data, one.offset)
    at = one.offset + _LOCAL.size + name
    if mark != _LOCAL_MARK or (flags, method, data[at - name : at]) != (one.flags, one.method, one.raw):
        raise _unreadable(f"{one.name} is another member than is listed")
    begin = at + extra
    end = begin + one.packed
    if not flags & _SIZES_BEHIND:
        if (crc, packed, size) != one.figures:
            raise _unreadable(f"{one.name} has two sizes")
        return begin, end
    at = end + len(_BEHIND) if data[end : end + len(_BEHIND)] == _BEHIND else end
    if _FIGURES.unpack_from(data, at) != one.figures:
        raise _unreadable(f"{one.name} has two sizes")
    return begin, at + _FIGURES.size


def _unpacked(data: bytes, one: _Member) -> bytes:
    begin, _ = _local(data, one)
    packed = data[begin : begin + one.packed]
    found = packed if one.method == _STORED else _inflated(packed, one)
    if zlib.crc32(found) != one.crc:
        raise _unreadable(f"{one.name} is damaged")
    return found


def _inflated(packed: bytes, one: _Member) -> bytes:
    """What a deflate stream holds, if that is as long as it is said to be, and nothing stands behind it."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        found = stream.decompress(packed, one.size + 1)
    except zlib.error as error:
        raise _unreadable(f"{one.name} cannot be unpacked") from error
    if len(found) != one.size or not stream.eof or stream.unused_data:
        raise _unreadable(f"{one.name} is longer or shorter than it is listed")
    return found
