"""Zips that lie: whatever two readers could read differently, or what leads elsewhere, is no evidence to the program nor to the page."""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.scripted import NEEDS_NODE, Scripts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.evidence import archive
from collector.evidence.archive import NotEvidence, read_archive

pytestmark = pytest.mark.threat("T19")
MEMBERS = {"a/one.txt": b"one" * 50, "two.txt": b"", "three/3.bin": bytes(range(256)) * 9}


def zipped(method: int = zipfile.ZIP_DEFLATED, members: dict[str, bytes] = MEMBERS) -> bytes:
    """An honest zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in members.items():
            made.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def streamed() -> bytes:
    """An honest zip as one is written to a pipe: its sizes stand behind each member."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.out = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.out += bytes(data)  # type: ignore[arg-type]
            return len(bytes(data))  # type: ignore[arg-type]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as made:  # type: ignore[arg-type]
        for name, data in MEMBERS.items():
            made.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return bytes(pipe.out)


def raw(
    name: bytes,
    data: bytes,
    *,
    size: int | None = None,
    crc: int | None = None,
    method: int = 8,
    flags: int = 0,
    told: bytes | None = None,
    packed: bytes | None = None,
) -> bytes:
    """A zip of one member, made by hand: what stands before it (`told`) and in the list may be anything."""
    deflated = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed if packed is not None else deflated.compress(data) + deflated.flush() if method == 8 else data
    figures = struct.pack(
        "<III", zlib.crc32(data) if crc is None else crc, len(body), len(data) if size is None else size
    )
    first = told if told is not None else name
    local = (
        b"PK\x03\x04"
        + struct.pack("<HHHHH", 20, flags, method, 0, 33)
        + figures
        + struct.pack("<HH", len(first), 0)
        + first
        + body
    )
    entry = b"PK\x01\x02" + struct.pack("<HHHHHH", 20, 20, flags, method, 0, 33) + figures
    entry += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name
    return local + entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)


def changed(at: Callable[[bytes], int], put: bytes) -> bytes:
    """The honest zip with some bytes written over."""
    data = bytearray(zipped())
    place = at(bytes(data))
    data[place : place + len(put)] = put
    return bytes(data)


def listed(number: int, place: int) -> Callable[[bytes], int]:
    """A place in the list's entry of a member."""

    def at(data: bytes) -> int:
        found = -1
        for _ in range(number + 1):
            found = data.index(b"PK\x01\x02", found + 1)
        return found + place

    return at


def twice_listed() -> bytes:
    """Two names for one member: entries that overlap."""
    data = zipped(members={"a": b"x"})
    begin, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entry = data[begin:end]
    both = entry + entry.replace(b"\x00a", b"\x00b")[: len(entry) - 1] + b"b"
    return data[:begin] + both + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(both), begin, 0)


LIES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "cut_off": lambda: zipped()[:-1],
    "something_before": lambda: b"#!/bin/sh\n" + zipped(),
    "something_behind": lambda: zipped() + b"\x00",
    "a_comment": lambda: zipped()[:-2] + struct.pack("<H", 5) + b"hello",
    "another_zip_behind": lambda: zipped() + zipped(members={"a": b"b"}),
    "something_between": lambda: zipped().replace(b"PK\x01\x02", b"junkPK\x01\x02", 1),
    "two_names_for_one_member": twice_listed,
    "another_name_before_the_member": lambda: raw(b"a", b"x", told=b"b"),
    "longer_than_listed": lambda: raw(b"a", b"x" * 100, size=50, crc=zlib.crc32(b"x" * 50)),
    "shorter_than_listed": lambda: raw(b"a", b"x" * 100, size=150),
    "another_crc": lambda: raw(b"a", b"x", crc=7),
    "stored_in_two_sizes": lambda: raw(b"a", b"x" * 10, size=5, method=0, crc=zlib.crc32(b"x" * 5)),
    "something_behind_the_stream": lambda: raw(b"a", b"x", packed=zlib.compress(b"x", 9)[2:-4] + b"junk"),
    "no_stream": lambda: raw(b"a", b"x", packed=b"\xff\xff\xff"),
    "a_stream_cut_off": lambda: raw(b"a", b"x" * 1000, packed=zlib.compress(bytes(range(256)) * 4)[2:-40]),
    "encrypted": lambda: raw(b"a", b"x", flags=1),
    "encrypted_in_the_list_only": lambda: changed(listed(0, 8), b"\x01"),
    "strongly_encrypted": lambda: raw(b"a", b"x", flags=0x41),
    "patched": lambda: raw(b"a", b"x", flags=0x20),
    "another_method_before_the_member": lambda: changed(lambda _: 8, b"\x00"),
    "bzip2": lambda: zipped(zipfile.ZIP_BZIP2),
    "a_bomb": lambda: raw(b"a", b"", size=archive.MAX_MEMBER_BYTES, crc=0, packed=zlib.compress(bytes(archive.MAX_MEMBER_BYTES + 1), 9)[2:-4]),
    "a_bomb_that_says_so": lambda: raw(b"a", bytes(archive.MAX_MEMBER_BYTES + 1)),
    "sizes_beyond_all_measure": lambda: changed(listed(2, 24), b"\xff\xff\xff\xff"),
    "a_member_behind_the_end": lambda: changed(listed(2, 42), b"\xff\xff\xff\x7f"),
    "a_member_in_another": lambda: changed(listed(2, 42), struct.pack("<I", 4)),
    "on_another_disk": lambda: changed(listed(0, 34), b"\x01"),
    "more_listed_than_there": lambda: zipped()[:-14] + struct.pack("<HH", 4, 4) + zipped()[-10:],
    "fewer_listed_than_there": lambda: zipped()[:-14] + struct.pack("<HH", 2, 2) + zipped()[-10:],
    "of_two_minds_how_many": lambda: zipped()[:-14] + struct.pack("<HH", 2, 3) + zipped()[-10:],
    "large_without_its_list": lambda: zipped()[:-14] + struct.pack("<HH", 0xFFFF, 0xFFFF) + zipped()[-10:],
    "folder_above": lambda: zipped(members={"../a": b"x"}),
    "folder_above_inside": lambda: zipped(members={"a/../../b": b"x"}),
    "root": lambda: zipped(members={"/etc/passwd": b"x"}),
    "backslash": lambda: raw(b"a\\..\\b", b"x"),
    "drive": lambda: raw(b"C:a", b"x"),
    "nul": lambda: raw(b"a\x00b", b"x"),
    "line_feed": lambda: raw(b"a\nb", b"x"),
    "a_folder": lambda: zipped(members={"a/": b""}),
    "empty_name": lambda: raw(b"", b"x"),
    "here": lambda: raw(b"./a", b"x"),
    "two_slashes": lambda: raw(b"a//b", b"x"),
    "name_of_no_encoding": lambda: raw("é".encode(), b"x"),
    "name_not_utf_8": lambda: raw(b"\xe9", b"x", flags=0x800),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_zips_that_lie(name: str) -> None:
    """Each is refused by its name, whatever it promises, and nothing of it is unpacked beyond what it says."""
    with pytest.raises(NotEvidence):
        read_archive(LIES[name]())


@NEEDS_NODE
@pytest.mark.parametrize("name", [name for name in LIES if "bomb" not in name])
def test_the_page_is_not_taken_in_either(node: Scripts, name: str) -> None:
    """Each is refused on the page too."""
    assert "notEvidence" in node.ask("zip", data=LIES[name]())


@NEEDS_NODE
@pytest.mark.parametrize("name", ["a_bomb", "a_bomb_that_says_so"])
def test_bombs(node: Scripts, tmp_path: Path, name: str) -> None:
    """A bomb is left as soon as it is longer than it may be."""
    file = tmp_path / "bomb.zip"
    file.write_bytes(LIES[name]())
    assert file.stat().st_size < 100_000
    assert "notEvidence" in node.ask("check", file=str(file))


HONEST: dict[str, Callable[[], bytes]] = {
    "deflated": zipped,
    "stored": lambda: zipped(zipfile.ZIP_STORED),
    "streamed": streamed,
    "of_no_member": lambda: zipped(members={}),
    "named_in_utf_8": lambda: zipped(members={"é/📶": b"x"}),
    "of_70000_members": lambda: zipped(zipfile.ZIP_STORED, {str(number): b"" for number in range(70_000)}),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_zips(name: str) -> None:
    """What ordinary packers make is read as they mean it, also to a pipe, and with more members than a small list can name."""
    data = HONEST[name]()
    with zipfile.ZipFile(io.BytesIO(data)) as made:
        assert read_archive(data) == {one: made.read(one) for one in made.namelist()}


@NEEDS_NODE
@pytest.mark.parametrize("name", HONEST)
def test_honest_zips_on_the_page(node: Scripts, name: str) -> None:
    """The page reads the same members out of them."""
    data = HONEST[name]()
    assert set(node.ask("zip", data=data)["ok"]) == set(read_archive(data))


@NEEDS_NODE
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_deflate(node: Scripts, data: st.DataObject) -> None:
    """The page's own unpacking and zlib's agree on any stream: the same bytes, or not that many, or no stream."""
    some = st.binary(max_size=400) | st.text("ab \n", max_size=2000).map(str.encode) | st.integers(0, 70_000).map(bytes)
    plain = b"".join(data.draw(st.lists(some, max_size=4)))
    level, strategy = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 4))
    packer = zlib.compressobj(level, zlib.DEFLATED, -15, data.draw(st.integers(1, 9)), strategy)
    packed = bytearray(packer.compress(plain) + packer.flush())
    for place, bit in data.draw(st.lists(st.tuples(st.integers(0, len(packed) - 1), st.integers(0, 7)), max_size=2)):
        packed[place] ^= 1 << bit
    size = data.draw(st.just(len(plain)) | st.integers(0, len(plain) + 2))
    told, reader = node.ask("inflate", data=bytes(packed), size=size), zlib.decompressobj(-15)
    try:
        found = reader.decompress(bytes(packed), size + 1)
    except zlib.error:
        assert "malformed" in told
        return
    if len(found) == size and reader.eof and not reader.unused_data:
        assert told == {"ok": hashlib.sha256(found).hexdigest()}
    else:
        assert "malformed" in told


def test_no_more_members_than_evidence_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of members and their sum are bounded before anything is unpacked."""
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    with pytest.raises(NotEvidence, match="too many"):
        read_archive(zipped())
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 100)
    with pytest.raises(NotEvidence, match="more than evidence"):
        read_archive(zipped())
