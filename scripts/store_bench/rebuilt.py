"""How fast an index is made anew: a ledger of real batches, and the collector's own `rebuild` over it.

The batches are a few hundred that were sealed once and are kept again and again under new numbers: the index asks neither for
signatures nor for chains, which were checked when the ledger took them in.
"""

import resource
import time
from pathlib import Path

from collector.clock import SystemClock
from collector.config import Config
from collector.ledger.frame import Draft, EntryKind, write_frame
from collector.ledger.names import segment_name, segments
from collector.ledger.seals import seal_beside
from collector.ledger.segments import SEGMENT_BYTES
from collector.ledger.snapshot import GROWN_BYTES, keep_snapshot
from collector.ledger.writer import Ledger
from collector.rebuild import rebuild
from shared import dsse
from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.keys import FileKey
from shared.record import write_record
from shared.statement import Kind, Statement
from shared.strictjson import JsonObject, decode, encode

RECORDS = 24
DEVICES = 200
WALL_US = 1_800_000_000_000_000


def record(seq: int) -> bytes:
    """A latency train, a download or an upload with its samples, its radio and its context."""
    at_us = WALL_US + seq * 300_000_000
    members: JsonObject = {
        "ctx": {"cpu_pm": 112, "interface": "wwan0", "ip_version": 4, "link": "cellular", "network_type": "mobile"},
        "end": "ok", "mono_us": at_us - WALL_US, "seq": seq, "slot": at_us // 900_000_000, "wall_us": at_us,
        "radio": {
            "net_mccmnc": "23001", "sim_mccmnc": "23001", "technology": "lte", "via": "modemmanager",
            "signals": [{"area": 4101, "band": 3, "cell": 100_000 + seq % 7, "channel": 1300, "pci": 77, "radio": "lte",
                         "rsrp_dbm": -95 - seq % 20, "rsrq_ddb": -110, "sinr_ddb": 85}],
        },
    }  # fmt: skip
    if seq % 3 == 0:
        members |= {
            "method": "latency",
            "ver": 2,
            "rtt_us": [35_000 + 137 * number * seq % 9000 for number in range(20)],
        }
    else:
        members |= {
            "bytes": [number * (1_310_720 + seq) for number in range(1, 21)], "dur_us": 10_000_000,
            "method": ("download", "upload")[seq % 2], "received_bytes": 20 * (1_310_720 + seq),
            "t_us": [number * 500_000 for number in range(1, 21)], "ver": 2, "warm_us": 2_000_000,
        }  # fmt: skip
    return write_record(members)


def make_ledger(folder: Path, records: int) -> int:
    """Write a ledger of at least so many records; how many bytes it has."""
    portal, keys = FileKey.generate(), [FileKey.generate() for _ in range(DEVICES)]
    drafts = [Draft(EntryKind.SUBSCRIBER, {}, encode({"id": "line-0"}) + b"\n")]
    for key in keys:
        asked = Statement(Kind.ENROL_REQUEST, "device", key.public.key_id, {"spki": dsse.b64(key.public.spki)}).encode()
        request: JsonObject = {"p": dsse.b64(asked), "s": ""}
        told = Statement(Kind.ENROL, "device", key.public.key_id, {"request": request, "t_us": WALL_US}).encode()
        drafts.append(
            Draft(
                EntryKind.ENROLMENT,
                {"guard_s": 60, "slot_s": 900, "subscriber": "line-0"},
                dsse.seal(told, portal) + b"\n",
            )
        )
    batches = []
    for key in keys:
        lines = [record(seq) for seq in range(RECORDS)]
        body = seal_batch(lines, Sealing("bench/0", 0, "boot", FIRST_PREV, 0, RECORDS - 1, 1, WALL_US), key)
        meta: JsonObject = {
            "batch": 0, "dev": key.public.key_id, "head": pae_sha256_of(body), "last_seq": RECORDS - 1,
            "receipt": decode(dsse.seal(b"x" * 300, portal)),
        }  # fmt: skip
        batches.append(Draft(EntryKind.BATCH, meta, body))
    folder.mkdir()
    total, no, segment, opened = 0, 0, 1, (folder / segment_name(1)).open("wb")
    wanted = len(drafts) + -(-records // RECORDS)
    while no < wanted:
        draft = drafts[no] if no < len(drafts) else batches[no % len(batches)]
        no += 1
        total += opened.write(write_frame(draft, no, WALL_US + no))
        if opened.tell() >= SEGMENT_BYTES:
            opened.close()
            segment += 1
            opened = (folder / segment_name(segment)).open("wb")
    opened.close()
    return total


def _as_if_grown(ledger: Path) -> None:
    """Seal what is full, and write the last snapshot of the chains that there would be."""
    Ledger(ledger, SystemClock()).close()
    each = GROWN_BYTES // SEGMENT_BYTES
    sealed = [seal for path in segments(ledger) if (seal := seal_beside(path)) is not None]
    if len(sealed) >= each:
        keep_snapshot(ledger, sealed[len(sealed) // each * each - 1].last_no)


def rebuild_speed(folder: Path, records: int) -> str:
    """Make a ledger, then the index from it; in words."""
    total = make_ledger(folder / "ledger", records)
    _as_if_grown(folder / "ledger")
    start_s = time.perf_counter()
    done = rebuild(Config(data=folder), lambda *_: None)
    wall_s = time.perf_counter() - start_s
    loaded = done.after["record"][0]
    size = (folder / "index.duckdb").stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    beside = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    verdict = "ok" if loaded / wall_s >= 100_000 else "MISS"
    return (
        f"made anew: {loaded:,} records ({total / 1e9:.2f} GB of ledger) in {wall_s:.1f} s, {loaded / wall_s:,.0f} records/s "
        f"(asked: >= 100,000) {verdict}; index {size / loaded:.1f} bytes/record; peak memory {peak:.0f} MB and beside it {beside:.0f} MB"
    )
