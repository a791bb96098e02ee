"""Making the evidence file: a case's verdict and everything it rests on, as a zip anyone can check offline.

What is in it, and what the checker makes of it, is written in `shared/FORMAT.md`, section 9. Bytes are taken from the
ledger as they were received; nothing signed is written anew. Equal cases at equal moments give equal bytes.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path

from collector.case import page_in_index
from collector.criteria import criterion_file
from collector.errors import Busy
from collector.evidence.dated import TIMES, WITNESSES, Mark
from collector.evidence.drawn import DAY_S, WINDOWS, Window
from collector.evidence.enclosed import enclosed_in
from collector.evidence.grades import FOLDER
from collector.evidence.history import history_files, statement_file
from collector.evidence.logged import CHECKPOINT, PROOFS, VKEY, WRONG, Place
from collector.evidence.logged import FOLDERS as LEAVES
from collector.evidence.past_members import Placing
from collector.evidence.peers_step import pulls_in
from collector.evidence.stamped import ROOTS, STAMPS, TOKENS, StampedTree, token_line
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.names import RETAINING
from collector.ledger.segments import read_at
from collector.ledger.tombs import tomb_beside
from collector.log.witness import Cosigned
from collector.overview import DayRow
from collector.services import Services
from collector.view import CaseView, RecordRow
from collector.web import verify_page
from shared import dsse, statement, strictjson
from shared.favour import Pull, compare
from shared.keys import PublicKey
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject
from shared.tree import consistency, inclusion

FORMAT = "speedproof-evidence/1"
NODES = 1 << 17  # of the log's tree, held while the proofs of one case are made: some 20 MB at most
PATIENCE_S = 10.0
OTHERS_PATIENCE_S = 5.0
MOST_STAMPS = 400  # of each kind, so that checking them takes half a second at most
DAY_US = 86_400_000_000
MOST_MARKS = 500  # so that checking them takes no tenth of a second
_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every member, so that equal evidence is equal bytes


@dataclass(frozen=True, slots=True)
class Collected:
    """All of one case at one moment: the evidence file's members, and what they say in the case's own terms."""

    members: dict[str, bytes]
    case: CaseView
    rows: list[RecordRow]
    days: tuple[DayRow, ...]


def make_evidence(services: Services, subscriber: str) -> bytes:
    """The zip of one subscriber's case; raises NotFound, and Busy if a removal was cut off that concerns it."""
    return zipped(collect(services, subscriber).members)


def collect(services: Services, subscriber: str) -> Collected:
    """What the zip holds, not packed yet; raises what `make_evidence` raises."""
    services.indexer.caught_up(services.ledger.newest_no())
    with services.retaining:  # nothing is removed while it is read
        return _collected(services, subscriber)


def _collected(services: Services, subscriber: str) -> Collected:
    with services.store.moment() as store:  # a batch between the two would be counted in neither or in one of them only
        case, rows, days = page_in_index(services, store, subscriber)
        places, devices = store.places(subscriber), store.devices(subscriber)
    tested_days = {row.at_us // DAY_US for row in rows if row.slot is not None}
    members: dict[str, bytes] = {
        "README.txt": (files("collector.evidence") / "README.txt").read_bytes(),
        verify_page.NAME: verify_page.PAGE,
        "keys/collector.pem": services.collector_key.public.to_pem(),
        "keys/portal.pem": services.portal_key.public.to_pem(),
    } | {f"{FOLDER}{key.key_id}.pem": key.to_pem() for key in services.peers.values()}
    members |= history_files(services.server_keys.lines)
    for verdict in case.verdicts:
        criterion = services.criteria[verdict.criterion]
        members[f"criteria/{criterion.id}.toml"] = criterion_file(services.config.criteria, criterion)
    salts: JsonObject = {}
    pulls: list[Pull] = []
    placing = Placing(services)
    _rotations(services, placing)
    trusted = {key.key_id for key in services.peers.values()}
    for place in places:
        entry = services.entry_at(place)
        if entry.kind is EntryKind.TRANSFER and PublicKey.from_spki(entry.signer).key_id not in trusted:
            continue  # whoever is not believed any more is not quoted either
        is_own = place.stream == services.config.stream
        made = _members(entry, f"{entry.no:08d}" if is_own else f"{place.stream}-{entry.no:08d}")
        members |= made
        for name in made if is_own else ():
            if name.partition("/")[0] in LEAVES:
                placing.add(entry, name)
        if entry.kind is EntryKind.BATCH:
            pulls += pulls_in(entry.body)
        if entry.gone:
            members |= _tombstone(services, place.stream, entry.segment)
        if entry.kind is EntryKind.ENROLMENT:
            salts[_dev(entry)] = statement.text(entry.meta, "salt")
    members |= _log(services, placing, tested_days)
    members |= enclosed_in(members, placing.newest, partial(_key_of, services), services.log_key.public)
    case = replace(case, peers=compare(pulls))
    members["case.json"] = json.dumps(asdict(case), indent=1, sort_keys=True).encode() + b"\n"
    plans: JsonObject = {one.dev: {"guard_s": plan.guard_s, "slot_s": plan.slot_s} for one, plan in devices}
    manifest = _manifest(case, members, {"plans": plans, "salts": salts})
    members["manifest.json"] = manifest
    members["manifest.dsse.json"] = _signed(services, case, manifest)
    return Collected(members, case, rows, days)


def _rotations(services: Services, placing: Placing) -> None:
    """Where the rotations of the server's keys are in the log."""
    folder = services.ledger.folder
    for whose, line in services.server_keys.lines.items():
        for key, _ in line.past:
            entered = services.registry.own.rotations[key.key_id]
            placing.add(read_at(folder, entered.segment, entered.offset), statement_file(whose, key))


def _log(services: Services, placing: Placing, days: Collection[int]) -> dict[str, bytes]:
    """The proofs that these files are in the log, all in one checkpoint; raises Busy if none is published that has them."""
    publisher, leaves = services.publisher, placing.newest
    if publisher.wrong is not None:  # what is here is evidence all the same, and says that it is in no log
        return {WRONG: publisher.wrong.encode() + b"\n"}
    last = max(leaves.values(), default=-1)
    published = publisher.holds(last, PATIENCE_S)
    if published is None:
        raise Busy("the log is not published up to here yet; try again in a moment")
    services.witnesses.wanted(last + 1, OTHERS_PATIENCE_S)
    newest = max((index for name, index in leaves.items() if name.startswith("batches/")), default=None)
    if newest is not None:  # so that it has a token, and all lie below one
        services.stamps.wanted((newest,), OTHERS_PATIENCE_S)
    size, note = published.checkpoint.size, published.note
    node = lru_cache(NODES)(publisher.files.node)  # neighbours' proofs are nearly the same
    cosigned = services.witnesses.newest
    if cosigned is not None and cosigned.size > last:
        size, note = cosigned.size, cosigned.note
    proofs = (Place(name, index, tuple(inclusion(node, index, size))).line for name, index in sorted(leaves.items()))
    vkey = services.log_key.public.vkey.encode() + b"\n"
    told = {CHECKPOINT: note, PROOFS: b"".join(proofs), VKEY: vkey, **placing.members()}
    return told | _stamps(services, leaves, size) | _times(services, leaves, days, size)


def _times(services: Services, leaves: Mapping[str, int], days: Collection[int], size: int) -> dict[str, bytes]:
    """What witnesses have cosigned when, as far as it dates these leaves and these days."""
    asked = b"".join(one.key.vkey.encode() + b"\n" for one in services.config.witness)
    if not asked:
        return {}
    marks, windows = _marks(services, leaves, size), _windows(services, days)
    return {
        TIMES: b"".join(mark.line for mark in marks),
        WINDOWS: b"".join(window.line for window in windows),
        WITNESSES: asked,
    }


def _stamps(services: Services, leaves: Mapping[str, int], size: int) -> dict[str, bytes]:
    """The time-stamps there are of these files, or of the log when it had them."""
    node, some = services.publisher.files.node, services.stamps.over(leaves.values(), MOST_STAMPS)
    trees = [StampedTree(one.note, tuple(consistency(node, *sorted((one.size, size)))), one.token) for one in some]
    newest = sorted(leaves.items(), key=lambda leaf: -leaf[1])
    tokens = [
        token_line(name, token) for name, index in newest if (token := services.stamps.of_leaf(index)) is not None
    ]
    told = {STAMPS: b"".join(tree.line for tree in trees), TOKENS: b"".join(sorted(tokens[:MOST_STAMPS]))}
    found = {name: data for name, data in told.items() if data}
    return found | ({ROOTS: services.stamps.roots_pem} if found else {})


def _windows(services: Services, days: Collection[int]) -> Iterator[Window]:
    """The first cosigned checkpoint of each of these UTC days that has one."""
    for day in sorted(days):
        first = services.witnesses.first_since(day * DAY_S)
        if first is not None and first.time_s // DAY_S == day:
            yield Window(day, first.note)


def _marks(services: Services, leaves: Mapping[str, int], size: int) -> Iterator[Mark]:
    """For each leaf the first cosigned checkpoint that has it, in the tree of `size`; of very many only some, later ones."""
    found: list[Cosigned] = []
    for index in sorted(leaves.values()):
        if found and index < found[-1].size:
            continue
        first = services.witnesses.first_with(index)
        if first is None or first.size > size:
            break
        found.append(first)
    step = -(-len(found) // MOST_MARKS)
    for mark in dict.fromkeys([*found[step - 1 :: step], found[-1]]) if found else ():
        yield Mark(mark.note, tuple(consistency(services.publisher.files.node, mark.size, size)))


def _key_of(services: Services, dev: str) -> PublicKey | None:
    """The key of a device of this id, if it is known here."""
    device = services.registry.devices.get(dev)
    return None if device is None else device.key


def _dev(entry: Entry) -> str:
    """The device an entry is about."""
    if entry.kind is EntryKind.ENROLMENT:
        payload = dsse.read_envelope(entry.body[:-1]).payload
        return statement.read_statement(payload, Kind.ENROL).subject_sha256
    return statement.sha256_hex(entry.meta, "dev")


def _members(entry: Entry, number: str) -> dict[str, bytes]:
    """The members of the zip that one ledger entry becomes; `number` tells it from those of all ledgers."""
    match entry.kind:
        case EntryKind.ENROLMENT:
            return {f"enrolments/{_dev(entry)}.json": entry.body}
        case EntryKind.BATCH:
            name = f"{_dev(entry)}/{statement.integer(entry.meta, 'batch'):08d}"
            receipt = entry.meta["receipt"]
            if entry.gone:
                return {f"removed/{name}.json": entry.body, f"receipts/{name}.json": strictjson.encode(receipt) + b"\n"}
            return {f"batches/{name}.ndjson": entry.body, f"receipts/{name}.json": strictjson.encode(receipt) + b"\n"}
        case EntryKind.ROTATION:
            return {f"rotations/{statement.text(entry.meta, 'new')}.json": entry.body}
        case EntryKind.REVOCATION:
            return {f"revocations/{number}.json": entry.body}
        case EntryKind.TRANSFER:
            return {f"transfers/{number}.json": entry.body}
        case EntryKind.COMPLAINT:
            return {f"complaints/{number}.json": entry.body}
        case EntryKind.REFUSED:
            return {f"refused/{number}.ndjson": entry.body}
        case EntryKind.IMPORT:
            return {f"imports/{number}.ndjson": entry.body}
        case _:
            return {}


def _tombstone(services: Services, stream: int, segment: str) -> dict[str, bytes]:
    """The collector's signed word on what it removed from a segment, when, and by which rule."""
    is_own = stream == services.config.stream
    path = (services.ledger.folder if is_own else Path(services.config.ledgers[stream])) / segment
    if path.with_suffix(RETAINING).exists():  # the index may still have what is not here
        raise Busy(f"the removal of records from {segment} was cut off; run `retain` again, which finishes it")
    tomb = tomb_beside(path)
    name = path.stem if is_own else f"{stream}-{path.stem}"
    return {} if tomb is None else {f"tombstones/{name}.json": tomb.line + b"\n"}


def _manifest(case: CaseView, members: Mapping[str, bytes], told: JsonObject) -> bytes:
    listed: JsonObject = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    own: JsonObject = {"as_of_us": case.as_of_us, "files": listed, "format": FORMAT, "subscriber": case.subscriber}
    return strictjson.encode(own | told) + b"\n"


def _signed(services: Services, case: CaseView, manifest: bytes) -> bytes:
    verdicts: list[strictjson.Json] = [
        {
            "criterion": verdict.criterion,
            "criterion_sha256": verdict.criterion_sha256,
            "provenance": verdict.provenance,
            "verdict": verdict.verdict,
            "version": verdict.version,
        }
        for verdict in case.verdicts
    ]
    predicate: JsonObject = {"as_of_us": case.as_of_us, "subscriber": case.subscriber, "verdicts": verdicts}
    told = Statement(Kind.VERDICT, "manifest.json", hashlib.sha256(manifest).hexdigest(), predicate)
    return dsse.seal(told.encode(), services.collector_key) + b"\n"


def zipped(members: Mapping[str, bytes]) -> bytes:
    """These members as a zip: the same for the same members, in the order of their names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _MOMENT)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, members[name])
    return out.getvalue()
