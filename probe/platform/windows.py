"""What Windows says of its links, through one PowerShell command that prints JSON. Reads only. Not run on such a machine yet.

Interfaces are known by their alias, as psutil names them. The kind is the IANA interface type; the cost is that of the connection
to the internet (NetworkCostType), and counts for the link if that is the one.
"""

from collections.abc import Mapping
from typing import Final

from probe.platform.glimpse import Glimpse, trouble
from probe.platform.tools import Untold, ask
from probe.radio.strangers import items, known, members, read_json
from probe.surroundings import InterfaceKind, Power

SCRIPT: Final = (
    "[Console]::OutputEncoding=[Text.Encoding]::UTF8;"
    "$c=[Windows.Networking.Connectivity.NetworkInformation,Windows,ContentType=WindowsRuntime]"
    "::GetInternetConnectionProfile();"
    "@{adapters=@(Get-NetAdapter|Select-Object Name,InterfaceType,InterfaceGuid);"
    "guid=if($c){[string]$c.NetworkAdapter.NetworkAdapterId};"
    "cost=if($c){[int]$c.GetConnectionCost().NetworkCostType};"
    "saver=[string][Windows.System.Power.PowerManager,Windows,ContentType=WindowsRuntime]::EnergySaverStatus}"
    "|ConvertTo-Json -Depth 3 -Compress"
)
COMMAND: Final = ("powershell.exe", "-NoProfile", "-NonInteractive", "-Command", SCRIPT)
KINDS: Final[dict[object, InterfaceKind]] = {  # IANA ifType
    6: "ethernet",
    23: "vpn",
    24: "loopback",
    53: "vpn",
    71: "wifi",
    131: "vpn",
    243: "cellular",
    244: "cellular",
}
METERED: Final[dict[object, bool]] = {1: False, 2: True, 3: True}  # NetworkCostType: unrestricted, fixed, variable
SAVER: Final[dict[object, bool]] = {"Disabled": False, "Off": False, "On": True}  # EnergySaverStatus


async def read(interface: str | None) -> Glimpse:
    """Ask for the links, their cost, and the energy saver."""
    told = await ask(COMMAND)
    if isinstance(told, Untold):
        return trouble("powershell", told.why)
    try:
        return glimpse_in(members(read_json(told.text.lstrip("\ufeff"))), interface)
    except ValueError:
        return trouble("powershell", "an odd answer")


def glimpse_in(told: Mapping[str, object], interface: str | None) -> Glimpse:
    """Read what the command prints."""
    adapters = [members(one) for one in items(told.get("adapters"))]
    ours = next((one for one in adapters if interface is not None and one.get("Name") == interface), {})
    carries = ours and _guid(ours.get("InterfaceGuid")) == _guid(told.get("guid"))
    return Glimpse(
        kind=known(KINDS, ours.get("InterfaceType")),
        metered=known(METERED, told.get("cost")) if carries else None,
        power=Power(saver=known(SAVER, told.get("saver"))),
    )


def _guid(told: object) -> str:
    return str(told).strip("{}").lower()
