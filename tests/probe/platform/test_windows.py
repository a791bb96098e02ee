"""Windows' PowerShell, played by what the command prints on such machines."""

import json

import pytest

from probe.platform import windows
from probe.platform.glimpse import Glimpse
from probe.platform.tools import Told, Untold
from probe.platform.windows import COMMAND, glimpse_in, read
from probe.surroundings import Power

TOLD = {
    "adapters": [
        {"Name": "Ethernet", "InterfaceType": 6, "InterfaceGuid": "{AAAA}"},
        {"Name": "Wi-Fi", "InterfaceType": 71, "InterfaceGuid": "{BBBB}"},
        {"Name": "Mobilfunk", "InterfaceType": 243, "InterfaceGuid": "{CCCC}"},
        {"Name": "Tunnel", "InterfaceType": 53, "InterfaceGuid": "{DDDD}"},
        {"Name": "Odd", "InterfaceType": 1, "InterfaceGuid": "{EEEE}"},
    ],
    "guid": "cccc",
    "cost": 2,
    "saver": "On",
}


@pytest.mark.parametrize(
    ("interface", "kind", "metered"),
    [
        *[("Mobilfunk", "cellular", True), ("Wi-Fi", "wifi", None), ("Ethernet", "ethernet", None)],
        *[("Tunnel", "vpn", None), ("Odd", None, None), ("gone", None, None), (None, None, None)],
    ],
)
def test_links(interface: str | None, kind: str | None, metered: bool | None) -> None:
    """The kind is the interface's type; the cost belongs to the link that leads to the internet, and to no other."""
    seen = glimpse_in(TOLD, interface)
    assert (seen.kind, seen.metered, seen.power) == (kind, metered, Power(saver=True))


@pytest.mark.parametrize(("cost", "metered"), [(0, None), (1, False), (2, True), (3, True), (None, None), ("2", None)])
def test_costs(cost: object, metered: bool | None) -> None:
    """A fixed allowance and a price by use are both metered; an unknown cost is unknown."""
    assert glimpse_in({**TOLD, "cost": cost}, "Mobilfunk").metered is metered


async def test_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command is asked, and whatever it does instead of answering is a trouble."""
    asked: list[tuple[str, ...]] = []
    answers: list[Told | Untold] = [Told("\ufeff" + json.dumps(TOLD)), Told("no"), Untold("not installed", absent=True)]

    async def ask(command: tuple[str, ...]) -> Told | Untold:
        asked.append(command)
        return answers[len(asked) - 1]

    monkeypatch.setattr(windows, "ask", ask)
    assert (await read("Wi-Fi")).kind == "wifi"
    assert await read("Wi-Fi") == Glimpse(troubles=("powershell: an odd answer",))
    assert await read("Wi-Fi") == Glimpse(troubles=("powershell: not installed",))
    assert set(asked) == {COMMAND}
