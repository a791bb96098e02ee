"""A disk that refuses, under the real process that writes the ledger: injected where it is started, switched by a file.

Python looks for `sitecustomize` on its path at every start. The one that is put there changes `os.write` and `os.fdatasync` in
the process that writes the ledger, for regular files only, and nothing in any other.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

FAULTS = {
    "a write finds no space": "write ENOSPC 0",
    "half a write finds space": "write ENOSPC 2",
    "a write fails": "write EIO 0",
    "a sync fails": "sync EIO 0",
}
_SWITCH = "SPEEDPROOF_TEST_FAULT"
_CODE = f"""
    import errno
    import os
    import stat
    import sys

    if "collector.ledger.clerk" in sys.orig_argv:
        write, sync, switch = os.write, os.fdatasync, os.environ["{_SWITCH}"]

        def wanted(file, what):
            try:
                with open(switch) as told:
                    kind, name, part = told.read().split()
            except OSError:
                return None
            is_file = stat.S_ISREG(os.fstat(file).st_mode)
            return (getattr(errno, name), int(part)) if kind == what and is_file else None

        def write_or_not(file, data):
            fault = wanted(file, "write")
            if fault is None:
                return write(file, data)
            if fault[1]:
                write(file, data[: len(data) // fault[1]])
            raise OSError(fault[0], os.strerror(fault[0]))

        def sync_or_not(file):
            fault = wanted(file, "sync")
            if fault is not None:
                raise OSError(fault[0], os.strerror(fault[0]))
            sync(file)

        os.write, os.fdatasync = write_or_not, sync_or_not
"""


@dataclass(frozen=True)
class FaultyDisk:
    """The switch."""

    file: Path

    def refuse(self, fault: str) -> None:
        """Refuse from now on, like this."""
        draft = self.file.with_suffix(".new")
        draft.write_text(FAULTS[fault])
        draft.replace(self.file)

    def recover(self) -> None:
        """Take everything again."""
        self.file.unlink(missing_ok=True)


def put(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FaultyDisk:
    """A disk under every ledger's writer that is started from now on in this test; it takes everything at first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(textwrap.dedent(_CODE))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv(_SWITCH, str(folder / "fault"))
    return FaultyDisk(folder / "fault")
