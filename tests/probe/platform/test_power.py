"""Power in planted trees, and what psutil and a power profile say."""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from fakes.tools import toolbox

from probe.platform import power
from probe.platform.glimpse import Glimpse
from probe.platform.power import read, read_battery, read_profile_by_tool
from probe.surroundings import Power

BATTERY = {"type": "Battery", "status": "Discharging", "capacity": "57"}


def plant(sys: Path, where: str, **told: str) -> None:
    """Plant a folder of one-line files."""
    folder = sys / "class" / where
    folder.mkdir(parents=True)
    for name, text in told.items():
        (folder / name).write_text(f"{text}\n")


def power_of(sys: Path) -> Power | None:
    """What these files come to."""
    return read(sys).power


def test_nothing_is_told(tmp_path: Path) -> None:
    """Without any of the files nothing is known, not even that there is no battery."""
    assert read(tmp_path) == Glimpse(power=Power())


def test_a_laptop(tmp_path: Path) -> None:
    """Unplugged on a battery; a mouse's battery and a sensor of something else are nobody's."""
    plant(tmp_path, "power_supply/AC", type="Mains", online="0")
    plant(tmp_path, "power_supply/BAT0", **BATTERY)
    plant(tmp_path, "power_supply/hid", type="Battery", scope="Device", capacity="3")
    plant(tmp_path, "thermal/thermal_zone0", type="acpitz", temp="99000")
    plant(tmp_path, "thermal/thermal_zone1", type="x86_pkg_temp", temp="61500")
    plant(tmp_path, "thermal/cooling_device0", type="Processor", cur_state="0")
    plant(tmp_path, "thermal/cooling_device1", type="intel_powerclamp", cur_state="-1")
    assert power_of(tmp_path) == Power(plugged=False, charge_per_cent=57, temperature_dc=615, throttled=False)


def test_a_laptop_that_charges_by_usb(tmp_path: Path) -> None:
    """Any source that is online feeds it, and a processor that is slowed down is held back."""
    plant(tmp_path, "power_supply/AC", type="Mains", online="0")
    plant(tmp_path, "power_supply/ucsi", type="USB", online="1")
    plant(tmp_path, "thermal/cooling_device0", type="cpufreq-cpu0", cur_state="3")
    assert power_of(tmp_path) == Power(plugged=True, throttled=True)


@pytest.mark.parametrize(
    ("first", "second", "charge"),
    [
        ({"energy_now": "20", "energy_full": "40"}, {"energy_now": "10", "energy_full": "80"}, 25),
        ({"charge_now": "20", "charge_full": "40"}, {"charge_now": "10", "charge_full": "80"}, 25),
        ({"energy_now": "20", "energy_full": "40"}, {"charge_now": "10", "charge_full": "80"}, 12),
        ({"energy_now": "20", "energy_full": "0"}, {}, 12),
    ],
)
def test_two_batteries(tmp_path: Path, first: dict[str, str], second: dict[str, str], charge: int) -> None:
    """Two batteries are as full as their energies together, or as the emptier one where these cannot be added."""
    plant(tmp_path, "power_supply/BAT0", type="Battery", capacity="50", **first)
    plant(tmp_path, "power_supply/BAT1", type="Battery", capacity="12", **second)
    told = power_of(tmp_path)
    assert told is not None
    assert told.charge_per_cent == charge
    assert told.plugged is None


def test_a_sensor_that_is_broken(tmp_path: Path) -> None:
    """A temperature that cannot be is none."""
    plant(tmp_path, "thermal/thermal_zone0", type="cpu-thermal", temp="-274000")
    plant(tmp_path, "thermal/thermal_zone1", type="cpu-thermal")
    assert power_of(tmp_path) == Power()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo power-saver", Glimpse(power=Power(saver=True))),
        ("echo balanced", Glimpse(power=Power(saver=False))),
        *[("echo junk", Glimpse()), ("exit 1", Glimpse())],
    ],
)
async def test_a_profile_by_its_tool(
    script: str, told: Glimpse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tool says which profile holds; that it fails is as if there were no daemon."""
    toolbox(tmp_path, monkeypatch).plant("powerprofilesctl", script)
    assert await read_profile_by_tool() == told


def test_psutils_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no files psutil tells charge and plug, or refuses."""
    told = SimpleNamespace(percent=57.4, power_plugged=True)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: told, raising=False)
    assert read_battery() == Glimpse(power=Power(plugged=True, charge_per_cent=57))
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    assert read_battery() == Glimpse()
    for refusal in (NotImplementedError(), OSError()):

        def refuse(refusal: Exception = refusal) -> None:
            raise refusal

        monkeypatch.setattr(psutil, "sensors_battery", refuse, raising=False)
        assert read_battery() == Glimpse()
    monkeypatch.setattr(power, "psutil", None)
    assert read_battery() == Glimpse()
