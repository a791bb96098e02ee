"""Small files that outlast a power cut: written whole or not at all, and under their name for good."""

import os
from pathlib import Path


def write_whole(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, durably, for its owner only; raises OSError."""
    partial = file.with_name(file.name + ".new")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(file)
    settle(file.parent)


def settle(folder: Path) -> None:
    """Make new names in a folder outlast a power cut, where the system has a call for it; raises OSError."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
