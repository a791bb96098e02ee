"""What a customer kept beside what the collector shows: every batch that was acknowledged to him has to be in the evidence.

He has it from `speedproof-probe export`: of the last thousand batches the collector's receipt (`receipts/NNNNNN.json`) and the
proof that it is in the log (`receipts/NNNNNN.sigstore.json`). Neither can be made without the collector's or its log's key.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from shared import dsse, statement
from shared.bundle import check_bundle, read_bundle
from shared.errors import Malformed
from shared.keys import PublicKey
from shared.lineage import Lineage
from shared.note import NoteKey
from shared.receipt import read_receipt
from shared.statement import Kind

_RECEIPT: Final = re.compile(r"receipts/[0-9]+\.json")
_BUNDLE: Final = re.compile(r"receipts/[0-9]+\.sigstore\.json")


def compare_kept(
    kept: Mapping[str, bytes],
    shown: Collection[str],
    devices: Mapping[str, PublicKey],
    collector: Lineage,
    log: NoteKey | None,
    as_of_us: int,
) -> str:
    """What was found, in words; raises Malformed naming the first file whose batch is not shown.

    `shown` are the identities (SHA-256(PAE)) of the batches in the evidence, `as_of_us` is when it was made: what the collector
    received later is not missed.
    """
    receipts = {name: data for name, data in kept.items() if _RECEIPT.fullmatch(name)}
    bundles = {name: data for name, data in kept.items() if _BUNDLE.fullmatch(name)}
    if not receipts:
        raise Malformed("no receipts are in what the customer kept: it is made by speedproof-probe export")
    later, proven = 0, 0
    for name, data in sorted(receipts.items()):
        try:
            told = _identity(data)
            line = data.removesuffix(b"\n")
            receipt = read_receipt(line, collector.of(dsse.read_envelope(line).key_id), told)
        except Malformed as error:
            raise Malformed(f"{name}: {error}") from error
        if receipt.received_us > as_of_us:
            later += 1
            continue
        if told not in shown:
            raise Malformed(
                f"{name}: the collector has acknowledged batch {receipt.batch} of device {receipt.dev[:16]}…, "
                "and does not show it"
            )
        proven += _is_proven(name, bundles, told, devices, log)
    words = (
        f"{len(receipts) - later} receipts of the customer's, each for a batch that is here; {proven} proven by the log"
    )
    return f"{words}; {later} of batches that came later" if later else words


def _identity(data: bytes) -> str:
    """What a receipt is for; whose it is has to be checked."""
    envelope = dsse.read_envelope(data.removesuffix(b"\n"))
    return statement.read_statement(envelope.payload, Kind.RECEIPT).subject_sha256


def _is_proven(
    name: str, bundles: Mapping[str, bytes], identity: str, devices: Mapping[str, PublicKey], log: NoteKey | None
) -> bool:
    """Whether a proof beside a receipt holds; raises Malformed if it does not."""
    beside = name.replace(".json", ".sigstore.json")
    if beside not in bundles or log is None:
        return False
    try:
        bundle = read_bundle(bundles[beside].removesuffix(b"\n"))
        if bundle.log_id != log.whole_id:  # of a log before this one
            return False
        key = devices.get(bundle.envelope.key_id)
        if key is None or bundle.envelope.pae_sha256 != identity:
            raise Malformed("it is for another batch than the receipt")
        check_bundle(bundle, key, log)
    except Malformed as error:
        raise Malformed(f"{beside}: {error}") from error
    return True
