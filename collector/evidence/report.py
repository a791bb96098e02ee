"""Checking a report (PDF), step by step: the document itself, then the evidence that is attached to it.

     1  document     one signature, over every byte but its own place
     2  signature    it fits, by a certificate that the collector's key has issued (attached), or below the roots you gave
     3  time         an authority's time-stamp over it, if there is one; by an authority you named, if you named one
     4  attachments  the evidence is there, of this collector
     5  …            the steps of the evidence (`check`), of all of it, or of as much as is attached
        bundles      each Sigstore bundle is of a batch that is here, signed by its device, in the log
        evidence     the evidence file that was given beside it holds everything signed that the report's manifest lists
        …            and its own steps

Where only a part of the evidence is attached, what the part cannot show is named, and the whole is not said to hold: that takes
the evidence file, of the same moment or a later one. Not checked: that the pages say in words what `case.json` says in figures.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Final

from collector.evidence import signed_steps
from collector.evidence.archive import NotEvidence, read_archive
from collector.evidence.check import WALK, Step, Steps, check_evidence, steps_of
from collector.evidence.found import Files, Found, StepFailed
from collector.evidence.logged import Trust, log_key_of
from collector.evidence.stamped import STAMPS, TOKENS
from shared.bundle import check_bundle, read_bundle
from shared.dsse import read_envelope
from shared.errors import Malformed, NoTool, Refused
from shared.keys import PublicKey

MAX_BYTES: Final = 64 * 1024 * 1024
BEGINNING: Final = b"%PDF-"
WHOLE, PART, AUTHORITY, BUNDLE = "evidence.zip", "evidence-part.zip", "collector-certificate.pem", ".sigstore.json"
_CHANGING: Final = frozenset(
    {"bundles", "criteria", "keys", "log", "tombstones"}
)  # folders of which a later file may say something else
_IN_A_PART: Final = ("collector", "enrolments", "batches", "receipts", "complaints", "criteria")


@dataclass(slots=True)
class _Seen:
    """What is known so far."""

    document: Any
    trust: Trust
    roots: Sequence[bytes]
    attached: dict[str, bytes] = field(default_factory=dict)
    signed: Any = None
    files: Files | None = None
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Checked:
    """How it went; `left_out`: steps that need more of the evidence than there is."""

    steps: tuple[Step, ...]
    left_out: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether no step failed: of what could be looked at."""
        return all(step.holds for step in self.steps)


def check_report(
    data: bytes, trust: Trust, roots: Sequence[bytes] = (), evidence: Files | None = None, kept: Files | None = None
) -> Checked:
    """All steps up to and with the first that fails; raises NotEvidence if it is no report at all, NoTool without the extra.

    `roots` are certificates (DER) that the reader trusts for the report's, `evidence` is the evidence file beside it.
    """
    try:
        document = _tool().Document(data)
    except Malformed as error:
        raise NotEvidence(str(error)) from error
    seen = _Seen(document, trust, roots)
    steps = _walk(seen, _STEPS)
    if not steps[-1].holds or seen.files is None:
        return Checked(tuple(steps))
    found = Found(seen.files, _for_evidence(trust, seen.files), kept if seen.is_whole else None)
    steps += _behind(steps, steps_of(found, None if seen.is_whole else _of_a_part()))
    if steps[-1].holds:
        steps += _walk(seen, (("bundles", lambda one: _bundles(one, found)),), len(steps) + 1)
    if steps[-1].holds and evidence is not None:
        steps += _walk(seen, (("evidence", lambda _: _given(evidence, found)),), len(steps) + 1)
        if steps[-1].holds:
            steps += _behind(steps, check_evidence(evidence, _for_evidence(trust, evidence), kept))
    if seen.is_whole or evidence is not None:
        return Checked(tuple(steps))
    return Checked(tuple(steps), tuple(name for name, _ in WALK if name not in ("files", *_IN_A_PART)))


def _behind(before: Sequence[Step], steps: Sequence[Step]) -> list[Step]:
    return [replace(step, no=step.no + len(before)) for step in steps]


def _for_evidence(trust: Trust, files: Files) -> Trust:
    """The report's own time-stamp is over all of it; evidence that bears none beside is not missing one."""
    return trust if {STAMPS, TOKENS} & files.keys() else replace(trust, tsa_roots=None)


def _tool() -> Any:  # noqa: ANN401 - a module that needs an extra
    try:
        return import_module("collector.evidence.signature")
    except ImportError as error:
        raise NoTool(
            f"reports are checked by pyHanko ({error.name} is missing): pip install 'speedproof[report]'"
        ) from error


def _walk(seen: _Seen, wanted: "tuple[tuple[str, Callable[[_Seen], str]], ...]", first: int = 1) -> list[Step]:
    steps = []
    for no, (name, step) in enumerate(wanted, start=first):
        try:
            steps.append(Step(no, name, holds=True, detail=step(seen)))
        except (StepFailed, Malformed, Refused, NotEvidence) as error:
            steps.append(Step(no, name, holds=False, detail=str(error)))
            break
    return steps


def _document(seen: _Seen) -> str:
    """Step 1: everything is signed."""
    told: str = seen.document.covers_everything()
    return told


def _signature(seen: _Seen) -> str:
    """Step 2: by whom."""
    seen.attached = seen.document.attachments()
    pem = seen.attached.get(AUTHORITY)
    own = [] if pem is None else [_der(pem)]
    seen.signed = seen.document.signed_by([*(seen.roots or own)], _ders(seen.trust.tsa_roots or b""))
    known = (
        "below a root you gave"
        if seen.roots
        else "issued by the attached certificate of the collector"
        if own
        else "compare this with what you were told elsewhere, or give --report-roots"
    )
    return f"{seen.signed.subject}, certificate {seen.signed.certificate_sha256} ({known})"


def _time(seen: _Seen) -> str:
    """Step 3: since when."""
    signed, roots = seen.signed, seen.trust.tsa_roots
    if signed.stamped_at is None:
        if roots is not None:
            raise StepFailed("the signature bears no time-stamp, and you named an authority")
        return f"no time-stamp (PAdES-B-B); by its signer’s clock {signed.at:%Y-%m-%d %H:%M:%S} UTC"
    if roots is not None and not signed.is_known:
        raise StepFailed("the time-stamp is by an authority that you did not name")
    known = "an authority you named" if roots is not None else "an authority; name yours with --tsa-roots"
    return f"it was there at {signed.stamped_at:%Y-%m-%d %H:%M:%S} UTC, says {known} (PAdES-B-T)"


def _attachments(seen: _Seen) -> str:
    """Step 4: the evidence that goes with it."""
    names = [name for name in (WHOLE, PART) if name in seen.attached]
    if len(names) != 1:
        raise StepFailed(f"neither {WHOLE} nor {PART} is attached, or both")
    files, seen.is_whole = read_archive(seen.attached[names[0]]), names == [WHOLE]
    if AUTHORITY in seen.attached:
        key = PublicKey.from_pem(files.get("keys/collector.pem", b""))
        if key.spki != _spki(seen.attached[AUTHORITY]):
            raise StepFailed("the report’s certificate is not issued by the collector whose evidence it is", AUTHORITY)
    seen.files = files
    return ", ".join(f"{name} ({len(data):,} bytes)" for name, data in sorted(seen.attached.items()))


_STEPS: Final[tuple[tuple[str, Callable[[_Seen], str]], ...]] = (
    ("document", _document),
    ("signature", _signature),
    ("time", _time),
    ("attachments", _attachments),
)


def _of_a_part() -> Steps:
    known = dict(WALK)
    return (("files", _some_files), *((name, known[name]) for name in _IN_A_PART))


def _some_files(found: Found) -> str:
    """Every file that is here is one the manifest lists."""
    listed = found.manifest.get("files")
    if not isinstance(listed, dict):
        raise StepFailed("the manifest lists no files")
    manifest = found.manifest | {"files": {name: digest for name, digest in listed.items() if name in found.files}}
    signed_steps.files(replace(found, manifest=manifest))
    return f"{len(found.files) - 2:,} of {len(listed):,} files; the others are in the evidence file (give it with --evidence)"


def _bundles(seen: _Seen, found: Found) -> str:
    """Last: what programs of others can check by itself; where only a part is attached, perhaps of a batch that is not."""
    names = sorted(name for name in seen.attached if name.endswith(BUNDLE))
    shown = {
        read_envelope(data.partition(b"\n")[0]).pae_sha256
        for name, data in found.files.items()
        if name.startswith("batches/")
    }
    key = log_key_of(found.files, found.trust)
    for name in names:
        try:
            bundle = read_bundle(seen.attached[name].removesuffix(b"\n"))
            device = found.devices.get(bundle.envelope.key_id)
            if device is None or key is None or (seen.is_whole and bundle.envelope.pae_sha256 not in shown):
                raise Malformed("not of a batch, a device and a log that are here")
            check_bundle(bundle, device, key)
        except Malformed as error:
            raise StepFailed(str(error), name) from error
    return f"{len(names)} Sigstore bundles"


def certificates(pem: bytes) -> list[bytes]:
    """The certificates in a PEM file, in DER; raises NotEvidence."""
    try:
        return _ders(pem)
    except Malformed as error:
        raise NotEvidence(f"--report-roots: {error}") from error


def _given(evidence: Files, found: Found) -> str:
    """The evidence file that was given holds what was signed, as the report's manifest lists it."""
    listed = found.manifest.get("files")
    names = (
        [name for name in listed if "/" in name and name.partition("/")[0] not in _CHANGING]
        if isinstance(listed, dict)
        else []
    )
    for name in names:
        if name not in evidence or hashlib.sha256(evidence[name]).hexdigest() != found.manifest["files"][name]:  # type: ignore[index,call-overload]
            raise StepFailed("not in the evidence file that you gave as the report lists it", name)
    return f"it holds all {len(names):,} files of what was signed"


def _ders(pem: bytes) -> list[bytes]:
    if not pem:
        return []
    encoding = import_module("cryptography.hazmat.primitives.serialization").Encoding
    try:
        found = import_module("cryptography.x509").load_pem_x509_certificates(pem)
    except ValueError as error:
        raise Malformed(f"no certificates in PEM: {error}") from error
    return [one.public_bytes(encoding.DER) for one in found]


def _der(pem: bytes) -> bytes:
    try:
        (found,) = _ders(pem)
    except ValueError as error:
        raise Malformed(f"{AUTHORITY}: not one certificate: {error}") from error
    return found


def _spki(pem: bytes) -> bytes:
    serialization = import_module("cryptography.hazmat.primitives.serialization")
    key = import_module("cryptography.x509").load_der_x509_certificate(_der(pem)).public_key()
    spki: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return spki
