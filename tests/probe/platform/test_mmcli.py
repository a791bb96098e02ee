"""mmcli, played by a small program that answers as it does."""

from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.tools import Toolbox, toolbox

from probe.platform import cell, mmcli, system_bus
from probe.platform.glimpse import Glimpse
from probe.radio.written import read_cells, write_cells
from probe.surroundings import Cell

PATH = "/org/freedesktop/ModemManager1"
ANSWERS = {
    "-J -L": f'{{"modem-list":["{PATH}/Modem/0"]}}',
    f"-J -m {PATH}/Modem/0": (
        '{"modem":{"3gpp":{"operator-code":"00101","registration-state":"home"},"generic":{"access-technologies":["lte"],'
        f'"bearers":["{PATH}/Bearer/0"],"sim":"{PATH}/SIM/0","state":"connected"}}}}}}'
    ),
    f"-J -m {PATH}/Modem/0 --signal-get": '{"modem":{"signal":{"lte":{"rsrp":"-97.00","snr":"--"}}}}',
    f"-J -b {PATH}/Bearer/0": '{"bearer":{"status":{"connected":"yes","interface":"wwan0"}}}',
    f"-J -i {PATH}/SIM/0": '{"sim":{"properties":{"imsi":"001010000000001","operator-code":"00101"}}}',
    "-J -m any --get-cell-info": '{"modem":{"cell-info":["cell type: lte, serving: yes, ci: 1A2D001"]}}',
}


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A system with mmcli and a modem, and without a bus."""
    made = toolbox(tmp_path, monkeypatch)
    answering(made, ANSWERS)
    monkeypatch.delenv(system_bus.ADDRESS, raising=False)
    monkeypatch.setattr(system_bus, "SOCKETS", ())
    return made


def answering(box: Toolbox, answers: dict[str, str]) -> None:
    """Let mmcli answer these questions, and fail at any other."""
    cases = "\n".join(f"'{words}') echo '{answer}' ;;" for words, answer in answers.items())
    box.plant("mmcli", f'case "$*" in\n{cases}\n*) exit 1 ;;\nesac')


async def test_a_modem(box: Toolbox, tmp_path: Path) -> None:
    """The modem's five answers and the written cells make one radio."""
    (tmp_path / "cell.json").write_text(write_cells([Cell("lte", cell=0x1A2D001)], 0))
    seen = await mmcli.read("wwan0", FakeClock(), tmp_path / "cell.json")
    assert seen.kind == "cellular"
    assert seen.radio is not None
    assert (seen.radio.interface, seen.radio.sim_mccmnc, seen.radio.connected) == ("wwan0", "00101", True)
    assert seen.radio.cells == (Cell("lte", "00101", cell=0x1A2D001, rsrp_dbm=-97),)
    assert "001010000000001" not in repr(seen)
    assert not any("--signal-setup" in call or "--reset" in call for call in box.calls())


@pytest.mark.parametrize(
    ("change", "troubles"),
    [
        ({"-J -L": '{"modem-list":[]}'}, ()),
        ({"-J -L": "error: couldn"}, ("mmcli: an odd answer",)),
        ({f"-J -m {PATH}/Modem/0": None}, ("mmcli: ended with 1",)),
        ({"-J -L": None}, ("mmcli: ended with 1",)),
    ],
)
async def test_what_can_be_missing(
    box: Toolbox, tmp_path: Path, change: dict[str, str | None], troubles: tuple[str, ...]
) -> None:
    """No modem is no trouble; ModemManager that is not there, or an odd answer, is."""
    answering(box, {words: answer for words, answer in {**ANSWERS, **change}.items() if answer is not None})
    assert await mmcli.read("wwan0", FakeClock(), tmp_path / "none") == Glimpse(troubles=troubles)


async def test_a_modem_without_signal_bearer_and_sim(box: Toolbox, tmp_path: Path) -> None:
    """What one of the further questions does not tell is absent."""
    answering(box, {words: ANSWERS[words] for words in list(ANSWERS)[:2]})
    seen = await mmcli.read("wwan0", FakeClock(), tmp_path / "none")
    assert seen.kind is None
    assert seen.radio is not None
    assert (seen.radio.interface, seen.radio.sim_mccmnc, seen.radio.cells) == (None, None, ())


async def test_without_mmcli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without it is no trouble."""
    toolbox(tmp_path, monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await mmcli.read("wwan0", FakeClock(), tmp_path / "none") == Glimpse()


def test_cells_by_mmcli(box: Toolbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where D-Bus cannot be spoken to mmcli is asked for the cells; without any the old file stays."""
    file, clock = tmp_path / "cell.json", FakeClock()
    assert cell.main([str(file)], clock) == 0
    before = file.read_text()
    assert read_cells(before, 0) == (Cell("lte", cell=0x1A2D001),)
    for answers, why in (
        ({"-J -m any --get-cell-info": "{}"}, "no modem, or no serving cell"),
        ({"-J -m any --get-cell-info": "["}, "mmcli gave an odd answer"),
        ({}, "mmcli ended with 1"),
    ):
        answering(box, {**answers, "-J": ""})
        assert cell.main([str(file)], clock) == 1
        assert capsys.readouterr().err == f"cells not written: {why}\n"
    assert file.read_text() == before
