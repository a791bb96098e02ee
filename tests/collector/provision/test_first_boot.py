"""User-data: valid for cloud-init, nothing fetched, the file in it the one that was meant."""

import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
from fakes.provisioned import ready

from collector.provision.first_boot import (
    PROFILE_FILE,
    PROVISION_FILE,
    SCRIPT,
    STATE,
    USER,
    hostname,
    unit_file,
    user_data,
)
from probe.service import systemd
from shared.provision import read_provision

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGf tech@desk"
SH, BIN = shutil.which("sh") or "/bin/sh", Path(shutil.which("basename") or "/usr/bin/basename").parent
HARD = "[fetch]\nurls = ['https://a.example/\"x\"']  # : - | > & * ž\n"


def block(text: str, path: str) -> str:
    """The literal block of one file in user-data."""
    rest = text.partition(f"  - path: {path}\n")[2].partition("    content: |\n")[2]
    lines = rest.split("\n")
    end = next((number for number, line in enumerate(lines) if line and not line.startswith(" " * 6)), len(lines))
    return textwrap.dedent("\n".join(lines[:end]))


def test_the_file_in_it_is_the_provisioning_file() -> None:
    """What is written onto the device is what it enrols from, whatever stands in its settings."""
    made = ready(settings=HARD, ca="-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    assert read_provision(block(user_data(made), PROVISION_FILE).encode()) == made.provision


def test_user_data_is_ascii_and_begins_as_it_must() -> None:
    """cloud-init knows it by its first line; no letter in it needs an encoding."""
    text = user_data(ready(settings=HARD), SSH_KEY)
    assert text.startswith("#cloud-config\n")
    assert text.isascii()


def test_nothing_is_fetched() -> None:
    """No package, repository or address but the collector's stands in it; without a key nobody can log in."""
    text = user_data(ready())
    assert not any(word in text for word in ("packages:", "apt:", "curl", "wget", "bootcmd", "users:"))
    assert text.count("http") == 1
    assert "--no-index" in SCRIPT


def test_state_and_user_are_the_services() -> None:
    """Enrolment goes where the service of the machine looks for it, as the user it runs as."""
    assert Path(STATE) == systemd.STATE
    assert systemd.USER == USER


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init is not installed")
def test_cloud_init_takes_it(tmp_path: Path) -> None:
    """cloud-init's own schema finds nothing wrong."""
    file = tmp_path / "user-data"
    file.write_text(user_data(ready(settings=HARD), SSH_KEY, apn="internet"))
    done = subprocess.run(["cloud-init", "schema", "-c", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid" in done.stdout


def test_the_script_is_a_script(tmp_path: Path) -> None:
    """A shell can read it; every path in it is whole."""
    file = tmp_path / "script"
    file.write_text(SCRIPT)
    subprocess.run(["sh", "-n", str(file)], check=True)


FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$LOG"
[ "$(basename "$0")-$1" != speedproof-probe-enrol ] || exit "$ENROLS"
[ "$(basename "$0")-$1" != speedproof-probe-service ] || exit "$SERVES"
[ "$(basename "$0")" != runuser ] || { shift 3; exec "$@"; }
"""


@pytest.mark.parametrize(
    ("serves", "enrols", "code", "last"),
    [(0, 0, 0, "rm"), (0, 2, 2, "speedproof-probe enrol"), (0, 1, 1, "speedproof-probe enrol"), (2, 0, 1, "speedproof-probe service")],
)  # fmt: skip
def test_what_the_script_does(serves: int, enrols: int, code: int, last: str, tmp_path: Path) -> None:
    """The service first, then the enrolment; only a code that was refused ends with 2, which is not tried again."""
    for name in ("speedproof-probe", "chown", "runuser", "systemctl", "rm"):
        (tmp_path / name).write_text(FAKE)
        (tmp_path / name).chmod(0o755)
    script, log = tmp_path / "script", tmp_path / "log"
    script.write_text(SCRIPT)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log), "SERVES": str(serves), "ENROLS": str(enrols)}
    done = subprocess.run(["sh", str(script)], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert log.read_text().splitlines()[-1].startswith(last)


@pytest.mark.parametrize(
    ("words", "has_mmcli", "asked"),
    [
        (["--with-modem"], True, "service install --with-modem"),
        (["--with-modem"], False, "service install"),
        ([], True, "service install"),
    ],
)
def test_the_modem_s_service(words: list[str], has_mmcli: bool, asked: str, tmp_path: Path) -> None:
    """It is installed where that was asked for and ModemManager is there; a device without it gets the rest all the same."""
    for name in ("speedproof-probe", "chown", "runuser", "systemctl", "rm", *(["mmcli"] if has_mmcli else [])):
        (tmp_path / name).write_text(FAKE.replace("/bin/sh", SH).replace("basename", f"{BIN}/basename"))
        (tmp_path / name).chmod(0o755)
    (tmp_path / "script").write_text(SCRIPT)
    log = tmp_path / "log"
    environ = {"PATH": str(tmp_path), "LOG": str(log), "SERVES": "0", "ENROLS": "0"}
    subprocess.run([SH, str(tmp_path / "script"), *words], env=environ, check=True, capture_output=True)
    assert log.read_text().splitlines()[0] == f"speedproof-probe {asked}"


@pytest.mark.parametrize(("wheels", "package"), [(["dbus_fast-5-x.whl"], "speedproof[radio]"), ([], "speedproof")])
def test_an_image_with_wheels(wheels: list[str], package: str, tmp_path: Path) -> None:
    """The probe comes from the wheels without an index, with the library for D-Bus if it is among them."""
    here = tmp_path / "wheels"
    here.mkdir()
    for name in wheels:
        (here / name).touch()
    for name in ("python3", "pip", "chown", "runuser", "systemctl", "rm"):
        (tmp_path / name).write_text(FAKE)
        (tmp_path / name).chmod(0o755)
    script = SCRIPT.replace("/boot/firmware/speedproof", str(here)).replace("/opt/speedproof/bin", str(tmp_path))
    (tmp_path / "script").write_text(script)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(tmp_path / "log"), "SERVES": "0", "ENROLS": "0"}
    done = subprocess.run([SH, str(tmp_path / "script")], env=environ, check=False, capture_output=True)
    calls = (tmp_path / "log").read_text().splitlines()
    assert calls[-1] == f"pip install --quiet --no-index --only-binary=:all: --find-links {here} {package}"
    assert done.returncode == 2  # nothing was really installed, and that is said


def test_the_access_point() -> None:
    """With an APN the modem gets a profile that only root can read, and NetworkManager is told of it; else neither is there."""
    text = user_data(ready(), apn="internet.example")
    profile = block(text, PROFILE_FILE)
    assert "type=gsm\n\n[gsm]\napn=internet.example\n" in profile
    assert f'{PROFILE_FILE}\n    owner: root:root\n    permissions: "0600"\n' in text
    assert "  - [nmcli, connection, reload]\n" in text
    assert not any(word in user_data(ready()) for word in ("nmcli", PROFILE_FILE))


def test_the_unit_says_whether_with_the_modem() -> None:
    """What was chosen when provisioning is what the first boot is called with."""
    for modem in (True, False):
        assert (" --with-modem\n" in user_data(ready(), modem=modem)) is modem


@pytest.mark.parametrize(("serial", "name"), [("SP-001", "sp-001"), ("A_b_", "a-b")])
def test_each_device_has_a_name_of_its_own(serial: str, name: str) -> None:
    """A dozen devices in one network are told apart by their serials."""
    assert hostname(serial) == name
    assert f"hostname: {name}\n" in user_data(ready(serial))


def test_a_device_without_a_probe(tmp_path: Path) -> None:
    """An image without the probe and without its wheels says so, and is not started over and over."""
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    done = subprocess.run(
        ["/bin/sh", str(script)], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "has no speedproof-probe" in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """Systemd finds nothing wrong with the unit but that its program is not on this machine."""
    file = tmp_path / "speedproof-first-boot.service"
    file.write_text(unit_file(modem=True))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    wrong = [line for line in done.stderr.splitlines() if file.name in line and "is not executable" not in line]
    assert not wrong
