"""The house rules that a machine can check: types, lint, who may import whom, and what must not stand in the files."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
TYPES = """
from collector.ledger.writer import Ledger
from collector.verify import Verified
from collector.entrance import Entrance
from shared.batch import OpenedBatch

async def right(entrance: Entrance, verified: Verified) -> None:
    await entrance.keep(verified)

async def wrong(entrance: Entrance, opened: OpenedBatch) -> None:
    await entrance.keep(opened)  # type: ignore[arg-type]
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment over the repository."""
    return subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--quiet", "--output-format", "concise", "."),
        ("ruff", "format", "--check", "--quiet", "."),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=["ruff check", "ruff format", "mypy strict", "import-linter"],
)
def test_the_house_is_in_order(command: tuple[str, ...]) -> None:
    """Lint, format, types and import contracts hold over the whole repository."""
    done = run(*command)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_only_what_was_verified_can_be_kept(tmp_path: Path) -> None:
    """To keep a batch that was opened but not verified is a type error, and mypy says so."""
    file = tmp_path / "only_types.py"
    file.write_text(TYPES)
    done = run("mypy", "--strict", "--warn-unused-ignores", str(file))
    assert done.returncode == 0, done.stdout


def tracked() -> list[Path]:
    """The text files of the repository."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in done.stdout.splitlines() if not name.startswith("tests/vectors/")]
    return [
        file
        for file in files
        if file.exists() and file.suffix in {".py", ".md", ".toml", ".txt", ".sql", ".html", ".css", ""}
    ]


def test_no_module_outgrows_its_room() -> None:
    """No module of the three packages is longer than 300 lines."""
    long = [
        str(file)
        for file in tracked()
        if file.suffix == ".py"
        and file.relative_to(ROOT).parts[0] in {"shared", "probe", "collector"}
        and len(file.read_text().splitlines()) > 300
    ]
    assert not long


def test_files_name_no_registry_and_no_machine() -> None:
    """Pinned requirements hold no download address, and nothing names a path of somebody's machine."""
    for file in tracked():
        text = file.read_text(encoding="utf-8")
        if "requirements" in file.parts:
            assert "://" not in text, file
        assert not re.search(r"(?<![\w.~])/(?:work|root|home)/\w", text), file


def test_every_shell_script_is_executable_and_strict() -> None:
    """Scripts stop at the first error and can be started as they are."""
    for file in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]:
        if file.is_file() and not file.suffix:
            assert file.stat().st_mode & 0o111, file
            assert "set -euo pipefail" in file.read_text(), file
