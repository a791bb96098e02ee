"""Whose a data folder is: one collector's, which says in it where its desk is."""

import fcntl
import os
from pathlib import Path
from typing import Final

from collector.errors import AlreadyRunning

DESK_FILE: Final = "desk.json"


class FolderLock:
    """One process per data folder, as long as it lives; the system lets go if it dies."""

    def __init__(self, data: Path) -> None:
        """Take the folder, making it if need be; raises AlreadyRunning."""
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise AlreadyRunning(f"a collector already runs over {data}") from error
        (data / DESK_FILE).unlink(
            missing_ok=True
        )  # left by one that was killed: whoever listens there now is a stranger

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._file)
