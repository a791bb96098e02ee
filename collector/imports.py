"""Keeping an import: once, unsigned, and shown as such."""

from collector.errors import BadRequest, Conflict
from collector.importers.imported import FORMATS, MOST_LINES
from collector.ledger.frame import Draft, EntryKind
from collector.registry import Subscriber
from collector.services import Services
from shared import strictjson
from shared.dsse import HEX64
from shared.errors import Malformed
from shared.record import read_record


def keep_import(
    services: Services, subscriber: Subscriber, kind: str, file: str, sha256: str, reading: str, body: bytes
) -> dict[str, object]:
    """Keep one body of record lines of a file; the same body for the same subscriber is kept once.

    `reading` says how the file was read (load, zone). The same file read in another way is refused: counted twice, or
    read until it pleases, it would say what somebody wanted it to.
    """
    lines = body[:-1].split(b"\n")
    if kind not in FORMATS or not HEX64.fullmatch(sha256):
        raise BadRequest(f"an import names its format ({', '.join(FORMATS)}) and its file's SHA-256 in hex")
    if not body.endswith(b"\n") or len(lines) > MOST_LINES:
        raise BadRequest(f"an import holds 1 to {MOST_LINES} lines, each ending in a line feed")
    try:
        for line in lines:
            read_record(line)
    except Malformed as error:
        raise BadRequest(f"a line is not a record: {error}") from error
    meta: strictjson.JsonObject = {
        "file": file[:200],
        "format": kind,
        "reading": reading[:100],
        "sha256": sha256,
        "subscriber": subscriber.id,
    }

    def make() -> Draft | None:
        before = services.registry.readings.get((subscriber.id, sha256), reading)
        if before != reading:
            raise Conflict(f"{file} was imported before, read as {before}; now it is read as {reading}")
        known = services.registry.has_import(subscriber.id, sha256, body)
        return None if known else Draft(EntryKind.IMPORT, meta, body)

    with services.changing:
        entry = services.keep(make)
    return {"subscriber": subscriber.id, "file": file, "lines": len(lines), "kept": 0 if entry is None else len(lines)}
