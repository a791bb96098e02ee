"""Making the index anew from the ledger, and saying whether it is the one that was there.

The index also depends on whose counter-signature is believed (`peerkeys`). An old index that was made when others were
trusted is graded anew before the two are compared, so a key added meanwhile makes no difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from collector.clock import SystemClock
from collector.config import Config
from collector.errors import IndexUnusable, LedgerDamaged
from collector.ledger.segments import read_entries
from collector.ledger.tail import Tail
from collector.ledger.writer import Ledger
from collector.peerkeys import trusted_peers
from collector.registry import Registry
from collector.services import INDEX, FolderLock
from collector.store.duck import DuckStore
from shared.grade import Peers

Digest = dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the index was and is: rows and digest by table. `before` is None if the old one could not be read."""

    before: Digest | None
    after: Digest
    entries: int


def rebuild(config: Config, progress: Callable[[int, int], None]) -> Rebuilt:
    """Drop the index and load every ledger entry into a new one. Raises AlreadyRunning, LedgerDamaged."""
    lock = FolderLock(config.data)
    try:
        registry = Registry()
        ledger = Ledger(config.data / "ledger", SystemClock())
        last_no = ledger.last_no
        ledger.close()
        for entry in read_entries(config.data / "ledger"):
            registry.apply(entry)
        peers = trusted_peers(config.data / "keys")
        before = _digest_of_old(config, registry, last_no, peers)
        fresh = config.data / "index.new.duckdb"
        for leftover in (fresh, fresh.with_name(fresh.name + ".wal")):
            leftover.unlink(missing_ok=True)
        store = DuckStore(fresh, lambda dev: registry.devices[dev].subscriber, peers)
        try:
            tail = Tail(config.data / "ledger", 0)
            while entries := tail.read(last_no):
                store.load(entries)
                progress(entries[-1].no, last_no)
            after = store.digest()
        finally:
            store.close()
        (config.data / (INDEX + ".wal")).unlink(missing_ok=True)
        fresh.replace(config.data / INDEX)
        return Rebuilt(before, after, last_no)
    finally:
        lock.close()


def _digest_of_old(config: Config, registry: Registry, last_no: int, peers: Peers) -> Digest | None:
    """The old index's digest after it has caught up; None if there is none or it cannot be used."""
    if not (config.data / INDEX).exists():
        return None
    try:
        store = DuckStore(config.data / INDEX, lambda dev: registry.devices[dev].subscriber, peers)
        try:
            tail = Tail(config.data / "ledger", store.loaded_no())
            while entries := tail.read(last_no):
                store.load(entries)
            return store.digest()
        finally:
            store.close()
    except (IndexUnusable, LedgerDamaged, duckdb.Error, OSError):  # LedgerDamaged: it knows more than the ledger
        return None
