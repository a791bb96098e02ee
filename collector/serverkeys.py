"""The keys a collector works with, and that its ledger knows of every rotation of them: each is a leaf of the log."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from collector.keyhistory import SERVERS, history, server_key
from collector.ledger.frame import Draft, EntryKind
from collector.log.signed import Signed
from collector.registry import Registry
from shared.dsse import read_envelope
from shared.keys import FileKey
from shared.lineage import Lineage
from shared.nextlog import NextLog
from shared.rotation import Whose


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """The private keys in use, and the line of keys that each is the last of."""

    collector: FileKey
    portal: FileKey
    lines: Mapping[Whose, Lineage]

    @classmethod
    def of_folder(cls, keys: Path) -> Self:
        """The keys of a folder, made first if there are none, rotations that were cut off finished. Raises NoKey."""
        found = {whose: server_key(keys, whose) for whose in SERVERS}
        lines = {whose: history(keys, whose, key.public) for whose, key in found.items()}
        return cls(found[Whose.COLLECTOR], found[Whose.PORTAL], lines)

    def enter(self, registry: Registry, keep: Callable[[Callable[[], Draft | None]], object]) -> None:
        """See that every rotation is in the ledger, before anything is signed with the newer key."""
        for whose, line in self.lines.items():
            for key, rotation in line.past:
                if key.key_id not in registry.own.rotations:
                    signed = Signed.of(rotation, key.spki)
                    draft = Draft(EntryKind.SERVER_KEY, {"whose": whose.value}, rotation + b"\n", signed=signed)
                    keep(lambda draft=draft: draft)  # type: ignore[misc]


def enter_logs(
    logs: Sequence[NextLog],
    collector: Lineage,
    registry: Registry,
    keep: Callable[[Callable[[], Draft | None]], object],
) -> None:
    """See that every log which followed another begins, in the ledger, with the statement that says so."""
    for one in logs[len(registry.own.logs) :]:
        signed = Signed.of(one.line, collector.of(read_envelope(one.line).key_id).spki)
        draft = Draft(EntryKind.NEXT_LOG, {"new": one.new.name, "old": one.old.name}, one.line + b"\n", signed=signed)
        keep(lambda draft=draft: draft)  # type: ignore[misc]
