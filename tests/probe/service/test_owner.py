"""Whose state it is, and that root leaves no file there that the service cannot open."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from probe.errors import StateUnusable
from probe.service.owner import USUAL, become_owner, state_folder

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NOBODY = 65534


def test_what_is_said_goes_first(tmp_path: Path) -> None:
    """SPEEDPROOF_STATE decides, for root and for others."""
    for root in (True, False):
        assert state_folder({"SPEEDPROOF_STATE": "/x"}, tmp_path, tmp_path, root=root) == Path("/x")


def test_the_machines_state_is_found(tmp_path: Path) -> None:
    """Where a service of the machine has its state, root works on that; others too, unless they have a probe of their own."""
    home, machine = tmp_path / "home", tmp_path / "machine"
    assert state_folder({}, home, machine, root=True) == home / USUAL
    machine.mkdir()
    assert state_folder({}, home, machine, root=True) == machine
    assert state_folder({}, home, machine, root=False) == machine
    (home / USUAL).mkdir(parents=True)
    (home / USUAL / "enrolled.json").touch()
    assert state_folder({}, home, machine, root=False) == home / USUAL
    assert state_folder({}, home, machine, root=True) == machine


@pytest.mark.skipif(not ROOT, reason="only root can become somebody else")
def test_root_becomes_the_owner() -> None:
    """Whatever root does with a service's state is done as the service's user, for good."""
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom probe.service.owner import become_owner\n"
        "become_owner(*[Path(sys.argv[1])] * 2)\n(Path(sys.argv[1]) / 'made').touch()\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups())\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # not below tmp_path, which only its owner may enter
        os.chown(folder, NOBODY, NOBODY)
        done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
        assert (Path(folder) / "made").stat().st_uid == NOBODY
    assert done.stdout.strip() == f"{(NOBODY,) * 3} {(NOBODY,) * 3} []"


def test_others_stay_who_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user stays that user; root stays root on what is root's own, is not there yet, or is not the machine's state."""
    monkeypatch.setattr(os, "setuid", lambda _: pytest.fail("became somebody else"))
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    become_owner(tmp_path)
    become_owner(tmp_path / "absent", tmp_path / "absent")
    if ROOT:
        become_owner(tmp_path, tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    become_owner(tmp_path, tmp_path)


def test_who_may_not_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A root without the right to become somebody else, as in some containers, is told so, and leaves no file."""

    def refused(_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    class Theirs:
        st_uid = st_gid = NOBODY

    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(os, "setgroups", refused, raising=False)
    monkeypatch.setattr(Path, "stat", lambda *_a, **_k: Theirs())
    monkeypatch.setattr(Path, "exists", lambda *_a, **_k: True)
    with pytest.raises(StateUnusable, match="cannot become"):
        become_owner(tmp_path, tmp_path)
