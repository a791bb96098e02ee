"""From bytes to `Verified`: the one door into the ledger for batches.

The checks are those of FORMAT.md, in its order; the first that fails answers.

     1     size and media type            the HTTP edge
     2-8   form, key, signature, digest   `shared.batch.open_batch`, here, with `key_of` for step 3
     10    the beacon                     here: if it is of one of the witnesses that the collector asks, it must be his; one of
                                          another witness, or none, proves no lower time bound and is taken
     9     a repeat                       `ledger.chains`, at the moment of writing: what must be remembered of a chain
     11-13  the chain                     is known to the one who writes and to nobody else
     14    store and receipt              the caller

Pure. Only `verify` makes a `Verified`, and only of a `Verified` can a batch's entry be made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from collector import quickjson
from collector.ledger.frame import Draft, EntryKind, Link
from collector.log.signed import Signed
from shared.batch import OpenedBatch, open_batch
from shared.beacon import Beacon, read_beacon
from shared.errors import BadBeacon, Malformed, Refused
from shared.keys import PublicKey
from shared.note import NoteKey
from shared.strictjson import JsonObject


@dataclass(frozen=True, slots=True)
class Verified:
    """A batch that passed every check but those of its chain, which its entry carries as a condition."""

    opened: OpenedBatch
    spki: bytes  # the key that signed it
    since_s: int | None = None  # not before that (unix s) was it sealed: a witness that we ask says so

    @property
    def signed(self) -> Signed:
        """What of it goes into the log."""
        return Signed(self.opened.pae_sha256, self.opened.envelope.signature, self.spki)

    def entry(self, receipt: bytes) -> Draft:
        """The entry it is kept as, with the receipt that is given for it."""
        opened, said = self.opened, self.opened.said
        meta: JsonObject = {
            "batch": said.batch,
            "dev": said.dev,
            "head": opened.pae_sha256,
            "last_seq": said.last_seq,
            "receipt": quickjson.decode(receipt),
        }
        if self.since_s is not None:
            meta["since_s"] = self.since_s
        link = Link(said.dev, said.batch, said.prev, said.first_seq, said.last_seq, opened.pae_sha256)
        return Draft(EntryKind.BATCH, meta, opened.body, link, signed=self.signed)

    def kept_aside(self, refusal: Refused, *, freezes: bool) -> Draft:
        """The entry it is kept as if its chain refused it: evidence against its key."""
        said = self.opened.said
        meta: JsonObject = {"batch": said.batch, "dev": said.dev, "error": refusal.error, "freeze": freezes}
        return Draft(EntryKind.REFUSED, meta, self.opened.body, signed=self.signed)


@lru_cache(maxsize=4096)
def _check_beacon(beacon: Beacon, witness: NoteKey) -> None:
    """Many devices name the same one."""
    beacon.check(witness)


def _since_s(opened: OpenedBatch, witnesses: Sequence[NoteKey]) -> int | None:
    """Step 10: the time of a beacon that is one of these witnesses'; raises BadBeacon."""
    if "beacon" not in opened.said.predicate:
        return None
    try:
        beacon = replace(read_beacon(opened.said.predicate["beacon"]), mono_us=None)
        witness = beacon.witness_in(witnesses)
        if witness is None:
            return None
        _check_beacon(beacon, witness)
        return beacon.t_s
    except Malformed as error:
        raise BadBeacon(10, str(error)) from error


def verify(body: bytes, key_of: Callable[[str], PublicKey], witnesses: Sequence[NoteKey] = ()) -> Verified:
    """Check a batch by itself; raises the Refused of the first step that fails, or what `key_of` raises."""
    keys: list[PublicKey] = []

    def used(dev: str) -> PublicKey:
        keys.append(key_of(dev))
        return keys[-1]

    opened = open_batch(body, used, quickjson.decode, quickjson.records_in)
    return Verified(opened, keys[0].spki, _since_s(opened, witnesses))
