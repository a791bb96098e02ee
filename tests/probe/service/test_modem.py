"""The unit that attends to the modem: again and again, and quiet about what it has said already."""

import asyncio
from pathlib import Path

import pytest

from probe.platform.system_bus import Silent
from probe.platform.tools import Told, Untold
from probe.service import modem
from probe.surroundings import Cell


class Clock:
    """Stand still."""

    def wall_us(self) -> int:
        """Give an hour of 2026."""
        return 1_795_000_000_000_000

    def mono_us(self) -> int:
        """Give a minute since boot."""
        return 60_000_000


class Modem:
    """Answer in the modem's place, turn by turn."""

    def __init__(self, *turns: tuple[Cell, ...] | Silent) -> None:
        self.turns, self.asked = iter(turns), list[tuple[str, ...]]()
        self.signal: Told | Untold = Told("")

    async def serving(self) -> tuple[Cell, ...]:
        """Give the cells of this turn; after the last one the unit is stopped."""
        turn = next(self.turns, None)
        if turn is None:
            raise asyncio.CancelledError
        if isinstance(turn, Silent):
            raise turn
        return turn

    async def ask(self, command: tuple[str, ...]) -> Told | Untold:
        """Note what mmcli is asked."""
        self.asked.append(command)
        return self.signal


async def attended(fake: Modem, file: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Attend to this modem until it is stopped; what was said."""
    said, waits = list[str](), list[float]()

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(modem, "serving", fake.serving)
    monkeypatch.setattr(modem, "ask", fake.ask)
    with pytest.raises(asyncio.CancelledError):
        await modem.attend(file, Clock(), said.append, pause)
    assert set(waits) <= {10.0}
    return said


CELLS = (Cell("lte", "00101", 33997, 27447297, rsrp_dbm=-97),)


async def test_cells_are_written_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn leaves the cells of that turn, readable by all; signal strengths are asked for once a minute."""
    fake, place = Modem(*[CELLS] * 7), tmp_path / "cell.json"
    assert await attended(fake, place, monkeypatch) == []
    assert b'"rsrp_dbm": -97' in place.read_bytes()
    assert place.stat().st_mode & 0o777 == 0o644
    assert fake.asked == [modem.SIGNAL] * 2


async def test_a_trouble_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is said when it begins or changes, and measuring goes on when the modem is back."""
    fake = Modem(Silent("no bus"), Silent("no bus"), (), (), CELLS)
    said = await attended(fake, tmp_path / "cell.json", monkeypatch)
    assert said == ["cells not written: no bus", "cells not written: no modem, or no serving cell"]
    assert (tmp_path / "cell.json").exists()


async def test_a_missing_tool_and_a_missing_folder_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without mmcli or without the folder the unit says so and stays."""
    fake = Modem(CELLS)
    fake.signal = Untold("not installed", absent=True)
    assert await attended(fake, tmp_path / "cell.json", monkeypatch) == [
        "signal strengths not asked for: mmcli not installed"
    ]
    said = await attended(Modem(CELLS), tmp_path / "absent/cell.json", monkeypatch)
    assert said[0].endswith("No such file or directory")
