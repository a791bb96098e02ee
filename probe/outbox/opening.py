"""Opening an outbox: made if it is not there, mended if it is damaged. Only one who is alone does either.

Mending takes four steps, and whoever opens next goes on with the first that is not done:

    1  FILE-wal, then FILE    become FILE-mending-wal, FILE-mending
    2  FILE-new               is made of what can be read of FILE-mending
    3  FILE-new               becomes FILE
    4  FILE-mending           becomes FILE.set-aside-N, and nothing ever deletes it
"""

import itertools
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from probe.durable import settle
from probe.errors import StateUnusable
from probe.outbox import store
from probe.outbox.place import Place
from probe.outbox.salvage import carry_over

LOG, INDEX = "-wal", "-shm"


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database, and whether it can be believed to stand where the device stood.

    `doubt` says in words why not; `set_aside` is the damaged file it was made of, if it was; `is_new`: made just now.
    """

    db: sqlite3.Connection
    doubt: str | None = None
    set_aside: Path | None = None
    is_new: bool = False


def beside(file: Path, suffix: str) -> Path:
    """A file beside the database, named after it."""
    return file.with_name(file.name + suffix)


def is_there(file: Path) -> bool:
    """Whether there is an outbox to open, be it one whose mending was cut off."""
    return any(beside(file, suffix).exists() for suffix in ("", "-mending"))


def open_database(file: Path, place: Place | None, seed: Callable[[], bytes], *, alone: bool) -> Opened:
    """Open the database; raises StateUnusable if that cannot be done now."""
    try:
        return _open_alone(file, place, seed) if alone else Opened(store.connect(file, thoroughly=False))
    except (sqlite3.Error, OSError) as error:
        raise StateUnusable(f"the outbox {file} cannot be used: {error}") from error


def _open_alone(file: Path, place: Place | None, seed: Callable[[], bytes]) -> Opened:
    if (mended := _go_on_mending(file, place, seed)) is not None:
        return Opened(store.connect(file, thoroughly=True), "it was damaged", mended)
    if not file.exists():
        if not beside(file, LOG).exists():
            return _begin(file, place, seed)
        file.touch(mode=0o600)  # a log that lost its database must not become another's
    unclean = beside(file, LOG).exists()  # who ends in order leaves none
    try:
        if file.is_dir():
            raise IsADirectoryError(f"{file} is a folder")
        if file.stat().st_size < store.LEAST_BYTES:
            raise store.Damaged("it is cut")  # SQLite would take it for a new one, and throw the log away
        with file.open("rb") as raw:
            if not set(raw.read(20)[18:]) <= {1, 2}:
                raise store.Damaged("it is of another version")  # SQLite would only read it, and for ever
        db = store.connect(file, thoroughly=True)
    except sqlite3.Error as error:
        if not store.is_damage(error):
            raise
        _move_away(file)
        mended = _go_on_mending(file, place, seed)
        return Opened(store.connect(file, thoroughly=True), "it was damaged", mended)
    return Opened(db, "whoever used it last was cut off" if unclean else None)


def _begin(file: Path, place: Place | None, seed: Callable[[], bytes]) -> Opened:
    """A new database; in doubt if this device had a place in its chain before."""
    _make(file, None, place, seed)
    return Opened(store.connect(file, thoroughly=True), "it was gone" if place else None, is_new=True)


def _move_away(file: Path) -> None:
    """Step 1. The log goes first: a database without its log could pass for an older one."""
    if beside(file, LOG).exists():
        beside(file, LOG).replace(beside(file, "-mending" + LOG))
    beside(file, INDEX).unlink(missing_ok=True)  # holds nothing that is not in the others
    file.replace(beside(file, "-mending"))
    settle(file.parent)


def _go_on_mending(file: Path, place: Place | None, seed: Callable[[], bytes]) -> Path | None:
    """Whatever is not done of the four steps; where the damaged file is now, None if nothing was to be done."""
    mending = beside(file, "-mending")
    if not mending.exists():
        if not beside(mending, LOG).exists():
            return None
        _move_away(file)
    if not file.exists():
        _make(file, mending, place, seed)
    return _set_aside(file, mending)


def _make(file: Path, source: Path | None, place: Place | None, seed: Callable[[], bytes]) -> None:
    """Steps 2 and 3."""
    new = beside(file, "-new")
    for name in (new, beside(new, "-journal")):
        name.unlink(missing_ok=True)
    if source is not None and source.stat().st_size < store.LEAST_BYTES:
        source = None  # nothing can be read of it, and SQLite would write into it
    db = store.make(new)
    try:
        carry_over(source, db, place, seed)
    finally:
        db.close()
    new.replace(file)
    settle(file.parent)


def _set_aside(file: Path, mending: Path) -> Path:
    """Step 4."""
    free = (beside(file, f".set-aside-{number}") for number in itertools.count(1))
    aside = next(name for name in free if not name.exists())
    if beside(mending, LOG).exists():
        beside(mending, LOG).replace(beside(aside, LOG))
    beside(mending, INDEX).unlink(missing_ok=True)
    mending.replace(aside)
    settle(file.parent)
    return aside
