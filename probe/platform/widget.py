"""The button on a phone's home screen: a script where Termux:Widget looks for tasks, which it runs without opening a window.

Termux:Widget runs it without the shell's surroundings, so every path in it is whole. `termux-toast` hangs for ever where
Termux:API is missing; it gets eight seconds.
"""

import os
import shlex
from pathlib import Path

from probe.errors import StateUnusable
from shared.errors import Malformed

FOLDER, NAME = ".shortcuts/tasks", "speedproof-bad"


def prefix() -> Path:
    """Where Termux keeps its programs; raises Malformed where there is no Termux."""
    told = os.environ.get("PREFIX", "")
    if not told.endswith("/com.termux/files/usr") and "TERMUX_VERSION" not in os.environ:
        raise Malformed("a widget is for Termux on Android; here use: speedproof-probe mark")
    return Path(told)


def script(prefix: Path, command: str) -> str:
    """What a tap runs."""
    shell, toast = prefix / "bin/sh", shlex.quote(str(prefix / "bin/termux-toast"))
    return f"""\
#!{shell}
# Marks this moment as bad, and says so. Written by: speedproof-probe mark --install-widget
said=$({command} 2>&1)
timeout 8 {toast} "$said"
"""


def install_widget(home: Path, prefix: Path, command: str) -> Path:
    """Write the script; where it is. Raises StateUnusable."""
    file = home / FOLDER / NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(script(prefix, command), encoding="utf-8")
        file.chmod(0o700)
    except OSError as error:
        raise StateUnusable(f"{file} cannot be written: {error.strerror}") from error
    return file
