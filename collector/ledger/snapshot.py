"""A snapshot of the chains, so that a start need not read the whole ledger: `chains.snap`, beside the segments.

    one line of strict JSON   {"no", "segment", "sha256"} LF, then MessagePack

It holds the chains after entry `no`, the last of a sealed segment, and is written each time the ledger has grown by
enough. Whatever is wrong with it, the ledger is read from its beginning instead: it is only a copy.
"""

import hashlib
import logging
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import Final

import msgspec

from collector.durable import write_whole
from collector.errors import LedgerDamaged
from collector.ledger.chains import Chains, Standing
from collector.ledger.frame import Entry
from collector.ledger.names import CONFIRMED
from collector.ledger.segments import read_entries
from shared import statement, strictjson
from shared.errors import Malformed
from shared.strictjson import MAX_INTEGER
from shared.tree import Edge

NAME: Final = "chains.snap"
GROWN_BYTES: Final = 256 * 1024 * 1024  # of ledger, at least, from one snapshot to the next
GROWN_TIMES: Final = 8  # the snapshot's own length, at least: so that it costs an eighth of the writing at most
log = logging.getLogger(__name__)


class _Kept(msgspec.Struct, array_like=True):
    standings: dict[str, Standing]
    refused: list[tuple[str, int, bool]]
    others: list[tuple[str, int]]
    leaves: int = 0
    edge: list[bytes] = []


_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(_Kept)


def snapshot_of(chains: Chains) -> bytes:
    """The chains as bytes."""
    return _encoder.encode(
        _Kept(chains.standings, sorted(chains.refused), chains.others, chains.edge.size, chains.edge.hashes)
    )


def write_snapshot(folder: Path, kept: bytes, no: int) -> None:
    """Put a snapshot of the chains after entry `no` on disk, whole; raises OSError."""
    head = strictjson.encode({"no": no, "sha256": hashlib.sha256(kept).hexdigest()})
    write_whole(folder / NAME, head + b"\n" + kept)


def keep_snapshot(folder: Path, no: int) -> None:
    """See that a start need not read entries up to `no`, the last of a sealed segment; raises LedgerDamaged or OSError."""
    chains, snapshot_no = _read(folder / NAME, MAX_INTEGER)
    chains.is_part = (folder / CONFIRMED).exists()
    if snapshot_no < no:
        _apply(chains, takewhile(lambda entry: entry.no <= no, read_entries(folder, snapshot_no)))
        write_snapshot(folder, snapshot_of(chains), no)


def chains_of(folder: Path, last_no: int) -> tuple[Chains, int]:
    """The chains after all that a ledger holds, and how much of it the snapshot spared; raises LedgerDamaged."""
    chains, no = _read(folder / NAME, last_no)
    chains.is_part = (folder / CONFIRMED).exists()
    _apply(chains, read_entries(folder, no))
    return chains, no


def _apply(chains: Chains, entries: Iterable[Entry]) -> None:
    for entry in entries:
        try:
            chains.grow(entry)
            chains.apply(entry)
        except (Malformed, KeyError) as error:
            raise LedgerDamaged(f"entry {entry.no} ({entry.kind}): {error}") from error


def _read(file: Path, last_no: int) -> tuple[Chains, int]:
    try:
        head, _, kept = file.read_bytes().partition(b"\n")
        told = strictjson.decode(head)
        no = statement.integer(told, "no")
        if hashlib.sha256(kept).hexdigest() != statement.sha256_hex(told, "sha256"):
            raise Malformed("it is not what was written")
        if no > last_no:
            raise Malformed(f"it stands at entry {no}, the ledger ends at {last_no}")
        read = _decoder.decode(kept)
        edge = Edge(read.leaves, read.edge)
    except FileNotFoundError:
        return Chains(), 0
    except (OSError, Malformed, msgspec.DecodeError) as error:
        log.warning("%s cannot be used (%s): the whole ledger is read", file, error)
        return Chains(), 0
    return Chains(read.standings, set(read.refused), read.others, edge=edge), no
