"""From the index in a file to the lake of the configuration: the lake is filled from the ledger, which is what both are made of.

The tables are not copied: a line or a device has another number in each stream, another collector may have made the line
before, and a session may have been borne in another ledger first. Rows made from the ledger have all that right, also if
others load meanwhile. What was cut off goes on where it was. The file and the ledger stay where they are.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from collector.catalog.sharing import share
from collector.clock import SystemClock
from collector.config import Config
from collector.errors import BadRequest, IndexLags, IndexUnusable, NotLoaded
from collector.holding import FolderLock
from collector.keyfiles import load_or_create
from collector.ledger.tail import Tail
from collector.ledger.writer import Ledger
from collector.peerkeys import trusted_peers
from collector.projecting import projected
from collector.services import INDEX, store_of
from collector.store.duck import DuckStore

Rows = dict[str, int]


@dataclass(frozen=True, slots=True)
class Migrated:
    """The stream that was filled, how many of its entries were there already, and its rows by table in the lake and the file.

    `before` is None if there is no file, or it cannot be read, or has not everything that the ledger has.
    """

    stream: int
    entries: int
    there_already: int
    after: Rows
    before: Rows | None


def migrate_store(config: Config, progress: Callable[[int, int], None]) -> Migrated:
    """Load every ledger entry that is not there yet into the lake. Raises AlreadyRunning, LedgerDamaged, IndexUnusable."""
    if config.catalog is None:
        raise BadRequest("collector.toml names no lake: set catalog, lake and stream")
    with contextlib.ExitStack() as opened:
        opened.callback(FolderLock(config.data).close)
        keys, clock = config.data / "keys", SystemClock()
        key = load_or_create(keys / "collector.pem")
        shared = share(config.catalog, config.stream, key.public.key_id, clock)
        ledger = Ledger(config.data / "ledger", clock, shared=shared)
        last_no = ledger.last_no
        ledger.close()
        store = store_of(config, trusted_peers(keys), config.data / "ledger", key)
        opened.callback(store.close)
        begun = done = store.loaded_no(config.stream)
        while done < last_no:
            before = done
            try:
                _fill(config, store, done, last_no, progress)
            except NotLoaded:
                store.load(Tail(config.data / "ledger", store.loaded_no(config.stream)).read(last_no), config.stream)
            except IndexLags:  # others have made lines or devices: who is who is asked again
                if store.loaded_no(config.stream) == before:
                    raise
            done = store.loaded_no(config.stream)
        return Migrated(config.stream, last_no, begun, store.rows_of_stream(config.stream), _old(config, last_no))


def _fill(config: Config, store: DuckStore, after_no: int, last_no: int, progress: Callable[[int, int], None]) -> None:
    for staged in projected(config.data, store.known, after_no, last_no, config.stream):
        store.load_staged(staged)
        store.compact()
        progress(staged.last_no, last_no)


def _old(config: Config, last_no: int) -> Rows | None:
    """What is in the file, if it is as far as the ledger."""
    if not (config.data / INDEX).exists():
        return None
    try:
        with contextlib.closing(DuckStore(config.data / INDEX, trusted_peers(config.data / "keys"))) as old:
            return old.rows_of_stream(0) if old.loaded_no() == last_no else None
    except (IndexUnusable, duckdb.Error, OSError):
        return None
