"""Things kept under numbers, in a file that only grows: what was written last may be torn by a crash and is then cut off.

    number, eight bytes; length, four bytes, both big-endian; so many bytes        and so on

One thread writes; any may read.
"""

import logging
import os
import threading
from array import array
from bisect import bisect_left, bisect_right
from pathlib import Path
from struct import Struct
from typing import Final

from collector.log.files import write_at

_HEAD: Final = Struct(">QI")
log = logging.getLogger(__name__)


class KeptFile:
    """One such file, open."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Open it, made if it is not there; no thing in it is longer than `most_bytes`. Raises OSError."""
        self._most_bytes = most_bytes
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # ascending: the numbers, and where in the file the thing of each begins, and how long it is
        self.numbers, self._begins, self._lengths = (array("Q") for _ in range(3))
        self._end = 0
        self._lock = threading.Lock()
        try:
            self._read(path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def get(self, number: int) -> bytes | None:
        """What is kept under a number; None if nothing is."""
        with self._lock:
            at = bisect_left(self.numbers, number)
            if at == len(self.numbers) or self.numbers[at] != number:
                return None
            begin, length = self._begins[at], self._lengths[at]
        return os.pread(self._file, length, begin)

    def above(self, number: int) -> int | None:
        """The lowest number above another under which something is kept; None if nothing is."""
        with self._lock:
            at = bisect_right(self.numbers, number)
            return self.numbers[at] if at < len(self.numbers) else None

    def put(self, number: int, data: bytes) -> None:
        """Keep something for good, the first under this number. Raises OSError, and then nothing was kept."""
        if len(data) > self._most_bytes:
            raise ValueError(f"at most {self._most_bytes} bytes are kept under one number")
        write_at(self._file, _HEAD.pack(number, len(data)) + data, self._end)
        os.fsync(self._file)
        self._take(number, len(data))

    def _take(self, number: int, length: int) -> None:
        begin = self._end + _HEAD.size
        with self._lock:
            place = bisect_left(self.numbers, number)
            if place == len(self.numbers) or self.numbers[place] != number:
                self.numbers.insert(place, number)
                self._begins.insert(place, begin)
                self._lengths.insert(place, length)
        self._end = begin + length

    def _read(self, path: Path) -> None:
        size = os.fstat(self._file).st_size
        while self._end + _HEAD.size <= size:
            number, length = _HEAD.unpack(os.pread(self._file, _HEAD.size, self._end))
            if length > self._most_bytes or self._end + _HEAD.size + length > size:
                break
            self._take(number, length)
        if self._end < size:
            log.warning("%s: the last %d bytes are no whole entry and are cut off", path, size - self._end)
            os.ftruncate(self._file, self._end)


class KeptView:
    """What such a file holds, without touching it: somebody else may be writing it."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Look where everything is; nothing if there is no file. Raises OSError."""
        self._path = path
        self._places: dict[int, tuple[int, int]] = {}
        if not path.exists():
            return
        size, end = path.stat().st_size, 0
        with path.open("rb") as file:
            while end + _HEAD.size <= size:
                file.seek(end)
                number, length = _HEAD.unpack(file.read(_HEAD.size))
                begin = end + _HEAD.size
                if length > most_bytes or begin + length > size:
                    return
                self._places.setdefault(number, (begin, length))
                end = begin + length

    def numbers(self) -> list[int]:
        """Under which numbers there is something that was not taken yet."""
        return sorted(self._places)

    def take(self, number: int) -> bytes | None:
        """What is kept under a number, once; None if nothing is. Raises OSError."""
        found = self._places.pop(number, None)
        if found is None:
            return None
        with self._path.open("rb") as file:
            file.seek(found[0])
            return file.read(found[1])
