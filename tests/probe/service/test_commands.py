"""`service` and `uninstall` as a person meets them: what is printed, what is left, and the next step in full."""

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from probe.commands import service, uninstall
from probe.commands.say import FAILED, WORKED
from probe.home import Home
from probe.service import apply
from probe.service.moving import moving
from probe.service.plan import Here, NoService
from probe.service.systemd import machine

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Give a user's Linux whose folders are all in a folder for tests."""
    return Here(
        platform="linux",
        uid=1000,
        home=tmp_path,
        state=tmp_path / "state",
        python=Path("/opt/speedproof/bin/python"),
        command=Path("/opt/speedproof/bin/speedproof-probe"),
        places=(),
        version="0.1.0",
        environ={"XDG_CONFIG_HOME": str(tmp_path / "config"), "SUDO_USER": "nobody-of-this-name"},
    )


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Run no command, and note each."""
    noted: list[tuple[str, ...]] = []
    monkeypatch.setattr(apply.install, "__defaults__", (noted.append,))
    monkeypatch.setattr(apply.remove, "__defaults__", (noted.append,))
    monkeypatch.setattr(apply, "seen", lambda look: [f"as {look.command[0]} says"])
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    return noted


@pytest.fixture
def say(here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Say one command on this machine: exit code, results, messages."""

    def one(module: ModuleType, *words: str, on: Here = here) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        common = argparse.ArgumentParser(add_help=False)
        common.add_argument("--state", type=Path)
        common.add_argument("--json", action="store_true")
        module.add(parser.add_subparsers(dest="command"), common)
        monkeypatch.setattr(module, "look", lambda _: on)
        code = module.run(Home(on.state), parser.parse_args([module.__name__.rpartition(".")[2], *words]))
        told = capsys.readouterr()
        return code, told.out, told.err

    return one


@pytest.mark.usefixtures("ran")
def test_show_prints_and_writes_nothing(say: Say, here: Here, tmp_path: Path) -> None:
    """`show` prints every file with its place, then the commands, and leaves no trace."""
    code, out, err = say(service, "show")
    assert (code, err) == (WORKED, "")
    assert f"# {tmp_path}/config/systemd/user/speedproof-probe.service  (mode 644)" in out
    assert f"ExecStart=/opt/speedproof/bin/python -P -m probe run --state {here.state}" in out
    assert "systemctl --user daemon-reload" in out
    assert not (tmp_path / "config").exists()
    _, told, _ = say(service, "show", "--json", "--system", "--with-modem", "--with-ping")
    paths = [file["path"] for file in json.loads(told)["files"]]
    assert "/etc/systemd/system/speedproof-modem.service" in paths
    assert json.loads(told)["state"] == "/var/lib/speedproof"


def test_windows_files_are_shown_as_text(say: Say, here: Here) -> None:
    """A file in UTF-16 is shown as text like any other."""
    windows = replace(here, platform="win32", environ={"USERNAME": "me"})
    assert "<LogonTrigger>" in say(service, "show", on=windows)[1]


def test_install_says_what_comes_next(say: Say, here: Here, ran: list[tuple[str, ...]]) -> None:
    """`install` names what it wrote and says the next commands whole; `status` then knows of it."""
    assert say(service, "status")[0] == FAILED
    code, out, _ = say(service, "install")
    assert code == WORKED
    assert f"its state is in {here.state}" in out
    assert "/opt/speedproof/bin/speedproof-probe enrol URL CODE" in out
    assert ("systemctl", "--user", "daemon-reload") in ran
    code, out, _ = say(service, "status")
    assert (code, out.splitlines()) == (WORKED, ["a service of this user (systemd)", "as systemctl says"])
    told = json.loads(say(service, "status", "--json")[1])
    assert (told["installed"], len(told["files"])) == (True, 2)


def test_what_need_not_work_is_a_message(say: Say, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that may fail is told beside the result, and the result stands."""
    phone = replace(here, platform="android", environ={"PREFIX": str(here.home / "usr"), "TERMUX_VERSION": "1"})
    monkeypatch.setattr(apply.install, "__defaults__", (lambda command: "refused" if command[0] == "sv" else None,))
    monkeypatch.setattr(shutil, "which", lambda program: program)
    code, out, err = say(service, "install", on=phone)
    assert code == WORKED
    assert "Termux:Boot" in out
    assert err.startswith("did not work, and need not: sv up ")


@pytest.mark.usefixtures("ran")
def test_remove_says_what_is_left(say: Say, here: Here) -> None:
    """`remove` takes the files away, leaves the state and says where it is; once more there is nothing to do."""
    say(service, "install")
    (here.state / "enrolled.json").touch()
    code, out, _ = say(service, "remove")
    assert (code, out.count("removed ")) == (WORKED, 2)
    assert f"left: the state in {here.state}" in out
    assert (here.state / "enrolled.json").exists()
    assert "nothing to remove" in say(service, "remove")[1]


@pytest.mark.parametrize("action", ["install", "remove"])
def test_the_machines_service_takes_root(action: str, say: Say, ran: list[tuple[str, ...]]) -> None:
    """Without root the service of the machine is not touched; the command with sudo is said."""
    with pytest.raises(NoService, match=f"sudo /opt/speedproof/bin/speedproof-probe service {action}"):
        say(service, action, "--system")
    assert ran == []


@pytest.mark.usefixtures("ran")
def test_uninstall_leaves_what_was_measured(say: Say, here: Here) -> None:
    """`uninstall` removes the service, erases nothing, and says how state and program go."""
    say(service, "install")
    (here.state / "enrolled.json").touch()
    code, out, _ = say(uninstall)
    assert code == WORKED
    assert out.count("removed ") == 2
    assert f"{here.state} (key, enrolment, settings, what was measured)" in out
    assert f"forget --state {here.state}" in out
    assert "/opt/speedproof/bin/python -m pip uninstall speedproof" in out
    assert (here.state / "enrolled.json").exists()


@pytest.mark.usefixtures("ran")
def test_uninstall_without_anything(say: Say, here: Here) -> None:
    """Where nothing was installed, that is said; a pipx environment goes by pipx."""
    pipx = replace(here, python=Path("/u/.local/pipx/venvs/speedproof/bin/python"))
    code, out, _ = say(uninstall, on=pipx)
    assert code == WORKED
    assert out.splitlines() == [
        "no service was installed here",
        "the program itself goes with:  pipx uninstall speedproof",
    ]


def test_uninstall_says_what_takes_root(say: Say, here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A service of the machine is left to root, and the exit code says that not all is done."""
    unit = tmp_path / "speedproof-probe.service"
    unit.touch()
    theirs = replace(machine(here), files=(replace(machine(here).files[1], path=unit),), parts=())
    monkeypatch.setattr(uninstall, "every", lambda _: (theirs,))
    code, out, err = say(uninstall, "--json")
    assert code == FAILED
    assert "sudo /opt/speedproof/bin/speedproof-probe uninstall" in err
    assert json.loads(out)["complete"] is False
    assert unit.exists()


def test_an_enrolment_made_before_is_taken_along(here: Here, tmp_path: Path) -> None:
    """Whoever enrolled as a user and then installs for the machine gets the command that moves the state."""
    old = tmp_path / ".local/share/speedproof/probe"
    root = replace(here, uid=0, environ={})
    planned: Any = replace(machine(root), state=tmp_path / "new state")
    assert moving(root, planned) == ()
    old.mkdir(parents=True)
    (old / "enrolled.json").touch()
    (said,) = moving(root, planned)
    assert f"mv {old}/* " in said
    assert "chown -R speedproof:" in said
    assert moving(replace(root, environ={"SUDO_USER": "nobody-of-this-name"}), planned) == ()
    assert moving(root, replace(planned, of_machine=False)) == ()
    (tmp_path / "new state").mkdir()
    (tmp_path / "new state/enrolled.json").touch()
    assert moving(root, planned) == ()
