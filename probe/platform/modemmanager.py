"""The modem this device has, through ModemManager's D-Bus properties: read without rights, woken by nobody.

Properties are asked for by name where that can be done; of what comes with a modem's object the rest is let go. Signal
strengths are there after somebody with rights has set a rate (`mmcli -m any --signal-setup=5`), and cells in the file that
such a unit writes.
"""

from pathlib import Path
from typing import Final

from probe.clock import Clock
from probe.platform.aside import aside
from probe.platform.glimpse import Glimpse, carried, trouble
from probe.platform.system_bus import Bus, Silent
from probe.radio import modemmanager
from probe.radio.strangers import MOST_CHARACTERS, few_words
from probe.radio.written import read_cells
from probe.surroundings import Cell

SERVICE: Final = "org.freedesktop.ModemManager1"
ROOT: Final = "/org/freedesktop/ModemManager1"
MODEM: Final = f"{SERVICE}.Modem"
CELL_FILE: Final = Path("/run/speedproof/cell.json")
MOST_BEARERS: Final = 8
NO_OBJECT: Final = "/"

Modem = dict[str, dict[str, object]]  # interface, property


async def read(bus: Bus, interface: str | None, clock: Clock, cell_file: Path = CELL_FILE) -> Glimpse:
    """Read the modem whose bearer is that interface, else the one that is connected, else the first."""
    try:
        modems = await found(bus)
    except Silent as silent:
        return Glimpse() if silent.absent else trouble("modemmanager", silent.why)
    if not modems:
        return Glimpse()
    seen = [(modem, await _bearers(bus, modem)) for modem in modems]
    modem, bearers = max(seen, key=lambda one: _rank(one[0], one[1], interface))
    radio = modemmanager.radio(
        modem[MODEM],
        modem.get(f"{MODEM}.Modem3gpp", {}),
        modem.get(f"{MODEM}.Signal", {}),
        bearers,
        await _sim(bus, modem),
    )
    cells, troubles = await written(cell_file, clock) if len(modems) == 1 else ((), ())
    joined = modemmanager.with_cells(radio, cells)
    return Glimpse(kind=carried(interface, radio.interface), radio=joined, troubles=troubles)


async def found(bus: Bus) -> list[Modem]:
    """Give the modems' properties, in the order of their numbers. Raises Silent."""
    objects = await bus.objects(SERVICE, ROOT)
    return [objects[path] for path in sorted((path for path in objects if MODEM in objects[path]), key=by_number)]


def by_number(path: str) -> tuple[int, str]:
    """Order the paths of modems: /2 before /10."""
    return len(path), path


async def written(file: Path, clock: Clock) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """Read the cells that somebody with rights has written down, with what was wrong with them."""
    try:
        text = await aside(lambda: _text(file))
        return read_cells(text, clock.mono_us()), ()
    except FileNotFoundError:
        return (), ()
    except OSError as error:
        return (), (f"cell.json: {type(error).__name__}",)
    except ValueError as error:
        return (), (f"cell.json: {few_words(str(error))}",)


async def _bearers(bus: Bus, modem: Modem) -> list[dict[str, object]]:
    paths = modem[MODEM].get("Bearers")
    return [
        {name: await _property(bus, path, f"{SERVICE}.Bearer", name) for name in ("Connected", "Interface")}
        for path in (paths if isinstance(paths, list) else [])[:MOST_BEARERS]
    ]


async def _sim(bus: Bus, modem: Modem) -> object:
    """The operator a SIM belongs to; neither its own number nor the subscriber's is asked for."""
    path = modem[MODEM].get("Sim", NO_OBJECT)
    return None if path == NO_OBJECT else await _property(bus, path, f"{SERVICE}.Sim", "OperatorIdentifier")


async def _property(bus: Bus, path: object, interface: str, name: str) -> object:
    """One property, None if it is not told: a bearer may be gone by now."""
    try:
        return await bus.get(SERVICE, str(path), interface, name)
    except Silent:
        return None


def _rank(modem: Modem, bearers: list[dict[str, object]], interface: str | None) -> tuple[bool, bool]:
    ours = any(one["Interface"] == interface and one["Connected"] is True for one in bearers)
    return interface is not None and ours, modem[MODEM].get("State") == modemmanager.CONNECTED


def _text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(MOST_CHARACTERS).decode("utf-8", "replace")
