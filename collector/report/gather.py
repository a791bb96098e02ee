"""What the report says beside the case: keys, the log as its witnesses saw it, and the files that go with it."""

import hashlib
import secrets
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from collector.errors import NoTimeStamp
from collector.evidence.bundle import Collected
from collector.evidence.grades import FOLDER as PEERS
from collector.evidence.logged import CHECKPOINT, PROOFS, WRONG
from collector.evidence.stamped import sigstore_bundle
from collector.log.tsa import Authority, NoStamp, ask_for
from collector.report.attached import AUTHORITY, BUNDLE, evidence_within, newest_batches
from collector.report.certificate import Identity
from collector.report.told import Attachment, Seen, Signing, Told
from collector.services import Services
from shared.bundle import read_bundle, write_bundle
from shared.checkpoint import open_checkpoint
from shared.dsse import b64, read_envelope
from shared.timestamp import NONCE_BYTES

_UNLISTED: Final = 2  # the manifest and its signature


def gather(services: Services, collected: Collected, identity: Identity, authority: Authority | None) -> Told:
    """All of it; raises NoTimeStamp."""
    members, wrong = collected.members, collected.members.get(WRONG)
    evidence, attached = evidence_within(members)
    attachments = [evidence, *_bundles(services, collected, authority)]
    if identity.authority is not None:
        pem = identity.authority.public_bytes(Encoding.PEM)
        attachments.append(Attachment(AUTHORITY, pem, "The collector’s certificate, which issued the report’s."))
    return Told(
        manifest_sha256=hashlib.sha256(members["manifest.json"]).hexdigest(),
        collector=services.collector_key.public.key_id,
        portal=services.portal_key.public.key_id,
        peers=tuple(sorted(one.removeprefix(PEERS).removesuffix(".pem") for one in members if one.startswith(PEERS))),
        seen=_seen(services, members[CHECKPOINT]) if CHECKPOINT in members else None,
        log_wrong=None if wrong is None else wrong.decode().strip(),
        signing=Signing(
            identity.sha256,
            identity.certificate.issuer.rfc4514_string(),
            identity.authority is not None,
            None if authority is None else authority.url,
        ),
        attachments=tuple(attachments),
        listed=len(members) - _UNLISTED,
        attached=attached,
        criteria=tuple((one.criterion, services.criteria[one.criterion].title) for one in collected.case.verdicts),
    )


def stamped(authority: Authority, digest: bytes) -> bytes:
    """What the authority answers for a SHA-256, its token checked; raises NoTimeStamp."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    try:
        return ask_for(authority, digest, bytes([nonce[0] | 0x80]) + nonce[1:])[0]
    except NoStamp as error:
        raise NoTimeStamp(f"the time-stamping authority {authority.url}: {error}") from error


def _seen(services: Services, note: bytes) -> Seen:
    key = services.log_key.public
    found = open_checkpoint(note, key, [one.key for one in services.config.witness])
    checkpoint = found.checkpoint
    witnesses = tuple(sorted(found.cosigned_s.items()))
    return Seen(checkpoint.origin, checkpoint.size, b64(checkpoint.root), key.vkey, witnesses)


def _bundles(services: Services, collected: Collected, authority: Authority | None) -> list[Attachment]:
    """A Sigstore bundle of each device's newest batch, as far as it is in the log."""
    found, members = [], collected.members
    for name in newest_batches(members):
        line = _line_of(members.get(PROOFS, b""), name)
        device = services.registry.devices.get(read_envelope(members[name].partition(b"\n")[0]).key_id)
        if device is None or not line:
            continue
        told = sigstore_bundle({**members, PROOFS: line}, name, device.key, services.log_key.public)
        bundle = read_bundle(told)
        if authority is not None and not bundle.tokens:
            token = stamped(authority, hashlib.sha256(bundle.envelope.signature).digest())
            told = write_bundle(replace(bundle, tokens=(token,)))
        _, dev, number = name.removesuffix(".ndjson").split("/")
        words = "A device’s newest batch with its proof from the log, for Sigstore’s verifiers."
        found.append(Attachment(f"batch-{dev[:16]}-{number}{BUNDLE}", told + b"\n", words))
    return found


def _line_of(proofs: bytes, name: str) -> bytes:
    """The proof of one file, or nothing: the others are many, and need not be read for it."""
    at = proofs.find(f'"of":"{name}"'.encode())
    return b"" if at < 0 else proofs[proofs.rfind(b"\n", 0, at) + 1 : proofs.find(b"\n", at) + 1]
