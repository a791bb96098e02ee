"""Private keys on disk, of collector, portal and peer: made once, then kept.

The file appears whole or not at all, readable by its owner alone, and survives a power cut once this has
returned. A file that others can read is refused, because nothing signed with it would prove anything.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from collector.durable import sync_folder
from shared.errors import Malformed, NoKey
from shared.keys import FileKey

_OWNER_ONLY = 0o600
_OTHERS = 0o077
K = TypeVar("K")


def load_or_create(path: Path) -> FileKey:
    """The P-256 key in the file, made first if there is no file. Raises NoKey."""
    return load_or_make(path, lambda: FileKey.generate().to_pem(), FileKey.from_pem)


def load_or_make(path: Path, make: Callable[[], bytes], read: Callable[[bytes], K]) -> K:
    """The key in the file, made first if there is no file; `read` raises Malformed or ValueError. Raises NoKey."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create(path, make())
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise NoKey(f"cannot use the key file {path}: {error.strerror}") from error
    if mode & _OTHERS:
        raise NoKey(f"the key file {path} can be read by others (mode {mode & 0o777:04o}): chmod 600 it")
    try:
        return read(data)
    except (Malformed, ValueError) as error:
        raise NoKey(f"the key file {path} holds no key: {error}") from error


def _create(path: Path, data: bytes) -> None:
    """Write a new file, fsync it, and only then give it its name; a name taken meanwhile is left alone."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)
