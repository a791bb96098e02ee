"""New grades for records that are in the index: all of them when other peers are trusted, or a few that came too late.

The record lines are not in the index. Those of transfers are read from the ledger, by the places of their batches, in the
order in which they were received.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import duckdb

from collector.errors import IndexUnusable
from collector.ledger.frame import Entry
from collector.store import queries
from collector.store.batches import batch_of
from collector.store.engine import transaction
from collector.store.grading import basis_of, columns_of
from collector.store.port import Place
from collector.store.rows import GradeRow
from collector.store.staging import write_rows
from shared.grade import Peers

_AT_ONCE = 16_384  # records
_PLACES_AT_ONCE = 1024


def regrade(
    writer: duckdb.DuckDBPyConnection,
    peers: Peers,
    read_at: Callable[[Place], Entry] | None,
    folder: Path,
    runs: Sequence[str],
) -> None:
    """Grade every record anew if they were graded by other rules, or when other peers were trusted; raises duckdb.Error.

    `runs`: the statements for records that are no longer hot.
    """
    basis = basis_of(peers)
    if writer.execute(queries.GRADED_BY).fetchall() == [(basis,)]:
        return
    with transaction(writer), writer.cursor() as reader:  # it sees what was there before
        if _take_new(writer, _new_grades(reader, peers, read_at), folder):
            writer.execute(queries.REGRADE_SETTLE)
            _apply(writer, runs)
        writer.execute(queries.MARK_GRADED, [basis])


def regrade_stream(
    writer: duckdb.DuckDBPyConnection,
    reader: duckdb.DuckDBPyConnection,
    stream: int,
    peers: Peers,
    read_at: Callable[[Place], Entry] | None,
    folder: Path,
) -> None:
    """The same for the records of one stream; those of others keep their grades, unless an earlier one bears their session."""
    basis, own = basis_of(peers), {"stream": stream}
    if writer.execute(queries.LAKE_GRADED_BY, own).fetchall() == [(basis,)]:
        return
    with transaction(writer):
        if _take_new(writer, _new_grades(reader, peers, read_at, stream), folder):
            others, settle = queries.LAKE_SETTLE
            writer.execute(others, own)
            writer.execute(settle)
            _apply(writer, queries.REGRADE_COLD)
        unmark, mark = queries.LAKE_MARK_GRADED
        writer.execute(unmark, own)
        writer.execute(mark, own | {"basis": basis})


def _take_new(writer: duckdb.DuckDBPyConnection, new: Iterator[GradeRow], folder: Path) -> bool:
    """Have the new grades beside the tables; whether there are any, without which there is nothing to do."""
    found = False
    while some := [*islice(new, _AT_ONCE)]:
        if not found:
            writer.execute(queries.REGRADE_BEGIN)
            found = True
        writer.execute(queries.REGRADE_TAKE, {"file": str(write_rows(some, folder / "grades.ndjson"))})
    return found


def apply_grades(
    writer: duckdb.DuckDBPyConnection, rows: Sequence[GradeRow], folder: Path, runs: Sequence[str]
) -> None:
    """Give these records these grades, within the transaction that is open; `runs`: for those that are no longer hot."""
    writer.execute(queries.REGRADE_BEGIN)
    writer.execute(queries.REGRADE_TAKE, {"file": str(write_rows(rows, folder / "grades.ndjson"))})
    _apply(writer, runs)


def _apply(writer: duckdb.DuckDBPyConnection, runs: Sequence[str]) -> None:
    for statement in (*runs, queries.REGRADE_HOT):
        writer.execute(statement)


def _new_grades(
    reader: duckdb.DuckDBPyConnection, peers: Peers, read_at: Callable[[Place], Entry] | None, only: int | None = None
) -> Iterator[GradeRow]:
    """The grade of each transfer by itself, batch by batch; `only` those of one stream."""
    reader.execute(queries.TRANSFER_PLACES)
    while places := reader.fetchmany(_PLACES_AT_ONCE):
        for device, received_us, stream, segment, offset in places:
            if only not in {None, stream}:
                continue
            if read_at is None:
                raise IndexUnusable("the index was graded by other rules, and there is no ledger to grade it anew from")
            entry = read_at(Place("batch", segment, offset, stream))
            _, told, records = batch_of(entry)
            for line, said in records:
                graded = columns_of(said, line, told.dev, peers)
                if graded[0] is not None:
                    yield GradeRow(device, received_us, stream, entry.no, said.seq, *graded)
