"""nmcli, played by a small program; the texts are as nmcli 1.42 printed them on a machine with such devices."""

from pathlib import Path

import pytest
from fakes.tools import Toolbox, toolbox

from probe.platform import nmcli
from probe.platform.glimpse import Glimpse


def device(name: str, kind: str, interface: str, metered: str) -> str:
    """One device, as it is printed."""
    return f"GENERAL.DEVICE:{name}\nGENERAL.TYPE:{kind}\nGENERAL.IP-IFACE:{interface}\nGENERAL.METERED:{metered}\n"


TOLD = "\n".join((
    device("eth0", "ethernet", "eth0", "no (guessed)"),
    device("cdc-wdm0", "gsm", "wwan0", "yes (guessed)"),
    device("wlan0", "wifi", "", "unknown"),
    device("tun5", "tun", "tun5", "no"),
    device("lo", "loopback", "lo", "unknown"),
))  # fmt: skip


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A system with nmcli."""
    made = toolbox(tmp_path, monkeypatch)
    made.says("nmcli", TOLD)
    return made


@pytest.mark.parametrize(
    ("interface", "seen"),
    [
        ("wwan0", Glimpse(kind="cellular", metered=True)),
        ("eth0", Glimpse(metered=False)),
        ("wlan0", Glimpse(kind="wifi")),
        ("tun5", Glimpse(kind="vpn", metered=False)),
        ("lo", Glimpse()),
        *[("cdc-wdm0", Glimpse()), ("usb7", Glimpse()), (None, Glimpse())],
    ],
)
async def test_a_link(box: Toolbox, interface: str | None, seen: Glimpse) -> None:
    """Kind and metered of the interface packets leave by, a modem's data port; what is guessed counts, what is unknown not."""
    assert await nmcli.read(interface) == seen


async def test_no_network_is_named(box: Toolbox) -> None:
    """What is asked for holds no name of a network or connection."""
    await nmcli.read("wlan0")
    assert box.calls() == ["nmcli -t -f GENERAL.DEVICE,GENERAL.TYPE,GENERAL.IP-IFACE,GENERAL.METERED device show"]


async def test_who_does_not_tell(box: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NetworkManager that does not run and a tool that is absent are no troubles; a tool that fails is; junk is nothing."""
    for script, troubles in (("exit 8", ()), ("exit 1", ("nmcli: ended with 1",)), ("echo junk; echo :; echo", ())):
        box.plant("nmcli", script)
        assert await nmcli.read("wwan0") == Glimpse(troubles=troubles)
    (box.folder / "nmcli").unlink()
    monkeypatch.setenv("PATH", str(box.folder))
    assert await nmcli.read("wwan0") == Glimpse()
