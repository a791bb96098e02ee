"""`speedproof-collector`: words, exit codes, one JSON object, with a collector running and without."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from fakes.clock import FakeClock
from fakes.commanded import commanded
from fakes.device import Device
from fakes.running import COMMAND, Running, command, is_there, running

from collector.__main__ import main
from collector.config import Config
from collector.peerkeys import trusted_peers
from collector.services import Services
from shared import batch
from shared.enrolment import read_code

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[3] / "shared"))
LOG = SHARED / "data/lte/ucc/Download/Driving/B_2019.12.14_10.16.30.csv.gz"
ANNA = (
    "subscriber",
    "add",
    "anna",
    "--time-zone",
    "Europe/Prague",
    "--down",
    "advertised=40M",
    "--up",
    "advertised=10M",
)


class Cli:
    """The command line in this process, over one folder."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Work over this folder."""
        self._data = data
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        self._capsys.readouterr()
        try:
            code = main([*words, "--data", str(self._data)])
        except SystemExit as ended:
            code = int(str(ended.code))
        out, err = self._capsys.readouterr()
        return code, out, err

    def told(self, *words: str) -> dict[str, Any]:
        """The one JSON object on stdout, with nothing beside it anywhere."""
        code, out, err = self.run(*words, "--json")
        assert (code, err) == (0, "")
        assert out.count("\n") == 1
        value = json.loads(out)
        assert isinstance(value, dict)
        return value


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder."""
    return tmp_path / "data"


@pytest.fixture
def cli(data: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line."""
    return Cli(data, capsys)


@pytest.mark.parametrize(
    "words",
    [
        (), ("up",), ("subscriber",), ("subscriber", "add"), ("code",), ("import",), ("import", "measurements"),
        ("judge",), ("case",), ("case", "show"), ("evidence",), ("report",), ("rebuild",),
    ],
)  # fmt: skip
def test_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    assert "usage: speedproof-collector" in capsys.readouterr().out


def test_results_are_one_json_object(cli: Cli, tmp_path: Path) -> None:
    """With --json every command prints one object and nothing else, and the words are there without it."""
    added = cli.told(*ANNA)
    assert (added["subscriber"], added["added"], added["criterion"]) == ("anna", True, "cz-mobile-cert")
    assert cli.told(*ANNA)["added"] is False
    code = cli.told("code", "anna")
    assert read_code(code["code"])
    shown = cli.told("case", "show", "anna")
    assert {"contract", "complaints", "counts", "verdicts", "devices", "alarms"} <= set(shown)
    assert {"ok", "failed", "not_started", "missing_slots"} <= set(shown["counts"]["signed"])
    judged = cli.told("judge", "anna")
    assert judged["verdict"] == "insufficient_evidence"
    assert cli.told("judge", "anna", "--criterion", "de-fixed-2021")["verdicts"][0]["criterion"] == "de-fixed-2021"
    out = tmp_path / "evidence.zip"
    written = cli.told("evidence", "anna", "--out", str(out))
    assert written["bytes"] == out.stat().st_size
    written = cli.told("report", "anna", "--out", str(out.with_suffix(".pdf")))
    assert (written["bytes"], written["whole"]) == (out.with_suffix(".pdf").stat().st_size, True)
    assert written["signature"] == "PAdES-B-B"
    rebuilt = cli.told("rebuild")
    assert (rebuilt["entries"], rebuilt["same_as_before"]) == (2, True)
    for words in (ANNA, ("code", "anna"), ("case", "show", "anna"), ("judge", "anna"), ("rebuild",)):
        status, text, err = cli.run(*words)
        assert (status, err) == (0, "")
        assert text.strip()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("case", "show", "nobody"), 1),
        (("code", "nobody"), 1),
        (("judge", "nobody"), 1),
        (("evidence", "nobody", "--out", "never-written.zip"), 1),
        (("report", "nobody", "--out", "never-written.pdf"), 1),
        (("judge",), 2),
        (("nonsense",), 2),
        (("subscriber", "add", "anna"), 2),
        (("subscriber", "add", "anna", "--time-zone", "Mars/Olympus", "--down", "min=1M"), 2),
        (("subscriber", "add", "anna", "--time-zone", "Europe", "--down", "min=1M"), 2),
        (("subscriber", "add", "anna", "--time-zone", "Europe/Prague"), 2),
        (("subscriber", "add", "../x", "--time-zone", "Europe/Prague", "--down", "min=1M"), 2),
        (("subscriber", "add", "anna", "--time-zone", "Europe/Prague", "--down", "min=fast"), 2),
        (("subscriber", "add", "anna", "--time-zone", "Europe/Prague", "--down", "min=0M"), 2),
        (("subscriber", "add", "anna", "--time-zone", "Europe/Prague", "--down", "min=1M", "--criterion", "x"), 2),
        (("judge", "--input", "no-such-file.json", "--criterion", "cz-mobile-cert"), 2),
        (("judge", "--input", "/dev/null", "--criterion", "cz-mobile-cert"), 2),
        (("judge", "--input", "/dev/null"), 2),
        (("up", "--host", "localhost"), 2),
        (("up", "--port", "70000"), 2),
        (("up", "--slot-s", "1"), 2),
        (("up", "--criteria", "/no/such/folder"), 2),
        (("import", "measurements", "--format", "xls", "--subscriber", "anna", "x.csv"), 2),
        (("import", "measurements", "--format", "ucc", "--subscriber", "anna", "no-such-file.csv"), 2),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
def test_misuse(cli: Cli, words: tuple[str, ...], code: int) -> None:
    """What cannot be done is one clear message on stderr: 1 for a refusal, 2 for misuse; never a traceback."""
    status, out, err = cli.run(*words)
    assert (status, out) == (code, "")
    assert err.strip()
    assert "Traceback" not in err


def test_contradiction(cli: Cli) -> None:
    """A line said otherwise is a conflict with exit code 1."""
    cli.told(*ANNA)
    status, _, err = cli.run(*ANNA[:-1], "advertised=11M")
    assert status == 1
    assert "another contract" in err


CASE = {
    "contract": {"time_zone": "Europe/Prague", "direction": "down", "advertised_bps": 40_000_000},
    "measurements": [],
}


@pytest.mark.parametrize(
    ("text", "criterion"),
    [
        (json.dumps(CASE), "no-such-rule"),
        (json.dumps(CASE), "pl-uke"),
        ("not JSON", "cz-mobile-cert"),
        ("[]", "cz-mobile-cert"),
        ("{}", "cz-mobile-cert"),
        ('{"cases":7}', "cz-mobile-cert"),
        ("[" * 100_000, "cz-mobile-cert"),
        ("9" * 5000, "cz-mobile-cert"),
        ("\ud800", "cz-mobile-cert"),
    ],
)
def test_judging_nonsense(cli: Cli, tmp_path: Path, text: str, criterion: str) -> None:
    """An unknown criterion or malformed input is exit 2 with a message."""
    file = tmp_path / "case.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    status, out, err = cli.run("judge", "--criterion", criterion, "--input", str(file), "--json")
    assert (status, out) == (2, "")
    assert err.startswith("speedproof-collector: ")
    assert err.count("\n") == 1


def test_judging_a_file_needs_no_folder(cli: Cli, data: Path) -> None:
    """Judging a vector touches no data folder, and gives one result for each case."""
    file = SHARED / "vectors" / "criteria" / "cz-mobile-cert.json"
    if not file.exists():
        pytest.skip("the vectors in the folder `shared` beside the repository are absent")
    status, out, _ = cli.run("judge", "--criterion", "cz-mobile-cert", "--input", str(file), "--json")
    results = json.loads(out)
    assert status == 0
    assert [one["id"] for one in results] == [one["id"] for one in json.loads(file.read_text())["cases"]]
    assert not data.exists()


def test_damaged_ledger_is_said(cli: Cli, data: Path) -> None:
    """A ledger that does not read back is named, and nothing is changed."""
    cli.told(*ANNA)
    cli.told("code", "anna")
    path = data / "ledger" / "000001.ndjson"
    bad = path.read_bytes().replace(b"advertised", b"advortised", 1)
    path.write_bytes(bad)
    for words in (("case", "show", "anna"), ("rebuild",), ("up", "--port", "0", "--peer-port", "0")):
        status, out, err = cli.run(*words)
        assert (status, out) == (1, "")
        assert "000001.ndjson at byte 0" in err
    assert path.read_bytes() == bad


def test_unusable_index_is_said(cli: Cli, data: Path) -> None:
    """An index that cannot be read is said, with the command that makes it anew."""
    cli.told(*ANNA)
    (data / "index.duckdb").write_bytes(b"not a database" * 1000)
    status, out, err = cli.run("case", "show", "anna")
    assert (status, out) == (1, "")
    assert "rebuild" in err
    assert cli.told("rebuild")["same_as_before"] is None
    assert cli.told("case", "show", "anna")["subscriber"] == "anna"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Path]]:
    """A running collector with the line `anna`, and its folder."""
    folder = tmp_path_factory.mktemp("up") / "data"
    with running(folder) as collector:
        assert command(folder, *ANNA).returncode == 0
        yield collector, folder
        assert collector.stop() == 0


def test_commands_reach_the_running_collector(up: tuple[Running, Path]) -> None:
    """While a collector runs the commands go through it, with the same words and exit codes."""
    collector, folder = up
    done = command(folder, *ANNA, "--json")
    assert json.loads(done.stdout)["added"] is False
    code = json.loads(commanded(folder, "code", "anna", "--json").stdout)["code"]
    device = Device()
    assert collector.post_enrolment(code, device.request(read_code(code))).status == 201
    assert collector.post_batch(device.next()).status == 201
    shown = json.loads(commanded(folder, "case", "show", "anna", "--json").stdout)
    assert shown["counts"]["signed"]["ok"] == 1
    refused = commanded(folder, "case", "show", "nobody")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "nobody" in refused.stderr
    contradiction = commanded(folder, *ANNA[:-1], "advertised=11M")
    assert contradiction.returncode == 1
    busy = commanded(folder, "rebuild")
    assert busy.returncode == 1
    assert "already runs" in busy.stderr


def test_ready_says_where(up: tuple[Running, Path]) -> None:
    """What `up` prints is enough to find everything; the desk's token is in no file others can read."""
    collector, folder = up
    assert set(collector.told) >= {"ready", "url", "desk_url", "peer", "data", "collector_key", "torn_bytes"}
    assert collector.told["peer"]["key_id"] != collector.told["collector_key"]
    assert collector.told["peer"]["key_id"] in {key.key_id for key in trusted_peers(folder / "keys").values()}
    for path in (folder / "desk.json", folder / "keys" / "desk.token", *(folder / "keys").glob("*.pem")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert collector.token not in folder.with_name("data.log").read_text()


def test_two_collectors_over_one_folder(up: tuple[Running, Path]) -> None:
    """A folder has one collector."""
    done = commanded(up[1], "up", "--port", "0", "--peer-port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "already runs over" in done.stderr


def test_port_taken(up: tuple[Running, Path], tmp_path: Path) -> None:
    """A port that is taken is said with a way out, for the collector and for its peer."""
    done = command(tmp_path / "other", "up", "--port", str(up[0].port), "--peer-port", "0")
    assert done.returncode == 1
    assert f"port {up[0].port}" in done.stderr
    assert "--port" in done.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = commanded(tmp_path / "other", "up", "--port", "0", "--peer-port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "peer did not come up" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not LOG.exists(), reason="the logs in the folder `shared` beside the repository are absent")
def test_import(up: tuple[Running, Path], cli: Cli) -> None:
    """An import is the same with a collector running and without; the second time nothing is kept."""
    words = ("import", "measurements", "--format", "ucc", "--subscriber", "anna", str(LOG), "--json")
    through = json.loads(commanded(up[1], *words).stdout)
    cli.told(*ANNA)
    alone = cli.told(*words[:-1])
    assert through == alone
    assert through["kept"] == through["lines"] == 1155 + 77 + 5
    assert json.loads(commanded(up[1], *words).stdout)["kept"] == cli.told(*words[:-1])["kept"] == 0
    assert cli.told("case", "show", "anna")["counts"]["imported"]["failed"] == 5


def test_malformed_import_names_its_line(cli: Cli, tmp_path: Path) -> None:
    """A file that cannot be read to its end is named with the line, and nothing of it is kept."""
    cli.told(*ANNA)
    file = tmp_path / "log.csv"
    header = "Timestamp,CellID,NetworkMode,RSRP,RSRQ,SNR,CQI,RSSI,DL_bitrate,UL_bitrate,State,PINGAVG,PINGMIN,PINGMAX,PINGLOSS,LACHEX"
    good = "2019.12.14_10.16.30,1,LTE,-,-,-,-,-,5,5,D,-,-,-,-,A"
    file.write_text("\n".join([header, good, good.replace("LTE,-", "LTE,weak"), ""]))
    status, out, err = cli.run("import", "measurements", "--format", "ucc", "--subscriber", "anna", str(file))
    assert (status, out) == (2, "")
    assert "log.csv: line 3: RSRP" in err
    assert "imported" not in cli.told("case", "show", "anna")["counts"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_when_told(tmp_path: Path, number: signal.Signals) -> None:
    """Told to stop it ends within seconds with exit 0, and its peer with it; also with a client connected."""
    with running(tmp_path / "data") as collector, socket.create_connection(("127.0.0.1", collector.port)) as idle:
        idle.sendall(b"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n")
        peer = collector.peer_pid
        started = time.monotonic()
        collector.process.send_signal(number)
        assert collector.process.wait(10) == 0
        assert time.monotonic() - started < 5
        assert not is_there(peer)
        assert not (tmp_path / "data" / "desk.json").exists()


def test_killed_takes_its_peer_along(tmp_path: Path) -> None:
    """A peer does not outlive a collector that was killed."""
    with running(tmp_path / "data") as collector:
        peer = collector.peer_pid
        collector.kill()
        deadline = time.monotonic() + 5
        while is_there(peer) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_there(peer)


def test_folder_held_by_another_program(data: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is held by something that is no running collector is said to be so."""
    monkeypatch.setattr("collector.command._WAIT_S", 0.1)
    with contextlib.closing(Services.over_folder(Config(data=data), FakeClock())):
        status, _, err = cli.run("case", "show", "anna")
    assert status == 1
    assert "another process holds" in err


def flood(port: int) -> None:
    """Send 100 MB where 4 MiB are allowed, and then what would become 4 GB."""
    head = f"POST /v1/batches HTTP/1.1\r\nHost: x\r\nContent-Type: {batch.MEDIA_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, contextlib.suppress(OSError):
        connection.sendall(head.encode())
        for _ in range(1600):
            connection.sendall(piece)


def test_memory_stays_bounded(up: tuple[Running, Path]) -> None:
    """Eight senders of 100 MB at once cost the collector no more than eight bodies of the permitted size."""
    collector, _ = up
    process = psutil.Process(collector.process.pid)
    before = process.memory_info().rss
    most = before
    threads = [threading.Thread(target=flood, args=(collector.port,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, process.memory_info().rss)
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert most - before < 96 * 1024 * 1024
    assert collector.send("GET", "/health").status == 200


def test_broken_pipe(data: Path) -> None:
    """A reader who leaves early is no error worth a traceback."""
    commanded(data, *ANNA)
    with subprocess.Popen(
        [*COMMAND, "case", "show", "anna", "--data", str(data)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert b"Traceback" not in err
