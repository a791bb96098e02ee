"""The command line: on a device that has the probe alone, and loading no more than a command needs."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector import commands
from collector.arguments import build_parser

HEAVY = ("duckdb", "fastapi", "uvicorn", "jinja2", "aiohttp", "pydantic")
WITHOUT_DUCKDB = """
import sys
sys.modules["duckdb"] = None
from collector.entry import main
sys.argv = ["speedproof-collector", *sys.argv[1:]]
sys.exit(main())
"""
LOADED = """
import json, sys
from collector.command import RemoteDesk
from collector.__main__ import main
RemoteDesk.run = lambda *_: {"subscriber": "anna", "findings": [], "verdicts": []}
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def alone(*words: str) -> "subprocess.CompletedProcess[str]":
    """A command where DuckDB is not installed."""
    command = [sys.executable, "-c", WITHOUT_DUCKDB, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_missing_library_is_named_with_the_cure(tmp_path: Path) -> None:
    """Without the server side's libraries, a command says which extra to install, and no traceback; help needs none of them."""
    done = alone("case", "show", "anna", "--data", str(tmp_path))
    assert done.returncode == 1
    assert "needs duckdb, which is not installed" in done.stderr
    assert "pip install 'speedproof[collector]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert alone("--help").returncode == 0


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_command_has_what_runs_it(name: str) -> None:
    """Each command that can be typed is one function; none is left over."""
    assert callable(commands.command(name))
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args([*name.split(), "--help"])
    assert ended.value.code == 0


def test_no_command_without_a_name() -> None:
    """Whatever a module of commands offers is a command."""
    named = {f"{module}.{function}" for module, function in commands.COMMANDS.values()}
    found = set()
    for part in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"{commands.__name__}.{part.name}")
        own = {name for name, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__}
        found |= {f"{part.name}.{name}" for name in own if not name.startswith("_")}
    assert found == named


def test_a_command_to_a_running_collector_loads_none_of_its_libraries(tmp_path: Path) -> None:
    """What would have to be loaded for seconds on a small computer is left where it is."""
    (tmp_path / "lock").touch()
    (tmp_path / "desk.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "token": "t"}))
    held = f"import fcntl; held = open({str(tmp_path / 'lock')!r}); fcntl.flock(held, fcntl.LOCK_EX)\n"
    words = ["judge", "anna", "--json", "--data", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", held + LOADED, *words], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    assert [name for name in HEAVY if name in modules] == []
