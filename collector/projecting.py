"""A ledger's entries as staged rows, made ahead of the loading in processes of their own.

Making rows takes twice as long as inserting them, and Python does the first: so two processes make them, each every other
piece of the ledger. Both read all of it, since lines and devices count for what comes behind. Each tells what it has staged
through a queue of a few places, and ends with its parent. A short ledger is not worth a process.
"""

import contextlib
import gc
import itertools
import multiprocessing
import multiprocessing.connection
import os
import queue
import shutil
import threading
from collections.abc import Iterator
from multiprocessing.queues import Queue
from pathlib import Path
from typing import TypeAlias

from collector.errors import CollectorError, IndexUnusable
from collector.ledger.frame import EntryKind
from collector.ledger.tail import Tail
from collector.peerkeys import trusted_peers
from collector.store.project import Known, rows_of
from collector.store.staging import Staged, stage

WORTH_A_PROCESS = 20_000  # entries
_ENTRIES_AT_ONCE = 1024
_AHEAD = 2  # staged loads of about 25 MB, of each process
_PROCESSES = 2
_PATIENCE_S = 1.0
_WHO = {EntryKind.SUBSCRIBER, EntryKind.ENROLMENT, EntryKind.ROTATION}
Told: TypeAlias = "Staged | CollectorError | None"


def projected(data: Path, known: Known, after_no: int, last_no: int, stream: int = 0) -> Iterator[Staged]:
    """The entries after one and up to another, as rows, in order; raises LedgerDamaged.

    `known` is who is who after the first of the two. Each load is to be made before the next one is asked for.
    """
    with _folder(data / "index.rows") as rows:
        folder = rows / str(os.getpid())  # whoever makes rows for one that was killed just now finds his own gone
        folder.mkdir()
        if last_no - after_no < WORTH_A_PROCESS:
            yield from _project(data, known, after_no, last_no, folder, stream)
            return
        context = multiprocessing.get_context("spawn")
        queues: list[Queue[Told]] = [context.Queue(_AHEAD) for _ in range(_PROCESSES)]
        processes = [
            context.Process(target=_run, args=(data, known, after_no, last_no, folder, made, stream, part), daemon=True)
            for part, made in enumerate(queues)
        ]
        for process in processes:
            process.start()
        try:
            for part in itertools.cycle(range(_PROCESSES)):
                told = _next(queues[part], processes[part])
                if told is None:  # the others have no later piece
                    return
                yield told
        finally:
            for process in processes:
                process.kill()
                process.join()


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    """An empty folder, gone afterwards; what somebody who was killed has left in it too."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _next(made: "Queue[Told]", process: multiprocessing.process.BaseProcess) -> Staged | None:
    while True:
        is_over = not process.is_alive()  # looked at before the queue: what it said last is in there by then
        with contextlib.suppress(queue.Empty):
            told = made.get(timeout=_PATIENCE_S)
            if isinstance(told, CollectorError):
                raise told
            return told
        if is_over:
            raise IndexUnusable(f"the process that makes rows ended by itself (exit code {process.exitcode})")


def _run(
    data: Path,
    known: Known,
    after_no: int,
    last_no: int,
    folder: Path,
    made: "Queue[Told]",
    stream: int,
    part: int,
) -> None:
    """One process: stage its pieces, tell, and in the end say that this was all, or what was wrong."""
    gc.disable()  # rows are many and hold no cycles
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    try:
        for staged in _project(data, known, after_no, last_no, folder, stream, part, _PROCESSES):
            made.put(staged)
        made.put(None)
    except CollectorError as error:
        made.put(error)
    except OSError as error:
        made.put(IndexUnusable(f"rows cannot be made: {error}"))


def _end_with_parent() -> None:
    """End when the parent is gone, however it ended: one that was killed cannot say so, and the queue has no other reader."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _project(
    data: Path,
    known: Known,
    after_no: int,
    last_no: int,
    folder: Path,
    stream: int,
    part: int = 0,
    parts: int = 1,
) -> Iterator[Staged]:
    """Every so-manieth piece; of those in between only who is who."""
    peers, tail = trusted_peers(data / "keys"), Tail(data / "ledger", after_no)
    for piece in itertools.count():
        entries = tail.read(last_no, _ENTRIES_AT_ONCE)
        if not entries:
            return
        if piece % parts == part:
            yield stage(rows_of(entries, known, peers, stream), entries, stream, folder, f"{entries[0].no:012d}")
        else:
            rows_of([one for one in entries if one.kind in _WHO], known, peers, stream)
