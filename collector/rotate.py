"""`rotate`: another key in the place of one of the server's, while no collector runs over the folder.

What was signed with the old key stays good: its public half and the statement that names the new one are kept, in the folder of
keys, in the ledger and so in the log, in evidence, and are told to whoever holds the old key's id (`keyhistory`, `serverkeys`).
"""

import contextlib
from dataclasses import dataclass, replace
from typing import Final

from collector.config import Config
from collector.errors import AlreadyRunning, BadRequest, Busy
from collector.keyhistory import begin
from collector.log.following import begin_log
from collector.log.key import is_origin
from collector.services import Services
from shared.rotation import Whose

_PATIENCE_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Rotated:
    """A key that follows another: whose, both ids, the entry of the ledger that says so, and how many there have been."""

    whose: str
    old: str
    new: str
    entry: int
    keys: int
    cosigned: bool = False  # of a log: whether a quorum of witnesses has seen its last checkpoint


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
        return Rotated(whose.value, old, line.newest.key_id, services.registry.own.rotations[old].no, len(line.keys))


def rotate_log(config: Config, name: str | None) -> Rotated:
    """Let another log follow the one that is written, from its newest leaf on; raises as `rotate` does, and Busy.

    `name`: the new log's origin, by default `origin` of the settings if that is another already, or else one that no host has.
    Witnesses are asked for the last checkpoint, but not waited for: with the old key stolen there may be none.
    """
    if config.catalog is not None:
        raise BadRequest("collectors that share a catalog cannot change their logs yet")
    unnamed = replace(config, origin=None)
    with _opened(unnamed) as services:
        old = services.log_key
        if name is None and config.origin is not None:
            if config.origin == old.public.name:
                raise BadRequest(
                    "a log that follows has another name: --origin NAME, and then `origin` in collector.toml"
                )
            name = config.origin
        if name is not None and not is_origin(name):
            raise BadRequest(f"--origin is a host's name such as log2027.example.net, not {name!r}")
        if not services.publisher.comes_to(services.ledger.newest_no(), _PATIENCE_S):
            raise Busy(services.publisher.wrong or "the log's files are not up to the ledger yet; try again")
        published, cosigned = services.publisher.published, services.witnesses.go_round()
        if published is None:
            raise Busy("nothing is published of this log yet; try again")
        is_cosigned = cosigned is not None and cosigned.size == published.checkpoint.size
        last = cosigned.note if cosigned is not None and is_cosigned else published.note
        begin_log(config.data / "keys", name, last, services.collector_key)
    with _opened(unnamed) as services:
        new, entry = services.log_key.public, services.registry.own.logs[-1].no
        return Rotated("log", old.public.vkey, new.vkey, entry, len(services.logs) + 1, is_cosigned)


def _opened(config: Config) -> contextlib.closing[Services]:
    try:
        return contextlib.closing(Services.over_folder(config))
    except AlreadyRunning as error:
        raise AlreadyRunning(f"{error}: end it first; keys are changed while nothing signs with them") from error
