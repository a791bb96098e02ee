"""The button on the home screen: a script that works without the shell's surroundings."""

import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from probe.platform.widget import install_widget, prefix, script
from shared.errors import Malformed


def test_where_it_is(tmp_path: Path) -> None:
    """It lies where Termux:Widget looks for tasks, for its owner only, and begins with Termux's own shell."""
    file = install_widget(tmp_path, Path("/data/data/com.termux/files/usr"), "mark")
    assert file == tmp_path / ".shortcuts/tasks/speedproof-bad"
    assert stat.S_IMODE(file.stat().st_mode) == 0o700
    assert file.read_text().startswith("#!/data/data/com.termux/files/usr/bin/sh\n")
    assert install_widget(tmp_path, Path("/usr"), "mark") == file


def test_a_tap(tmp_path: Path) -> None:
    """A tap runs the command and shows what it said, without any path to look programs up by."""
    (tmp_path / "bin").mkdir()
    toast, mark = tmp_path / "bin/termux-toast", tmp_path / "it's mark"
    toast.write_text(f'#!/bin/sh\necho "toast: $1" > {tmp_path}/shown\n')
    mark.write_text("#!/bin/sh\necho marked\n")
    for file in (toast, mark):
        file.chmod(0o755)
    tap = tmp_path / "tap"
    tap.write_text(script(tmp_path, shlex.join([str(mark)])))
    subprocess.run(["sh", "-n", str(tap)], check=True)
    subprocess.run(["sh", str(tap)], env={"PATH": "/usr/bin:/bin"}, check=True)
    assert (tmp_path / "shown").read_text() == "toast: marked\n"


def test_where_there_is_no_termux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there is no widget, and it is said what to use instead."""
    monkeypatch.delenv("TERMUX_VERSION", raising=False)
    monkeypatch.setenv("PREFIX", "/usr/local")
    with pytest.raises(Malformed, match="speedproof-probe mark"):
        prefix()
    monkeypatch.setenv("PREFIX", "/data/data/com.termux/files/usr")
    assert prefix() == Path("/data/data/com.termux/files/usr")
