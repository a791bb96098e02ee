"""LTE logs of University College Cork: G-NetTrack Pro CSV (github.com/uccmisl/5Gdataset), once a second, passive.

Each line of the log becomes one measurement of method `passive`, and one more of method `ping` where a group of pings
ended in that second. What is decided here, and why:

- A bitrate is what the whole phone happened to move. It says something about the line only where the phone was loading
  as fast as it could: in the data set's own layout, the files under `Download/Static` and `Download/Driving`. Elsewhere
  it carries the flaw `demand_unknown`, which every criterion leaves out; an idle second (state I, nothing moved) was
  *not started*.
- A group of pings that was lost as a whole is a failed measurement. `-` means that no ping ran: nothing.
- All network modes are kept: a customer's failure is often the phone fallen back to 3G.
- Sentinels (`-`, RSRP -200, 2147483647, neighbours below -150 dBm or -100 dB) are absent, not values. Cell identities in
  hexadecimal stay text. Positions are left out on purpose.
- The log states no time zone; it was recorded in Ireland (Europe/Dublin). Seconds repeat; the order is the file's.
"""

import csv
import gzip
import io
import zlib
import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from collector.errors import BadRequest
from collector.zones import zone_named
from shared.errors import Malformed
from shared.record import write_record
from shared.strictjson import JsonObject

ZONE = "Europe/Dublin"
MAX_FILE_BYTES = 256 * 1024 * 1024
COLUMNS = (
    "Timestamp", "CellID", "NetworkMode", "RSRP", "RSRQ", "SNR", "CQI", "RSSI", "DL_bitrate", "UL_bitrate", "State",
    "PINGAVG", "PINGMIN", "PINGMAX", "PINGLOSS", "LACHEX",
)  # fmt: skip
_ALL_LOST = 100_000  # per cent, in thousandths
ABSENT = {"", "-"}
STATES = {"D", "I", "V", "VD"}
_RADIO = {
    "5G": "nr",
    "LTE": "lte",
    "HSPA+": "3g",
    "HSUPA": "3g",
    "HSDPA": "3g",
    "UMTS": "3g",
    "EDGE": "2g",
    "GPRS": "2g",
}


class Load(StrEnum):
    """Whether the phone was loading as fast as it could while it was logged."""

    LOADED = "loaded"
    UNKNOWN = "unknown"


def load_of(parts: tuple[str, ...]) -> Load:
    """What the data set's layout says by a file's folders: application, then Static or Driving, then the file.

    A folder that merely happens to be called Download says nothing.
    """
    return Load.LOADED if parts[-3:-1] in (("Download", "Static"), ("Download", "Driving")) else Load.UNKNOWN


def read_ucc(data: bytes, load: Load, zone: str = ZONE) -> Iterator[bytes]:
    """The record lines of one file (CSV, or that gzipped); raises BadRequest naming the line that cannot be read."""
    place = zone_named(zone)
    rows = csv.DictReader(io.StringIO(_text(data), newline=""), strict=True)
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise BadRequest(f"not a UCC log: the columns {', '.join(missing)} are missing")
    seq = 0
    try:
        for row in rows:
            if None in row or None in row.values():
                raise BadRequest(f"line {rows.line_num}: not as many columns as the header has")
            for record in _records(row, load, place, rows.line_num):
                yield write_record({**record, "seq": seq})
                seq += 1
    except (csv.Error, Malformed) as error:
        raise BadRequest(f"line {rows.line_num}: {error}") from error


def _text(data: bytes) -> str:
    try:
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise BadRequest(f"more than {MAX_FILE_BYTES} bytes unpacked")
        return data.decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadRequest(f"not a UCC log: {error}") from error


def _records(row: Mapping[str, str], load: Load, place: zoneinfo.ZoneInfo, line: int) -> Iterator[JsonObject]:
    try:
        at = datetime.strptime(row["Timestamp"], "%Y.%m.%d_%H.%M.%S").replace(tzinfo=place).astimezone(UTC)
    except ValueError as error:
        raise BadRequest(f"line {line}: {error}") from error
    common: JsonObject = {
        "net": row["NetworkMode"],
        "radio": _radio(row, line),
        "wall_us": int(at.timestamp()) * 1_000_000,
    }
    yield common | _passive(row, load, line)
    loss = _number(row, "PINGLOSS", line)
    if loss is not None:
        yield common | _ping(row, loss, line)


def _passive(row: Mapping[str, str], load: Load, line: int) -> JsonObject:
    down, up = _number(row, "DL_bitrate", line), _number(row, "UL_bitrate", line)
    if down is None or up is None or down < 0 or up < 0:
        raise BadRequest(f"line {line}: DL_bitrate and UL_bitrate are whole numbers of kbit/s")
    state = row["State"]
    if state not in STATES:
        raise BadRequest(f"line {line}: unknown state {state!r}")
    told: JsonObject = {"method": "passive", "state": state, "up_bps": up // 1000 * 1000}
    if state == "I" and down == 0:
        return told | {"end": "not_started", "reason": "idle"}
    told |= {"end": "ok", "rate_bps": down}
    if load is Load.UNKNOWN or "D" not in state:
        told["flaws"] = ["demand_unknown"]
    return told


def _ping(row: Mapping[str, str], loss: int, line: int) -> JsonObject:
    """One group of pings; `loss` is in thousandths of a per cent."""
    average = _number(row, "PINGAVG", line)
    told: JsonObject = {"loss_pm": loss // 100, "method": "ping"}
    if average is None:
        return told | {"end": "failed", "failure": "generic_timeout_error"}
    if average < 0 or loss >= _ALL_LOST:
        raise BadRequest(f"line {line}: a ping answered and wholly lost")
    return told | {"end": "ok", "rtt_us": [average], "rtt_is": "group_average"}


def _radio(row: Mapping[str, str], line: int) -> JsonObject:
    """The radio facts of a line; what is absent or a sentinel is left out. dBm and dB are rounded to whole ones."""
    told: JsonObject = {"cell": row["CellID"], "lac_hex": row["LACHEX"]}
    signal: JsonObject = {"radio": _RADIO.get(row["NetworkMode"], "unknown")}
    for column, name, least in (("RSRP", "rsrp_dbm", -199), ("RSRQ", "rsrq_db", -100), ("SNR", "snr_db", -100),
                                ("RSSI", "rssi_dbm", -199), ("CQI", "cqi", 0)):  # fmt: skip
        value = _number(row, column, line)
        if value is not None and least * 1000 <= value < 1000 * 1000:
            signal[name] = round(value / 1000)
    return told | {"signals": [signal]}


def _number(row: Mapping[str, str], column: str, line: int) -> int | None:
    """A decimal number in thousandths, so that ms become µs and kbit/s become bit/s; None if absent."""
    text = row[column].strip()
    if text in ABSENT:
        return None
    whole, _, part = text.partition(".")
    digits = whole.removeprefix("-")
    if not digits.isdigit() or (part and not part.isdigit()) or len(digits) > 12:  # noqa: PLR2004
        raise BadRequest(f"line {line}: {column} is not a number: {text[:40]!r}")
    value = int(digits) * 1000 + int((part + "000")[:3])
    return -value if whole.startswith("-") else value
