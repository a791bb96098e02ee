"""A copy of everything that cannot be made again: the ledger, the keys, the settings, the peer's transfers. And back.

A backup is a folder: the same files, and `backup.json`, which names each with its length and SHA-256 and is written last, so
a folder without it is no backup. Taken while the collector runs it holds the ledger up to the newest entry at its beginning:
nothing that was acknowledged before. A second backup into the same folder copies only what is new, since sealed segments
never change. What `archive` has moved elsewhere is not fetched for it, and the index is not in it: `rebuild` makes it, the
same to the last row. Of a segment whose records a rule of retention has removed the tombstone is copied, and what an earlier
backup in the same folder had of it is dropped there; other copies are their keeper's affair.

It holds the private keys: whoever has it can sign as this collector. Only the log's is not in it: the ledger goes on after
what was backed up, the log has spoken of that, and must not speak of something else after a restore (`log.key`).
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collector.clock import Clock
from collector.durable import sync_folder, write_whole
from collector.errors import BadBackup, Conflict, NotFound
from collector.keyhistory import FOLDER as HISTORY
from collector.keyhistory import history
from collector.ledger.archive import OTHERS
from collector.ledger.frame import read_frame
from collector.ledger.names import ARCHIVE_SAID, segments, tomb_file
from collector.log.following import NEXT as NEXT_LOG_KEY
from collector.log.key import FILE as LOG_KEY
from shared.errors import Malformed, NoKey
from shared.keys import FileKey
from shared.rotation import Whose

MANIFEST: Final = "backup.json"
BEGUN: Final = "backup.begun"  # in a folder that is to become one: of which collector
_CHUNK: Final = 1 << 20
_PRIVATE: Final = 0o600
_SEALED: Final = 0o400
Progress = Callable[[int, int, str], None]  # done, of, the name of what is being copied


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup or a restore came to."""

    ledger_no: int  # the newest entry in it
    files: int
    bytes_in_all: int
    bytes_copied: int  # the rest was there already


@dataclass(frozen=True, slots=True)
class _File:
    name: str  # relative, with slashes
    size: int  # so much of it from the front
    sha256: str | None = None  # known already, if it is


def back_up(data: Path, out: Path, ledger_no: int, clock: Clock, progress: Progress) -> Copied:
    """Copy a data folder up to this ledger entry; raises Conflict for a folder that is something else, NotFound, OSError.

    Cut off in the middle, an earlier backup in the same folder is still one: files only grow, and are read as far as named.
    Where there was none the folder is no backup yet, and the next one goes on in it.
    """
    if not (data / "ledger").is_dir():
        raise NotFound(f"{data} is no collector's data folder: there is no ledger in it")
    before = _manifest(out) if (out / MANIFEST).exists() else {}
    if not before and out.exists() and not _is_begun(out, data):
        raise Conflict(f"{out} is neither empty nor an earlier backup")
    if before and before["files"].get(_IDENTITY) != _identity(data) and not _is_earlier(out, data):
        raise Conflict(f"{out} is a backup of another collector")
    wanted = list(_files(data, ledger_no, before.get("files", {})))
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not before:
        write_whole(out / BEGUN, json.dumps(_identity(data)).encode() + b"\n")
    files: dict[str, dict[str, object]] = {}
    copied = 0
    for number, one in enumerate(wanted):
        progress(number, len(wanted), one.name)
        known = before.get("files", {}).get(one.name)
        target = out / one.name
        if (
            known is not None
            and one.sha256 == known["sha256"]
            and target.exists()
            and target.stat().st_size == one.size
        ):
            files[one.name] = known
            continue
        files[one.name] = {"sha256": _copy(data / one.name, target, one.size), "size": one.size}
        copied += one.size
    progress(len(wanted), len(wanted), MANIFEST)
    told = {"files": files, "ledger_no": ledger_no, "made_us": clock.wall_us()}
    write_whole(out / MANIFEST, json.dumps(told, indent=1, sort_keys=True).encode() + b"\n")
    (out / BEGUN).unlink(missing_ok=True)
    _drop_removed(data, out)
    return Copied(ledger_no, len(files), sum(one.size for one in wanted), copied)


def _drop_removed(data: Path, out: Path) -> None:
    """Let go of what an earlier backup in this folder holds of segments whose records have been removed since."""
    for path in segments(data / "ledger"):
        if tomb_file(path).exists():
            for end in (path.suffix, OTHERS):
                (out / "ledger" / path.name).with_suffix(end).unlink(missing_ok=True)


def restore(source: Path, data: Path, progress: Progress) -> Copied:
    """Make a data folder of a backup; raises BadBackup naming the file that is not as it was, Conflict, OSError.

    Everything is checked before the first file is written; the folder has its name only when it is whole.
    """
    told = _manifest(source)
    if data.exists() and any(data.iterdir()):
        raise Conflict(f"{data} is not empty: a backup is restored into a new folder")
    files: dict[str, dict[str, object]] = told["files"]
    for number, (name, known) in enumerate(files.items()):
        progress(number, 2 * len(files), f"checking {name}")
        if not (source / name).is_file() or _digest(source / name, int(str(known["size"]))) != known["sha256"]:
            raise BadBackup(f"{source / name} is not what was backed up")
    partial = data.with_name(data.name + ".restoring")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    copied = 0
    for number, (name, known) in enumerate(files.items()):
        progress(len(files) + number, 2 * len(files), name)
        size = int(str(known["size"]))
        _copy(source / name, partial / name, size)
        copied += size
    for seal in (partial / "ledger").glob("*.seal"):
        if (segment := seal.with_suffix(".ndjson")).exists():
            segment.chmod(_SEALED)
    if data.exists():
        data.rmdir()
    partial.replace(data)
    sync_folder(data.parent)
    return Copied(int(told["ledger_no"]), len(files), copied, copied)


_IDENTITY: Final = "keys/collector.pem"
_PUBLIC: Final = (f"keys/{HISTORY}", "keys/peers")  # folders of public keys, and of what was said of them


def _identity(data: Path) -> dict[str, object]:
    size = (data / _IDENTITY).stat().st_size
    return {"sha256": _digest(data / _IDENTITY, size), "size": size}


def _is_earlier(out: Path, data: Path) -> bool:
    """Whether a backup is of this collector before its key was followed by another."""
    try:
        old = FileKey.from_pem((out / _IDENTITY).read_bytes()).public
        newest = FileKey.from_pem((data / _IDENTITY).read_bytes()).public
        history(data / "keys", Whose.COLLECTOR, newest).of(old.key_id)
    except (OSError, Malformed, NoKey):
        return False
    return True


def _is_begun(out: Path, data: Path) -> bool:
    """Whether a folder without a manifest is empty, or holds what a backup of this collector that was cut off has left."""
    names = {path.name for path in out.iterdir() if not path.name.endswith(".new")}
    if BEGUN not in names:
        return not names
    with contextlib.suppress(OSError, ValueError):
        return bool(json.loads((out / BEGUN).read_bytes()) == _identity(data))
    return False


def _files(data: Path, ledger_no: int, before: Mapping[str, dict[str, object]]) -> Iterator[_File]:
    """What a backup holds, in the order in which it is copied; `before`: what an earlier one in the same folder holds."""
    if (data / "ledger" / ARCHIVE_SAID).exists():
        yield _File(f"ledger/{ARCHIVE_SAID}", (data / "ledger" / ARCHIVE_SAID).stat().st_size)
    for folder in ("", "keys"):
        for path in sorted((data / folder).iterdir()):
            if (folder and path.name not in (LOG_KEY, NEXT_LOG_KEY)) or path.name in (
                "collector.toml",
                "transfers.ndjson",
            ):
                yield from _small(data, path)
    for below in _PUBLIC:
        for path in sorted((data / below).rglob("*")):
            yield from _small(data, path)
    for path in segments(data / "ledger"):
        name = f"ledger/{path.name}"
        seal = path.with_suffix(".seal")
        if seal.exists():
            told = json.loads(seal.read_bytes())
            has_tomb = tomb_file(path).exists()  # which stands for the segment, even if that is still there
            in_backup = before.get(name, {}).get("sha256") == told["sha256"]
            if not has_tomb and (path.exists() or in_backup):  # archived: stays if it is whole there
                yield _File(name, told["size"], told["sha256"])
            for beside in (seal, tomb_file(path) if has_tomb else path.with_suffix(OTHERS)):
                if beside.exists():
                    yield _File(f"ledger/{beside.name}", beside.stat().st_size)
            continue
        yield _File(name, _end_of(path, ledger_no))


def _small(data: Path, path: Path) -> Iterator[_File]:
    if path.is_file() and not path.name.endswith(".new"):
        size = path.stat().st_size
        if path.suffix == ".ndjson":  # it grows: only whole lines
            size = path.read_bytes()[:size].rfind(b"\n") + 1
        yield _File(path.relative_to(data).as_posix(), size)


def _end_of(segment: Path, ledger_no: int) -> int:
    """Where the frame of this entry ends in the segment that grows; its end, if it has ended before."""
    data, offset = segment.read_bytes(), 0
    while offset < len(data):
        try:
            entry, following = read_frame(data, offset)
        except Malformed:  # being written just now, so it is a newer one
            break
        if entry.no > ledger_no:
            break
        offset = following
    return offset


def _copy(source: Path, target: Path, size: int) -> str:
    """Copy so much of a file, durably and for its owner only; the SHA-256 of what was copied."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial, digest, left = target.with_name(target.name + ".new"), hashlib.sha256(), size
    with (
        source.open("rb") as old,
        os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb") as new,
    ):
        while left and (part := old.read(min(_CHUNK, left))):
            digest.update(part)
            new.write(part)
            left -= len(part)
        if left:
            raise BadBackup(f"{source} became shorter while it was copied")
        new.flush()
        os.fsync(new.fileno())
    partial.replace(target)
    sync_folder(target.parent)
    return digest.hexdigest()


def _digest(path: Path, size: int) -> str:
    """The SHA-256 of so much of a file: one that only grows still holds what it held; empty if it is shorter."""
    digest, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left and (part := file.read(min(_CHUNK, left))):
            digest.update(part)
            left -= len(part)
    return "" if left else digest.hexdigest()


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        if not isinstance(told["files"], dict) or type(told["ledger_no"]) is not int:
            raise TypeError("its members are others")
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in told["files"]):
            raise ValueError("it names files outside")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadBackup(f"{folder} is no backup: {MANIFEST}: {error}") from error
    return told
