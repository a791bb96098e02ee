"""The units as systemd's own tools read them: right, shut, and starting this very environment."""

import configparser
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest

from probe.service import systemd
from probe.service.plan import Here, Service

ANALYZE = shutil.which("systemd-analyze")
SYSUSERS = shutil.which("systemd-sysusers")
MOST_EXPOSURE = 20  # tenths, as systemd-analyze takes it: 2.0
PYTHON = Path(sys.executable)

needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze here (on Debian: apt install systemd)")


def here(**told: object) -> Here:
    """Give a machine on which a service of the whole machine can stand."""
    facts: dict[str, object] = {
        "platform": "linux",
        "uid": 0,
        "home": Path("/somewhere"),
        "state": Path("/somewhere/state"),
        "python": Path("/opt/speedproof/bin/python"),
        "command": Path("/opt/speedproof/bin/speedproof-probe"),
        "places": (Path("/usr"),),
        "version": "0.1.0",
    }
    return Here(**(facts | told))  # type: ignore[arg-type]


def unit(service: Service, name: str) -> str:
    """Give the text of one of its files."""
    return next(file.content.decode() for file in service.files if file.path.name == name)


def read(text: str) -> configparser.RawConfigParser:
    """Read a unit as sections and keys; of a key that stands there twice the last."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def written(services: Sequence[Service], folder: Path) -> list[str]:
    """Write the units down for systemd's tools, with a program that is there."""
    names = []
    for service in services:
        for file in service.files:
            if file.path.suffix in {".service", ".path"}:
                (folder / file.path.name).write_bytes(file.content)
                names.append(str(folder / file.path.name))
    return names


@needs_analyze
@pytest.mark.parametrize("name", ["speedproof-probe.service", "speedproof-modem.service"])
def test_units_of_the_machine_are_shut(name: str, tmp_path: Path) -> None:
    """Neither unit is exposed by more than 2.0, as systemd itself counts."""
    written([systemd.machine(here(), modem=True)], tmp_path)
    done = subprocess.run(
        [
            str(ANALYZE),
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={MOST_EXPOSURE}",
            str(tmp_path / name),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a unit that is not loaded (before 250)")
    assert done.returncode == 0, done.stdout.splitlines()[-1:]


@needs_analyze
@pytest.mark.parametrize("whose", ["machine", "user"])
def test_systemd_finds_nothing_wrong(whose: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` reads every unit without a word, of a path with blanks and signs too."""
    odd = tmp_path / "odd % $ folder"
    odd.mkdir()
    (odd / "python").symlink_to(PYTHON)
    machine = here(python=odd / "python", home=odd, state=odd / 'of "a" $ \\ state')
    service = systemd.machine(machine, modem=True, ping=True) if whose == "machine" else systemd.user(machine)
    (tmp_path / "units").mkdir()
    words = ["--man=no", *(["--user"] if whose == "user" else [])]
    done = subprocess.run(
        [str(ANALYZE), *words, "verify", *written([service], tmp_path / "units")],
        capture_output=True,
        text=True,
        check=False,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(SYSUSERS is None, reason="no systemd-sysusers here (on Debian: apt install systemd)")
def test_the_user_is_made(tmp_path: Path) -> None:
    """sysusers.d makes the user whom the unit names, with the state as home and no shell to log in with."""
    conf = tmp_path / "speedproof.conf"
    conf.write_text(unit(systemd.machine(here()), "speedproof.conf"))
    (tmp_path / "etc").mkdir()
    subprocess.run([str(SYSUSERS), f"--root={tmp_path}", str(conf)], check=True, capture_output=True)
    row = (tmp_path / "etc/passwd").read_text().split(":")
    assert (row[0], row[5]) == ("speedproof", "/var/lib/speedproof")
    assert row[6].strip().endswith("nologin")


def test_the_unit_starts_this_environment() -> None:
    """The service is this environment's own probe, measuring from the machine's state, watched, and up again after any end."""
    said = read(unit(systemd.machine(here()), "speedproof-probe.service"))["Service"]
    assert said["ExecStart"] == "/opt/speedproof/bin/python -P -m probe run --state /var/lib/speedproof"
    assert (said["Type"], said["NotifyAccess"], said["Restart"], said["WatchdogSec"]) == (
        "notify",
        "main",
        "always",
        "120",
    )
    assert (said["User"], said["StateDirectory"], said["StateDirectoryMode"]) == ("speedproof", "speedproof", "0700")
    assert said["CapabilityBoundingSet"] == ""


def test_nothing_is_waited_for() -> None:
    """A device without a network or the time starts to measure: that is what it has to record."""
    said = read(unit(systemd.machine(here()), "speedproof-probe.service"))["Unit"]
    assert said["Wants"] == "time-sync.target"
    assert "online" not in said["After"] + said["Wants"]
    assert "time-sync" not in said["After"]


@pytest.mark.parametrize("whose", ["machine", "user"])
def test_an_enrolment_starts_it(whose: str) -> None:
    """Without an enrolment there is nothing to do; the moment one is written, the service starts."""
    service = systemd.machine(here()) if whose == "machine" else systemd.user(here())
    file = f"{service.state}/enrolled.json"
    assert read(unit(service, "speedproof-probe.service"))["Unit"]["ConditionPathExists"] == file
    assert read(unit(service, "speedproof-probe.path"))["Path"]["PathChanged"] == file


def test_root_is_in_a_unit_of_its_own() -> None:
    """What runs as root speaks to ModemManager by a local socket, reaches no network, and comes only when asked for."""
    plain, full = systemd.machine(here()), systemd.machine(here(), modem=True, ping=True)
    names = {file.path.name for file in plain.files}
    assert names == {"speedproof.conf", "speedproof-probe.service", "speedproof-probe.path"}
    assert {file.path.name for file in full.files} - names == {"speedproof-modem.service", "60-speedproof-ping.conf"}
    assert {path.name for path in plain.parts} == {"speedproof-modem.service", "60-speedproof-ping.conf"}
    said = read(unit(full, "speedproof-modem.service"))["Service"]
    assert "User" not in said
    assert (said["RestrictAddressFamilies"], said["PrivateNetwork"]) == ("AF_UNIX", "yes")
    assert said["ExecStart"].endswith("-P -m probe.service.modem")


@pytest.mark.parametrize("place", [f"/{folder}/x" for folder in ("home/u/.venv/bin", "root", "tmp", "run/user/1000")])
def test_a_hidden_environment_is_said(place: str) -> None:
    """An environment in somebody's home could not start under the unit; that is said, with what to do instead."""
    service = systemd.machine(here(places=(Path("/usr"), Path(place))))
    assert place in service.obstacle
    assert "/opt/speedproof" in service.obstacle
    assert not systemd.machine(here()).obstacle
    assert not systemd.user(here(python=Path(place))).obstacle


def test_a_program_that_systemd_would_not_start_is_said() -> None:
    """A program with a quote or a backslash in its path is refused by systemd; that is said before anything is written."""
    assert all(
        "quote" in kind(here(python=Path("/opt/a'b/python"))).obstacle for kind in (systemd.machine, systemd.user)
    )


def test_a_user_has_the_service_in_his_own_folder() -> None:
    """Without root the unit is the user's, measures from his state, and asks for nothing his manager cannot do."""
    service = systemd.user(here(uid=1000, environ={"XDG_CONFIG_HOME": "/somewhere/config"}))
    assert service.files[0].path == PurePosixPath("/somewhere/config/systemd/user/speedproof-probe.service")
    said = read(service.files[0].content.decode())["Service"]
    assert said["ExecStart"].endswith("--state /somewhere/state")
    assert not {"User", "StateDirectory", "ProtectSystem", "CapabilityBoundingSet"} & said.keys()
    assert all(step.command[:2] == ("systemctl", "--user") for step in (*service.start, *service.stop, *service.settle))
    assert any("enable-linger" in line for line in service.advice)
    assert systemd.user(here()).files[0].path.is_relative_to("/somewhere/.config")


def test_next_command_is_said_whole() -> None:
    """Whoever installs learns the exact next command."""
    assert any(
        "sudo /opt/speedproof/bin/speedproof-probe enrol URL CODE" in line for line in systemd.machine(here()).advice
    )
    assert any("notices reach nobody's desktop" in line for line in systemd.machine(here()).advice)
    bare = systemd.user(here(command=None)).advice
    assert any("/opt/speedproof/bin/python -P -m probe enrol URL CODE" in line for line in bare)
