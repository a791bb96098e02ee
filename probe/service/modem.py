"""`python -m probe.service.modem`: what ModemManager does or tells only for root, again and again, in a unit of its own.

Asks for signal strengths to be measured, which the modem forgets each time it comes back, and leaves the serving cells
in the file that the probe reads. One small program that stays: starting Python every ten seconds would cost a small board
more than the measuring does. Says what is wrong when that changes, not each time.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Final

from probe.clock import Clock, SystemClock
from probe.platform.cell import serving, write
from probe.platform.modemmanager import CELL_FILE
from probe.platform.system_bus import Silent
from probe.platform.tools import Untold, ask

EVERY_S: Final = 10.0  # cells count as fresh for three of these
SIGNAL_EVERY: Final = 6  # a modem that came back measures again within a minute
SIGNAL: Final = ("mmcli", "-m", "any", "--signal-setup=5")


async def attend(
    file: Path, clock: Clock, say: Callable[[str], None], pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Do it until cancelled."""
    said = ""
    for turn in count():
        trouble = await _signal() if turn % SIGNAL_EVERY == 0 else ""
        trouble = await _cells(file, clock) or trouble
        if trouble and trouble != said:
            say(trouble)
        said = trouble or said
        await pause(EVERY_S)


async def _signal() -> str:
    told = await ask(SIGNAL)
    return f"signal strengths not asked for: mmcli {told.why}" if isinstance(told, Untold) else ""


async def _cells(file: Path, clock: Clock) -> str:
    """Write the cells down; why not, if not. A file that is not written any more grows old, and is not believed then."""
    try:
        cells = await serving()
        if not cells:
            return "cells not written: no modem, or no serving cell"
        write(cells, file, clock)
    except Silent as silent:
        return f"cells not written: {silent.why}"
    except OSError as error:
        return f"cells not written: {file}: {error.strerror}"
    return ""


def main() -> None:
    """Attend to the modem until the unit is stopped."""
    asyncio.run(attend(CELL_FILE, SystemClock(), _say))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
