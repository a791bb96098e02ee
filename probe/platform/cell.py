"""`python -m probe.platform.cell`: write down the serving cells for the probe, once. To be run as root by a unit of its own.

ModemManager tells cells to root only, and a rule that allowed the probe to ask would also allow it to reset the modem. So a small
program with rights asks, and leaves what it learnt in a file that anybody may read and that holds no device's or SIM's number.
The file is replaced as a whole. 0: written; 1: there was nothing to write, and the words on standard error say why.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from probe.clock import Clock, SystemClock
from probe.platform import modemmanager as properties
from probe.platform.modemmanager import CELL_FILE, MODEM, ROOT, SERVICE
from probe.platform.system_bus import Silent, system_bus
from probe.platform.tools import Untold, ask
from probe.radio import mmcli, modemmanager
from probe.radio.written import write_cells
from probe.surroundings import Cell

READABLE = 0o644


async def serving() -> tuple[Cell, ...]:
    """Ask the first modem for its serving cells, over D-Bus or else through mmcli. Raises Silent."""
    async with system_bus() as bus:
        if bus is not None:
            objects = await bus.objects(SERVICE, ROOT)
            modems = sorted((path for path in objects if MODEM in objects[path]), key=properties.by_number)
            return modemmanager.cells(await bus.ask(SERVICE, modems[0], MODEM, "GetCellInfo")) if modems else ()
    told = await ask(("mmcli", "-J", "-m", "any", "--get-cell-info"))
    if isinstance(told, Untold):
        raise Silent(f"mmcli {told.why}")
    try:
        return mmcli.cells(told.text)
    except ValueError as error:
        raise Silent("mmcli gave an odd answer") from error


def write(cells: Sequence[Cell], file: Path, clock: Clock) -> None:
    """Replace the file. Raises OSError."""
    descriptor, made = tempfile.mkstemp(prefix=".cell-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            os.fchmod(opened.fileno(), READABLE)
            opened.write(write_cells(cells, clock.mono_us()))
        Path(made).replace(file)
    except OSError:
        with suppress(OSError):
            Path(made).unlink()
        raise


def main(words: Sequence[str] = (), clock: Clock | None = None) -> int:
    """Ask and write, once; a path may be given in place of the usual one."""
    file = Path(words[0]) if words else CELL_FILE
    try:
        cells = asyncio.run(serving())
        if not cells:
            raise Silent("no modem, or no serving cell")
        write(cells, file, clock or SystemClock())
    except Silent as silent:
        sys.stderr.write(f"cells not written: {silent.why}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"cells not written: {file}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
