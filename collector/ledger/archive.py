"""Sealed segments kept elsewhere: in another folder (a mounted share or bucket), or in an object store that speaks S3.

Where they are is said in `archive.json` beside the seals, which stay. `moving` brings them there. Whoever needs one again
gets it by `opened`: the last few that were fetched are kept, in `fetched/`, and each is compared with its seal before it is
believed.

S3 needs `boto3` (the extra `lake`), which finds its credentials as it always does.
"""

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from collector.durable import sync_folder, write_whole
from collector.errors import ArchiveAway, BadRequest, CollectorError, LedgerDamaged
from collector.ledger.names import ARCHIVE_SAID, tomb_file
from collector.ledger.seals import Seal, is_sealed_as, seal_beside
from collector.ledger.tombs import Tomb, tomb_beside

FETCHED: Final = "fetched"
OTHERS: Final = ".others"  # beside a seal: a JSON list of [offset in the segment, begin, end] LF, then frames
MOST_FETCHED: Final = 4
_TRIES: Final = 3


class Archive(Protocol):
    """A place for files that never change. All raise ArchiveAway."""

    def put(self, source: Path) -> None:
        """Keep a file under its name."""

    def get(self, name: str, target: Path) -> None:
        """Write the file of this name to `target`."""

    def drop(self, name: str) -> None:
        """Keep the file of this name no longer; nothing if there is none."""


class FolderArchive:
    """Another folder."""

    def __init__(self, folder: Path) -> None:
        """Use this folder, which must be there: one that is not mounted must not be made."""
        self._folder = folder
        if not folder.is_dir():
            raise ArchiveAway(f"the archive {folder} is not there")

    def put(self, source: Path) -> None:
        """Keep a file under its name."""
        try:
            write_whole(self._folder / source.name, source.read_bytes())
        except OSError as error:
            raise ArchiveAway(f"the archive {self._folder} takes nothing: {error}") from error

    def get(self, name: str, target: Path) -> None:
        """Write the file of this name to `target`."""
        try:
            shutil.copyfile(self._folder / name, target)
        except OSError as error:
            raise ArchiveAway(f"the archive {self._folder} does not give {name}: {error}") from error

    def drop(self, name: str) -> None:
        """Keep the file of this name no longer."""
        try:
            (self._folder / name).unlink(missing_ok=True)
            sync_folder(self._folder)
        except OSError as error:
            raise ArchiveAway(f"the archive {self._folder} does not let go of {name}: {error}") from error


class BucketArchive:
    """A bucket, by way of boto3."""

    def __init__(self, bucket: str, prefix: str, endpoint: str | None) -> None:
        """Use this bucket; raises BadRequest if boto3 is not installed."""
        try:
            boto3, botocore = import_module("boto3"), import_module("botocore.exceptions")
        except ImportError as error:
            raise BadRequest("an archive in a bucket needs boto3: pip install 'speedproof[lake]'") from error
        self._bucket, self._prefix = bucket, prefix
        self._errors = (botocore.BotoCoreError, botocore.ClientError, OSError)
        self._client: Any = boto3.client("s3", endpoint_url=endpoint)

    def put(self, source: Path) -> None:
        """Keep a file under its name."""
        self._tried(lambda: self._client.upload_file(str(source), self._bucket, self._prefix + source.name))

    def get(self, name: str, target: Path) -> None:
        """Write the file of this name to `target`."""
        self._tried(lambda: self._client.download_file(self._bucket, self._prefix + name, str(target)))

    def drop(self, name: str) -> None:
        """Keep the file of this name no longer; earlier versions of it, where a bucket keeps some, are its own affair."""
        self._tried(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name))

    def _tried(self, call: Callable[[], object]) -> None:
        try:
            call()
        except self._errors as error:
            raise ArchiveAway(f"the bucket {self._bucket} does not answer: {error}") from error


def archive_at(address: str) -> Archive:
    """The archive at an address: a folder, or `s3://bucket/prefix?endpoint=URL`. Raises ArchiveAway or BadRequest."""
    parts = urlsplit(address)
    if parts.scheme == "s3" and parts.netloc:
        prefix = parts.path.strip("/")
        return BucketArchive(
            parts.netloc, f"{prefix}/" if prefix else "", parse_qs(parts.query).get("endpoint", [None])[0]
        )
    if parts.scheme or not Path(address).is_absolute():
        raise BadRequest(f"an archive is an absolute path, or s3://bucket/prefix, not {address!r}")
    return FolderArchive(Path(address))


_fetching = threading.Lock()  # index and log may come to the same segment at one moment


def opened(path: Path) -> BinaryIO:
    """A segment's file, open for reading, fetched from the archive if it is there.

    Raises ArchiveAway, LedgerDamaged, or FileNotFoundError if it is nowhere.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.open("rb")
    seal = seal_beside(path)
    if seal is None:
        raise FileNotFoundError(f"{path} is missing")
    fetched = path.parent / FETCHED / path.name
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):  # another process may make room just then
            file = fetched.open("rb")
            with contextlib.suppress(OSError):
                os.utime(fetched)
            return file
        with _fetching:
            if not fetched.exists():  # somebody else's turn may have brought it
                _fetch(path, seal, fetched)
    raise ArchiveAway(f"{path.name} cannot be kept here long enough to read it")


def found(path: Path) -> Tomb | BinaryIO:
    """What stands for a segment: its tombstone if it has one, else its file, open for reading. Raises as `opened` does."""
    tomb = tomb_beside(path)
    if tomb is not None:
        return tomb
    try:
        return opened(path)
    except (OSError, CollectorError):
        tomb = tomb_beside(path)  # it was put into its place just now
        if tomb is None:
            raise
        return tomb


def read(path: Path) -> bytes:
    """A whole segment."""
    with opened(path) as file:
        return file.read()


def other_at(path: Path, offset: int) -> bytes | None:
    """The frame at a place of a segment that is elsewhere, if it is no batch: those stay here; None if it has to be fetched."""
    if path.exists():
        return None
    try:
        head, _, frames = path.with_suffix(OTHERS).read_bytes().partition(b"\n")
        for at, begins, ends in json.loads(head):
            if at == offset:
                return frames[begins:ends]
    except (OSError, ValueError, TypeError):  # only a copy: the segment has it
        pass
    return None


def _fetch(path: Path, seal: Seal, fetched: Path) -> None:
    fetched.parent.mkdir(exist_ok=True, mode=0o700)
    partial = fetched.with_name(f"{fetched.name}.{os.getpid()}.new")
    try:
        archive_at(said_at(path.parent)).get(path.name, partial)
        if not is_sealed_as(seal, partial):
            raise LedgerDamaged(f"{path.name} in the archive is not what was sealed")
        partial.replace(fetched)
        if tomb_file(path).exists():  # removed meanwhile: nothing of it may stay here
            fetched.unlink(missing_ok=True)
            raise FileNotFoundError(f"{path.name} has a tombstone now")
    finally:
        partial.unlink(missing_ok=True)
    old = sorted(fetched.parent.glob("*.ndjson"), key=_used_at)[:-MOST_FETCHED]
    for one in old:
        one.unlink(missing_ok=True)


def _used_at(path: Path) -> float:
    """When a file was used last; long ago if another process has made room meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def said_at(folder: Path) -> str:
    """The address of the archive that a ledger has segments in; raises LedgerDamaged."""
    try:
        return str(json.loads((folder / ARCHIVE_SAID).read_bytes())["at"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LedgerDamaged(
            f"a segment is missing in {folder}, and {ARCHIVE_SAID} does not say where it is: {error}"
        ) from error
