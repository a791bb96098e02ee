"""A device's keys over time in an evidence file: which took whose place, which was revoked; needs nothing but `shared`.

    rotations/<new key>.json    rotate/v1 by the old key and the new one (shared/rotation.py)
    revocations/<entry>.json    revoke/v1 by the portal (shared/revocation.py)

A device is called by its first key, the one that was enrolled. Which of its batches came before what is told by the order of the
log (step `log`); what came since a key may have been in other hands is contested: shown, and counted in words.
"""

from collections import Counter

from collector.evidence.found import Found, StepFailed
from shared.dsse import read_envelope
from shared.revocation import read_revocation
from shared.rotation import Whose, read_rotation

ROTATIONS, REVOCATIONS = "rotations", "revocations"


def follow_keys(found: Found) -> str:
    """The keys that took others' places and those that were revoked, in words; raises StepFailed or Malformed."""
    enrolled = list(found.devices)
    by_old: dict[str, str] = {}
    for name in found.named(ROTATIONS):
        old = read_envelope(found.files[name].removesuffix(b"\n")).key_id
        if old in by_old:
            raise StepFailed(f"a second key takes the place of {old[:16]}…, as in {by_old[old]}", name)
        by_old[old] = name
    for first in enrolled:
        dev = found.first_key[first] = first
        keys = found.keys[first] = [first]
        while dev in by_old:
            name = by_old.pop(dev)
            rotation = read_rotation(found.files[name].removesuffix(b"\n"), Whose.DEVICE, found.devices[dev])
            dev = rotation.new.key_id
            if name != f"{ROTATIONS}/{dev}.json":
                raise StepFailed("not the key its name says", name)
            if dev in found.devices:
                raise StepFailed("a key takes another's place that is known already", name)
            found.devices[dev], found.first_key[dev] = rotation.new, first
            keys.append(dev)
            found.key_classes.append(rotation.key_class)
    for name in by_old.values():
        raise StepFailed("signed by a key that is not enrolled here", name)
    return "; ".join([*_replaced(found, len(enrolled)), *_revoked(found)])


def _replaced(found: Found, enrolled: int) -> list[str]:
    classes = ", ".join(f"{number} × {name}" for name, number in sorted(Counter(found.key_classes).items()))
    number = len(found.devices) - enrolled
    taken = [f"{number} keys took another's place"] if number else []
    return [f"{enrolled} devices", *taken, *([f"keys kept in: {classes}"] if classes else [])]


def _revoked(found: Found) -> list[str]:
    words = []
    for name in found.named(REVOCATIONS):
        line = found.files[name].removesuffix(b"\n")
        revocation = read_revocation(line, found.lines[Whose.PORTAL].of(read_envelope(line).key_id))
        first = found.first_key.get(revocation.dev)
        if first is None:
            raise StepFailed("it revokes a key that is not enrolled here", name)
        found.revoked[name] = first
        words.append(f"{first[:8]} was revoked (“{revocation.reason}”)")
        if revocation.since_us is not None:
            found.contested_us[first] = min(revocation.since_us, found.contested_us.get(first, revocation.since_us))
    return words


def in_turn(found: Found) -> None:
    """See that no key signs a batch behind one of the key that took its place; raises StepFailed."""
    for first, batches in found.chains().items():
        before, places = 0, {key: place for place, key in enumerate(found.keys[first])}
        for batch in batches:
            place = places[batch.said.dev]
            if place < before:
                raise StepFailed(
                    f"batch {batch.said.batch} is signed by {batch.said.dev[:16]}…, whose place another had taken"
                )
            before = place


def contested(found: Found) -> str:
    """What came since its device's key may have been in other hands, in words; empty if nothing did."""
    doubted = [batch for batches in found.chains().values() for batch in batches if found.is_contested(batch)]
    records = sum(batch.said.n for batch in doubted)
    return f"{records} records in {len(doubted)} batches are contested" if doubted else ""
