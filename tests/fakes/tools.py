"""Programs that stand in for a system's tools: small shell scripts in a folder that is the only one looked in."""

import json
from pathlib import Path

import pytest

HANGS = "sleep 60"
SHELL = "/bin/sh"


class Toolbox:
    """A folder of fake programs, first in PATH, with a note of how each was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def plant(self, name: str, script: str) -> None:
        """Put a program there that runs these lines."""
        file = self.folder / name
        file.write_text(f'#!{SHELL}\necho "$0 $*" >>"{self.folder}/called"\n{script}\n')
        file.chmod(0o755)

    def says(self, name: str, told: object) -> None:
        """Put a program there that prints this, as JSON unless it is a text."""
        text = told if isinstance(told, str) else json.dumps(told)
        (self.folder / f"{name}.out").write_text(text)
        self.plant(name, f'cat "{self.folder}/{name}.out"')

    def calls(self) -> list[str]:
        """How the programs were called, the earliest first: name and words."""
        file = self.folder / "called"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.removeprefix(f"{self.folder}/") for line in lines]


def toolbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A toolbox whose programs are found, and besides them only those of the shell."""
    box = Toolbox(folder / "bin")
    monkeypatch.setenv("PATH", f"{box.folder}:/bin:/usr/bin")
    return box
