"""Whether starts were where the schedule drew them: recomputed of each scheduled record; needs nothing but `shared`.

    manifest.json       `plans`: for each device `slot_s` and `guard_s`
    log/windows.ndjson  for each UTC day with batches {"day", "note"}: the first checkpoint that a quorum cosigned on that day

A record that says `drawn` `beacon` started its slot at a moment that follows from one of those cosignatures (FORMAT.md, section
6), which nobody knew before that day began. Of `older` and of a seed that is told, and not recomputed: it was drawn too, but
from what was known for longer, or by the device alone. What is found is told, and fails nothing: a device that does not keep
to the moments that were drawn may be slow, or choose.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared import statement, strictjson
from shared.batch import OpenedBatch
from shared.checkpoint import open_checkpoint
from shared.errors import Malformed
from shared.note import NoteKey
from shared.record import End, Record
from shared.slots import SlotPlan, schedule_key
from shared.strictjson import JsonObject

WINDOWS: Final = "log/windows.ndjson"
PLANS: Final = "plans"
DAY_S: Final = 86_400
_SOON_US: Final = 60_000_000  # a device may come so late to a moment
_EARLY_US: Final = 1_000_000
Keys = Mapping[int, Sequence[bytes]]  # of each UTC day, one for each witness


@dataclass(frozen=True, slots=True)
class Window:
    """The first cosigned checkpoint of a UTC day."""

    day: int
    note: bytes

    @property
    def line(self) -> bytes:
        """Its line in WINDOWS."""
        return strictjson.encode({"day": self.day, "note": self.note.decode()}) + b"\n"


def keys_in(files: Mapping[str, bytes], log: NoteKey, witnesses: Sequence[NoteKey]) -> Keys:
    """What the starts of each day were drawn from; raises Malformed naming the line that is no cosigned checkpoint of its day."""
    keys: dict[int, list[bytes]] = {}
    for number, line in enumerate(files.get(WINDOWS, b"").split(b"\n")[:-1]):
        try:
            told = strictjson.decode(line)
            day, found = statement.integer(told, "day"), open_checkpoint(_note(told), log, witnesses)
            keys[day] = [
                schedule_key(signature.blob)
                for witness in witnesses
                for signature in found.note.signatures
                if witness.is_of(signature)
                and found.cosigned_s.get(witness.name, -1) // DAY_S == day  # -1: signed, no time
            ]
        except Malformed as error:
            raise Malformed(f"{WINDOWS}: line {number + 1}: {error}") from error
    return keys


def _note(told: JsonObject) -> bytes:
    return statement.text(told, "note").encode()


def plans_in(manifest: JsonObject) -> Mapping[str, SlotPlan]:
    """How long the slots of each device are; raises Malformed."""
    told = manifest.get(PLANS, {})
    if not isinstance(told, dict):
        raise Malformed("the manifest's plans are no table")
    plans: dict[str, SlotPlan] = {}
    for dev, plan in told.items():
        if not isinstance(plan, dict):
            raise Malformed(f"the manifest's plan of {dev} is no table")
        try:
            plans[dev] = SlotPlan(statement.integer(plan, "slot_s", 1), statement.integer(plan, "guard_s"))
        except ValueError as error:
            raise Malformed(f"the manifest's plan of {dev}: {error}") from error
    return plans


def starts(chains: Mapping[str, Sequence[OpenedBatch]], plans: Mapping[str, SlotPlan], keys: Keys) -> str:
    """How many slots began at the moment drawn for them, in words; `chains` by device: its first key, by which it is drawn."""
    found: Counter[str] = Counter()
    for device, chain in chains.items():
        seen: set[int] = set()
        for record in (record for batch in chain for record in batch.records):
            slot = record.integer("slot")
            if slot is None or slot in seen or record.end is End.NOT_STARTED:
                continue
            seen.add(slot)
            found[_of(record, slot, device, plans.get(device), keys)] += 1
    return ", ".join(f"{n} {words}" for words, n in sorted(found.items())) or "no slot was begun"


def _of(record: Record, slot: int, dev: str, plan: SlotPlan | None, keys: Keys) -> str:
    """Where the first test of a slot began."""
    wall_us, drawn = record.integer("wall_us"), record.text("drawn")
    if drawn != "beacon":
        return "slots drawn from an older checkpoint" if drawn == "older" else "slots drawn by the device alone"
    of_day = () if plan is None else keys.get(slot * plan.slot_s // DAY_S, ())
    if plan is None or not of_day or wall_us is None:
        return "slots whose draw cannot be made again here"
    late_us = (wall_us - plan.start_us(key, dev, slot) for key in of_day)
    at_moment = any(-_EARLY_US <= one <= _SOON_US for one in late_us)
    return "slots begun at the moment drawn for them" if at_moment else "slots begun at another moment than was drawn"
