"""One line of JSON for each run, so that a long benchmark can be interrupted, resumed and reported again."""

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

Key = tuple[str, str, str, str, int]
REPEAT_LATE_US: Final = 5000  # the emulator was too busy: such a run says nothing about a tool
TRIES: Final = 3


class ToolFailed(Exception):
    """A tool gave no figures; the text says why."""


# What may go wrong in one run without ending the benchmark; the emulator raises RuntimeError for a program that ended.
FAULTS: Final = (ToolFailed, subprocess.SubprocessError, OSError, RuntimeError, KeyError, ValueError)


def told(error: Exception) -> str:
    """Why there are no figures."""
    return str(error) if isinstance(error, ToolFailed) else f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of one tool in one cell came to; `why` is the reason where there are no figures."""

    section: str
    tool: str
    cell: str
    way: str = ""
    number: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    why: str = ""

    @property
    def key(self) -> Key:
        """What makes it this run and no other."""
        return (self.section, self.tool, self.cell, self.way, self.number)


@dataclass(slots=True)
class Journal:
    """The runs so far, in a file if there is one."""

    file: Path | None = None
    runs: dict[Key, Run] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take up what the file already holds."""
        if self.file is not None and self.file.exists():
            self.runs = {run.key: run for run in read([self.file])}

    def has(self, section: str, tool: str, cell: str, way: str, number: int) -> bool:
        """Whether a run is here with figures; one that failed is tried again."""
        known = self.runs.get((section, tool, cell, way, number))
        return known is not None and not known.why

    def add(self, run: Run) -> None:
        """Keep a run."""
        self.runs[run.key] = run
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(asdict(run)) + "\n")


def attempt(journal: Journal, key: Key, work: Callable[[], dict[str, int]]) -> Iterator[Run]:
    """Run what is not there yet, again if the emulator was late, and keep what came of it."""
    if journal.has(*key):
        return
    section, tool, cell, way, number = key
    try:
        for _ in range(TRIES):
            figures = work()
            if figures.get("late_p99_us", 0) <= REPEAT_LATE_US:
                break
        else:
            raise ToolFailed(f"the emulator was late in {TRIES} of {TRIES} runs")
        run = Run(section, tool, cell, way, number, figures)
    except FAULTS as error:
        run = Run(section, tool, cell, way, number, {}, told(error))
    journal.add(run)
    yield run


def read(files: Iterable[Path]) -> Iterator[Run]:
    """The runs of some files; a later one of the same key stands for the earlier."""
    runs: dict[Key, Run] = {}
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            run = Run(**json.loads(line))
            runs[run.key] = run
    yield from runs.values()
