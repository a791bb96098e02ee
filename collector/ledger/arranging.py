"""Who may move or remove sealed segments: one at a time, and nobody while somebody copies them. Writing and reading go on."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from collector.errors import Busy


@contextlib.contextmanager
def arranging(folder: Path, *, alone: bool = True) -> Iterator[None]:
    """Be the only one who arranges a ledger's segments, or one of those who copy them; raises Busy, OSError.

    The system lets go if the process dies.
    """
    file = os.open(folder / "arranging.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy(
            f"another archive, retain or backup is at the segments of {folder}; try again when it has ended"
        ) from error
    else:
        yield
    finally:
        os.close(file)
