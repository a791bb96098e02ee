"""A folder on which nothing waits for a disk: for tests that write and sync thousands of times, and whose subject is not the disk."""

import tempfile
from pathlib import Path


def fast_folder(prefix: str = "speedproof-") -> Path:
    """Make a folder where syncing costs nothing, if there is such a place; whoever asks for it removes it."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix=prefix, dir=memory if memory.is_dir() else None))
