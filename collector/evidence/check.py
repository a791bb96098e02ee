"""Checking an evidence file, step by step, with nothing but `shared`: no database, no network, no clock.

     1  format      a manifest of a known format
     2  files       every file is the one the manifest lists, and there is no other
     3  collector   the collector's key signed the manifest; it is the key you were told, if you were told one
     4  enrolments  the portal's key bound each device's key to this subscriber
     5  batches     every batch: form, signature, digest, counts (FORMAT.md, steps 2 to 8)
     6  chain       each device's batches follow one another from the first on, none left out; of those that the collector
                    has removed by its rule the device's envelope is here, and its signed word that it has
     7  receipts    each batch has the collector's receipt for these very bytes
     8  complaints  each complaint was signed by one of these devices
     9  counts      the numbers in the case are those of the signed records
    10  criteria    the rules in the file are those the signed verdict names, and the case shows that verdict
    11  counter-signatures  every record, graded anew by its peer's counter-signature, has the grade the case says
    12  log         batches, enrolments and complaints are in the collector's public log, in the order in which they must have
                    come there; it is the log you were told of, and witnesses you trust have seen it, if you were told of any
    13  kept        what the customer kept of receipts and proofs is of batches that are here, if it was given

Not checked, left to the reader: that the verdict follows from records and rule (the collector judges its own data again
with `speedproof-collector judge`), and that keys belong to whom they should. What a check cannot show stands in README.txt.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from collector.evidence.archive import NotEvidence
from collector.evidence.grades import peers_in, regrade, told_in
from collector.evidence.kept import compare_kept
from collector.evidence.logged import NO_TRUST, Trust, log_key_of, logged
from collector.evidence.removed import SealedBatch, name_of, removed_in
from collector.evidence.rules import rules_in
from shared import chain, statement, strictjson
from shared.batch import OpenedBatch, open_batch
from shared.complaint import read_complaint
from shared.dsse import b64_exact, read_envelope
from shared.enrolment import read_enrolment, subscriber_hash
from shared.errors import Malformed, Refused, UnknownKey
from shared.keys import PublicKey
from shared.receipt import read_receipt
from shared.record import UNCOUNTED, End
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject

FORMAT = "speedproof-evidence/1"
Files = dict[str, bytes]


class StepFailed(Exception):
    """A step does not hold; `file` names the member at fault, if it is one."""

    def __init__(self, why: str, file: str = "") -> None:
        super().__init__(f"{file}: {why}" if file else why)


@dataclass(frozen=True, slots=True)
class Step:
    """How one step went: its number, its name, what was found or why it failed."""

    no: int
    name: str
    holds: bool
    detail: str


@dataclass(slots=True)
class _Found:
    """What the steps so far have established."""

    files: Files
    trust: Trust
    kept: Files | None = None
    manifest: JsonObject = field(default_factory=dict)
    verdict: Statement | None = None
    collector: PublicKey | None = None
    portal: PublicKey | None = None
    devices: dict[str, PublicKey] = field(default_factory=dict)
    batches: dict[str, list[OpenedBatch]] = field(default_factory=dict)
    removed: dict[str, list[SealedBatch]] = field(default_factory=dict)

    def named(self, folder: str) -> list[str]:
        """The members of a folder, in order."""
        return sorted(name for name in self.files if name.startswith(folder + "/"))

    def chains(self) -> dict[str, list[OpenedBatch | SealedBatch]]:
        """All batches by device, in the order of their numbers, those without their records too."""
        return {
            dev: sorted([*self.batches.get(dev, []), *self.removed.get(dev, [])], key=_number)
            for dev in sorted({*self.batches, *self.removed})
        }


def _number(batch: OpenedBatch | SealedBatch) -> int:
    return batch.said.batch


def check_evidence(files: Files, trust: Trust = NO_TRUST, kept: Files | None = None) -> list[Step]:
    """All steps up to and with the first that fails; raises NotEvidence if there is no manifest to begin with.

    `trust` is what the reader got from elsewhere, `kept` what the customer exported from his device.
    """
    found = _Found(files, trust, kept)
    _format(found)
    steps = [Step(1, "format", holds=True, detail=FORMAT)]
    for no, (name, step) in enumerate(_STEPS, start=2):
        try:
            steps.append(Step(no, name, holds=True, detail=step(found)))
        except (StepFailed, Malformed, Refused) as error:
            steps.append(Step(no, name, holds=False, detail=str(error)))
            break
    return steps


def _format(found: _Found) -> None:
    try:
        found.manifest = strictjson.decode(found.files["manifest.json"].removesuffix(b"\n"))
    except (KeyError, Malformed) as error:
        raise NotEvidence(f"no readable manifest.json: {error}") from error
    if found.manifest.get("format") != FORMAT:
        raise NotEvidence(f"the format is {found.manifest.get('format')!r}, this checker knows {FORMAT}")


def _files(found: _Found) -> str:
    listed = found.manifest.get("files")
    if not isinstance(listed, dict):
        raise StepFailed("the manifest lists no files")
    names = set(found.files) - {"manifest.json", "manifest.dsse.json"}
    for name in sorted(names ^ set(listed)):
        raise StepFailed("not in the manifest" if name in names else "listed, but not there", name)
    for name in sorted(names):
        if hashlib.sha256(found.files[name]).hexdigest() != listed[name]:
            raise StepFailed("not the file the manifest lists", name)
    return f"{len(names)} files"


def _collector(found: _Found) -> str:
    key = PublicKey.from_pem(_member(found, "keys/collector.pem"))
    if found.trust.collector is not None and key.key_id != found.trust.collector:
        raise StepFailed(f"signed by key {key.key_id}, not by the key you were told")
    signed = read_envelope(_member(found, "manifest.dsse.json").removesuffix(b"\n"))
    told = statement.read_statement(signed.verified_by(key), Kind.VERDICT)
    if told.subject_sha256 != hashlib.sha256(found.files["manifest.json"]).hexdigest():
        raise StepFailed("the signature is for another manifest")
    found.collector, found.verdict = key, told
    known = "as you were told" if found.trust.collector else "compare it with what you were told elsewhere"
    return f"key {key.key_id} ({known})"


def _enrolments(found: _Found) -> str:
    portal = PublicKey.from_pem(_member(found, "keys/portal.pem"))
    subscriber = statement.text(found.manifest, "subscriber")
    found.portal, salts = portal, found.manifest.get("salts")
    if not isinstance(salts, dict):
        raise StepFailed("the manifest holds no salts")
    for name in found.named("enrolments"):
        enrolled = read_enrolment(found.files[name].removesuffix(b"\n"), portal)
        salt = b64_exact(salts.get(enrolled.key.key_id))
        if subscriber_hash(salt, subscriber) != enrolled.sub:
            raise StepFailed("the device was enrolled for somebody else", name)
        found.devices[enrolled.key.key_id] = enrolled.key
    return f"{len(found.devices)} devices"


def _batches(found: _Found) -> str:
    def key_of(key_id: str) -> PublicKey:
        if key_id not in found.devices:
            raise UnknownKey(3, "signed by a key that is not enrolled here")
        return found.devices[key_id]

    records = 0
    for name in found.named("batches"):
        try:
            opened = open_batch(found.files[name], key_of)
        except Refused as error:
            raise StepFailed(str(error), name) from error
        if name != name_of(opened):
            raise StepFailed("not the batch its name says", name)
        found.batches.setdefault(opened.said.dev, []).append(opened)
        records += len(opened.records)
    return f"{sum(map(len, found.batches.values()))} batches, {records} records"


def _chain(found: _Found) -> str:
    found.removed, rules = removed_in(found.files, found.devices, found.collector)
    chains = found.chains()
    for batches in chains.values():
        head = chain.START
        for batch in batches:
            head = chain.follow(head, batch.said, batch.pae_sha256)
    lost = sum(batch.said.lost for batches in chains.values() for batch in batches)
    return "; ".join((f"{len(chains)} chains without a gap, {lost} records declared lost", *rules))


def _receipts(found: _Found) -> str:
    names = set(found.named("receipts"))
    for opened in (batch for batches in found.chains().values() for batch in batches):
        name = f"receipts/{opened.said.dev}/{opened.said.batch:08d}.json"
        if name not in names:
            raise StepFailed("this batch has no receipt", name)
        if found.collector is None:
            raise StepFailed("no collector's key")
        read_receipt(found.files[name].removesuffix(b"\n"), found.collector, opened.pae_sha256)
        names.discard(name)
    for name in sorted(names):
        raise StepFailed("a receipt for a batch that is not here", name)
    return "one for each batch"


def _complaints(found: _Found) -> str:
    names = found.named("complaints")
    for name in names:
        envelope = read_envelope(found.files[name].removesuffix(b"\n"))
        key = found.devices.get(envelope.key_id)
        if key is None:
            raise StepFailed("signed by a key that is not enrolled here", name)
        read_complaint(envelope, key)
    return f"{len(names)} complaints"


def _counts(found: _Found) -> str:
    every = [record for opened in found.batches.values() for batch in opened for record in batch.records]
    records = [record for record in every if record.method not in UNCOUNTED]
    counted = {end.value: sum(record.end is end for record in records) for end in End}
    try:
        told = json.loads(_member(found, "case.json"))["counts"]["signed"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StepFailed("case.json holds no counts of signed records") from error
    for end, number in counted.items():
        if not isinstance(told, dict) or told.get(end) != number:
            raise StepFailed(f"the case says another number of {end} than the {number} in the batches", "case.json")
    return ", ".join(f"{number} {end}" for end, number in counted.items())


def _criteria(found: _Found) -> str:
    return rules_in(found.files, found.verdict)


def _counter_signatures(found: _Found) -> str:
    peers = peers_in(found.files)
    graded = regrade(found.batches.values(), peers)
    told = told_in(_member(found, "case.json"))
    if told is not None and told != graded:
        raise StepFailed(f"the case says {told.in_words()}; found are {graded.in_words()}", "case.json")
    trusted = ", ".join(sorted(key.key_id for key in peers.values())) or "none"
    return f"{graded.in_words()}; peers' keys trusted by the collector: {trusted}"


def _log(found: _Found) -> str:
    keys = found.devices | ({found.portal.key_id: found.portal} if found.portal else {})
    return logged(found.files, keys, found.trust, found.chains())


def _kept(found: _Found) -> str:
    if found.kept is None:
        return "nothing was given that the customer kept"
    if found.collector is None:
        raise StepFailed("no collector's key")
    shown = {batch.pae_sha256 for batches in found.chains().values() for batch in batches}
    as_of_us = statement.integer(found.manifest, "as_of_us")
    log = log_key_of(found.files, found.trust)
    return compare_kept(found.kept, shown, found.devices, found.collector, log, as_of_us)


def _member(found: _Found, name: str) -> bytes:
    if name not in found.files:
        raise StepFailed("not there", name)
    return found.files[name]


_STEPS: tuple[tuple[str, Callable[[_Found], str]], ...] = (
    ("files", _files),
    ("collector", _collector),
    ("enrolments", _enrolments),
    ("batches", _batches),
    ("chain", _chain),
    ("receipts", _receipts),
    ("complaints", _complaints),
    ("counts", _counts),
    ("criteria", _criteria),
    ("counter-signatures", _counter_signatures),
    ("log", _log),
    ("kept", _kept),
)
