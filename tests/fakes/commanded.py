"""`speedproof-collector` in this process: for tests of what a command does, and not of the process it is.

Starting a process and loading all the collector costs ten times what most commands do. What only a process has (its end by
a signal, a pipe that is shut) is tested with `fakes.running.command`, and so is each command at least once.
"""

import contextlib
import io
import logging
import os
import subprocess
from pathlib import Path
from unittest.mock import patch

from collector.__main__ import main


def commanded(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """One command over a folder; the same as `fakes.running.command` gives."""
    out, err, root, umask = io.StringIO(), io.StringIO(), logging.getLogger(), os.umask(0o077)
    handlers, level = [*root.handlers], root.level  # `up` begins its log
    try:
        with (
            patch.dict(os.environ, SPEEDPROOF_DATA=str(data)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main(words)
    except SystemExit as ended:
        code = int(str(ended.code))
    finally:
        os.umask(umask)
        root.handlers[:] = handlers
        root.setLevel(level)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())
