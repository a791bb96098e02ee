"""What every use case is given: made once, in one place, closed in the opposite order."""

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from collector.catalog.sharing import share
from collector.clock import Clock, SystemClock
from collector.config import Config
from collector.criteria import load_criteria
from collector.errors import ArchiveAway
from collector.holding import FolderLock
from collector.indexer import LAKE_PACE, Indexer
from collector.judge.criterion import Criterion
from collector.learning import Alone, Learning, Together, found, keep
from collector.ledger.frame import Draft, Entry
from collector.ledger.port import LedgerPort
from collector.ledger.segments import read_at
from collector.ledger.writer import Ledger
from collector.log.following import log_in_use, next_logs
from collector.log.key import LogKey
from collector.log.publisher import Publisher
from collector.log.stamps import Stamps
from collector.log.tsa import authority_of, new_nonce
from collector.log.witness import Witnesses
from collector.metrics import Metrics
from collector.peerkeys import trusted_peers
from collector.registry import Registry
from collector.serverkeys import ServerKeys, enter_logs
from collector.store.duck import DuckStore
from collector.store.lake import LakeStore
from collector.store.lake_engine import Catalog
from collector.store.port import Place, Store
from shared.grade import Peers
from shared.keys import FileKey
from shared.nextlog import NextLog
from shared.rotation import Whose

OpenLedger = Callable[[Path, Callable[[], None]], LedgerPort]
T = TypeVar("T")
INDEX = "index.duckdb"


@dataclass(slots=True)
class Services:
    """The collector's parts."""

    config: Config
    clock: Clock
    ledger: LedgerPort
    store: Store
    indexer: Indexer
    registry: Registry
    collector_key: FileKey
    portal_key: FileKey
    criteria: Mapping[str, Criterion]
    learning: Learning
    log_key: LogKey
    publisher: Publisher  # of the log
    witnesses: Witnesses
    stamps: Stamps  # of an authority's clock, over the log
    peers: Peers  # whose counter-signature is believed
    server_keys: ServerKeys  # with those that were in use before
    logs: tuple[NextLog, ...]  # that were followed by others, oldest first
    lock: FolderLock | None = None
    peer: dict[str, str | int] | None = None  # what the running peer said of itself
    metrics: Metrics = field(default_factory=Metrics)
    figures: Path | None = None  # the folder where other processes leave theirs
    changing: threading.Lock = field(
        default_factory=threading.Lock
    )  # held from looking for a line or an import to keeping it
    retaining: threading.Lock = field(default_factory=threading.Lock)  # held while records are removed from a segment

    @classmethod
    def over_folder(cls, config: Config, clock: Clock | None = None, open_ledger: OpenLedger | None = None) -> Self:
        """Everything over one data folder: lock, keys, ledger, state, index. Raises AlreadyRunning, LedgerDamaged, NoKey.

        `open_ledger` gives the ledger if another process writes it; it is given the folder, and what to call when it grew.
        """
        with contextlib.ExitStack() as opened:
            lock = FolderLock(config.data)
            opened.callback(lock.close)
            criteria, authority = load_criteria(config.criteria), authority_of(config.tsa, config.tsa_roots)
            keys = config.data / "keys"
            server_keys = ServerKeys.of_folder(keys)
            signs_log, peers = log_in_use(keys, config.origin), trusted_peers(keys)
            logs = next_logs(keys, server_keys.lines[Whose.COLLECTOR])
            used = clock or SystemClock()
            registry, signer = Registry(), server_keys.collector.public.key_id
            wake: list[Indexer] = []
            folder = config.data / "ledger"
            ledger: LedgerPort

            def committed() -> None:
                if wake:
                    wake[0].wake()

            metrics, reserve_bytes = Metrics(), config.reserve_mb * 1_000_000
            if open_ledger is not None:
                ledger = open_ledger(folder, committed)
            else:
                ledger = Ledger(
                    folder,
                    used,
                    committed,
                    config.segment_mb * 1_000_000,
                    reserve_bytes=reserve_bytes,
                    measured=metrics.measured,
                    shared=None if config.catalog is None else share(config.catalog, config.stream, signer, used),
                    log_key=signs_log,
                )
            opened.callback(ledger.close)
            learning: Learning
            if config.lake_address is None:
                learning = Alone(registry, ledger)
            else:
                catalog = Catalog(config.lake_address)
                opened.callback(catalog.close)
                learning = Together(registry, catalog.ask, catalog.close, config.stream)
            kept = functools.partial(keep, ledger, learning)
            enter_logs(logs, server_keys.lines[Whose.COLLECTOR], registry, kept)  # before any further leaf
            server_keys.enter(registry, kept)
            store = store_of(config, peers, ledger.folder, server_keys.collector)
            opened.callback(store.close)
            publisher = Publisher(config.data / "log", ledger)
            opened.callback(publisher.close)
            if registry.own.logs and publisher.no < registry.own.logs[-1].no:  # what is in its folder is of another log
                publisher.catch_up()
            quorum = len(config.witness) if config.quorum is None else config.quorum
            witnesses = Witnesses(config.data / "log", publisher, signs_log.public, config.witness, quorum)
            opened.callback(witnesses.close)
            stamps = Stamps(
                config.data / "log",
                publisher,
                signs_log.public,
                authority,
                used,
                new_nonce,
                cosigned=lambda: witnesses.newest,
                minutes=config.tsa_minutes,
                every_batch=config.tsa_every == "batch",
            )
            opened.callback(stamps.close)
            pace = None if config.catalog is None else LAKE_PACE
            indexer = Indexer(ledger, store, config.stream, pace, publisher.take)
            wake.append(indexer)
            opened.pop_all()
        return cls(
            config,
            used,
            ledger,
            store,
            indexer,
            registry,
            server_keys.collector,
            server_keys.portal,
            criteria,
            learning,
            signs_log,
            publisher,
            witnesses,
            stamps,
            peers,
            server_keys,
            logs,
            lock,
            metrics=metrics,
        )

    def entry_at(self, place: Place) -> Entry:
        """The entry of the ledger that the index says is there; raises LedgerDamaged, and ArchiveAway for another collector's."""
        return _entry_at(self.ledger.folder, self.config)(place)

    def is_in_this_log(self, entry: Entry) -> bool:
        """Whether a leaf is one of the log that is written now, and not of one that this has followed."""
        return self.registry.own.logs_before(entry.no) == len(self.registry.own.logs)

    def keep(self, make: Callable[[], Draft | None]) -> Entry | None:
        """Keep the entry that `make` makes of the registry as it is, and have it there; None if it makes none.

        It may be asked more than once, if another collector was faster. Raises what it raises, StorageFull, CatalogAway, Outrun.
        """
        return keep(self.ledger, self.learning, make)

    def found(self, look: Callable[[], T | None]) -> T | None:
        """What is looked for in the registry, also if another collector has made it just now."""
        return found(self.learning, look)

    def close(self) -> None:
        """Stop writing, loading and reading, then let go of the folder."""
        self.learning.close()
        self.ledger.close()
        self.indexer.close()
        self.witnesses.close()
        self.stamps.close()
        self.publisher.close()
        self.store.close()
        if self.lock:
            self.lock.close()


def store_of(config: Config, peers: Peers, folder: Path, key: FileKey) -> DuckStore:
    """The index of the collector with this key, over its ledger's folder: a file of its own, or a lake that it shares."""
    read, address = _entry_at(folder, config), config.lake_address
    if address is None:
        return DuckStore(config.data / INDEX, peers, read, config.index)
    return LakeStore(address, config.data, config.stream, peers, read, config.index, key.public.key_id)


def _entry_at(folder: Path, config: Config) -> Callable[[Place], Entry]:
    """How the index reads a ledger: the own one, and those of other collectors whose folders can be reached from here."""

    def read(place: Place) -> Entry:
        if place.stream == config.stream:
            return read_at(folder, place.segment, place.offset)
        other = config.ledgers.get(place.stream)
        if other is None:
            raise ArchiveAway(
                f"this entry is in the ledger of another collector, stream {place.stream}; ask there, "
                f'or say where its ledger can be read, under [ledgers] in collector.toml: {place.stream} = "/its/folder/ledger"'
            )
        if not Path(other).is_dir():
            raise ArchiveAway(f"the ledger of stream {place.stream} is not there: {other}")
        return read_at(Path(other), place.segment, place.offset)

    return read
