"""What the report says of itself: how was measured, by whose keys it can be checked, what it does not show. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from collector.report.blocks import Block, Bullets, Facts, Heading, Table, Text
from collector.report.told import Told
from collector.view import CaseView, RecordRow
from collector.web import vocabulary
from collector.web.localtime import LineClock
from collector.web.quantities import counted
from collector.web.vocabulary import said

# What no measurement of this kind can show, whoever made it.
LIMITS: Final = (
    (
        "A customer can slow down his own line, beyond what a device sees of itself. A shaped line looks like a slow "
        "network."
    ),
    (
        "A device can be made to feed wrong numbers to its honest key. Where the measurement server signed the same "
        "transfer, this is narrowed "
        "down to what lies within one transfer."
    ),
    (
        "If measurement server, collector and all witnesses are in one hand, that hand could make records up "
        "together with a device."
    ),
    (
        "Keys bind records to a device and a device to a line, not to a person. That the keys named here belong to "
        "whom they should has to be known "
        "from elsewhere."
    ),
    "No batch that was withheld after the last receipt is seen, except beside what the customer himself kept.",
    (
        "That the verdict follows from the records is the collector’s own calculation. Records and rule are given, "
        "so that it can be done again."
    ),
    (
        "Regulators recognise their own tools only: this report says what a rule would say, and is no measurement by "
        "any authority."
    ),
    (
        "P-256, Ed25519 and SHA-256 do not withstand a large quantum computer; a time-stamp and the log keep older "
        "signatures credible."
    ),
)


def how(case: CaseView, rows: Sequence[RecordRow], clock: LineClock) -> Iterator[Block]:
    """How was measured: devices, schedule, methods."""
    yield Heading("How it was measured")
    yield Text(
        "A probe on the customer’s own hardware measures against a measurement server, signs what it saw with a "
        "key of its own, and numbers every "
        "start before it is made, so that a result that was left out leaves a hole. The moment of each scheduled "
        "test is drawn from a value "
        "that nobody knew before the day began (the cosignature of a witness of the log, where there is one; "
        "else a number the device drew "
        "once), so that nobody could choose when to measure. Tests that somebody started by hand are shown and "
        "never counted."
    )
    drawn = Counter(row.method for row in rows if row.provenance == "signed")
    if drawn:
        methods = ((said(vocabulary.METHODS, method), f"{number:,}") for method, number in sorted(drawn.items()))
        yield Table(("Method", "Records, signed"), tuple(methods), (5, 3), frozenset({1}))
    for device in case.devices:
        lost = f", {counted(device.lost, 'record')} lost" if device.lost else ""
        batches = counted(device.batches, "signed batch", "signed batches")
        keys = f"; {len(device.keys)} keys one after the other" if len(device.keys) > 1 else ""
        yield Text(f"Device {device.dev}: enrolled {clock.moment(device.enrolled_us)}, {batches}{lost}{keys}.")


def checked(told: Told) -> Iterator[Block]:
    """By whom it can be checked, and how."""
    yield Heading("How it can be checked")
    yield Text(
        "Nothing here has to be believed. The records are signed by the device, the case by the collector, this "
        "document by the report’s "
        "certificate. Compare the keys below with what you were told by another way than this document: whoever "
        "makes a document can put his "
        "own keys in it."
    )
    keys = [("Collector’s key", told.collector), ("Portal’s key", told.portal)]
    keys += [("Measurement server’s key", key) for key in told.peers]
    keys += [
        ("Report’s certificate, SHA-256", told.signing.certificate_sha256),
        ("Manifest, SHA-256", told.manifest_sha256),
    ]
    yield Facts(tuple(keys), exact=True)
    yield Text(_signed(told))
    yield Heading("The public log", 2)
    yield from _log(told)
    yield Heading("With a program", 2)
    yield Text(
        "speedproof-verify needs no network and no database: pip install 'speedproof[report]', then "
        "speedproof-verify REPORT.pdf "
        "--collector-key KEY --log-key VKEY. It checks the signature over the whole document, the time-stamp, "
        "then what is attached, step by step. "
        "Programs of others: pdfsig, Adobe Reader and openssl cms check the document’s signature; pdfdetach "
        "takes out what is attached; "
        "Sigstore’s verifier checks the attached bundle; openssl dgst checks each signature of a device."
    )


def _signed(told: Told) -> str:
    by = told.signing
    issued = (
        "issued under the collector’s own key; its certificate is attached, as collector-certificate.pem"
        if by.is_own
        else f"issued by {by.issuer}"
    )
    time = (
        f"An authority’s time-stamp (RFC 3161, {by.stamped_by}) over the signature says since when it exists: "
        "PAdES-B-T."
        if by.stamped_by
        else "It bears no authority’s time-stamp (PAdES-B-B): when it was signed is the collector’s own word."
    )
    return f"This document is signed as a whole; the certificate is {issued}. {time}"


def _log(told: Told) -> Iterator[Block]:
    seen = told.seen
    if seen is None:
        yield Text(
            "These records are in no public log."
            + (
                f" The collector itself says that its log contradicts its ledger: {told.log_wrong}"
                if told.log_wrong
                else ""
            )
        )
        return
    yield Text(
        "Everything signed is a leaf of a tree of hashes that only grows: nothing in it can be changed or left "
        "out later without the "
        "checkpoints that others hold falling apart from it."
    )
    yield Facts(
        (("Log", seen.origin), ("Its key", seen.vkey), ("Leaves", str(seen.size)), ("Root", seen.root)), exact=True
    )
    if seen.witnesses:
        names = "; ".join(
            f"{name} by {datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC" for name, at_s in seen.witnesses
        )
        yield Text(f"Witnesses, who sign a log only if it extends what they saw before, have seen it: {names}.")
    else:
        yield Text("No witness has cosigned it: the collector’s word is the only one on when it was made.")


def attachments(told: Told) -> Iterator[Block]:
    """What is attached, and what is not."""
    yield Heading("What is attached")
    rows = tuple((one.name, f"{len(one.data):,}", one.words) for one in told.attachments)
    yield Table(("File", "Bytes", "What it is"), rows, (9, 3, 16), frozenset({1}))
    if told.attached < told.listed:
        yield Text(
            f"The whole evidence is too large to travel in this document: of its {told.listed:,} files "
            f"{told.attached:,} are attached, the newest "
            "measurements among them. The manifest, which the collector signed, lists all by their SHA-256, so "
            "the evidence file that the collector "
            "gives out for this case can be checked against this document: speedproof-verify REPORT.pdf "
            "--evidence EVIDENCE.zip."
        )
    else:
        yield Text(f"This is the whole evidence: all {told.listed:,} files that the manifest lists.")


def not_shown() -> Iterator[Block]:
    """What the report does not show."""
    yield Heading("What this report does not show")
    yield Bullets(tuple(("", limit) for limit in LIMITS))
