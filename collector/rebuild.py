"""Making the index anew from the ledger, and saying whether it is the one that was there.

The index also depends on whose counter-signature is believed (`peerkeys`). An old index that was made when others were
trusted is graded anew before the two are compared, so a key added meanwhile makes no difference.

The new index grows beside the old one, which stays until the new one is whole. A rebuild that was cut off goes on where it
was: what it had loaded is in its file, together with the mark how far that is. Entries become rows in a process of their
own, so that two processors have something to do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from collector.clock import SystemClock
from collector.config import Config
from collector.errors import BadRequest, IndexUnusable, LedgerDamaged
from collector.holding import FolderLock
from collector.ledger.segments import read_at
from collector.ledger.tail import Tail
from collector.ledger.writer import Ledger
from collector.peerkeys import trusted_peers
from collector.projecting import projected
from collector.services import INDEX
from collector.store.duck import DuckStore

Digest = dict[str, tuple[int, str]]
NEW_INDEX = "index.new.duckdb"
REBUILD_LOG_BYTES = 256_000_000  # nobody waits for a load meanwhile, and nobody asks: no small pieces either


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the index was and is: rows and digest by table. `before` is None if the old one could not be read."""

    before: Digest | None
    after: Digest
    entries: int


def rebuild(config: Config, progress: Callable[[int, int], None]) -> Rebuilt:
    """Drop the index and load every ledger entry into a new one. Raises AlreadyRunning, LedgerDamaged, BadRequest for a lake."""
    if config.catalog is not None:
        raise BadRequest(
            "the index is a lake, which other collectors share: empty it, then each fills it by `migrate-store`"
        )
    lock = FolderLock(config.data)
    try:
        ledger = Ledger(config.data / "ledger", SystemClock())
        last_no = ledger.last_no
        ledger.close()
        before = _digest_of_old(config, last_no)
        store = _begun(config, last_no)
        try:
            for staged in projected(config.data, store.known, store.loaded_no(), last_no):
                store.load_staged(staged)
                store.compact()
                progress(staged.last_no, last_no)
            after = store.digest()
        finally:
            store.close()
        (config.data / (INDEX + ".wal")).unlink(missing_ok=True)
        (config.data / NEW_INDEX).replace(config.data / INDEX)
        return Rebuilt(before, after, last_no)
    finally:
        lock.close()


def _opened(config: Config, name: str) -> DuckStore:
    folder = config.data / "ledger"
    return DuckStore(
        config.data / name,
        trusted_peers(config.data / "keys"),
        lambda place: read_at(folder, place.segment, place.offset),
        replace(config.index, threads=1, checkpoint_bytes=REBUILD_LOG_BYTES, sort_rows=config.index.run_rows),
    )


def _begun(config: Config, last_no: int) -> DuckStore:
    """The index that an earlier rebuild has begun, if it can be used and is of this ledger; a new one otherwise."""
    try:
        store = _opened(config, NEW_INDEX)
    except (IndexUnusable, LedgerDamaged, OSError):
        pass
    else:
        if store.loaded_no() <= last_no:
            return store
        store.close()
    for leftover in (NEW_INDEX, NEW_INDEX + ".wal"):
        Path(config.data / leftover).unlink(missing_ok=True)
    return _opened(config, NEW_INDEX)


def _digest_of_old(config: Config, last_no: int) -> Digest | None:
    """The old index's digest after it has caught up; None if there is none or it cannot be used."""
    if not (config.data / INDEX).exists():
        return None
    try:
        store = _opened(config, INDEX)
        try:
            tail = Tail(config.data / "ledger", store.loaded_no())
            while entries := tail.read(last_no):
                store.load(entries)
                store.compact()
            return store.digest()
        finally:
            store.close()
    except (IndexUnusable, LedgerDamaged, duckdb.Error, OSError):  # LedgerDamaged: it knows more than the ledger
        return None
