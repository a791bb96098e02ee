"""The SQL statements, one per file, read at import: a missing file fails at start and not at night."""

from importlib.resources import files

_FOLDER = files("collector.store") / "sql"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


LOAD_ENTRY = _read("load_entry")
LOAD_RECORD = _read("load_record")
LOAD_BATCH = _read("load_batch")
LOAD_REFUSED = _read("load_refused")
LOAD_DEVICE = _read("load_device")
LOAD_COMPLAINT = _read("load_complaint")
LOADED_NO = _read("loaded_no")
ACCEPTED = _read("accepted")
TIMELINE = _read("timeline")
RADIO = _read("radio")
COUNTS = _read("counts")
NOTES = _read("notes")
CAMPAIGNS = _read("campaigns")
FILLED_SLOTS = _read("filled_slots")
DEVICES = _read("devices")
COMPLAINTS = _read("complaints")
ALARMS = _read("alarms")
PLACES = _read("places")
DIGEST = _read("digest")
GRADES = _read("grades")
USED_SESSIONS = _read("used_sessions")
TRANSFERS = _read("transfers")
REGRADE = _read("regrade")
GRADED_BY = _read("graded_by")
MARK_GRADED = _read("mark_graded")


def migrations() -> list[tuple[int, str]]:
    """The numbered migrations, in order. A released one is never edited."""
    found = sorted((_FOLDER / "migrations").iterdir(), key=lambda path: path.name)
    return [(int(path.name[:4]), path.read_text(encoding="utf-8")) for path in found if path.name.endswith(".sql")]
