"""What a running collector does once a day by itself: apply its rule of retention, if it has one.

It begins some seconds after the start and again each day after that. What could not be done is logged and tried again after ten
minutes; a collector that is started more often than once a day applies the rule more often, which changes nothing.
"""

import logging
import threading
from dataclasses import dataclass, field
from typing import Final

from collector.retain import Run, retain_all
from shared.errors import SpeedproofError

FIRST_S: Final = 5.0
EVERY_S: Final = 24 * 3600.0
AGAIN_S: Final = 600.0
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Daily:
    """Applies a rule of so many days, from a thread of its own."""

    run: Run
    days: int
    first_s: float = FIRST_S
    every_s: float = EVERY_S
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to wait for the first time."""
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End after the segment that is being treated."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        wait_s = self.first_s
        while not self._ending.wait(wait_s):
            wait_s = min(self.every_s, AGAIN_S)
            try:
                told = retain_all(self.run, self.days, self._goes_on, dry_run=False)
            except _Ended:
                return
            except (SpeedproofError, OSError):
                log.exception("records older than %d days could not all be removed; it is tried again", self.days)
            else:
                wait_s = self.every_s
                log.info(
                    "of %(batches)d batches older than %(days)d days the records were removed, %(held)d are held", told
                )

    def _goes_on(self, *_: object) -> None:
        if self._ending.is_set():
            raise _Ended


class _Ended(Exception):
    """It is time to end."""
