"""The SQL statements, one per file, read at import: a missing file fails at start and not at night."""

from importlib.resources import files

_FOLDER = files("collector.store") / "sql"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


TABLES = (
    "line", "device", "key_change", "batch", "refused", "complaint", "imported", "record", "line_day", "cell_day", "spent",
    "transfer",
)  # fmt: skip
LOAD = {table: _read(f"load_{table}") for table in TABLES}
LOAD_MARK = _read("load_mark")
LOADED_NO = _read("loaded_no")
KNOWN_LINES = _read("known_lines")
KNOWN_DEVICES = _read("known_devices")
SESSIONS = _read("sessions")

ACCEPTED = _read("accepted")
ALARMS = _read("alarms")
CAMPAIGNS = _read("campaigns")
CELL_DAYS = _read("cell_days")
CELL_HOURS = _read("cell_hours")
CELL_HOURS_OF = _read("cell_hours_of")
CELL_OPERATORS = _read("cell_operators")
COMPLAINED = _read("complained")
COMPLAINTS = _read("complaints")
COUNTS = _read("counts")
DEVICES = _read("devices")
TIMES = _read("times")
DIGEST = _read("digest")
FILLED_SLOTS = _read("filled_slots")
FLEET_DEVICES = _read("fleet_devices")
FLEET_RECORDS = _read("fleet_records")
FLEET_REFUSED = _read("fleet_refused")
FLEET_SILENT = _read("fleet_silent")
GRADES = _read("grades")
HEARD = _read("heard")
HELD_BATCHES = _read("held_batches")
LEFT_DAYS = _read("left_days")
LEFT_SESSIONS = _read("left_sessions")
LINE_DAYS = _read("line_days")
LOCAL_DAYS = _read("local_days")
NEWEST_US = _read("newest_us")
NOTES = _read("notes")
PLACES = _read("places")
RADIO = _read("radio")
MADE = ("line", "device", "batch", "refused", "complaint", "imported", "record", "transfer")
ROWS = {table: _read(f"rows_{table}") for table in MADE}
REMOVED = _read("removed")
STREAM_ROWS = _read("stream_rows")
TIMELINE = _read("timeline")
TRANSFERS = _read("transfers")
TRANSFERS_KNOWN = _read("transfers_known")
WORST_CELLS = _read("worst_cells")

WAITING = _read("waiting")
MOVE = tuple(_read(name) for name in ("move_records", "move_line_days", "move_cell_days", "moved"))
MARKS = _read("marks")
UNMARK = _read("unmark")

FORGET_BEGIN = _read("forget_begin")
FORGET_TAKE = _read("forget_take")
FORGET_WAITING = _read("forget_waiting")
FORGET = tuple(_read(name) for name in ("forget_spent", "forget_batches", "forget_records"))

GRADED_BY = _read("graded_by")
MARK_GRADED = _read("mark_graded")
TRANSFER_PLACES = _read("transfer_places")
REGRADE_BEGIN = _read("regrade_begin")
REGRADE_TAKE = _read("regrade_take")
REGRADE_SETTLE = _read("regrade_settle")
REGRADE_HOT = _read("regrade_hot")
REGRADE_COLD = tuple(_read(name) for name in ("regrade_line_days", "regrade_cell_days", "regrade_cold"))

FILE_WAITING = _read("file/waiting")
FILE_SORT = (_read("file/sort"), _read("moved"))
FILE_MOVE = (*MOVE, _read("file/emptied"))
FILE_REGRADE_RUNS = (*REGRADE_COLD, _read("file/regrade_warm"))

LAKE_GRADED_BY = _read("lake/graded_by")
LAKE_MARK_GRADED = (_read("lake/unmark_graded"), _read("lake/mark_graded"))
LAKE_SETTLE = (_read("lake/regrade_others"), _read("regrade_settle"))
LAKE_NEW = _read("lake/new")
LAKE_STRANGERS = _read("lake/strangers")
LAKE_OWNER = _read("lake/owner")
LAKE_OWN = _read("lake/own")
LAKE_FILES = _read("lake/catalog_files")
LAKE_NEW_FILES = _read("lake/catalog_new_files")
LAKE_KNOWN = _read("lake/catalog_known")
LAKE_MERGE = _read("lake/merge")
LAKE_TIDY = tuple(_read(f"lake/{name}") for name in ("rewrite", "expire", "clean_up", "orphans"))


def migrations() -> list[tuple[int, str]]:
    """The numbered migrations, in order. A released one is never edited."""
    return _numbered("migrations")


def file_migrations() -> list[tuple[int, str]]:
    """Those, and then the ones that only an index in a file needs; their numbers begin at 2001."""
    return [*migrations(), *_numbered("file/migrations")]


def lake_migrations() -> list[tuple[int, str]]:
    """The same for a lake; their numbers begin at 1001."""
    return [*migrations(), *_numbered("lake/migrations")]


def _numbered(folder: str) -> list[tuple[int, str]]:
    found = sorted((_FOLDER / folder).iterdir(), key=lambda path: path.name)
    return [(int(path.name[:4]), path.read_text(encoding="utf-8")) for path in found if path.name.endswith(".sql")]
