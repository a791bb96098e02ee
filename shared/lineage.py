"""The keys that one server has had, each followed by the next: said by both of them (`shared.rotation`). Pure.

    key → rotate/v1 by it → key → … → the key in use

Whoever was told one of these keys may believe those that follow it. What an older key signed stays what it was. The first
rotation of a key counts: where two are shown the key was copied, and neither successor is believed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from shared import strictjson
from shared.dsse import b64, b64_exact, read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.rotation import Rotation, Whose, read_rotation
from shared.strictjson import Json


class TwoSuccessors(Malformed):
    """A key that named two others to follow it."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Keys, oldest first; the envelope lines of the rotations between them. The last key is the one in use."""

    keys: tuple[PublicKey, ...]
    lines: tuple[bytes, ...] = ()

    @classmethod
    def alone(cls, key: PublicKey) -> Self:
        """A key that took nobody's place."""
        return cls((key,))

    @property
    def newest(self) -> PublicKey:
        """The key in use."""
        return self.keys[-1]

    @property
    def by_id(self) -> Mapping[str, PublicKey]:
        """All keys by their ids."""
        return {key.key_id: key for key in self.keys}

    def of(self, key_id: str) -> PublicKey:
        """The key with this id; raises Malformed if it is none of these."""
        found = self.by_id.get(key_id)
        if found is None:
            raise Malformed(
                f"signed with another key ({key_id[:16]}…), not with {self.newest.key_id[:16]}…{self._older}"
            )
        return found

    def since(self, key_id: str) -> int:
        """How many rotations lie between the key with this id and the one in use; raises Malformed if it is none of these."""
        return len(self.keys) - 1 - self.keys.index(self.of(key_id))

    @property
    def told(self) -> list[Json]:
        """For those who are to follow it, oldest first: {"rotation", "spki"}, the key that signed it (base64)."""
        return [{"rotation": strictjson.decode(line), "spki": b64(key.spki)} for key, line in self.past]

    @property
    def past(self) -> list[tuple[PublicKey, bytes]]:
        """Each older key with its rotation, oldest first."""
        return list(zip(self.keys[:-1], self.lines, strict=True))

    @property
    def _older(self) -> str:
        return f" or one of the {len(self.keys) - 1} before it" if self.lines else ""


def follow(first: PublicKey, lines: Iterable[bytes], whose: Whose) -> Lineage:
    """The keys from this one on, by the rotations among these envelope lines; others are passed over.

    Raises TwoSuccessors, and Malformed for a rotation of one of these keys that does not hold or leads back.
    """
    by_signer: dict[str, list[bytes]] = {}
    for line in lines:
        by_signer.setdefault(read_envelope(line).key_id, []).append(line)
    keys, used = [first], list[bytes]()
    while told := by_signer.pop(keys[-1].key_id, []):
        found: list[Rotation] = [read_rotation(line, whose, keys[-1]) for line in told]
        if len({one.new.key_id for one in found}) > 1:
            raise TwoSuccessors(
                f"two successors of the {whose}'s key {keys[-1].key_id[:16]}…: "
                + " and ".join(sorted(f"{one.new.key_id[:16]}…" for one in found))
            )
        if found[0].new in keys:
            raise Malformed(f"the rotations of the {whose}'s key {keys[-1].key_id[:16]}… lead back to it")
        keys.append(found[0].new)
        used.append(told[0])
    return Lineage(tuple(keys), tuple(used))


def lineage_of(newest: PublicKey, past: Sequence[tuple[PublicKey, bytes]], whose: Whose) -> Lineage:
    """The keys up to the one in use, of each older key and its rotation, in any order.

    Raises TwoSuccessors, and Malformed unless they lead from key to key to the newest, all of them.
    """
    lines = [line for _, line in past]
    for first in (newest, *(key for key, _ in past)):
        found = follow(first, lines, whose)
        if found.newest == newest and len(found.lines) == len(past):
            return found
    raise Malformed(f"the rotations of the {whose}'s keys do not lead to the one in use, {newest.key_id[:16]}…")


def read_told(told: object) -> list[tuple[PublicKey, bytes]]:
    """What `Lineage.told` made: keys and their rotations, nobody has checked them yet; raises Malformed."""
    found = []
    for one in told if isinstance(told, list) else [None]:
        match one:
            case {"rotation": dict(rotation), "spki": str(spki)}:
                found.append((PublicKey.from_spki(b64_exact(spki)), strictjson.encode(rotation)))
            case _:
                raise Malformed("a history of keys is a list of rotations, each with the key that signed it")
    return found
