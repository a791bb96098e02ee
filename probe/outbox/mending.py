"""A log begun anew: of nothing, of what can be read of a damaged one, or of an outbox of an earlier version.

    1  new segments are written beside the old ones, under names that count for nothing; the first begins with "all before
       this is gone"
    2  they get their names, the last one first: until the first of them has its name the old ones count too, and all
       of these rows are the same rows
    3  the old files go into a folder `set-aside-N`, and nothing ever deletes it

Whoever opens next, after a power cut in between, goes on with the first step that is not done.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from probe.durable import settle
from probe.outbox import files
from probe.outbox.frames import Change, write_frame
from probe.outbox.log import SEGMENT_BYTES, again
from probe.outbox.state import State
from probe.outbox.tables import Blob, Row

HALF = ".new"


def begin_anew(folder: Path, segment: int, state: State, read: Callable[[Blob], bytes]) -> None:
    """Steps 1 and 2: write all rows into segments from this number on; raises OSError."""
    for left in folder.glob("*" + HALF):
        left.unlink()
    first, check, data = segment, 0, b""
    change = Change(is_anew=True)
    for row in state.rows():
        change.put(_copy(row, read))
        frame, check, _ = write_frame(change, check, len(data))
        data, change = data + frame, Change()
        if len(data) >= SEGMENT_BYTES:
            _write(folder, segment, data)
            segment, data = segment + 1, b""
    if data:
        _write(folder, segment, data)
        segment += 1
    for number in reversed(range(first, segment)):
        (folder / (files.name(number) + HALF)).replace(folder / files.name(number))
        settle(folder)


def _copy(row: Row, read: Callable[[Blob], bytes]) -> Row:
    return again(row, read(row[-1]))


def _write(folder: Path, segment: int, data: bytes) -> None:
    half = folder / (files.name(segment) + HALF)
    half.touch(mode=0o600)
    with half.open("r+b") as out:
        out.write(data)
        out.flush()
        files.sync(out.fileno())


def set_aside(folder: Path, old: Sequence[Path], number: int) -> Path:
    """Step 3: the old files go into a folder of their own; raises OSError."""
    aside = folder / f"set-aside-{number}"
    aside.mkdir(mode=0o700, exist_ok=True)
    for file in old:
        file.replace(aside / file.name)
    settle(aside)
    settle(folder)
    return aside
