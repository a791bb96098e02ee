"""Opening an outbox: made if it is not there, judged, mended if it is damaged. Only one who is alone does any of that.

Certain is only a log whose last user ended in order (`place` says how that is told). Of any other the collector is asked where
the chain stands: that costs one small request and is never wrong; not asking can cost the key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from probe.durable import settle
from probe.errors import StateUnusable
from probe.outbox import files, legacy
from probe.outbox.log import Log
from probe.outbox.mending import begin_anew, set_aside
from probe.outbox.place import PLACE, Place, PlaceFile
from probe.outbox.salvage import believed, settled
from probe.outbox.state import State


@dataclass(frozen=True, slots=True)
class Opened:
    """An open log, and whether it can be believed to stand where the device stood.

    `doubt` says in words why not; `set_aside` is where the files are that it was made of, if it was; `is_new`: made just now.
    """

    log: Log
    doubt: str | None = None
    set_aside: Path | None = None
    is_new: bool = False


def is_there(folder: Path) -> bool:
    """Whether there is an outbox to open, be it one of an earlier version."""
    try:
        return bool(files.segments(folder) or legacy.files(folder))
    except OSError:
        return True  # and opening it says what is in the way


def place_of(folder: Path, file: PlaceFile) -> Place | None:
    """The place that is known; where there is no log yet that of an earlier version."""
    found = file.read()
    return found if found is not None or files.segments(folder) else legacy.place(folder)


def make_folder(folder: Path) -> None:
    """Make the folder if need be, for its owner only; raises OSError."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        settle(folder.parent)


def open_beside(folder: Path, limit_bytes: int) -> Log:
    """Open a log that somebody else has open; raises StateUnusable."""
    log = Log(folder, limit_bytes)
    log.load()
    log.catch_up()
    return log


def open_alone(folder: Path, place: Place | None, seed: Callable[[], bytes], limit_bytes: int) -> Opened:
    """Open, make or mend; raises StateUnusable if that cannot be done now."""
    try:
        return _open(folder, place, seed, limit_bytes)
    except OSError as error:
        raise StateUnusable(f"the outbox {folder} cannot be used: {error.strerror}") from error


def _open(folder: Path, place: Place | None, seed: Callable[[], bytes], limit_bytes: int) -> Opened:
    old, before, log = legacy.files(folder), files.segments(folder), Log(folder, limit_bytes)
    if not before:
        state = legacy.read(old) if old else State()
        _anew(log, 1, state, place, seed)
        if old:
            return Opened(log, "it is of an earlier version", set_aside(folder, legacy.files(folder), 0))
        was_there = place is not None or (folder / PLACE).exists()
        return Opened(log, "it was gone" if was_there else None, is_new=True)
    log.load(place.end if place else None)
    doubt = _doubt(log, place)
    if log.damage is not None or not log.state.chains or (old and not log.starts_anew):
        doubt = "it was damaged"
        if old and not log.starts_anew:  # its carrying over was cut off
            carried = legacy.read(old)
            for row in log.state.rows():
                carried.put(row)
            log.state = carried
        _anew(log, before[-1] + 1, log.state, place, seed)
    aside = None
    left = [folder / files.name(number) for number in before if number < log.starts_anew] + legacy.files(folder)
    if left:
        doubt, aside = "it was damaged", set_aside(folder, left, log.starts_anew)
        log.load()
    log.cut()
    return Opened(log, doubt, aside)


def _anew(log: Log, segment: int, state: State, place: Place | None, seed: Callable[[], bytes]) -> None:
    found = believed(state, log.read)
    found.put(settled(found, place, seed))
    begin_anew(log.folder, segment, found, log.read)
    log.load()


def _doubt(log: Log, place: Place | None) -> str | None:
    """Why the collector has to be asked; None if there is no reason."""
    if place is None:
        return "its place in the chain is not known"
    if place.end is None:
        return "whoever used it last was cut off"
    chain = log.state.chains.get(0)
    stands = None if chain is None else (chain.stands, log.state.next_seq, chain.seed.held)
    if place.end != log.end or log.is_torn or stands != (place.head, place.next_seq, place.seed):
        return "it went back in time"
    return None
