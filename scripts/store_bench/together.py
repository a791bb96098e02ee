"""Writing ledgers whose chains are shared, beside ledgers of collectors alone: groups of batches, decided, fsynced, confirmed."""

import contextlib
import hashlib
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

from collector.catalog.sharing import share
from collector.clock import SystemClock
from collector.ledger.book import Book
from collector.ledger.chains import Standing
from collector.ledger.frame import Draft, EntryKind, Link, Sheet, Spot, sheet_of
from collector.ledger.shared import Stood
from collector.ledger.shared_book import open_book
from shared.chain import START

BODY = b"x" * 11_599 + b"\n"  # a batch of 24 records
SIGNER = "5" * 64
RECEIPT = {"payload": "x" * 320, "payloadType": "application/vnd.in-toto+json", "signatures": ["x" * 160]}
_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Written:
    """What one writer did: how long each group took, and from when to when all did."""

    group_s: list[float]
    from_s: float
    to_s: float


def write(folder: Path, catalog: str | None, writers: int, groups: int, size: int) -> list[Written]:
    """So many writers, each a process with a ledger of its own, each with `groups` groups of `size` devices' next batches."""
    begin, done = _spawn.Barrier(writers), _spawn.Queue()
    processes = [
        _spawn.Process(target=_writer, args=(folder / f"{stream}", catalog, stream, groups, size, begin, done))
        for stream in range(writers)
    ]
    for process in processes:
        process.start()
    found = [done.get(timeout=3600) for _ in processes]
    for process in processes:
        process.join()
    return found


def _writer(
    folder: Path,
    catalog: str | None,
    stream: int,
    groups: int,
    size: int,
    begin: Barrier,
    done: "multiprocessing.Queue[Written]",
) -> None:
    clock = SystemClock()
    shared = None if catalog is None else share(catalog, stream, SIGNER, clock)
    with contextlib.closing(open_book(folder, clock, shared)) as book:
        devs = [hashlib.sha256(f"{stream} {number}".encode()).hexdigest() for number in range(size)]
        if shared is None:
            book.chains.standings |= {dev: Standing(b"key") for dev in devs}
        else:
            shared.fill([(dev, Stood(Standing(b"key"), SIGNER)) for dev in devs], [], 0, "0" * 64)
        made = list(_groups(devs, groups))
        begin.wait(120)
        done.put(_timed(book, made))


def _timed(book: Book, made: list[list[Sheet]]) -> Written:
    from_s, took = time.monotonic(), []
    for group in made:
        start_s = time.perf_counter()
        outcomes = book.commit(group)
        took.append(time.perf_counter() - start_s)
        if not all(isinstance(outcome, Spot) for outcome in outcomes):
            raise SystemExit(f"not every batch was kept: {outcomes}")
    return Written(took, from_s, time.monotonic())


def _groups(devs: list[str], groups: int) -> Iterator[list[Sheet]]:
    heads = dict.fromkeys(devs, START.pae_sha256)
    for number in range(groups):
        group = []
        for dev in devs:
            pae = hashlib.sha256(f"{dev} {number}".encode()).hexdigest()
            link = Link(dev, number, heads[dev], 24 * number, 24 * number + 23, pae)
            meta = {"batch": number, "dev": dev, "head": pae, "last_seq": link.last_seq, "receipt": RECEIPT}
            group.append(sheet_of(Draft(EntryKind.BATCH, meta, BODY, link)))  # type: ignore[arg-type]
            heads[dev] = pae
        yield group
