"""`fleet`, `cells` and `days` on the command line: for people, as JSON and as CSV, with a collector running and without."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fakes.commanded import commanded
from fakes.fleet import END_US, HOURS, lived
from fakes.running import command, running
from hypothesis import given
from hypothesis import strategies as st

from collector import say_fleet
from collector.__main__ import main
from collector.overview import FEW_DEVICES
from collector.say_fleet import columns
from collector.tables import csv_of
from scripts.simulated_fleet import FEW, FLEET, SLOW

SINCE, UNTIL = "2026-11-20T00:00Z", "2026-11-22T12:00Z"
CELL = f"23001-{SLOW}"
COMMANDS: dict[str, tuple[str, ...]] = {
    "fleet": ("fleet", "--since", "31d"),
    "cells": ("cells", "--since", SINCE, "--until", UNTIL),
    "hours": ("cells", "--since", SINCE, "--until", UNTIL, "--hours", "--most", "3"),
    "cell": ("cells", "--since", SINCE, "--until", UNTIL, "--cell", CELL),
    "round trips": ("cells", "--since", SINCE, "--until", UNTIL, "--direction", "round_trip"),
    "days": ("days", "line-01", "--since", "2026-11-20", "--until", "2026-11-22", "--zone", "Europe/Prague"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a fleet that lived a while ago; no collector runs over it."""
    folder = tmp_path_factory.mktemp("fleet") / "data"
    with lived(folder):
        pass
    yield folder
    shutil.rmtree(folder)


class Cli:
    """The command line in this process, over one folder, on the day after the fleet lived."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Work over this folder."""
        self._data, self._capsys = data, capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr."""
        self._capsys.readouterr()
        try:
            code = main([*words, "--data", str(self._data)])
        except SystemExit as ended:
            code = int(str(ended.code))
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def cli(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line."""
    monkeypatch.setattr("collector.clock.SystemClock.wall_us", lambda _: END_US + 3_600_000_000)
    return Cli(data, capsys)


@pytest.mark.parametrize("name", COMMANDS)
def test_json_and_csv_say_the_same(cli: Cli, name: str) -> None:
    """With --json there is one object, with --csv a table with a row for each thing in it, and nothing else anywhere."""
    code, out, err = cli.run(*COMMANDS[name], "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    told = json.loads(out)
    code, out, err = cli.run(*COMMANDS[name], "--csv")
    assert (code, err) == (0, "")
    header, *rows = csv.reader(io.StringIO(out, newline=""))
    assert {len(row) for row in rows} == {len(header)}
    match name:
        case "fleet":
            assert ["devices", "", "", "", str(len(FLEET))] in rows
            assert sum(1 for row in rows if row[0] == "records") == len(told["records"])
        case "days":
            assert [row[header.index("n")] for row in rows] == [str(one["n"]) for one in told["days"]]
            assert [row[header.index("day")] for row in rows] == ["2026-11-20", "2026-11-21"]
        case "cell":
            assert [row[header.index("devices")] for row in rows] == [str(one["devices"]) for one in told["hours"]]
        case _:
            things = told["hours"] if name == "hours" else told["cells"]
            assert [row[0] for row in rows] == [one["cell"] for one in things]
            assert things


@pytest.mark.parametrize("name", COMMANDS)
def test_people_are_told_units_and_zones(cli: Cli, name: str) -> None:
    """What people read has a unit at each rate and delay, and names the zone of its times."""
    code, out, err = cli.run(*COMMANDS[name])
    assert (code, err) == (0, "")
    zone = "Europe/Prague" if name == "days" else "UTC"
    assert zone in out
    if name != "fleet":
        assert re.search(r"\d ms" if name == "round trips" else r"\d Mbit/s", out)
    assert not re.search(r"\d{6,} *$", out, re.MULTILINE)  # no bare bit/s or µs


def test_a_line_of_london_is_told_by_its_own_clock(cli: Cli) -> None:
    """Who is silent is told when by the clock of his line, whatever the zone of others."""
    _, out, _ = cli.run("fleet", "--since", "12h")
    assert re.search(r"line-17 +21 Nov 2026, 06:59 \(Europe/London\)", out)
    assert re.search(r"line-18 +21 Nov 2026, 21:59 \(Europe/Prague\)", out)
    assert "silent since then: 2 devices" in out


def test_small_groups_are_told_as_such(cli: Cli) -> None:
    """An hour of few devices has a dash in each column, and below it is said why."""
    _, out, _ = cli.run("cells", "--since", SINCE, "--cell", f"23001-{FEW}")
    rows = [row.split()[-4:] for row in out.splitlines() if row.startswith("  2")]
    assert rows == [["-"] * 4] * HOURS
    assert f"fewer than {FEW_DEVICES} devices" in out


def test_where_nothing_was_measured_the_newest_is_named(cli: Cli) -> None:
    """An empty stretch says when there is something, of a cell and of a line; and that no cell has enough."""
    long_ago = ("--since", "2026-10-01", "--until", "2026-10-02", "--zone", "UTC")
    assert "the newest is of 22 Nov 2026 (UTC)" in cli.run("cells", *long_ago, "--cell", CELL)[1]
    assert "the newest is of 22 Nov 2026 (UTC)" in cli.run("days", "line-01", *long_ago)[1]
    assert "no cell has at least 10 measurements by 3 devices" in cli.run("cells", *long_ago)[1]
    assert "no hour of a cell has at least 3 devices" in cli.run("cells", *long_ago, "--hours")[1]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("cells",), 2, "--since"),
        (("cells", "--since", "2026-11-20"), 2, "different moment in each time zone"),
        (("cells", "--since", "2026-11-20", "--zone", "Mars/Olympus"), 2, "IANA name"),
        (("cells", "--since", "40d"), 2, "31 or fewer"),
        (("cells", "--since", "2d", "--until", "3d"), 2, "until is not after since"),
        (("cells", "--since", "2d", "--most", "0"), 2, "from 1 to 1000"),
        (("cells", "--since", "2d", "--most", "many"), 2, "invalid int"),
        (("cells", "--since", "2d", "--direction", "sideways"), 2, "invalid choice"),
        (("cells", "--since", "2d", "--cell", "nonsense"), 2, "a cell is written"),
        (("cells", "--since", "2d", "--cell", CELL, "--hours"), 2, "not allowed with"),
        (("cells", "--since", "2d", "--cell", CELL, "--most", "3"), 2, "not known here"),
        (("cells", "--since", "2d", "--cell", "23001-1"), 1, "nothing was ever measured"),
        (("cells", "--since", "2d", "--json", "--csv"), 2, "one of them is enough"),
        (("days",), 2, "LINE"),
        (("days", "nobody"), 1, "no subscriber 'nobody'"),
        (("days", "line-01", "--until", "1d"), 2, "since is missing"),
        (("days", "line-01", "--since", "401d"), 2, "400 or fewer"),
        (("fleet", "--since", "2026-11-20T25:00Z"), 2, "no such moment"),
    ],
)
def test_misuse(cli: Cli, words: tuple[str, ...], code: int, message: str) -> None:
    """What cannot be asked is one clear message on stderr, with 2 for misuse and 1 for what is not there."""
    status, out, err = cli.run(*words)
    assert (status, out) == (code, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["fleet", "cells", "days"])
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself and how a moment is written."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "2026-11-15 Europe/Prague" in capsys.readouterr().out


@pytest.mark.slow
def test_commands_ask_the_running_desk(data: Path, tmp_path: Path, cli: Cli) -> None:
    """While a collector runs the commands go through it, with the same answers and exit codes."""
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    with running(folder) as collector:
        for name in ("cells", "hours", "cell", "days"):
            through = command(folder, *COMMANDS[name], "--json")
            assert (through.returncode, through.stderr) == (0, "")
            alone = json.loads(cli.run(*COMMANDS[name], "--json")[1])
            assert json.loads(through.stdout) | {"as_of_us": 0} == alone | {"as_of_us": 0}
        assert collector.command("fleet", {}).told["devices"] == len(FLEET)
        assert f"{len(FLEET)} devices" in commanded(folder, "fleet").stdout
        refused = commanded(folder, "cells", "--since", "2026-11-20")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "different moment" in refused.stderr
        assert commanded(folder, "days", "nobody").returncode == 1
        assert collector.stop() == 0


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(st.lists(st.lists(texts, min_size=3, max_size=3), max_size=5), st.integers(0, 3))
def test_columns_are_aligned(rows: list[list[str]], left: int) -> None:
    """In every row a column begins or ends at the same place, whatever is in it, and nothing is cut."""
    header = ("a", "bb", "ccc")
    laid = columns(header, rows, left)
    widths = [max(len(row[number]) for row in (header, *rows)) for number in range(3)]
    for line, row in zip(laid, (header, *rows), strict=True):
        padded = line.ljust(sum(widths) + 4)
        at = 0
        for number, (text, width) in enumerate(zip(row, widths, strict=True)):
            piece = padded[at : at + width]
            assert piece == (text.ljust(width) if number < left else text.rjust(width))
            at += width + 2


@given(st.lists(st.lists(texts | st.integers() | st.none(), min_size=2, max_size=2), max_size=5))
def test_csv_is_read_back_and_is_no_formula(rows: list[list[object]]) -> None:
    """Whatever stands in a table comes out of its CSV as it was, but for an apostrophe before what would be a formula."""
    text = csv_of((("one", "two"), [tuple(row) for row in rows]))
    header, *found = csv.reader(io.StringIO(text, newline=""))
    assert header == ["one", "two"]
    assert len(found) == len(rows)
    for row, was in zip(found, rows, strict=True):
        for cell, value in zip(row, was, strict=True):
            assert not cell.startswith(("=", "@", "+")) and (isinstance(value, int) or not cell.startswith("-"))
            assert cell.removeprefix("'") == ("" if value is None else str(value)).removeprefix("'")


def test_a_late_index_and_a_frozen_device_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """People are told by how much the index is late, what was lost and refused and why, and who has to be enrolled anew."""
    silent: Sequence[dict[str, object]] = [
        {"dev": "ab" * 32, "subscriber": "line-9", "time_zone": "Europe/Prague", "heard_us": END_US, "frozen": True},
        {"dev": "cd" * 32, "subscriber": "line-8", "time_zone": "UTC", "heard_us": None, "frozen": False},
    ]
    say_fleet.fleet(
        {
            "as_of_us": END_US, "since_us": END_US - 86_400_000_000, "devices": 1234, "heard_hour": 1, "heard_day": 2,
            "heard_week": 3, "heard": 2, "lost": 1, "refused": {"chain_gap": 2}, "records": [], "silent": silent,
            "index": {"ledger_no": 9, "index_no": 7, "entries": 2, "age_us": 1_500_000},
        }
    )  # fmt: skip
    told = capsys.readouterr().out
    assert "1,234 devices, as of 22 Nov 2026, 12:00 (UTC)" in told
    assert "1 record lost" in told
    assert "2 × A batch is missing from this device's chain." in told
    assert re.search(r"abababab  line-9  22 Nov 2026, 13:00 \(Europe/Prague\), frozen: enrol it anew", told)
    assert re.search(r"cdcdcdcd  line-8  never", told)
    assert "and 1,230 more" in told
    assert "the index is 2 entries behind the ledger, its newest 2 seconds old" in told
