"""`uninstall`: no service any more. What was measured is left, and so is the program; how each goes is said."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from probe.commands.say import FAILED, WORKED, message, show
from probe.home import Home
from probe.outbox import is_there
from probe.service import apply
from probe.service.choice import every, look
from probe.service.plan import Here

if TYPE_CHECKING:
    from probe.commands.say import Commands


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    commands.add_parser(
        "uninstall", parents=[common], help="remove the service; says what is left where, and how it goes",
        epilog="Erases nothing that was measured: `speedproof-probe forget` does, after asking.",
    )  # fmt: skip


def run(home: Home, options: argparse.Namespace) -> int:
    """Remove every kind of service that this probe may have here; 1 if one is left that takes root."""
    here = look(home.folder)
    removed: list[str] = []
    left: list[str] = []
    states = {here.state}
    needs_root = False
    for service in every(here):
        if not apply.installed(service):
            continue
        states.add(Path(service.state))
        if service.of_machine and here.uid != 0:
            needs_root = True
            message(f"there is also {service.kind}; remove it with:  sudo {here.said} uninstall")
            continue
        removed += apply.remove(service)
        left += service.leaves
    left = [*_states(states, here), *left]
    show(options, {"removed": removed, "left": left, "complete": not needs_root}, [
        *(f"removed {file}" for file in removed),
        *([] if removed else ["no service was installed here"]),
        *(f"left: {one}" for one in left),
        f"the program itself goes with:  {_program(here)}",
    ])  # fmt: skip
    return FAILED if needs_root else WORKED


def _states(folders: set[Path], here: Here) -> list[str]:
    return [
        f"{folder} (key, enrolment, settings, what was measured); it goes with:  {here.said} forget --state {folder}"
        for folder in sorted(folders)
        if (folder / "enrolled.json").exists() or is_there(folder / "outbox")
    ]


def _program(here: Here) -> str:
    if "pipx" in here.python.parts:
        return "pipx uninstall speedproof"
    return f"{here.python} -m pip uninstall speedproof"
