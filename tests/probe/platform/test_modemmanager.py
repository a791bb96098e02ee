"""ModemManager that is not there, fails, or has odd modems."""

from pathlib import Path
from typing import cast

from fakes.clock import FakeClock
from fakes.plain_bus import PlainBus

from probe.platform.glimpse import Glimpse
from probe.platform.modemmanager import MODEM, ROOT, found, read
from probe.platform.system_bus import Bus, Silent
from probe.surroundings import Radio


def bus(objects: dict[str, object]) -> Bus:
    """A bus on which ModemManager has these objects."""
    return cast("Bus", PlainBus(methods={(ROOT, "GetManagedObjects"): objects}))


async def test_who_is_not_there_or_fails(tmp_path: Path) -> None:
    """No daemon and no modem are no trouble; a daemon that fails is one."""
    clock, file = FakeClock(), tmp_path / "none"
    assert await read(cast("Bus", PlainBus(failing=Silent("x", absent=True))), "wwan0", clock, file) == Glimpse()
    assert await read(cast("Bus", PlainBus(failing=Silent("x"))), "wwan0", clock, file) == Glimpse(
        troubles=("modemmanager: x",)
    )
    assert await read(bus({f"{ROOT}/SIM/0": {}}), "wwan0", clock, file) == Glimpse()


async def test_a_modem_that_is_going_away(tmp_path: Path) -> None:
    """A modem whose bearer and SIM are gone by now is told as far as it is known."""
    modem = {MODEM: {"State": 8, "Bearers": [f"{ROOT}/Bearer/0"], "Sim": f"{ROOT}/SIM/0"}}
    seen = await read(bus({f"{ROOT}/Modem/0": modem}), "wwan0", FakeClock(), tmp_path / "none")
    assert seen == Glimpse(radio=Radio("modemmanager", connected=False))
    odd = {MODEM: {"Bearers": "none", "Sim": "/"}}
    assert (await read(bus({f"{ROOT}/Modem/0": odd}), None, FakeClock(), tmp_path / "none")).radio == Radio(
        "modemmanager"
    )


async def test_modems_are_counted_and_not_spelt() -> None:
    """Modem 2 comes before modem 10."""
    objects: dict[str, object] = {f"{ROOT}/Modem/{number}": {MODEM: {"State": number}} for number in (10, 2)}
    assert [modem[MODEM]["State"] for modem in await found(bus(objects))] == [2, 10]


async def test_of_two_modems_the_connected_one_is_told(tmp_path: Path) -> None:
    """Where no bearer is the link's, the modem that is connected is told; else the first."""
    objects: dict[str, object] = {
        f"{ROOT}/Modem/{number}": {MODEM: {"State": state}, f"{MODEM}.Modem3gpp": {"OperatorCode": f"0010{number}"}}
        for number, state in ((1, 8), (2, 11))
    }
    seen = await read(bus(objects), "eth0", FakeClock(), tmp_path / "none")
    assert seen.radio is not None
    assert seen.radio.net_mccmnc == "00102"
