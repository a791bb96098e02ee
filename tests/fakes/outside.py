"""Verifiers of others that need a place of their own: a newer Python's packages, or a Go program. Skips where they cannot be had.

The packages are in a virtual environment beside the tests' interpreter, made on first use; `SPEEDPROOF_OUTSIDE` names another.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[1] / "outside"
WANTED = HERE / "requirements.txt"
VERIFY = HERE / "verify.py"
INSTALL_S, BUILD_S, RUN_S = 120, 120, 120
LEAST = (3, 12)
Case = dict[str, Any]


def ask_python(cases: Sequence[Case]) -> list[str]:
    """What the Python packages say of each case."""
    return _asked((str(python()), str(VERIFY)), cases)


def ask_go(cases: Sequence[Case]) -> list[str]:
    """What Go's sumdb packages say of each case."""
    return _asked((str(go_program()),), cases)


def python() -> Path:
    """The interpreter that has the packages of `tests/outside/requirements.txt`."""
    told = os.environ.get("SPEEDPROOF_OUTSIDE")
    folder = Path(told) if told else Path(sys.prefix) / "outside-python"
    found = folder / "bin" / "python"
    with _alone(folder.with_name(folder.name + ".lock")):
        if not _has_them(found):
            _install(folder, found)
    return found


def go_program() -> Path:
    """`tests/outside/verify.go`, built against Debian's golang-golang-x-mod-dev."""
    go = shutil.which("go")
    sources = Path("/usr/share/gocode")
    if go is None or not (sources / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("golang-go and golang-golang-x-mod-dev are not installed")
    source = HERE / "verify.go"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    built = Path(sys.prefix) / f"outside-go-{digest}"
    with _alone(Path(sys.prefix) / "outside-go.lock"):
        if not built.exists():
            aside = os.environ | {"GO111MODULE": "off", "GOPATH": str(sources), "GOFLAGS": "", "CGO_ENABLED": "0"}
            try:
                subprocess.run(
                    (go, "build", "-o", str(built), str(source)),
                    check=True,
                    capture_output=True,
                    timeout=BUILD_S,
                    env=aside,
                )
            except (OSError, subprocess.SubprocessError) as error:
                pytest.skip(f"Go cannot build the verifier: {getattr(error, 'stderr', error)!r:.300}")
    return built


@cache
def _has_them(interpreter: Path) -> bool:
    if not interpreter.exists():
        return False
    done = subprocess.run((interpreter, "-m", "pip", "freeze"), capture_output=True, text=True, check=False)
    return set(WANTED.read_text().split()) <= set(done.stdout.split())


def _install(folder: Path, interpreter: Path) -> None:
    newer = _newer_python()
    if newer is None:
        pytest.skip(f"the outside verifiers need Python {LEAST[0]}.{LEAST[1]} or newer, and there is none")
    try:
        subprocess.run((newer, "-m", "venv", "--clear", folder), check=True, capture_output=True, timeout=INSTALL_S)
        pip = (interpreter, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "0", "-r", WANTED)
        subprocess.run(pip, check=True, capture_output=True, text=True, timeout=INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        words = str(getattr(error, "stderr", None) or error).strip().splitlines()[-1:]
        pytest.skip(f"the outside verifiers cannot be installed: {' '.join(words)}")
    _has_them.cache_clear()


def _newer_python() -> str | None:
    """An interpreter that is new enough: this one, one on the path, or one of pyenv's."""
    if sys.version_info >= LEAST:
        return sys.executable
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = (shutil.which(f"python3.{minor}") for minor in (14, 13, 12))
    for one in (*on_path, *sorted(root.glob("3.1[2-9].*/bin/python3"), reverse=True)):
        if one is not None and _is_new(one):
            return str(one)
    return None


def _is_new(interpreter: str | Path) -> bool:
    test = f"import sys, venv, ensurepip; sys.exit(sys.version_info < {LEAST})"
    try:
        return subprocess.run((interpreter, "-c", test), capture_output=True, check=False, timeout=20).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _asked(command: Sequence[str], cases: Sequence[Case]) -> list[str]:
    done = subprocess.run(command, input=json.dumps(cases).encode(), capture_output=True, check=False, timeout=RUN_S)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    said: list[str] = json.loads(done.stdout)
    return said


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """No other test process makes it meanwhile."""
    try:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        pytest.skip(f"no place for the outside verifiers: {error}")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
