"""Write the test vectors of the wire format: good batches and lines, one bad batch per defect.

    good/                                a device's batches, one of a later version, other lines
    bad/<the-defect>/batch.ndjson        a body as it would be sent
    bad/<the-defect>/expect.json         step, error and HTTP status of the answer, and what is held before
    vectors.json                         the keys, and what a `state` of an expect.json means

Usage: make_vectors.py [FOLDER]. The same bytes come out wherever signing is deterministic (RFC 6979).
All keys are TEST ONLY.
"""

import json
import sys
from pathlib import Path

from bad_batches import (
    DEVICE,
    FIRST,
    KEYS,
    SCALARS,
    SECOND,
    THIRD,
    WALL_US,
    Members,
    all_bad,
    record,
    stating,
)

from shared import dsse
from shared.batch import open_batch, pae_sha256_of
from shared.complaint import make_complaint
from shared.enrolment import make_enrolment, make_request, read_request, subscriber_hash
from shared.receipt import make_receipt
from shared.strictjson import MAX_INTEGER

STATUS = {
    "bad_format": 400,
    "unknown_key": 403,
    "revoked_key": 403,
    "frozen_key": 403,
    "bad_signature": 422,
    "bad_statement": 422,
    "bad_digest": 422,
    "chain_fork": 409,
    "chain_gap": 409,
    "repeat": 200,
}


def good_files() -> dict[str, bytes]:
    """Batches and lines that every later version must accept."""
    device, portal, collector = DEVICE, KEYS["portal"], KEYS["collector"]
    opened = open_batch(FIRST, lambda _: device.public)
    request = make_request("7K3M9QX2TA", bytes(16), device)
    sub = subscriber_hash(bytes(32), "subscriber-0001")
    future: Members = {"list": [[], {}, True, MAX_INTEGER, -MAX_INTEGER]}
    newer = record(7, note="\u00fc \u2028 \U0001f4f6 \x7f", future=future)
    return {
        "batch-0.ndjson": FIRST,
        "batch-1.ndjson": SECOND,
        "batch-2.ndjson": THIRD,
        "batch-2-of-a-later-version.ndjson": stating({"note": 1}, newer, n=1, seq=[7, 7], more={"a": []}),
        "complaint.dsse.json": make_complaint("Videos stop every evening.", WALL_US, device),
        "enrol-request.dsse.json": request,
        "enrolment.dsse.json": make_enrolment(read_request(request), sub, WALL_US, "file", portal),
        "receipt.dsse.json": make_receipt(opened, WALL_US, collector),
    }


def about() -> Members:
    """The keys, and what is held before a batch comes."""
    known = {"device_a": "known", "device_b": "known"}
    second = {"batch": 2, "head": pae_sha256_of(SECOND), "seq": 7}
    third = {"batch": 3, "head": pae_sha256_of(THIRD), "seq": 10}
    return {
        "about": "Made by scripts/make_vectors.py. All keys are TEST ONLY.",
        "keys": {
            name: {
                "key_id": key.public.key_id,
                "scalar": SCALARS[name],
                "spki_b64": dsse.b64(key.public.spki),
            }
            for name, key in KEYS.items()
        },
        "states": {
            "after_batch_1": {"expect": second, "keys": known},
            "after_batch_2": {"expect": third, "keys": known},
            "device_a_frozen": {"expect": second, "keys": known | {"device_a": "frozen"}},
            "device_a_revoked": {"expect": second, "keys": known | {"device_a": "revoked"}},
        },
    }


def pretty(value: object) -> bytes:
    """JSON for people."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def write_vectors(folder: Path) -> None:
    """Write everything below this folder, which is made if need be; nothing is removed."""
    files = {f"good/{name}": data for name, data in good_files().items()} | {"vectors.json": pretty(about())}
    for bad in all_bad():
        expect = {"error": bad.error, "state": bad.state, "step": bad.step, "why": bad.why}
        files[f"bad/{bad.name}/batch.ndjson"] = bad.body
        files[f"bad/{bad.name}/expect.json"] = pretty(expect | {"status": STATUS[bad.error]})
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def main() -> None:
    """Write to the folder named, or to the repository's own."""
    here = Path(__file__).resolve().parents[1] / "tests" / "vectors"
    write_vectors(Path(sys.argv[1]) if len(sys.argv) > 1 else here)


if __name__ == "__main__":
    main()
