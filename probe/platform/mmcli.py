"""The modem this device has, through `mmcli`: where D-Bus cannot be spoken to. Asks only; five short programs."""

from pathlib import Path
from typing import Final

from probe.clock import Clock
from probe.platform import modemmanager
from probe.platform.glimpse import Glimpse, carried, trouble
from probe.platform.tools import Told, Untold, ask
from probe.radio import mmcli
from probe.radio.modemmanager import with_cells

MOST_BEARERS: Final = 4


async def read(interface: str | None, clock: Clock, cell_file: Path = modemmanager.CELL_FILE) -> Glimpse:
    """Read the first modem; where mmcli or a modem is absent there is nothing to tell."""
    listed = await ask(("mmcli", "-J", "-L"))
    if isinstance(listed, Untold):
        return Glimpse() if listed.absent else trouble("mmcli", listed.why)
    try:
        modems = mmcli.modems(listed.text)
        if not modems:
            return Glimpse()
        modem = await ask(("mmcli", "-J", "-m", modems[0]))
        if isinstance(modem, Untold):
            return trouble("mmcli", modem.why)
        signal = await ask(("mmcli", "-J", "-m", modems[0], "--signal-get"))
        bearers = [await ask(("mmcli", "-J", "-b", path)) for path in mmcli.bearers_of(modem.text)[:MOST_BEARERS]]
        sim = mmcli.sim_of(modem.text)
        radio = mmcli.radio(
            modem.text,
            _text(signal),
            tuple(one.text for one in bearers if isinstance(one, Told)),
            None if sim is None else _text(await ask(("mmcli", "-J", "-i", sim))),
        )
    except ValueError:
        return trouble("mmcli", "an odd answer")
    cells, troubles = await modemmanager.written(cell_file, clock) if len(modems) == 1 else ((), ())
    return Glimpse(kind=carried(interface, radio.interface), radio=with_cells(radio, cells), troubles=troubles)


def _text(answer: Told | Untold) -> str | None:
    return answer.text if isinstance(answer, Told) else None
