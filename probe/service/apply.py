"""Doing what a plan says: files written whole, commands run one by one, everything that went wrong in words."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from probe.service.plan import Copy, File, NoService, Service, Step

PATIENCE_S: Final = 60.0

Run = Callable[[tuple[str, ...]], str | None]  # what went wrong, or None


def run(command: tuple[str, ...]) -> str | None:
    """Run a command to its end; what went wrong, in its own words, or None."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False
        )
    except FileNotFoundError:
        return f"{command[0]} is not here"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    if done.returncode == 0:
        return None
    return " ".join((done.stderr or done.stdout).split()) or f"{command[0]} ended with {done.returncode}"


def install(service: Service, run: Run = run) -> list[str]:
    """Write the files and start the service; what did not work but may be. Raises NoService."""
    if service.obstacle:
        raise NoService(service.obstacle)
    for program, instead in service.needs:
        if shutil.which(program) is None:
            raise NoService(f"{program} is not here: {instead}")
    for file in service.files:
        _write(file)
    return [*_copied(service.copies), *_do(service.start, run)]


def remove(service: Service, run: Run = run) -> list[str]:
    """Stop the service and take its files away; which files there were. The state is left. Raises NoService."""
    found = installed(service)
    if not found:
        return []
    _do(service.stop, run)
    for path in found:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise NoService(f"{path} cannot be removed: {error.strerror}") from error
    for folder in service.folders:
        shutil.rmtree(folder, ignore_errors=True)  # the supervisor's own files, which it may be taking away itself
    _do(service.settle, run)
    return list(map(str, found))


def installed(service: Service) -> list[Path]:
    """Which of its files are there, those of every part of it."""
    paths = (*(file.path for file in service.files), *(copy.path for copy in service.copies), *service.parts)
    with contextlib.suppress(PermissionError):
        return [path for path in map(Path, paths) if path.exists()]
    return []


def seen(look: Step) -> list[str]:
    """What the system's own command says of the service, in lines."""
    try:
        done = subprocess.run(
            look.command, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"{look.command[0]}: {error}"]
    return (done.stdout + done.stderr).splitlines()


def _write(file: File) -> None:
    path = Path(file.path)
    partial = path.with_name(f".{path.name}.new")
    try:
        _make(path.parent, file.mode | (file.mode & 0o444) >> 2)
        partial.write_bytes(file.content)
        partial.chmod(file.mode)
        partial.replace(path)
    except OSError as error:
        raise NoService(f"{path} cannot be written: {error.strerror}") from error


def _copied(copies: tuple[Copy, ...]) -> list[str]:
    troubles = []
    for copy in copies:
        if copy.source == Path(copy.path):  # it is the one that was kept before
            continue
        try:
            _write(File(copy.path, copy.source.read_bytes(), 0o600))
        except (OSError, NoService) as error:
            troubles.append(f"keeping a copy of {copy.source}: {error}")
    return troubles


def _make(folder: Path, mode: int) -> None:
    """Make a folder, and those it is in, for whoever may read what comes into it, whatever this process's mask says."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir()
        missing.chmod(mode)


def _do(steps: tuple[Step, ...], run: Run) -> list[str]:
    """Run commands; raises NoService at the first that fails and may not."""
    troubles = []
    for step in steps:
        trouble = run(step.command)
        if trouble is not None and not step.may_fail:
            raise NoService(f"{' '.join(step.command)}: {trouble}")
        if trouble is not None:
            troubles.append(f"{' '.join(step.command)}: {trouble}")
    return troubles
