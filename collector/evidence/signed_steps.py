"""The first steps of checking an evidence file: what was signed, by whom, and that nothing of it is left out."""

import hashlib

from collector.evidence.found import Found, StepFailed, member
from collector.evidence.history import line_in
from collector.evidence.key_steps import contested, follow_keys, in_turn
from collector.evidence.removed import name_of, removed_in
from shared import chain, statement
from shared.batch import open_batch
from shared.complaint import read_complaint
from shared.dsse import b64_exact, read_envelope
from shared.enrolment import read_enrolment, subscriber_hash
from shared.errors import Refused, UnknownKey
from shared.keys import PublicKey
from shared.receipt import receipt_in
from shared.rotation import Whose
from shared.statement import Kind


def files(found: Found) -> str:
    """Every file is the one the manifest lists."""
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


def collector(found: Found) -> str:
    """The collector's key signed the manifest."""
    key = PublicKey.from_pem(member(found, "keys/collector.pem"))
    found.lines[Whose.COLLECTOR] = line = line_in(found.files, Whose.COLLECTOR, key)
    if found.trust.collector is not None and found.trust.collector not in line.by_id:
        raise StepFailed(f"signed by key {key.key_id}, not by the key you were told")
    signed = read_envelope(member(found, "manifest.dsse.json").removesuffix(b"\n"))
    told = statement.read_statement(signed.verified_by(key), Kind.VERDICT)
    if told.subject_sha256 != hashlib.sha256(found.files["manifest.json"]).hexdigest():
        raise StepFailed("the signature is for another manifest")
    found.collector, found.verdict = key, told
    known = "compare it with what you were told elsewhere"
    if found.trust.collector is not None:
        number = line.since(found.trust.collector)
        known = "as you were told" if not number else f"it follows the key that you were told, rotation {number} since"
    return f"key {key.key_id} ({known})"


def enrolments(found: Found) -> str:
    """The portal's key bound each device's key to this subscriber; other keys took its place, or it was revoked."""
    portal = PublicKey.from_pem(member(found, "keys/portal.pem"))
    found.lines[Whose.PORTAL] = line = line_in(found.files, Whose.PORTAL, portal)
    subscriber = statement.text(found.manifest, "subscriber")
    found.portal, salts = portal, found.manifest.get("salts")
    if not isinstance(salts, dict):
        raise StepFailed("the manifest holds no salts")
    for name in found.named("enrolments"):
        told = found.files[name].removesuffix(b"\n")
        enrolled = read_enrolment(told, line.of(read_envelope(told).key_id))
        salt = b64_exact(salts.get(enrolled.key.key_id))
        if subscriber_hash(salt, subscriber) != enrolled.sub:
            raise StepFailed("the device was enrolled for somebody else", name)
        found.devices[enrolled.key.key_id] = enrolled.key
        found.enrolled_us[enrolled.key.key_id] = enrolled.t_us
        found.key_classes.append(enrolled.key_class)
    return follow_keys(found)


def batches(found: Found) -> str:
    """form, signature, digest and counts of every batch."""

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
        found.batches.setdefault(found.first_key[opened.said.dev], []).append(opened)
        records += len(opened.records)
    for some in found.batches.values():
        some.sort(key=lambda one: one.said.batch)
    return f"{sum(map(len, found.batches.values()))} batches, {records} records"


def chains(found: Found) -> str:
    """Batches follow one another, none left out."""
    sealed, rules = removed_in(found.files, found.devices, found.line(Whose.COLLECTOR))
    for batch in (batch for some in sealed.values() for batch in some):
        found.removed.setdefault(found.first_key[batch.said.dev], []).append(batch)
    chains = found.chains()
    for chained in chains.values():
        head = chain.START
        for one in chained:
            head = chain.follow(head, one.said, one.pae_sha256)
    in_turn(found)
    lost = sum(batch.said.lost for batches in chains.values() for batch in batches)
    return "; ".join((f"{len(chains)} chains without a gap, {lost} records declared lost", *rules))


def receipts(found: Found) -> str:
    """Each batch has the collector's receipt."""
    names = set(found.named("receipts"))
    for opened in (batch for batches in found.chains().values() for batch in batches):
        name = f"receipts/{opened.said.dev}/{opened.said.batch:08d}.json"
        if name not in names:
            raise StepFailed("this batch has no receipt", name)
        envelope = read_envelope(found.files[name].removesuffix(b"\n"))
        key = found.line(Whose.COLLECTOR).of(envelope.key_id)
        found.received_us[opened.pae_sha256] = receipt_in(envelope, key, opened.pae_sha256).received_us
        names.discard(name)
    for name in sorted(names):
        raise StepFailed("a receipt for a batch that is not here", name)
    return "; ".join(filter(None, ["one for each batch", contested(found)]))


def complaints(found: Found) -> str:
    """Each complaint was signed by one of these devices."""
    names = found.named("complaints")
    for name in names:
        envelope = read_envelope(found.files[name].removesuffix(b"\n"))
        key = found.devices.get(envelope.key_id)
        if key is None:
            raise StepFailed("signed by a key that is not enrolled here", name)
        read_complaint(envelope, key)
    return f"{len(names)} complaints"
