"""Running another program to read what it prints, and never more than that: no input, no shell, an end to its time and output.

A program that is absent, hangs, fails or floods is a value that says so in a few words. It runs in a process group of its
own that is killed as a whole, whatever happens here; nothing is left behind, and nothing that it started and that keeps our
pipe open holds us up.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LIMIT_S: Final = 8.0  # ours: the slowest honest answer of a phone is about two seconds
MOST_BYTES: Final = 1 << 17
FAREWELL_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """What a program printed, having ended well."""

    text: str


@dataclass(frozen=True, slots=True)
class Untold:
    """That a program gave no answer, and why."""

    why: str
    absent: bool = False  # it is not installed, which is nobody's fault
    code: int | None = None  # with which it ended, if it ended by itself


async def ask(command: Sequence[str], limit_s: float = LIMIT_S) -> Told | Untold:
    """Run a program to its end, and give what it printed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError):
        return Untold("not installed", absent=True)
    except (OSError, ValueError) as error:  # no permission, no memory, a zero byte in a word
        return Untold(f"cannot be started: {type(error).__name__}")
    try:
        async with asyncio.timeout(limit_s):
            output = await _output(process)
            if output is None:
                return Untold("says too much")
            code = await process.wait()
    except TimeoutError:
        return Untold(f"no answer within {limit_s:g} s")
    finally:
        await _leave_nothing(process)
    return Told(output.decode("utf-8", "replace")) if code == 0 else Untold(f"ended with {code}", code=code)


async def _output(process: Process) -> bytes | None:
    """All that it prints; None if that is more than any answer."""
    if process.stdout is None:
        return b""
    output = b""
    while piece := await process.stdout.read(MOST_BYTES):
        output += piece
        if len(output) > MOST_BYTES:
            return None
    return output


async def _leave_nothing(process: Process) -> None:
    """Kill the group, unless nobody is left in it who could still say anything."""
    if process.returncode is not None and process.stdout is not None and process.stdout.at_eof():
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_S):
            await process.communicate()
            return
    # Something left the group and holds the pipe: only asyncio's own transport can let go of it.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
