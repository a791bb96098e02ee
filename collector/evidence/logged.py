"""That what is in an evidence file is in the collector's public log; needs nothing but `shared`.

    log/checkpoint       a signed note: the log's size and root when the file was made
    log/proofs.ndjson    for each file that is a leaf: {"hashes", "index", "of"}, the proof that it is in that tree (base64)

Leaves are made anew of the files, so a file that was changed after it was logged has none. Files that were kept before there was
a log, or by another collector, have no line; how many is said. Whose log it is the reader knows from elsewhere (a vkey).
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from collector.evidence.history import NO_LINES, Lines, check_order, is_statement
from collector.evidence.pastlogs import is_next, leads_to, next_file, past_logs, proofs_file
from collector.evidence.removed import SealedBatch, name_of
from shared import statement, strictjson
from shared.batch import OpenedBatch
from shared.checkpoint import Checkpoint, Witnessed, open_checkpoint
from shared.dsse import Envelope, b64, b64_exact, read_envelope
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.leaf import leaf_of
from shared.nextlog import NextLog
from shared.note import NoteKey
from shared.strictjson import JsonObject
from shared.tree import WrongProof, check_inclusion, leaf_hash

CHECKPOINT: Final = "log/checkpoint"
PROOFS: Final = "log/proofs.ndjson"
VKEY: Final = "log/vkey"
BUNDLES: Final = "bundles/"
WRONG: Final = "log/wrong.txt"  # instead of these three: why the collector does not give out its log
FOLDERS: Final = (  # whose files are leaves
    "batches", "complaints", "enrolments", "refused", "removed", "revocations", "rotations", "transfers",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trust:
    """What the reader knows from elsewhere.

    The collector's key (id), its log's (vkey), witnesses' (vkeys) and how many of these, authorities for time-stamps (PEM).
    """

    collector: str | None = None
    vkey: str | None = None
    witnesses: tuple[str, ...] = ()
    quorum: int = 1
    tsa_roots: bytes | None = None


NO_TRUST: Final = Trust()


@dataclass(frozen=True, slots=True)
class Logged:
    """What is in the log, in words; the places of files that are leaves (below 0: in logs before it); the tree's checkpoint.

    `bundled`: of the batches that have a bundle in the file, where they are in that tree.
    """

    words: str
    leaves: Mapping[str, int] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    bundled: Mapping[str, "Place"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is in the log."""

    of: str
    index: int
    hashes: tuple[bytes, ...]

    @property
    def line(self) -> bytes:
        """Its line in PROOFS."""
        return (
            strictjson.encode({"hashes": [b64(one) for one in self.hashes], "index": self.index, "of": self.of}) + b"\n"
        )


def is_leaf(name: str) -> bool:
    """Whether a member of an evidence file is a leaf of the log."""
    return name.partition("/")[0] in FOLDERS or is_statement(name) or is_next(name)


def bundle_of(name: str) -> str:
    """Where the bundle of a batch stands: `batches/<dev>/<number>.ndjson`."""
    return f"{BUNDLES}{name.removeprefix('batches/').removesuffix('.ndjson')}.sigstore.json"


def log_key_of(files: Mapping[str, bytes], trust: Trust) -> NoteKey | None:
    """The log's key as the file has it, which is the one that the reader was told, or follows it; raises Malformed."""
    if VKEY not in files:
        return None if trust.vkey is None else NoteKey.from_vkey(trust.vkey)
    shown = NoteKey.from_vkey(files[VKEY].decode("utf-8", "replace"))
    if trust.vkey is not None:
        leads_to(files, NoteKey.from_vkey(trust.vkey), shown)
    return shown


def logged(
    files: Mapping[str, bytes],
    keys: Mapping[str, PublicKey],
    trust: Trust,
    chains: Mapping[str, Sequence[OpenedBatch | SealedBatch]],
    keys_in_turn: Mapping[str, Sequence[str]],
    revoked: Mapping[str, str],
    lines: Lines = NO_LINES,
) -> Logged:
    """What is in the log, once every proof was checked; raises Malformed naming the file.

    `keys` are those of devices, by id, `lines` those of collector, portal and peer; `trust` is what the reader got from
    elsewhere; `chains` has each device's batches in their order, which is that of their places, behind the enrolment.
    `keys_in_turn` has its keys: where one took another's place stands between the batches of the two. `revoked`: by file the
    device that it revokes, none of whose batches may come behind it.
    """
    if WRONG in files:
        raise Malformed(f"{WRONG}: the collector itself says that its log contradicts its ledger")
    if CHECKPOINT not in files:
        if trust.vkey is not None or trust.witnesses:
            raise Malformed("no checkpoint is in this file, so nothing of it is in the log that you were told of")
        return Logged("the collector had no log when this was made")
    key = log_key_of(files, trust)
    if key is None:
        raise Malformed(f"{VKEY}: the key of the log is not here")
    found = open_checkpoint(files[CHECKPOINT], key, [NoteKey.from_vkey(one) for one in trust.witnesses])
    checkpoint = found.checkpoint
    servers = {key_id: key for line in lines.values() for key_id, key in line.by_id.items()}
    over = past_logs(files, key)
    before_newest = sum(one.checkpoint.size for one in over)
    opened = {
        name_of(batch): batch.envelope
        for batches in chains.values()
        for batch in batches
        if isinstance(batch, OpenedBatch)
    }
    bundled: dict[str, Place] = {}
    indices = _indices(files, {**keys, **servers}, over, checkpoint, opened, bundled)
    check_order(files, lines, indices, _signed_by_servers(files, chains))
    last: dict[str, tuple[int, str]] = {}
    for dev in keys_in_turn:
        before = indices.get(f"enrolments/{dev}.json", -1)
        for name in _in_turn(keys_in_turn[dev], chains.get(dev, ())):
            at = indices.get(name, before)
            if at < before:
                raise Malformed(f"{name}: in the log before what it follows")
            before, last[dev] = at, (at, name)
    for name, dev in revoked.items():
        at, batch = last.get(dev, (-1, ""))
        if indices.get(name, at) < at:
            raise Malformed(f"{batch}: in the log behind {name}, by which its key was revoked")
    known = _known(files, trust, key)
    witnessed = _witnessed(found, trust)
    without = sum(map(is_leaf, files)) - len(indices)
    earlier = sum(at < before_newest for at in indices.values())
    more = f"; {without} files are not in it" if without else ""
    more += f"; {earlier} leaves in {len(over)} logs before it" if over else ""
    words = f"{len(indices) - earlier} leaves of {checkpoint.size} in {checkpoint.origin} ({known}){witnessed}{more}"
    return Logged(words, {name: at - before_newest for name, at in indices.items()}, checkpoint, bundled)


def _signed_by_servers(
    files: Mapping[str, bytes], chains: Mapping[str, Sequence[OpenedBatch | SealedBatch]]
) -> dict[str, str]:
    """What collector and portal have signed, and which file says where in the log that was: a receipt is of its batch."""
    found = {name: name for name in files if name.startswith(("enrolments/", "revocations/"))}
    for batch in (batch for batches in chains.values() for batch in batches):
        name = f"receipts/{batch.said.dev}/{batch.said.batch:08d}.json"
        if name in files:
            found[name] = name_of(batch)
    return found


def _in_turn(keys: Sequence[str], batches: Sequence[OpenedBatch | SealedBatch]) -> Iterator[str]:
    """The files of a device with these keys in the order in which they must be in the log."""
    by_key: dict[str, list[str]] = {}
    for batch in batches:
        by_key.setdefault(batch.said.dev, []).append(name_of(batch))
    for place, key in enumerate(keys):
        if place:
            yield f"rotations/{key}.json"
        yield from by_key.get(key, ())


def _known(files: Mapping[str, bytes], trust: Trust, key: NoteKey) -> str:
    """Whether this is the log that the reader was told, in words."""
    if trust.vkey is None:
        return "compare its key with what you were told elsewhere"
    number = leads_to(files, NoteKey.from_vkey(trust.vkey), key)
    return f"it follows the log that you were told, number {number} since" if number else "as you were told"


def _witnessed(found: Witnessed, trust: Trust) -> str:
    """What the witnesses say whom the reader trusts; raises Malformed if too few have cosigned."""
    if not trust.witnesses:
        return "; no witness was asked for"
    time_s = found.by_quorum_s(trust.quorum)
    if time_s is None:
        raise Malformed(
            f"{CHECKPOINT}: {len(found.cosigned_s)} of the witnesses you trust have cosigned it, {trust.quorum} are needed"
        )
    when = datetime.fromtimestamp(time_s, UTC)
    return f"; {', '.join(sorted(found.cosigned_s))} had seen it by {when:%Y-%m-%d %H:%M:%S} UTC"


def _indices(
    files: Mapping[str, bytes],
    keys: Mapping[str, PublicKey],
    over: Sequence[NextLog],
    checkpoint: Checkpoint,
    opened: Mapping[str, Envelope],
    bundled: MutableMapping[str, "Place"],
) -> dict[str, int]:
    """The place of each file that has a proof: as if the leaves of all logs, oldest first, were one row.

    `opened`: the envelopes of files that were read before. Into `bundled` go the places in the newest log of those with a bundle.
    """
    indices: dict[str, int] = {}
    before = 0
    for tree, proofs in (*((one.checkpoint, proofs_file(one.old.name)) for one in over), (checkpoint, PROOFS)):
        for place in _places(files.get(proofs, b"")):
            if place.of in indices or not is_leaf(place.of) or place.of not in files:
                raise Malformed(f"{place.of}: a proof for a file that is not here, is no leaf, or has another")
            if is_next(place.of) and place.index:
                raise Malformed(f"{place.of}: not the first leaf of the log that it names")
            _check(place, files[place.of], keys, tree, opened.get(place.of))
            indices[place.of] = before + place.index
            if tree is checkpoint and bundle_of(place.of) in files:
                bundled[place.of] = place
        before += tree.size
    if len(set(indices.values())) != len(indices):
        raise Malformed("two files have one place in the log")
    for one in over:
        if next_file(one.old.name) not in indices:
            raise Malformed(f"{next_file(one.old.name)}: not in the log that it names")
    return indices


def places_in(files: Mapping[str, bytes]) -> dict[str, Place]:
    """The place of each file that has a proof, as it is said; raises Malformed."""
    return {place.of: place for place in _places(files.get(PROOFS, b""))}


def _check(
    place: Place, data: bytes, keys: Mapping[str, PublicKey], checkpoint: Checkpoint, opened: Envelope | None
) -> None:
    try:
        envelope = opened or _envelope(data)
        key = keys.get(envelope.key_id)
        if key is None:
            raise Malformed("signed by a key that is not here")
        leaf = leaf_hash(leaf_of(envelope.pae_sha256, envelope.signature, key.spki))
        check_inclusion(leaf, place.index, checkpoint.size, place.hashes, checkpoint.root)
    except WrongProof as error:
        raise Malformed(f"{place.of}: not in the log where its proof says: {error}") from error
    except Malformed as error:
        raise Malformed(f"{place.of}: {error}") from error


def _envelope(data: bytes) -> Envelope:
    return read_envelope(data.partition(b"\n")[0])


def _places(data: bytes) -> Iterator[Place]:
    for line in data.split(b"\n")[:-1]:
        told: JsonObject = strictjson.decode(line)
        hashes = told.get("hashes")
        if not isinstance(hashes, list):
            raise Malformed(f"{PROOFS}: a line without hashes")
        yield Place(
            statement.text(told, "of"), statement.integer(told, "index"), tuple(b64_exact(one) for one in hashes)
        )
