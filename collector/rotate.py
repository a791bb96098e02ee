"""`rotate`: another key in the place of one of the server's, while no collector runs over the folder.

What was signed with the old key stays good: its public half and the statement that names the new one are kept, in the folder of
keys, in the ledger and so in the log, in evidence, and are told to whoever holds the old key's id (`keyhistory`, `serverkeys`).
"""

import contextlib
from dataclasses import dataclass

from collector.config import Config
from collector.errors import AlreadyRunning, BadRequest
from collector.keyhistory import begin
from collector.services import Services
from shared.rotation import Whose


@dataclass(frozen=True, slots=True)
class Rotated:
    """A key that follows another: whose, both ids, the entry of the ledger that says so, and how many there have been."""

    whose: str
    old: str
    new: str
    entry: int
    keys: int


def rotate(config: Config, whose: Whose) -> Rotated:
    """Let a new key follow; raises AlreadyRunning, BadRequest where collectors share a catalog, and what opening a folder does.

    Opening finishes what was begun, so this opens twice, and a run that was cut off is gone on with by whoever opens next.
    """
    if config.catalog is not None:
        raise BadRequest(
            "collectors that share a catalog sign with one key, which the catalog knows: their keys cannot be changed yet"
        )
    with _opened(config) as services:
        old = services.server_keys.lines[whose].newest.key_id
        begin(config.data / "keys", whose)
    with _opened(config) as services:
        line = services.server_keys.lines[whose]
        return Rotated(whose.value, old, line.newest.key_id, services.registry.server_keys[old].no, len(line.keys))


def _opened(config: Config) -> contextlib.closing[Services]:
    try:
        return contextlib.closing(Services.over_folder(config))
    except AlreadyRunning as error:
        raise AlreadyRunning(f"{error}: end it first; keys are changed while nothing signs with them") from error
