"""What the steps of checking an evidence file have established so far, and how one fails."""

from dataclasses import dataclass, field

from collector.evidence.logged import Logged, Trust
from collector.evidence.removed import SealedBatch
from shared.batch import OpenedBatch
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.rotation import Whose
from shared.statement import Statement
from shared.strictjson import JsonObject

Files = dict[str, bytes]


class StepFailed(Exception):
    """A step does not hold; `file` names the member at fault, if it is one."""

    def __init__(self, why: str, file: str = "") -> None:
        super().__init__(f"{file}: {why}" if file else why)


@dataclass(slots=True)
class Found:
    """What the steps so far have established."""

    files: Files
    trust: Trust
    kept: Files | None = None
    manifest: JsonObject = field(default_factory=dict)
    verdict: Statement | None = None
    collector: PublicKey | None = None
    portal: PublicKey | None = None
    lines: dict[Whose, Lineage] = field(default_factory=dict)  # the keys of collector, portal and peer, with older ones
    devices: dict[str, PublicKey] = field(default_factory=dict)
    batches: dict[str, list[OpenedBatch]] = field(default_factory=dict)
    removed: dict[str, list[SealedBatch]] = field(default_factory=dict)
    enrolled_us: dict[str, int] = field(default_factory=dict)  # by device
    first_key: dict[str, str] = field(default_factory=dict)  # of the device, by each of its keys
    keys: dict[str, list[str]] = field(default_factory=dict)  # of each device by its first one, in their order
    key_classes: list[str] = field(default_factory=list)
    revoked: dict[str, str] = field(default_factory=dict)  # the device that a file revokes
    contested_us: dict[str, int] = field(default_factory=dict)  # since when a device may have been in other hands
    received_us: dict[str, int] = field(default_factory=dict)  # by SHA-256(PAE) of the batch, by its receipt
    limited: frozenset[tuple[str, int]] = frozenset()  # records whose peer saw a slow reader, by device and number
    stamped: dict[str, int] = field(default_factory=dict)  # by when a file's signature was there (unix µs)
    logged: Logged | None = None
    marks: list[tuple[int, int]] = field(default_factory=list)  # how large the log was when (unix µs), by whomever

    def line(self, whose: Whose) -> Lineage:
        """The keys of one server, once a step has established them; raises StepFailed."""
        if whose not in self.lines:
            raise StepFailed(f"no {whose}'s key")
        return self.lines[whose]

    def named(self, folder: str) -> list[str]:
        """The members of a folder, in order."""
        return sorted(name for name in self.files if name.startswith(folder + "/"))

    def is_contested(self, batch: OpenedBatch | SealedBatch) -> bool:
        """Whether a batch came when its device's key may have been in other hands."""
        since_us = self.contested_us.get(self.first_key[batch.said.dev])
        return since_us is not None and self.received_us[batch.pae_sha256] >= since_us

    def chains(self) -> dict[str, list[OpenedBatch | SealedBatch]]:
        """All batches by device, in the order of their numbers, those without their records too."""
        return {
            dev: sorted([*self.batches.get(dev, []), *self.removed.get(dev, [])], key=_number)
            for dev in sorted({*self.batches, *self.removed})
        }


def _number(batch: OpenedBatch | SealedBatch) -> int:
    return batch.said.batch


def member(found: Found, name: str) -> bytes:
    """A member of the zip that must be there; raises StepFailed."""
    if name not in found.files:
        raise StepFailed("not there", name)
    return found.files[name]
