"""What it takes to be a service, as data: the files, the commands before and after, and words for whoever installs it. Pure."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from probe.errors import ProbeError

WHEELS: Final = "wheels"  # the folder in the state, for copies of what the probe was installed from


class NoService(ProbeError):
    """The probe cannot be made a service in this way here; says what to do instead."""


@dataclass(frozen=True, slots=True)
class Here:
    """This machine, this user and this environment, as far as a service depends on them."""

    platform: str  # as `sys.platform` says it
    uid: int | None  # None where there are no numbers for users
    home: Path
    state: Path  # the folder with key, enrolment and outbox
    python: Path  # of this environment
    command: Path | None  # `speedproof-probe` of this environment, if it is there
    places: tuple[Path, ...]  # where this environment loads code from
    version: str
    environ: Mapping[str, str] = field(default_factory=dict)
    wheels: tuple[Path, ...] = ()  # files this probe was installed from, as far as they are still there

    @property
    def program(self) -> tuple[str, ...]:
        """The words that start this probe and nothing else: `-P` keeps the working folder out of where code comes from."""
        return (str(self.python), "-P", "-m", "probe")

    @property
    def run(self) -> tuple[str, ...]:
        """The words of a service: measure from this state folder until told to stop."""
        return (*self.program, "run", "--state", str(self.state))

    @property
    def said(self) -> str:
        """The same probe, as a person calls it in a shell."""
        return shlex.join((str(self.command),) if self.command else self.program)


@dataclass(frozen=True, slots=True)
class File:
    """A file to write."""

    path: PurePath
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Copy:
    """A file to keep a copy of."""

    source: Path
    path: PurePath


def text_file(path: PurePath, text: str, mode: int = 0o644) -> File:
    """Give a file of UTF-8 text."""
    return File(path, text.encode(), mode)


@dataclass(frozen=True, slots=True)
class Step:
    """A command to run; one that may fail is told of, and the rest goes on."""

    command: tuple[str, ...]
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """One way of being a service."""

    kind: str  # for people
    files: tuple[File, ...]
    state: PurePath
    start: tuple[Step, ...]  # once the files are there
    stop: tuple[Step, ...]  # before they are taken away
    settle: tuple[Step, ...]  # once they are gone
    look: Step  # shows how the service is
    advice: tuple[str, ...]  # what to do next, in the order of doing it
    of_machine: bool = False  # takes root
    obstacle: str = ""  # why it could not start if it were installed, and what to do
    needs: tuple[tuple[str, str], ...] = ()  # programs without which none of this works, and what to do without them
    leaves: tuple[str, ...] = ()  # what stays here besides the state when the service is removed
    parts: tuple[PurePath, ...] = ()  # files of parts that were not asked for now: taken away with the others
    copies: tuple[Copy, ...] = ()  # what it can do without: one that fails is told of, and the rest goes on
    folders: tuple[PurePath, ...] = ()  # wholly the service's own: taken away with all that is in them
