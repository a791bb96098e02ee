"""`forget`: erase everything this device keeps of speedproof. What the collector has is not touched.

The enrolment goes first, then the key: whatever stops this in between leaves a device that can sign nothing, never one that
could sign another past. Files are deleted, not overwritten: on flash memory nobody can promise that.
"""

import argparse
import fnmatch
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from probe.commands.device import opened
from probe.commands.say import MISUSED, WORKED, message, show
from probe.errors import StateUnusable
from probe.history import FOLDER
from probe.home import Home
from probe.report import counted
from probe.service.plan import WHEELS
from shared.errors import SpeedproofError
from shared.strictjson import JsonObject

if TYPE_CHECKING:
    from probe.commands.say import Commands

WORD: Final = "forget"
# In this order. A name behind it is a copy that was set aside, or half written.
OURS: Final = (
    "enrolled.json*",
    "device*.pem*",
    "chain.json*",
    "outbox.sqlite*",  # of an earlier version
    "settings.toml*",
    "ca.pem*",
    "provisioning.json*",
)
OUTBOXES: Final = ("outbox", "outbox.????????", "outbox.without-key-*")  # folders: the one in use, and those set aside
COLLECTOR_KEEPS: Final = "What was sent stays at the collector and is not erased by this; ask there if it is to be."


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser("forget", parents=[common], help="erase this device's key, measurements and enrolment")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(home: Home, options: argparse.Namespace) -> int:
    """Ask, then erase; raises AlreadyRunning while an agent measures."""
    with home.lock():
        found = [file for pattern in OURS for file in _matching(home.folder, pattern)] + _outboxes(home.folder)
        if not found and not (home.folder / FOLDER).exists():
            show(options, {"erased": 0}, ["there is nothing here to forget"])
            return WORKED
        unsent = _unsent(home)
        if not options.yes and not _agreed(_losses(home, unsent)):
            message("nothing was erased")
            return MISUSED
        try:
            erased = erase(home.folder)
        except OSError as error:
            raise StateUnusable(f"{error.filename} cannot be erased: {error.strerror}") from error
    left = _gone(home.folder)
    show(options, {"erased": erased, "left": list(left), **unsent}, [
        f"erased: {counted(erased, 'file')} of {home.folder}",
        *([f"not ours, so left there: {', '.join(left)}"] if left else []),
        COLLECTOR_KEEPS,
        "to end the service too: speedproof-probe service remove     to begin anew: speedproof-probe enrol",
    ])  # fmt: skip
    return WORKED


def erase(folder: Path) -> int:
    """Delete what is ours; how many files that were. Raises OSError."""
    count = 0
    for pattern in OURS:
        for file in _matching(folder, pattern):
            file.unlink()
            count += 1
    for ours in (*_outboxes(folder), folder / FOLDER, folder / WHEELS):
        if ours.is_dir() and not ours.is_symlink():
            count += sum(not file.is_dir() for file in ours.rglob("*"))
            shutil.rmtree(ours)
    return count


def _gone(folder: Path) -> list[str]:
    """Remove the lock, which nobody holds any more, and the folder; the names of what is in it that is not ours."""
    with suppress(OSError):
        (folder / "lock").unlink()
        folder.rmdir()
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def _matching(folder: Path, pattern: str) -> list[Path]:
    return sorted(file for file in folder.iterdir() if fnmatch.fnmatch(file.name, pattern) and not file.is_dir())


def _outboxes(folder: Path) -> list[Path]:
    return [found for pattern in OUTBOXES for found in sorted(folder.glob(pattern)) if found.is_dir()]


def _unsent(home: Home) -> JsonObject:
    """What would be lost for good: counts, or nothing if the outbox cannot be read any more."""
    try:
        with opened(home) as agent:
            tally = agent.outbox.tally()
    except SpeedproofError:
        return {}
    return {"unsealed": tally.unsealed, "unsent": tally.unsent, "unsent_complaints": tally.unsent_complaints}


def _losses(home: Home, unsent: JsonObject) -> list[str]:
    """What to know before agreeing."""
    names = {
        "unsealed": ("measurement", ""),
        "unsent": ("signed batch", "signed batches"),
        "unsent_complaints": ("complaint", ""),
    }
    counts = {name: int(str(count)) for name, count in unsent.items() if count}
    lost = [counted(count, *names[name]) for name, count in counts.items()]
    if not unsent:
        told = "What was not sent yet is LOST; how much that is cannot be said, since the outbox cannot be read."
    else:
        told = f"Not sent yet, and LOST by this: {', '.join(lost)}." if lost else "Everything measured was sent."
    return [
        f"This erases the key, the measurements, the history, the settings and the enrolment in {home.folder}.",
        told,
        COLLECTOR_KEEPS,
        "To keep a copy for yourself first: speedproof-probe export",
    ]


def _agreed(losses: list[str]) -> bool:
    """Whether somebody typed the word."""
    for text in losses:
        message(text)
    if not sys.stdin.isatty():
        message(f"to do it without being asked: speedproof-probe {WORD} --yes")
        return False
    sys.stderr.write(f"Type {WORD} to do it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() == WORD
