"""The statements for the catalog, one per file, read at import: a missing file fails at start and not at night."""

from importlib.resources import files
from typing import Final

_FOLDER: Final = files("collector.store") / "sql" / "catalog"


def _read(name: str) -> bytes:
    return (_FOLDER / f"{name}.sql").read_bytes()


BEGIN_STREAM, OWN_STREAM, LOCK_STREAM = _read("begin_stream"), _read("own_stream"), _read("lock_stream")
LOCK_HEADS, HEAD, NEWEST = _read("lock_heads"), _read("head"), _read("newest")
GO_ON, ENROL, TELL, CONFIRM = _read("go_on"), _read("enrol"), _read("tell"), _read("confirm")
FILL_HEAD, FILL_FORKS = _read("fill_head"), _read("fill_forks")
CONTROL_AFTER, CONTROL_NAMED = _read("control_after").decode(), _read("control_named").decode()
CONTROL_THERE = _read("control_there").decode()


def migrations() -> list[tuple[int, bytes]]:
    """The numbered migrations, in order. A released one is never edited."""
    found = sorted((_FOLDER / "migrations").iterdir(), key=lambda path: path.name)
    return [(int(path.name[:4]), path.read_bytes()) for path in found if path.name.endswith(".sql")]
