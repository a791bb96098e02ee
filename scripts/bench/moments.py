"""The moments at which a soak kills, each with load running, and what must hold right after.

Every situation is looked for from outside: by what the collector logs, by files that appear, by a command that is still
running. It gives whether the kill was seen to fall inside; a kill that came when it was over is no proof of anything and is
counted apart. A collector that was killed is started again by whoever needs one next.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb

from collector.backup import MANIFEST
from collector.ledger.names import CONFIRMED, segments
from collector.ledger.segments import read_entries
from collector.rebuild import NEW_INDEX
from collector.services import INDEX
from collector.store import queries
from collector.store.engine import migrate

from .soak import CLERK, PARENT, SETTINGS, WORKER, Broken, Soak, check_chains, end, kept_chains

Situation = Callable[[Soak], bool]
_OLD: Final = 2  # the migration an index of an earlier version has come to
_COMES_S: Final = 10.0  # what is waited for a compaction to begin
_KILLED: Final = -signal.SIGKILL


@dataclass(slots=True)
class Said:
    """What is logged from now on, of something that begins and ends."""

    file: Path
    name: str
    begun_at: int

    def is_going(self) -> bool:
        """Whether it has begun and not ended."""
        if not self.file.exists():
            return False
        with self.file.open("rb") as file:
            file.seek(self.begun_at)
            told = file.read()
        return told.rfind(f"{self.name} begins".encode()) > told.rfind(f"{self.name} ended".encode())


def _said(soak: Soak, name: str) -> Said:
    return Said(soak.log, name, soak.log.stat().st_size if soak.log.exists() else 0)


def at_random(soak: Soak, victim: str) -> bool:
    """Some process, at any moment."""
    collector = soak.running()
    soak.a_moment(0.5)
    if victim == PARENT:
        soak.kill()
        return True
    pids = collector.pids().get(victim)
    if not pids:  # it was killed just now, and is being started again
        return False
    os.kill(soak.chance.choice(pids), signal.SIGKILL)
    soak.a_moment(0.5)
    return True


def starting(soak: Soak) -> bool:
    """The collector, before it has said that it is ready."""
    soak.kill()
    desk = soak.data / "desk.json"
    desk.unlink(missing_ok=True)
    process = soak.spawned()
    soak.a_moment(1.5)
    is_ready = desk.exists()
    return end(process) == _KILLED and not is_ready


def in_the_index(soak: Soak, name: str) -> bool:
    """The collector, while its index does this."""
    soak.running()
    said = _said(soak, name)
    comes = soak.until(said.is_going, _COMES_S)
    _perhaps(soak, 0.02)
    soak.kill()
    return comes and said.is_going()


def migration(soak: Soak) -> bool:
    """The collector, while it brings an index of an earlier version to this one."""
    soak.kill()
    (soak.data / (INDEX + ".wal")).unlink(missing_ok=True)
    (soak.data / INDEX).unlink(missing_ok=True)
    with contextlib.closing(duckdb.connect(str(soak.data / INDEX))) as old:
        migrate(old, [one for one in queries.file_migrations() if one[0] <= _OLD])
        old.execute("INSERT INTO entry SELECT range, 'batch', 1, '000001.ndjson', 0 FROM range(1, 100001)")
    newer = [no for no, _ in queries.file_migrations() if no > _OLD]
    said = _said(soak, f"migration {soak.chance.choice(newer)}")
    process = soak.spawned()
    comes = soak.until(said.is_going, 60, process)
    _perhaps(soak, 0.005)
    end(process)
    return comes and said.is_going()


def _perhaps(soak: Soak, most_s: float) -> None:
    """Let it go on for a moment, or strike at its very beginning."""
    if soak.chance.random() < 0.7:
        soak.a_moment(most_s)


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """What is in a folder, by name, with what shows that it was written anew."""
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found[path.relative_to(folder).as_posix()] = (status.st_ino, status.st_size)
    return found


@contextlib.contextmanager
def _command(soak: Soak, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = soak.begun(*words)
    try:
        yield process
    finally:
        end(process)


def _kill_beside(soak: Soak, process: "subprocess.Popen[bytes]", victim: str) -> bool:
    """Kill the command, or the collector beside it; whether the command was still running then."""
    if victim == PARENT:
        os.kill(soak.running().process.pid, signal.SIGKILL)
        was_running = process.poll() is None
        soak.kill()
        process.communicate()
        return was_running
    return end(process) == _KILLED


def backup(soak: Soak, victim: str) -> bool:
    """The command, or the collector beside it, in the middle of copying. Then: no backup or a whole one, and the next is whole."""
    folder = soak.data.parent / "backup"
    if soak.chance.random() < 0.5:
        shutil.rmtree(folder, ignore_errors=True)
    soak.running()
    manifest, before = _manifest(folder), _files(folder)
    with _command(soak, "backup", "--out", str(folder)) as process:
        comes = soak.until(lambda: _files(folder) != before, 60, process)
        _perhaps(soak, 0.02)
        is_inside = _kill_beside(soak, process, victim) and comes
    is_inside = is_inside and (victim == PARENT or _manifest(folder) == manifest)
    _is_whole_or_none(soak, folder)
    soak.running()
    known = soak.acknowledged()
    soak.command("backup", "--out", str(folder))
    _is_whole(soak, folder, known)
    return is_inside


def _manifest(folder: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return (folder / MANIFEST).read_bytes()
    return b""


def _is_whole_or_none(soak: Soak, folder: Path) -> None:
    if (folder / MANIFEST).exists():
        _is_whole(soak, folder, {dev: [] for dev in soak.acknowledged()})
        return
    restored = soak.data.parent / "restored"
    with _command(soak, "restore", "--from", str(folder), "--data", str(restored)) as process:
        process.communicate()
    if process.returncode == 0 or restored.exists():
        raise Broken("a folder without a manifest was restored as a backup")


def _is_whole(soak: Soak, folder: Path, known: dict[str, list[str]]) -> None:
    """See that a backup can be restored, holds what was acknowledged before it began, and that `check` finds nothing in it."""
    restored = soak.data.parent / "restored"
    soak.command("restore", "--from", str(folder), "--data", str(restored))
    check_chains(kept_chains(read_entries(restored / "ledger")), known, soak.acknowledged())
    for path in segments(restored / "ledger")[:-1]:
        if path.exists() and path.stat().st_mode & 0o222:
            raise Broken(f"{path.name} was restored and can be written")
    if found := soak.command("check", "--data", str(restored))["found"]:
        raise Broken(f"check finds in a restored backup: {found[:3]}")
    shutil.rmtree(restored)
    soak.restored += 1


def archive(soak: Soak, victim: str) -> bool:
    """The command, or the collector beside it, while segments move. Then the rest of them moves."""
    place = soak.data.parent / "archive"
    place.mkdir(exist_ok=True)
    soak.running()
    enough = 3  # sealed segments that are here
    soak.until(lambda: sum(one.exists() for one in segments(soak.data / "ledger")) > enough, 60)
    words, before = ("archive", "--to", str(place), "--keep", "1"), _files(place)
    with _command(soak, *words) as process:
        comes = soak.until(lambda: _files(place) != before, 60, process)
        _perhaps(soak, 0.02)
        is_inside = _kill_beside(soak, process, victim) and comes
    soak.running()
    soak.command(*words)
    return is_inside


def rebuild(soak: Soak) -> bool:
    """The command that makes the index anew. Then it goes on, or the collector does with the index it had."""
    soak.kill()
    (soak.data / NEW_INDEX).unlink(missing_ok=True)
    with _command(soak, "rebuild") as process:
        comes = soak.until((soak.data / NEW_INDEX).exists, 120, process)
        soak.a_moment(soak.chance.choice((0.05, 0.3, 1.0)))
        is_inside = end(process) == _KILLED and comes and (soak.data / NEW_INDEX).exists()
    if soak.chance.random() < 0.5 and soak.command("rebuild")["same_as_before"] is not True:
        raise Broken("the rebuilt index is another")
    return is_inside


def migrate_store(soak: Soak) -> bool:
    """The command that fills a lake, which then goes on to the end: as many batches and records as there are in the ledger."""
    if soak.lake is None:
        raise Broken("there is no database for a lake")
    soak.kill()
    files = soak.data.parent / "lake"
    shutil.rmtree(files, ignore_errors=True)
    settings = soak.data / "collector.toml"
    settings.write_text(f'{SETTINGS}catalog = "{soak.lake()}"\nlake = "{files}"\nstream = 7\n')
    try:
        with _command(soak, "migrate-store") as process:
            comes = soak.until(lambda: any(files.rglob("*.parquet")), 120, process)
            soak.a_moment(soak.chance.choice((0.05, 0.3, 1.0)))
            is_inside = end(process) == _KILLED and comes
        told: dict[str, Any] = soak.command("migrate-store")
        kept = sum(map(len, kept_chains(read_entries(soak.data / "ledger")).values()))
        if (told["after"]["batch"], told["after"]["record"]) != (kept, kept * soak.records):
            raise Broken(f"of {kept} batches the lake has {told['after']}")
    finally:
        settings.write_text(SETTINGS)
        (soak.data / "ledger" / CONFIRMED).unlink(missing_ok=True)  # the catalog is thrown away: it goes on alone
        shutil.rmtree(soak.data / "lake.load", ignore_errors=True)
    return is_inside


def situations(*, lake: bool, workers: bool) -> dict[str, Situation]:
    """All of them, by name."""
    found: dict[str, Situation] = {"the collector, at random": partial(at_random, victim=PARENT)}
    if workers:
        found |= {
            "the ledger's writer, at random": partial(at_random, victim=CLERK),
            "a worker, at random": partial(at_random, victim=WORKER),
        }
    found |= {
        "the collector, starting": starting,
        "the collector, in a sort": partial(in_the_index, name="sort"),
        "the collector, in a compaction": partial(in_the_index, name="compaction"),
        "the collector, in a checkpoint": partial(in_the_index, name="checkpoint"),
        "the collector, migrating its index": migration,
        "the collector, during a backup": partial(backup, victim=PARENT),
        "a backup": partial(backup, victim="backup"),
        "the collector, during archive": partial(archive, victim=PARENT),
        "archive": partial(archive, victim="archive"),
        "rebuild": rebuild,
    }
    if lake:
        found["migrate-store"] = migrate_store
    return found


def table(soak: Soak, names: dict[str, Situation], took_s: Counter[str]) -> str:
    """What was killed when, as rows; a situation that was never hit is named."""
    lines = [f"{'killed':<36} {'inside':>7} {'beside':>7} {'s each':>7}"]
    for name in names:
        inside, beside = soak.inside[name], soak.beside[name]
        each = took_s[name] / max(1, inside + beside)
        lines.append(f"{name:<36} {inside:>7} {beside:>7} {each:>7.1f}" + ("" if inside else "   NEVER HIT"))
    return "\n".join(lines) + "\n"


def timed(soak: Soak, name: str, situation: Situation, took_s: Counter[str]) -> bool:
    """One kill, and how long it took with all that is looked at afterwards."""
    begun_s = time.monotonic()
    try:
        return soak.kill_in(name, situation)
    finally:
        took_s[name] += time.monotonic() - begun_s  # type: ignore[assignment]
