"""Reading what is no batch, of all collectors, in its one order."""

from collections.abc import Callable, Mapping
from typing import Any

from collector import quickjson
from collector.catalog.statements import CONTROL_AFTER, CONTROL_NAMED, CONTROL_THERE
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.shared import Control

Ask = Callable[[str, Mapping[str, int | str]], list[tuple[Any, ...]]]  # the catalog; raises IndexUnusable
MOST = 1000


def control_after(ask: Ask, after: int) -> list[Control]:
    """The entries behind this one, at most `MOST`, in order."""
    return [_read(row) for row in ask(CONTROL_AFTER, {"after": after, "most": MOST})]


def control_named(ask: Ask, kind: EntryKind, name: str) -> Control | None:
    """The first entry that made a line (by its id) or a device (by its key's id), None if there is none."""
    if not ask(CONTROL_THERE, {})[0][0]:
        return None
    rows = ask(CONTROL_NAMED, {"kind": kind.value, "name": name})
    return _read(rows[0]) if rows else None


def made_by_others(ask: Ask) -> Callable[[EntryKind, str], tuple[int, Entry] | None]:
    """How the entry is found that made a line or a device, with its stream, though nobody may have loaded it yet."""

    def find(kind: EntryKind, name: str) -> tuple[int, Entry] | None:
        found = control_named(ask, kind, name)
        return None if found is None else (found.stream, found.entry)

    return find


def _read(row: tuple[Any, ...]) -> Control:
    number, stream, no, kind, at_us, meta, body, body_sha256, segment, offset = row
    entry = Entry(no, EntryKind(kind), at_us, quickjson.decode(bytes(meta)), bytes(body), segment, offset)
    return Control(number, stream, entry, body_sha256)
