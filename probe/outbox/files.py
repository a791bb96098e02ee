"""The log's files: `00000001.log`, `00000002.log`, … in one folder. The newest grows, the oldest goes. Knows no frames."""

import contextlib
import os
import re
from pathlib import Path
from typing import Final

from probe.durable import settle

SUFFIX: Final = ".log"
_NAME = re.compile(r"\d{8}\.log")


def name(segment: int) -> str:
    """A segment's file name."""
    return f"{segment:08d}{SUFFIX}"


def segments(folder: Path) -> list[int]:
    """The segments there are, in order; none in a folder that is not there. Raises OSError."""
    try:
        return sorted(int(each[:8]) for each in os.listdir(folder) if _NAME.fullmatch(each))  # noqa: PTH208 - quicker, often
    except FileNotFoundError:
        return []


def size(folder: Path, segment: int) -> int | None:
    """How long a segment is; None if it is not there. Raises OSError. Asked at every look, so no path is taken apart for it."""
    try:
        return os.stat(f"{folder}{os.sep}{name(segment)}").st_size  # noqa: PTH116 - quicker, often
    except FileNotFoundError:
        return None


def read(folder: Path, segment: int, offset: int = 0, length: int = -1) -> bytes:
    """What stands in a segment from `offset` on, perhaps less than asked for; raises OSError."""
    with (folder / name(segment)).open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read() if length < 0 else file.read(length) or b""


def append(folder: Path, segment: int, offset: int, data: bytes) -> None:
    """Write at the end of a segment, which may be new, and wait until all of it outlasts a power cut; raises OSError."""
    handle = os.open(folder / name(segment), os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.lseek(handle, offset, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        sync(handle)
    finally:
        os.close(handle)
    if offset == 0:
        settle(folder)


def cut(folder: Path, segment: int, length: int) -> None:
    """Cut a segment to a length, if it is there and longer; raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if (size(folder, segment) or 0) > length:
            os.truncate(folder / name(segment), length)


def sync_one(folder: Path, segment: int) -> None:
    """Wait until a segment outlasts a power cut; raises OSError."""
    handle = os.open(folder / name(segment), os.O_RDWR)
    try:
        sync(handle)
    finally:
        os.close(handle)


def remove(folder: Path, segment: int) -> None:
    """Remove a segment for good; raises OSError."""
    (folder / name(segment)).unlink(missing_ok=True)
    settle(folder)


def sync(handle: int) -> None:
    """Wait for the data and the length, which is all that a log needs, where the system can tell them apart; raises OSError."""
    getattr(os, "fdatasync", os.fsync)(handle)
