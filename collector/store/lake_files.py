"""The files of a lake in a folder: written out once they are part of it, and looked at before they are relied on."""

import os
from collections.abc import Iterable
from pathlib import Path

from collector.durable import sync_folder
from collector.errors import IndexUnusable


def sync_files(folder: Path, names: Iterable[str]) -> None:
    """Have these files written out, and the folders they are in; one that a compaction has dropped meanwhile need not be."""
    folders = set()
    for name in names:
        file = folder / name
        try:
            opened = os.open(file, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
        folders.add(file.parent)
    for one in folders:
        sync_folder(one)


def check_files(folder: Path, wanted: Iterable[tuple[str, int]]) -> None:
    """See that files are there and as long as they should be; raises IndexUnusable naming the first that is not."""
    for name, size in wanted:
        try:
            found = (folder / name).stat().st_size
        except FileNotFoundError:
            found = None
        if found != size:
            told = "is gone" if found is None else f"has {found} bytes instead of {size}, as after a power cut"
            raise IndexUnusable(f"{name} of the lake {told}; empty the lake and fill it from the ledgers again")
