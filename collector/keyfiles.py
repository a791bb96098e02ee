"""Private keys on disk: made once, readable by their owner only, never overwritten."""

import os
from pathlib import Path

from shared.errors import Malformed, NoKey
from shared.keys import FileKey


def load_or_make(path: Path) -> FileKey:
    """The key in this file; a new one, written and fsynced with mode 0600, if there is no file. Raises NoKey."""
    try:
        return FileKey.from_pem(path.read_bytes())
    except FileNotFoundError:
        return _make(path)
    except (OSError, Malformed) as error:
        raise NoKey(f"the key in {path} cannot be used: {error}") from error


def _make(path: Path) -> FileKey:
    key = FileKey.generate()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_suffix(".new")
        file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(key.to_pem())
            out.flush()
            os.fsync(out.fileno())
        partial.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise NoKey(f"no key could be written to {path}: {error}") from error
    return key
