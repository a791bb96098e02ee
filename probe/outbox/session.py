"""One process with an outbox open: from taking hold of it to letting go.

Whoever comes first is alone: judges, mends, asks if there is doubt, and then lets others in. The mark of an orderly end (`place`
says what it is for) is taken back by whoever writes first, and left by whoever is alone at the end.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from probe.errors import StateUnusable
from probe.outbox.doubt import ask
from probe.outbox.hold import Hold
from probe.outbox.log import Log, NotWritten
from probe.outbox.opening import make_folder, open_alone, open_beside, place_of
from probe.outbox.place import PLACE, Place, PlaceFile


class Session:
    """An outbox's log, held and judged; `doubt` says in words why it may not stand where the device stood."""

    log: Log

    def __init__(self, folder: Path, seed: Callable[[], bytes], limit_bytes: int) -> None:
        """Raises StateUnusable."""
        self.doubt: str | None = None
        self.set_aside: Path | None = None
        self._places = PlaceFile(folder / PLACE)
        self._is_judged = False
        try:
            make_folder(folder)
            self._hold = Hold(folder / "open.lock")
        except OSError as error:
            raise StateUnusable(f"the outbox {folder} cannot be used: {error.strerror}") from error
        try:
            if self._hold.is_alone:
                self._open_alone(folder, seed, limit_bytes)
                self._hold.share()
            else:
                self.log = open_beside(folder, limit_bytes)
                self.log.on_first = self._take_back
        except BaseException:
            self._hold.close()
            raise
        self._is_judged = True

    def _open_alone(self, folder: Path, seed: Callable[[], bytes], limit_bytes: int) -> None:
        """Ask if the log may not end where the device stood; a new chain's place is on disk from the beginning."""
        place = place_of(folder, self._places)
        opened = open_alone(folder, place, seed, limit_bytes)
        self.log, self.doubt, self.set_aside = opened.log, opened.doubt, opened.set_aside
        self.log.on_first = self._take_back
        if opened.is_new:
            self._places.write(self._stands())
        if self.doubt is not None:
            with self.log.transaction():
                ask(self.log, place)

    def _stands(self) -> Place:
        state = self.log.state
        return Place(state.chain.stands, state.next_seq, state.chain.seed.held or b"")

    def _take_back(self) -> None:
        """Take the mark of an orderly end back; what was known of the place stays. Raises NotWritten."""
        place = self._places.read()
        if place is not None and place.end is None:
            return
        known = self._stands() if place is None else Place(place.head, place.next_seq, place.seed)
        try:
            self._places.write(known)
        except StateUnusable as error:
            raise NotWritten(str(error)) from error

    def close(self) -> None:
        """Let go; the last one leaves the mark, if that can be done."""
        try:
            with contextlib.suppress(StateUnusable, OSError):
                if self._is_judged and self._hold.is_last():
                    self._end()
        finally:
            self.log.close()
            self._hold.close()

    def _end(self) -> None:
        with self.log.transaction():  # and with it whatever a killed process left half written is cut off
            stands = self._stands()
        ended = Place(stands.head, stands.next_seq, stands.seed, self.log.end)
        if self._places.read() != ended:
            self.log.sync()
            self._places.write(ended)
