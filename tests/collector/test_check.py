"""The check that everything agrees: quiet when it does, and naming what does not, whatever was changed."""

import contextlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from fakes.commanded import commanded
from fakes.device import download
from fakes.running import command, running

from collector.ledger.names import seal_file, segment_name


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two sealed segments, a fork kept aside and a complaint; its collector has ended."""
    data = tmp_path_factory.mktemp("left") / "data"
    data.mkdir()
    (data / "collector.toml").write_text("segment_mb = 1\n")
    with running(data) as collector:
        device, other = collector.enrolled("anna"), collector.enrolled("berta")
        bulk = [download(t_us=list(range(8000))) for _ in range(20)]
        for _ in range(5):
            assert collector.post_batch(device.next(*bulk)).status == 201
        for _ in range(3):
            assert collector.post_batch(other.next()).status == 201
        assert collector.post_batch(other.seal(prev="1" * 64)).status == 409
        assert collector.post_json("/v1/complaints", device.complaint("Slow.")).status == 201
        collector.case("anna")
        assert collector.stop() == 0
    return data


@pytest.fixture
def data(left: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(left, tmp_path / "data")


def checked(data: Path) -> tuple[int, list[str]]:
    """The exit code, and where something does not agree."""
    done = commanded(data, "check", "--json")
    assert "Traceback" not in done.stderr
    told = json.loads(done.stdout)
    return done.returncode, [f"{one['where']}: {one['what']}" for one in told["found"]]


@pytest.mark.slow
def test_all_agrees(data: Path) -> None:
    """Nothing is found where nothing is wrong, and what was looked at is told, with a collector running and without."""
    done = command(data, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "16 ledger entries, 8 batches, 2 sealed segments" in done.stdout
    assert re.search(r"compared column by column: \d+ rows of 16 entries, chosen by chance", done.stdout)
    assert "everything agrees" in done.stdout
    assert commanded(data, "audit").stdout == done.stdout
    with running(data, "--workers", "1") as collector:
        assert checked(data) == (0, [])
        assert collector.stop() == 0


def change(file: Path, old: bytes, new: bytes) -> None:
    """Replace something in a file, once."""
    data = file.read_bytes()
    assert old in data
    file.chmod(0o600)
    file.write_bytes(data.replace(old, new, 1))


def flip(file: Path, place: int) -> None:
    """Flip a bit."""
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def statement(sql: str) -> Callable[[Path], None]:
    """Damage to the index."""

    def run(data: Path) -> None:
        with contextlib.closing(duckdb.connect(str(data / "index.duckdb"))) as index:
            index.execute(sql)

    return run


def forge_receipt(data: Path) -> None:
    """Another moment in the last batch's receipt, whose signature then does not fit."""
    file = data / "ledger" / segment_name(3)
    line = file.read_bytes()
    place = line.rindex(b'"receipt":{"payload":"')
    start = place + len(b'"receipt":{"payload":"')
    file.write_bytes(
        line[: start + 40] + (b"A" if line[start + 40 : start + 41] != b"A" else b"B") + line[start + 41 :]
    )


LAST_BATCH = "(SELECT max(entry_no) FROM batch)"
DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "segment": (lambda data: change(data / "ledger" / segment_name(1), b'"end":"ok"', b'"end":"no"'), r"000001\.ndjson"),
    "seal": (lambda data: change(seal_file(data / "ledger", 2), b'"size":', b'"size":1'), r"000002"),
    "receipt": (forge_receipt, r"entry 14 .*000003"),
    "batch_gone": (statement(f"DELETE FROM batch WHERE entry_no = {LAST_BATCH}"), "entry 14: is not in the index"),
    "batch_other": (statement(f"UPDATE batch SET pae = '\\x00'::BLOB WHERE entry_no = {LAST_BATCH}"), "entry 14: .*something else"),
    "place_other": (statement(f'UPDATE batch SET "offset" = 1 WHERE entry_no = {LAST_BATCH}'), "entry 14: .*something else"),
    "record_gone": (
        statement(f"DELETE FROM hot WHERE entry_no = {LAST_BATCH}"), "entry 14: has 1 records, the index 0 of 1"
    ),
    "record_twice": (
        statement(f"INSERT INTO hot SELECT * FROM hot WHERE entry_no = {LAST_BATCH}"), "entry 14: has 1 records, the index 2"
    ),
    "log_hash": (lambda data: flip(data / "log" / "tile.0", 40), r"entry \d+: a leaf of the log: number 1 .*tile\.0|^log: "),
    "log_leaf": (lambda data: flip(data / "log" / "leaves", 40), r"entry \d+: a leaf of the log: number 0 .*leaves"),
    "figure_other": (
        statement(f"UPDATE hot SET rate_bps = 1 WHERE entry_no = {LAST_BATCH}"),
        r"entry 14 \(line 'berta', device [0-9a-f]{64}, seq 2\): a row of record: rate_bps is 1, the ledger says 10000000",
    ),
    "flaw_added": (
        statement("""UPDATE hot SET flaws = '["wifi"]' WHERE entry_no = (SELECT min(entry_no) FROM batch)"""),
        r"line 'anna', .* seq \d+\): a row of record: flaws is '\[\"wifi\"\]', the ledger says None",
    ),
    "record_of_another_line": (
        statement(f"UPDATE hot SET line = (SELECT min(id) FROM line) WHERE entry_no = {LAST_BATCH}"),
        r"entry 14 \(line 'berta', .*: a row of record: line is \d+",
    ),
    "device_of_another_line": (
        statement("UPDATE device SET line = (SELECT max(id) FROM line)"), r"entry \d+ .*: a row of device: line is \d+"
    ),
    "line_renamed": (statement("UPDATE line SET subscriber = 'carl' WHERE subscriber = 'anna'"), "a row of line: subscriber is 'carl'"),
    "batch_that_lost": (statement(f"UPDATE batch SET lost = 7 WHERE entry_no = {LAST_BATCH}"), "entry 14 .*: lost is 7, the ledger says 0"),
    "complaint_other": (statement("UPDATE complaint SET \"text\" = 'Fine.'"), "a row of complaint: text is 'Fine.', the ledger says 'Slow.'"),
    "alarm_gone": (statement("DELETE FROM refused"), "entry 15: makes 1 rows of refused, the index has 0"),
    "batch_too_many": (
        statement(f"INSERT INTO batch SELECT * REPLACE (1 AS entry_no) FROM batch WHERE entry_no = {LAST_BATCH}"),
        "entry 1: is a batch in the index and none in the ledger",
    ),
}  # fmt: skip


@pytest.mark.threat("T12")
@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(data: Path, name: str) -> None:
    """Whatever was changed behind the collector's back is found, and where it is."""
    damage, where = DAMAGE[name]
    damage(data)
    code, found = checked(data)
    assert code == 1
    assert re.search(where, "\n".join(found)), found


@pytest.mark.slow
def test_how_much_is_compared_is_asked_and_told(data: Path) -> None:
    """Rows of all entries, of none, or of some by chance; what it did is said, and what was not looked at is not found."""
    statement(f"UPDATE hot SET rate_bps = 1 WHERE entry_no = {LAST_BATCH}")(data)
    none, every = commanded(data, "check", "--rows", "none"), commanded(data, "check", "--rows", "all")
    assert (none.returncode, every.returncode) == (0, 1)
    assert "no row of the index was compared column by column" in none.stdout
    assert re.search(r"compared column by column: \d+ rows of 16 entries, which is all", every.stdout)
    assert "rate_bps is 1, the ledger says 10000000" in every.stdout
