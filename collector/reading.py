"""Files of others to lines of ours: which reader a format has, and the parts that an import is sent in."""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collector.errors import BadRequest
from collector.importers.imported import FORMATS, in_entries
from collector.importers.ucc import MAX_FILE_BYTES, ZONE, Load, load_of, read_ucc


def read_measurements(kind: str, file: Path, load: str | None, zone: str | None) -> Iterator[dict[str, Any]]:
    """The parts of one file, ready for the desk's `import`; raises BadRequest naming file and line."""
    if kind not in FORMATS:
        raise BadRequest(f"unknown format {kind!r}; known are {', '.join(FORMATS)}")
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadRequest(f"{file} cannot be read: {error.strerror}") from error
    chosen = Load(load) if load else load_of(file.resolve().parts)
    try:
        lines = list(read_ucc(data, chosen, zone) if zone else read_ucc(data, chosen))
    except BadRequest as error:
        raise BadRequest(f"{file.name}: {error}") from error
    told = {
        "format": kind,
        "file": file.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "reading": f"load {chosen.value}, times in {zone or ZONE}",
    }
    for body in in_entries(lines):
        yield told | {"lines_b64": base64.b64encode(body).decode()}
