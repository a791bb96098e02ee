"""Headless Chromium over a document of ours: what it made of it, or a picture; nothing comes from the network."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
Browse = Callable[..., str]


def browsing(folder: Path) -> Browse:
    """Give what opens a document in a fresh browser that has this folder, and returns the DOM it made of it."""

    def run(document: str, flags: Sequence[str] = ("--dump-dom",)) -> str:
        page = folder / "page.html"
        page.write_text(document, "utf-8")
        done = subprocess.run(
            ["chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout

    return run
