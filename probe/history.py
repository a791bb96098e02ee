"""The history of this device for its owner: a line for each finished measurement, a file for each month.

Plain appends to `history/2026-11.ndjson`, some two dozen lines at a time (a page of the disk) and without fsync; a month
that is over is packed, after thirteen months it goes. Nothing signed rests on it, so nothing here may stop a measurement:
what the disk does not take waits in memory, up to a bound, and is then forgotten. A line cut by a crash, or damaged, is left
out when it is read. What a crash kept from the file is still among the outbox's last records: `catch_up` brings it in,
`since` shows it.
"""

import contextlib
import gzip
import logging
import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from probe.moments import SECOND_US
from probe.remembered import Remembered, read, remember, write
from shared.errors import Malformed
from shared.record import Record, read_record
from shared.strictjson import JsonObject

FOLDER = "history"
MOST_MONTHS = 13
MOST_BYTES = 16_000_000  # of one month: eight times what the default schedule writes
TOGETHER = 48  # lines to an append: about two pages of 4 KiB, and less than what the outbox keeps as its last records
MOST_WAITING = 2_000  # lines for which the disk has no room: five days
TAIL_BYTES = 65_536  # some four hundred lines: more than the outbox still has of what was sent
_PLAIN, _PACKED = ".ndjson", ".ndjson.gz"
log = logging.getLogger(__name__)


class History:
    """The months in one folder; one agent writes, anybody may read."""

    def __init__(self, folder: Path) -> None:
        """Use this folder, which is made with the first line; no file is open but for a moment."""
        self._folder = folder
        self._waiting: deque[Remembered] = deque(maxlen=MOST_WAITING)
        self._month = ""

    def add(self, members: JsonObject) -> None:
        """Take a finished measurement's members; the disk sees them with a later `flush`, or with `close`."""
        one = remember(Record(b"", members, _number(members)))
        if one is not None:
            self._waiting.append(one)

    def flush(self) -> None:
        """Append what waits, if it is enough for an append. Never raises for the disk's sake."""
        if len(self._waiting) >= TOGETHER:
            self.close()

    def close(self) -> None:
        """Append whatever waits. Never raises for the disk's sake: what it does not take goes on waiting."""
        try:
            while self._waiting:
                month = _month_of(self._waiting[0].at_us)
                if month != self._month:
                    self._begin(month)
                self._append(month, b"".join(write(one) for one in self._waiting if _month_of(one.at_us) == month))
                rest = [one for one in self._waiting if _month_of(one.at_us) != month]
                self._waiting = deque(rest, MOST_WAITING)
        except OSError as error:
            self._month = ""  # a line may have been cut short: looked at again before the next is added
            log.info("the history was not written: %s", error.strerror)

    def catch_up(self, records: Iterable[bytes]) -> int:
        """Add those of these record lines that the history does not have yet; how many that were."""
        found = [one for one in map(remember, _records(records)) if one is not None]
        known = {(one.seq, one.at_us) for one in self._ends(min((one.at_us for one in found), default=0))}
        missing = [one for one in found if (one.seq, one.at_us) not in known]
        self._waiting.extend(sorted(missing, key=_in_time))
        self.close()
        return len(missing)

    def since(self, from_us: int, also: Iterable[bytes] = ()) -> list[Remembered]:
        """Everything from a moment on, by time, each start once; `also` are record lines of the outbox."""
        found = {(one.seq, one.at_us): one for file in self._files(from_us) for one in _read(file)}
        found |= {(one.seq, one.at_us): one for one in map(remember, _records(also)) if one is not None}
        return sorted((one for one in found.values() if one.at_us >= from_us), key=_in_time)

    def files(self) -> list[Path]:
        """The files there are, the oldest month first."""
        return self._files(0)

    def _files(self, from_us: int) -> list[Path]:
        first = _month_of(from_us)
        names = (path for path in self._folder.glob("*" + _PLAIN + "*") if path.name.endswith((_PLAIN, _PACKED)))
        return sorted(path for path in names if path.name.partition(".")[0] >= first)

    def _ends(self, from_us: int) -> Iterator[Remembered]:
        """The last lines of each month from a moment on; a packed one is read whole."""
        for file in self._files(from_us):
            yield from _read(file, None if file.name.endswith(_PACKED) else TAIL_BYTES)

    def _begin(self, month: str) -> None:
        """Make room for a month: pack the others, let the oldest go, and end a line that a crash cut short."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for file in self.files():
            if file.name.endswith(_PLAIN) and file.name != month + _PLAIN:
                with contextlib.suppress(OSError):  # it stays as it is, and is packed another time
                    _pack(file)
        others = [file for file in self.files() if not file.name.startswith(month)]
        for file in others[: max(0, len(others) - MOST_MONTHS + 1)]:
            file.unlink()
        file = self._folder / (month + _PLAIN)
        if file.exists() and file.stat().st_size and not _ends_well(file):
            self._append(month, b"\n")
        self._month = month

    def _append(self, month: str, text: bytes) -> None:
        handle = os.open(self._folder / (month + _PLAIN), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "ab") as out:
            if os.fstat(handle).st_size + len(text) <= MOST_BYTES:
                out.write(text)


def _in_time(one: Remembered) -> tuple[int, int]:
    return one.at_us, one.seq


def _month_of(at_us: int) -> str:
    """The name of a moment's month in UTC; a clock that was never set writes January 1970."""
    return f"{datetime.fromtimestamp(at_us // SECOND_US, UTC):%Y-%m}"


def _number(members: JsonObject) -> int:
    seq = members.get("seq")
    return seq if type(seq) is int else 0


def _records(lines: Iterable[bytes]) -> Iterator[Record]:
    for line in lines:
        try:
            yield read_record(line.rstrip(b"\n"))
        except Malformed:
            continue


def _read(file: Path, last_bytes: int | None = None) -> Iterator[Remembered]:
    """The lines of one month that can be read; a packed file that is damaged gives what comes before the damage.

    Of a plain one only the last bytes, if their number is given.
    """
    try:
        with gzip.open(file, "rb") if file.name.endswith(_PACKED) else file.open("rb") as text:
            if last_bytes is not None:
                text.seek(max(0, text.seek(0, os.SEEK_END) - last_bytes))
            for line in text:
                with contextlib.suppress(Malformed):
                    yield read(line)
    except (OSError, EOFError, zlib.error) as error:
        log.info("%s cannot be read to its end: %s", file.name, error)


def _ends_well(file: Path) -> bool:
    with file.open("rb") as text:
        text.seek(-1, os.SEEK_END)
        return text.read(1) == b"\n"


def _pack(file: Path) -> None:
    """Replace a month by its packed form; what is packed stands whole before the plain file goes."""
    partial, packed = file.with_name(file.name + ".new"), file.with_name(file.name.removesuffix(_PLAIN) + _PACKED)
    earlier = packed.read_bytes() if packed.exists() else b""  # packed before the clock was set back into that month
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(earlier + gzip.compress(file.read_bytes(), 6, mtime=0))
    partial.replace(packed)
    file.unlink()
