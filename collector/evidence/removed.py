"""Batches that the collector has removed by its rule of retention, in an evidence file; needs nothing but `shared`.

Of each there is the envelope that the device signed, without the measurements, so that the chain can still be followed. That
the collector removed them, when, and by which rule is its own signed word. Nothing can be said of what was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import statement
from shared.batch import BatchStatement, OpenedBatch, read_batch_statement
from shared.dsse import read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.statement import Kind

FOLDER, WORDS = "removed/", "tombstones/"


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch without its records: what its device signed, and its identity."""

    said: BatchStatement
    pae_sha256: str


def name_of(batch: OpenedBatch | SealedBatch) -> str:
    """Which member of an evidence file a batch is."""
    number = f"{batch.said.dev}/{batch.said.batch:08d}"
    return f"{FOLDER}{number}.json" if isinstance(batch, SealedBatch) else f"batches/{number}.ndjson"


def removed_in(
    files: Mapping[str, bytes], devices: Mapping[str, PublicKey], collector: Lineage
) -> tuple[dict[str, list[SealedBatch]], list[str]]:
    """The removed batches by device, and in words what was removed by which rule; raises Malformed naming the file."""
    found: dict[str, list[SealedBatch]] = {}
    for name in sorted(files):
        if name.startswith(FOLDER):
            try:
                batch = _sealed(files[name], devices)
                if name != name_of(batch):
                    raise Malformed("not the batch its name says")
            except Malformed as error:
                raise Malformed(f"{name}: {error}") from error
            found.setdefault(batch.said.dev, []).append(batch)
    words = _words(files, collector)
    number = sum(map(len, found.values()))
    if number and not words:
        raise Malformed(
            f"{number} batches are without their measurements, and the collector does not say that it removed them"
        )
    return found, [f"the measurements of {number} batches were removed ({', '.join(words)})"] if number else []


def _sealed(line: bytes, devices: Mapping[str, PublicKey]) -> SealedBatch:
    envelope = read_envelope(line.removesuffix(b"\n"))
    key = devices.get(envelope.key_id)
    if key is None:
        raise Malformed("signed by a key that is not enrolled here")
    said = read_batch_statement(statement.read_statement(envelope.verified_by(key), Kind.BATCH))
    if said.dev != key.key_id:
        raise Malformed("dev is not the id of the key that signed")
    return SealedBatch(said, envelope.pae_sha256)


def _words(files: Mapping[str, bytes], collector: Lineage) -> list[str]:
    """By which rules the collector says that it removed batches, each once."""
    found = set()
    for name in sorted(files):
        if name.startswith(WORDS):
            try:
                envelope = read_envelope(files[name].removesuffix(b"\n"))
                payload = envelope.verified_by(collector.of(envelope.key_id))
                told = statement.read_statement(payload, Kind.TOMBSTONE).predicate
                on = datetime.fromtimestamp(statement.integer(told, "at_us") // 1_000_000, UTC)
                found.add(f"on {on:%Y-%m-%d} by the rule of {statement.integer(told, 'days', 1)} days")
            except Malformed as error:
                raise Malformed(f"{name}: {error}") from error
    return sorted(found)
