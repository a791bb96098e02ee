"""LTE logs of University College Cork: each trap of the format, on rows made by hand, and the real set as a whole."""

import base64
import contextlib
import csv
import gzip
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.history import History
from hypothesis import given
from hypothesis import strategies as st
from strategies import mangled

from collector.case import case_of
from collector.config import Config
from collector.errors import BadRequest
from collector.importers.imported import MOST_BYTES, MOST_LINES, in_entries
from collector.importers.ucc import Load, load_of, read_ucc
from collector.imports import keep_import
from collector.reading import read_measurements
from collector.services import Services
from shared.record import read_record

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[4] / "shared"))
DATA = SHARED / "data" / "lte" / "ucc"
HEADER = (
    "Timestamp", "Longitude", "Latitude", "Speed", "Operatorname", "CellID", "NetworkMode", "RSRP", "RSRQ", "SNR", "CQI",
    "RSSI", "DL_bitrate", "UL_bitrate", "State", "PINGAVG", "PINGMIN", "PINGMAX", "PINGSTDEV", "PINGLOSS", "CELLHEX",
    "NODEHEX", "LACHEX", "RAWCELLID", "NRxRSRP", "NRxRSRQ",
)  # fmt: skip
ROW = {
    "Timestamp": "2019.12.14_10.16.30", "Longitude": "-8.394207", "Latitude": "51.885", "Speed": "0", "Operatorname": "B",
    "CellID": "12", "NetworkMode": "LTE", "RSRP": "-95", "RSRQ": "-13", "SNR": "-2.0", "CQI": "9", "RSSI": "-80",
    "DL_bitrate": "6808", "UL_bitrate": "120", "State": "D", "PINGAVG": "-", "PINGMIN": "-", "PINGMAX": "-",
    "PINGSTDEV": "-", "PINGLOSS": "-", "CELLHEX": "C", "NODEHEX": "A528", "LACHEX": "9CBA", "RAWCELLID": "10823692",
    "NRxRSRP": "-", "NRxRSRQ": "-",
}  # fmt: skip


def log(*changes: dict[str, str], header: tuple[str, ...] = HEADER) -> bytes:
    """A log of these rows, each the usual one with some cells changed."""
    out = io.StringIO()
    rows = csv.DictWriter(out, header, lineterminator="\n", extrasaction="ignore")
    rows.writeheader()
    rows.writerows(ROW | change for change in changes)
    return out.getvalue().encode("latin-1")


def read(*changes: dict[str, str], load: Load = Load.LOADED, zone: str = "Europe/Dublin") -> list[dict[str, Any]]:
    """The records of these rows."""
    return [dict(read_record(line[:-1]).fields) for line in read_ucc(log(*changes), load, zone)]


def test_a_loaded_second() -> None:
    """A second under load is a rate in bit/s with its radio facts; positions are nowhere."""
    (record,) = read({})
    assert record == {
        "end": "ok", "method": "passive", "net": "LTE", "rate_bps": 6_808_000, "seq": 0, "state": "D", "up_bps": 120_000,
        "wall_us": 1_576_318_590_000_000,
        "radio": {
            "cell": "12", "lac_hex": "9CBA",
            "signals": [{"cqi": 9, "radio": "lte", "rsrp_dbm": -95, "rsrq_db": -13, "rssi_dbm": -80, "snr_db": -2}],
        },
    }  # fmt: skip
    assert "51.885" not in str(record)
    assert "-8.39" not in str(record)


@pytest.mark.parametrize(
    ("change", "load", "end", "flaws"),
    [
        ({"DL_bitrate": "0", "State": "I"}, Load.LOADED, "not_started", None),
        ({"DL_bitrate": "0", "State": "I"}, Load.UNKNOWN, "not_started", None),
        ({"DL_bitrate": "0", "State": "D"}, Load.LOADED, "ok", None),
        ({"DL_bitrate": "0", "State": "D"}, Load.UNKNOWN, "ok", ["demand_unknown"]),
        ({"DL_bitrate": "9", "State": "I"}, Load.LOADED, "ok", ["demand_unknown"]),
        ({"DL_bitrate": "9", "State": "V"}, Load.LOADED, "ok", ["demand_unknown"]),
        ({"DL_bitrate": "9", "State": "VD"}, Load.LOADED, "ok", None),
    ],
)
def test_a_passive_zero_is_not_slowness(change: dict[str, str], load: Load, end: str, flaws: list[str] | None) -> None:
    """An idle second was not started; a rate counts only where the phone was loading as fast as it could."""
    (record,) = read(change, load=load)
    assert (record["end"], record.get("flaws")) == (end, flaws)
    assert ("rate_bps" in record) == (end == "ok")
    if end == "not_started":
        assert record["reason"] == "idle"


def test_dash_is_no_ping() -> None:
    """`-` in PINGLOSS is no ping, so there is no record of one."""
    assert [one["method"] for one in read({}, {"PINGLOSS": ""})] == ["passive", "passive"]


def test_lost_ping_is_a_failure() -> None:
    """A group of pings wholly lost is a failed measurement beside the rate of that second."""
    rate, ping = read({"PINGLOSS": "100.0"})
    assert (rate["end"], ping["end"], ping["failure"], ping["loss_pm"]) == (
        "ok",
        "failed",
        "generic_timeout_error",
        1000,
    )
    assert "rtt_us" not in ping


@pytest.mark.parametrize(("loss", "loss_pm"), [("0", 0), ("20.0", 200), ("80", 800)])
def test_answered_ping(loss: str, loss_pm: int) -> None:
    """An answered group is one round trip, named as an average, with its loss."""
    _, ping = read({"PINGLOSS": loss, "PINGAVG": "86.5"})
    assert (ping["end"], ping["rtt_us"], ping["rtt_is"], ping["loss_pm"]) == ("ok", [86_500], "group_average", loss_pm)


@pytest.mark.parametrize("mode", ["5G", "HSPA+", "HSUPA", "UMTS", "EDGE", "GPRS", "IWLAN"])
def test_all_network_modes_are_kept(mode: str) -> None:
    """A phone fallen back to 3G is still the customer's line."""
    records = read({"NetworkMode": mode, "PINGLOSS": "100"})
    assert [one["net"] for one in records] == [mode, mode]


def test_sentinels_are_absent() -> None:
    """What means `not known` is left out, never a weak cell."""
    sentinels = {
        "RSRP": "-200",
        "RSRQ": "-",
        "SNR": "-",
        "RSSI": "",
        "CQI": "-",
        "NRxRSRP": "-151",
        "NRxRSRQ": "2147483647",
    }
    (record,) = read(sentinels)
    assert record["radio"]["signals"] == [{"radio": "lte"}]
    assert "2147483647" not in str(record)


@pytest.mark.parametrize("cell", ["53E42", "534E2", "613E4", "1E02", "0", "00012"])
def test_hexadecimal_stays_text(cell: str) -> None:
    """An identity that looks like a float is text, to the digit."""
    (record,) = read({"LACHEX": cell, "CellID": cell})
    assert (record["radio"]["lac_hex"], record["radio"]["cell"]) == (cell, cell)


def test_order_is_the_file_s() -> None:
    """Seconds repeat and go back; the numbers are those of the file."""
    records = read({}, {}, {"Timestamp": "2019.12.14_10.16.29", "PINGLOSS": "0", "PINGAVG": "1"}, {})
    assert [one["seq"] for one in records] == [0, 1, 2, 3, 4]
    times_us = [one["wall_us"] - 1_576_318_590_000_000 for one in records]
    assert times_us == [0, 0, -1_000_000, -1_000_000, 0]


@pytest.mark.parametrize(
    ("zone", "stamp", "wall_us"),
    [
        ("Europe/Dublin", "2019.12.14_10.16.30", 1_576_318_590_000_000),
        ("Europe/Dublin", "2020.07.01_12.00.00", 1_593_601_200_000_000),
        ("Europe/Prague", "2019.12.14_10.16.30", 1_576_314_990_000_000),
        ("UTC", "2020.07.01_12.00.00", 1_593_604_800_000_000),
    ],
)
def test_zone(zone: str, stamp: str, wall_us: int) -> None:
    """Times are of the zone that is told, summer time included."""
    (record,) = read({"Timestamp": stamp}, zone=zone)
    assert record["wall_us"] == wall_us


@pytest.mark.parametrize(
    "change",
    [
        {"Timestamp": "14.12.2019 10:16:30"},
        {"Timestamp": ""},
        {"Timestamp": "2019.13.14_10.16.30"},
        {"DL_bitrate": "-"},
        {"DL_bitrate": "-1"},
        {"DL_bitrate": "fast"},
        {"DL_bitrate": "9" * 13},
        {"DL_bitrate": "1e3"},
        {"UL_bitrate": ""},
        {"State": "X"},
        {"PINGLOSS": "lost"},
        {"PINGLOSS": "100", "PINGAVG": "5"},
        {"PINGLOSS": "0", "PINGAVG": "-5"},
        {"RSRP": "weak"},
        {"SNR": "1.2.3"},
    ],
    ids=str,
)
def test_malformed_rows_are_named(change: dict[str, str]) -> None:
    """A cell that cannot be read refuses the file and names its line."""
    with pytest.raises(BadRequest, match=r"^line 3: "):
        read({}, change, {})


def broken(data: bytes) -> bytes:
    """A gzip file with a byte in the middle changed."""
    packed = bytearray(gzip.compress(data))
    packed[len(packed) // 2] ^= 0xFF
    return bytes(packed)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "columns"),
        (b"a,b\n1,2\n", "columns Timestamp"),
        (log({}, header=HEADER[:-4]), "columns LACHEX"),
        (log({}) + b"short,row\n", "line 3: not as many columns"),
        (log({}).replace(b"\n", b",more\n").replace(b"NRxRSRQ,more", b"NRxRSRQ"), "line 2: not as many columns"),
        (log({"Operatorname": "\xff"}), "ascii"),
        (b"\x1f\x8b" + b"not gzip", "not a UCC log"),
        (gzip.compress(log({}))[:-12], "not a UCC log"),
        (broken(log({}, {}, {})), "not a UCC log"),
        (log({"Operatorname": 'x"'}).replace(b'""', b'"'), "unexpected end of data"),
        (log({"NetworkMode": "x" * 140_000}), "line"),
    ],
    ids=[
        "empty",
        "other",
        "column_gone",
        "short",
        "long",
        "not_ascii",
        "not_gzip",
        "cut",
        "broken",
        "quote",
        "huge_cell",
    ],
)
def test_not_a_log(data: bytes, reason: str) -> None:
    """What is no log is refused with its reason, and never half read."""
    with pytest.raises(BadRequest, match=reason):
        list(read_ucc(data, Load.LOADED))


@given(mangled(st.just(log({}, {"PINGLOSS": "100"}, {"State": "I", "DL_bitrate": "0"}))))
def test_any_damage(data: bytes) -> None:
    """A damaged log is records or BadRequest, whatever the damage."""
    try:
        for line in read_ucc(data, Load.LOADED):
            read_record(line[:-1])
    except BadRequest:
        pass


def test_gzip_is_the_same() -> None:
    """A log packed is the log."""
    data = log({}, {"PINGLOSS": "100"})
    assert list(read_ucc(gzip.compress(data), Load.LOADED)) == list(read_ucc(data, Load.LOADED))


def test_layout_tells_the_load() -> None:
    """Only files under Download were loading as fast as they could."""
    assert load_of(("ucc", "Download", "Driving", "x.csv")) is Load.LOADED
    assert load_of(("ucc", "Netflix", "Static", "x.csv")) is Load.UNKNOWN


def test_parts_fit_an_entry() -> None:
    """A long import is cut into parts that a ledger entry can hold, in order, none empty."""
    lines = [b"%d\n" % number for number in range(2 * MOST_LINES + 1)]
    parts = list(in_entries(lines))
    assert [part.count(b"\n") for part in parts] == [MOST_LINES, MOST_LINES, 1]
    assert b"".join(parts) == b"".join(lines)
    wide = [b"x" * (MOST_BYTES // 2) + b"\n"] * 3
    assert [len(part) <= MOST_BYTES for part in in_entries(wide)] == [True, True, True]
    assert list(in_entries([])) == []


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", ""])
def test_unknown_zone(tmp_path: Path, zone: str) -> None:
    """A zone that is none is refused, whatever is wrong with it."""
    file = tmp_path / "log.csv"
    file.write_bytes(log({}))
    if zone:
        with pytest.raises(BadRequest, match="IANA"):
            list(read_measurements("ucc", file, None, zone))
    with pytest.raises(BadRequest, match="unknown format"):
        list(read_measurements("xls", file, None, None))
    with pytest.raises(BadRequest, match="cannot be read"):
        list(read_measurements("ucc", tmp_path / "nothing", None, None))


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, list[dict[str, Any]]]]:
    """The whole real set, imported for one line; and its records."""
    if not DATA.exists():
        pytest.skip("the logs in the folder `shared` beside the repository are absent")
    files = sorted(DATA.rglob("*.csv.gz"))
    assert len(files) == 21
    with contextlib.closing(
        Services.over_folder(Config(data=tmp_path_factory.mktemp("data")), FakeClock())
    ) as services:
        subscriber = services.registry.subscribers[History(services).line("cork")]
        found: list[dict[str, Any]] = []
        for file in files:
            for part in read_measurements("ucc", file, None, None):
                body = _body(part)
                kept = keep_import(services, subscriber, "ucc", part["file"], part["sha256"], part["reading"], body)
                assert kept["kept"] == kept["lines"]
                again = keep_import(services, subscriber, "ucc", part["file"], part["sha256"], part["reading"], body)
                assert again["kept"] == 0
                found += [json.loads(line) for line in body.splitlines()]
        services.indexer.catch_up()
        yield services, found


def _body(part: dict[str, Any]) -> bytes:
    return base64.b64decode(part["lines_b64"])


@pytest.mark.slow
def test_real_counts(imported: tuple[Services, list[dict[str, Any]]]) -> None:
    """The real set gives the rows, pings and losses its description counts."""
    _, records = imported
    passive = [one for one in records if one["method"] == "passive"]
    pings = [one for one in records if one["method"] == "ping"]
    assert len(passive) == 54_337
    assert Counter(one["net"] for one in passive)["LTE"] == 20_269
    failed = [one for one in pings if one["end"] == "failed"]
    assert len(failed) == 42
    by_mode = {"HSPA+": 25, "LTE": 10, "5G": 5, "UMTS": 1, "HSUPA": 1}
    assert Counter(one["net"] for one in failed) == Counter(by_mode)
    answered = [one for one in pings if one["end"] == "ok"]
    assert len(answered) == 1_438
    assert sum(one["loss_pm"] > 0 for one in answered) == 72
    lte_ms = sorted(one["rtt_us"][0] for one in answered if one["net"] == "LTE")
    assert (len(lte_ms), lte_ms[0] // 1000, lte_ms[-1] // 1000) == (432, 66, 889)
    lte = [one for one in passive if one["net"] == "LTE"]
    idle = [one for one in lte if one["end"] == "not_started"]
    assert len(idle) == 4_727
    zeros = [one for one in lte if one.get("rate_bps") == 0]
    assert len(zeros) + len(idle) == 7_489
    assert sum("flaws" not in one for one in zeros) == 203
    assert all(one["wall_us"] > 1_574_000_000_000_000 for one in records)


@pytest.mark.slow
def test_real_case(imported: tuple[Services, list[dict[str, Any]]]) -> None:
    """In the case they are imported and unsigned, judged apart, and no idle second is a slow sample."""
    services, records = imported
    case, rows = case_of(services, "cork")
    counts = case.counts["imported"]
    assert (counts.failed, counts.ok + counts.failed + counts.not_started) == (42, len(records))
    assert case.counts["signed"].ok == 0
    assert {row.provenance for row in rows} == {"imported"}
    assert not any(row.end == "not_started" and row.rate_bps is not None for row in rows)
    assert [one.provenance for one in case.verdicts] == ["signed", "imported"]
    assert case.verdicts[0].verdict == "insufficient_evidence"
    assert len({row.seq for row in rows}) == len(rows)
