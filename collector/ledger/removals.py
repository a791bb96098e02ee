"""What was removed from a ledger by rules of retention, looked at anew: tombstones, and the entries that say so."""

from dataclasses import dataclass, field
from pathlib import Path

from collector import quickjson
from collector.ledger.frame import Entry
from collector.ledger.names import RETAINING, tomb_file
from collector.ledger.seals import Seal
from collector.ledger.tombs import check_tomb, tomb_beside
from shared import statement
from shared.batch import BatchStatement, read_batch_statement
from shared.dsse import read_envelope
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.statement import Kind

_Named = tuple[str, str]  # the identity of a segment's seal, and the SHA-256 of its tombstone


@dataclass(slots=True)
class Removals:
    """The tombstones of a ledger beside what its `retention` entries say of them."""

    by_days: dict[int, int] = field(default_factory=dict)  # batches without their records, by the rule's days
    unfinished: list[str] = field(default_factory=list)  # segments whose removal was cut off: the next run finishes it
    _tombs: dict[str, _Named] = field(default_factory=dict)
    _named: dict[str, set[_Named]] = field(default_factory=dict)

    def tomb(self, path: Path, seal: Seal, collector: Lineage) -> bool:
        """Look at the tombstone of a segment, if it has one; whether it has. Raises LedgerDamaged naming it."""
        if path.with_suffix(RETAINING).exists():
            self.unfinished.append(path.name)
        tomb = tomb_beside(path, anew=True)
        if tomb is None:
            return False
        check_tomb(tomb, seal, collector)
        self._tombs[path.name] = tomb.seal, tomb.sha256
        self.by_days[tomb.rule.days] = self.by_days.get(tomb.rule.days, 0) + tomb.removed
        return True

    def entry(self, entry: Entry) -> None:
        """Take in a `retention` entry; raises Malformed."""
        told = quickjson.decode(entry.body[:-1])
        named = (statement.sha256_hex(told, "seal"), statement.sha256_hex(told, "tombstone"))
        self._named.setdefault(statement.text(told, "segment"), set()).add(named)

    def unnamed(self) -> list[str]:
        """The tombstones that no entry of the ledger names: records that were removed by no rule."""
        return [
            tomb_file(Path(name)).name
            for name, found in self._tombs.items()
            if found not in self._named.get(name, set())
        ]


def sealed_batch(entry: Entry, key: PublicKey) -> tuple[BatchStatement, str]:
    """What the device signed of a batch without its records, and its identity; raises Malformed (WrongSignature)."""
    envelope = read_envelope(entry.body[:-1], quickjson.decode)
    told = statement.statement_of(quickjson.decode(envelope.verified_by(key)), Kind.BATCH)
    return read_batch_statement(told), envelope.pae_sha256


def dev_of(entry: Entry) -> str:
    """Who says to have signed a batch without its records; raises Malformed."""
    return read_envelope(entry.body[:-1], quickjson.decode).key_id
