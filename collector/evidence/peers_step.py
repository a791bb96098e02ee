"""The step that asks whether peers are treated better than ordinary hosts; and what the bundle puts into the case about it.

The comparison is that of `shared.favour`, made by the collector when it makes the evidence and again here from the same signed
records: what the case says of it must be the same.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from collector.evidence.casefile import CASE, read_case
from collector.evidence.found import Found, StepFailed, member
from shared.favour import Favour, Pull, compare, pull_of
from shared.record import Record, reread_record

_WORTH_READING: Final = (b'"method":"fetch"', b'"method":"download"')


def pulls_in(body: bytes) -> Iterator[Pull]:
    """What a batch says of rates from peers and hosts; only lines of methods that can say it are read."""
    for line in body.split(b"\n")[1:]:
        if any(name in line for name in _WORTH_READING) and (pull := pull_of(reread_record(line))) is not None:
            yield pull


def peers(found: Found) -> str:
    """Peers beside ordinary hosts, and beside each other."""
    rows = compare(pull for record in _records(found) if (pull := pull_of(record)) is not None)
    told = read_case(member(found, CASE)).get("peers")
    if told is not None and told != [_as_json(row) for row in rows]:
        raise StepFailed("what it says of peers beside ordinary hosts is not what the signed records say", CASE)
    return "; ".join(map(_in_words, rows)) or "nothing to compare: no object of an ordinary host, and one peer alone"


def _records(found: Found) -> Iterator[Record]:
    return (record for batches in found.batches.values() for batch in batches for record in batch.records)


def _as_json(row: Favour) -> dict[str, Any]:
    return asdict(row) | {"others": [*row.others]}


def _in_words(row: Favour) -> str:
    words = (
        f"{row.method} from peer {row.peer}: median {row.median_bps / 1e6:.1f} Mbit/s ({row.n}), from others in the same hours "
        f"{row.others_median_bps / 1e6:.1f} ({row.others_n}; {', '.join(row.others)})"
    )
    return words if row.favoured is None else f"{words}: PEER FAVOURED by rule {row.favoured}"
