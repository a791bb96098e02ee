"""What of the evidence goes into the report, attached: all of it if that is small, else what the rest can be checked against.

A report is to be sent by e-mail, so it aims at 2 MB with its pages. If the whole evidence file fits, that is attached
(`evidence.zip`). Otherwise `evidence-part.zip` holds the manifest with the collector's signature, which names every file by its
SHA-256, all files but measurements, receipts, proofs and bundles, and as many of each device's newest batches with their receipts
as fit. Beside either a Sigstore bundle of each device's newest batch, which programs of others can check by itself. Pure.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Final

from collector.evidence.bundle import zipped
from collector.report.told import Attachment

WHOLE: Final = "evidence.zip"
PART: Final = "evidence-part.zip"
AUTHORITY: Final = "collector-certificate.pem"
BUNDLE: Final = ".sigstore.json"
MOST_BYTES: Final = 1_600_000  # of the evidence: pages, bundles and signature are the rest of 2 MB
MOST_DEVICES: Final = 4  # whose newest batch has a bundle
_MANY: Final = frozenset({"batches", "receipts", "removed", "refused", "imports", "transfers", "bundles"})
_PROOFS: Final = "/proofs.ndjson"
_ENTRY_BYTES: Final = 260  # of a member in a zip, beside what is in it: its name twice, its sizes twice


def evidence_within(members: Mapping[str, bytes], most_bytes: int = MOST_BYTES) -> tuple[Attachment, int]:
    """The evidence, or as much of it as these bytes hold, and how many of the files that the manifest lists are in it."""
    listed = len(members) - 2  # the manifest and its signature list the others
    whole = _whole_within(members, most_bytes)
    if whole is not None:
        return Attachment(WHOLE, whole, "The evidence file; README.txt in it tells what is what."), listed
    chosen = {
        name: data
        for name, data in members.items()
        if name.partition("/")[0] not in _MANY and not name.endswith(_PROOFS)  # of this log, or of one before it
    }
    room = most_bytes - len(zipped(chosen))
    for pair in _newest(members):
        room -= sum(len(zlib.compress(members[name])) + _ENTRY_BYTES for name in pair)
        if room < 0:
            break
        chosen |= {name: members[name] for name in pair}
    words = "Of the evidence: case, rules, keys, manifest, newest batches; README.txt in it tells what is what."
    return Attachment(PART, zipped(chosen), words), len(chosen) - 2


def newest_batches(members: Mapping[str, bytes], most: int = MOST_DEVICES) -> list[str]:
    """The newest batch of each device, of so many devices at most."""
    return [names[0] for names in _by_device(members)][:most]


def _whole_within(members: Mapping[str, bytes], most_bytes: int) -> bytes | None:
    """The zip of all, or None as soon as it is too long."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in members:
            archive.writestr(name, members[name])
            if out.tell() > most_bytes:
                return None
    whole = zipped(members)
    return whole if len(whole) <= most_bytes else None


def _by_device(members: Mapping[str, bytes]) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(members, reverse=True):
        if name.startswith("batches/"):
            found.setdefault(name.split("/")[1], []).append(name)
    return [found[dev] for dev in sorted(found)]


def _newest(members: Mapping[str, bytes]) -> Iterator[tuple[str, ...]]:
    """Batches with their receipts, the newest first, of all devices in turn."""
    for names in zip_longest(*_by_device(members)):
        for name in names:
            if name is not None:
                yield name, name.replace("batches/", "receipts/").replace(".ndjson", ".json")
