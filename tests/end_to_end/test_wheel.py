"""The wheel is what a customer gets: whole, and enough by itself with the few packages that the base install names.

It is built from the sources as they are, installed into an environment of its own beside copies of those packages, and
run there. Nothing is fetched.
"""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools", reason="no setuptools here to build a wheel with")
packaging = pytest.importorskip("packaging.requirements", reason="no packaging here to read requirements with")

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("probe", "collector", "shared")
# What a base install may bring onto a customer's device; anything more must be argued for.
ALLOWED = {"h11", "psutil", "cryptography", "cffi", "pycparser", "typing-extensions"}
SERVER = ("aiohttp", "fastapi", "duckdb", "uvicorn", "jinja2", "scapy", "speedtest", "pydantic", "numpy")


def is_source(file: Path) -> bool:
    """Tell a file of the packages from what running them leaves behind."""
    return file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the sources, so that nothing is left in them and nothing old gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    leave = shutil.ignore_patterns("__pycache__", ".*")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / "source" / package, ignore=leave)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--wheel-dir", str(folder), str(folder / "source")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def asked_by(wheel: Path) -> list[str]:
    """The requirements in the wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]


def base_needs(wheel: Path) -> dict[str, importlib.metadata.Distribution]:
    """Give what the wheel's base install needs here, and what that needs in turn, as installed in this environment."""
    asked = asked_by(wheel)
    needs: dict[str, importlib.metadata.Distribution] = {}
    while asked:
        need = packaging.Requirement(asked.pop())
        if (need.marker is None or need.marker.evaluate({"extra": ""})) and need.name.lower() not in needs:
            needs[need.name.lower()] = importlib.metadata.distribution(need.name)
            asked += needs[need.name.lower()].requires or []
    return needs


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """Install it into an empty environment, with copies of what the base install needs; the folder of its programs."""
    environment = wheel.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    programs = environment / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(programs / "python")]
    install = [*pip, "install", "--no-index", "--no-deps", "--no-compile", "--quiet", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = (
        environment.glob("lib/python*/site-packages")
        if sys.platform != "win32"
        else environment.glob("Lib/site-packages")
    )
    for distribution in base_needs(wheel).values():
        for file in distribution.files or []:
            if ".." not in file.parts and file.suffix != ".pyc":
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), site / file)
    return programs


def run(programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, away from the sources and without any of this environment's variables."""
    environ = {"PATH": os.defpath, "HOME": str(programs.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(programs / words[0]), *words[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=programs.parent, env=environ)


def test_the_wheel_is_whole(wheel: Path) -> None:
    """Every file of the three packages is in it: code, the format, rules, statements, templates and marks of types."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = {
        file.relative_to(ROOT).as_posix() for name in PACKAGES for file in (ROOT / name).rglob("*") if is_source(file)
    }
    assert ours - names == set()
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert "shared/FORMAT.md" in names


def test_the_base_install_is_small(wheel: Path) -> None:
    """A customer's device gets h11, psutil and cryptography with what it needs itself, and nothing else."""
    assert {"h11"} <= set(base_needs(wheel)) <= ALLOWED


@pytest.mark.parametrize(
    ("system", "machine", "needs"),
    [
        ("linux", "x86_64", {"h11", "psutil", "cryptography"}),
        ("linux", "aarch64", {"h11", "psutil", "cryptography"}),
        ("linux", "armv7l", {"h11", "psutil", "cryptography"}),
        ("linux", "armv6l", {"h11", "psutil"}),
        ("android", "aarch64", {"h11"}),
        ("android", "armv8l", {"h11"}),
        ("darwin", "arm64", {"h11", "psutil", "cryptography"}),
        ("win32", "AMD64", {"h11", "psutil", "cryptography"}),
    ],
)
def test_each_system_gets_what_it_can_have(wheel: Path, system: str, machine: str, needs: set[str]) -> None:
    """No compiled package is asked of a phone, nor cryptography of the oldest Pis; there libcrypto signs."""
    there = {"sys_platform": system, "platform_machine": machine, "extra": ""}
    asked = [packaging.Requirement(text) for text in asked_by(wheel)]
    assert {need.name for need in asked if need.marker is None or need.marker.evaluate(there)} == needs


def test_no_system_s_extra_for_d_bus_needs_what_is_not_there(wheel: Path) -> None:
    """The extra that reads D-Bus brings its library on Linux, and nothing where there is no such bus."""
    asked = [packaging.Requirement(text) for text in asked_by(wheel)]
    for system, names in (("linux", {"dbus-fast"}), ("android", set()), ("darwin", set()), ("win32", set())):
        there = {"sys_platform": system, "platform_machine": "aarch64", "extra": "radio"}
        extra = (one for one in asked if one.marker is not None and "extra" in str(one.marker))
        assert {one.name for one in extra if one.marker.evaluate(there)} == names


def test_it_runs_by_itself(installed: Path) -> None:
    """`doctor` and `--help` work from the wheel alone, and no server's library is there to lean on."""
    help_told = run(installed, "speedproof-probe", "--help")
    assert (help_told.returncode, help_told.stderr) == (0, "")
    assert "enrol" in help_told.stdout
    doctor = run(installed, "speedproof-probe", "doctor", "--json", "--state", str(installed.parent / "state"))
    checks = {check["name"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert checks["signer"]["good"]
    assert "not enrolled" in checks["enrolment"]["found"]
    look = f"import importlib.util; print([name for name in {SERVER!r} if importlib.util.find_spec(name)])"
    assert run(installed, "python", "-c", look).stdout.strip() == "[]"


def test_it_knows_the_wheel_it_came_from(installed: Path, wheel: Path) -> None:
    """What pip wrote down leads back to the file, which a phone's service keeps a copy of."""
    look = "import pathlib; from probe.service.choice import look; print(*look(pathlib.Path('state')).wheels)"
    assert run(installed, "python", "-c", look).stdout.split() == [str(wheel)]


def test_evidence_is_checked_by_the_same_wheel(installed: Path) -> None:
    """Whoever is handed evidence needs nothing more than this to check it."""
    told = run(installed, "speedproof-verify", "--help")
    assert (told.returncode, told.stderr) == (0, "")


def test_the_server_side_asks_for_its_extra(installed: Path) -> None:
    """The collector's command is there, and says in words what is missing."""
    told = run(installed, "speedproof-collector", "up")
    assert told.returncode != 0
    assert "speedproof[collector]" in told.stderr
    assert "Traceback" not in told.stderr
