"""A Raspberry Pi's firmware, as the kernel's files tell of it, and its own tool where they do not."""

from pathlib import Path

import pytest
from fakes.tools import HANGS, Toolbox, toolbox

from probe.platform import firmware, tools
from probe.platform.firmware import by_kernel, throttled
from probe.platform.glimpse import Glimpse
from probe.surroundings import Power


@pytest.mark.parametrize(
    ("text", "held_back"),
    [
        *[("throttled=0x0\n", False), ("throttled=0x50000", False), ("throttled=0x50005", True)],
        *[("throttled=0x8", True), ("throttled=0x1", False), ("50002", True), ("0", False)],
        *[("error=1", None), ("", None)],
    ],
)
def test_the_firmwares_word(text: str, held_back: bool | None) -> None:
    """What is held back now counts; what once was, and low voltage alone, do not."""
    assert throttled(text) is held_back


def plant(sys: Path, where: str, text: str) -> None:
    """Plant one of the kernel's files."""
    (sys / where).parent.mkdir(parents=True, exist_ok=True)
    (sys / where).write_text(text)


@pytest.mark.parametrize(
    "where",
    [
        "devices/platform/soc/soc:firmware/get_throttled",
        "bus/platform/drivers/raspberrypi-firmware/soc@107c000000:firmware/get_throttled",
    ],
)
def test_the_kernel_tells(where: str, tmp_path: Path) -> None:
    """The file is hexadecimal without a prefix, and found whatever the board calls its parts."""
    plant(tmp_path, where, "50004\n")
    assert by_kernel(tmp_path) is True
    plant(tmp_path, where, "50000\n")
    assert by_kernel(tmp_path) is False


@pytest.mark.parametrize(
    ("name", "alarm", "told"), [("rpi_volt", "1", True), ("rpi_volt", "0", None), ("other", "1", None)]
)
def test_a_kernel_that_tells_of_the_voltage_alone(name: str, alarm: str, told: bool | None, tmp_path: Path) -> None:
    """Low voltage slows a Pi down; that there is none says nothing of heat, and another sensor's alarm nothing at all."""
    plant(tmp_path, "class/hwmon/hwmon0/name", "cpu_thermal\n")
    plant(tmp_path, "class/hwmon/hwmon1/name", f"{name}\n")
    plant(tmp_path, "class/hwmon/hwmon1/in0_lcrit_alarm", f"{alarm}\n")
    assert by_kernel(tmp_path) is told


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """A Raspberry Pi: its model's file, the firmware's device, tools; a kernel that tells nothing."""
    (tmp_path / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    (tmp_path / "vcio").touch()
    return toolbox(tmp_path, monkeypatch)


async def read(tmp_path: Path) -> Glimpse:
    """Read what is planted."""
    return await firmware.read(tmp_path / "model", tmp_path / "sys", tmp_path / "vcio")


async def test_the_kernel_comes_first(pi: Toolbox, tmp_path: Path) -> None:
    """The tool is asked only where the kernel's files are not, and no other machine is asked at all."""
    pi.says("vcgencmd", "throttled=0x4\n")
    assert await read(tmp_path) == Glimpse(power=Power(throttled=True))
    plant(tmp_path / "sys", firmware.FILES[0], "0\n")
    assert await read(tmp_path) == Glimpse(power=Power(throttled=False))
    assert pi.calls() == ["vcgencmd get_throttled"]
    (tmp_path / "model").write_text("Some other board")
    assert await read(tmp_path) == Glimpse()


async def test_a_hardened_service_is_not_troubled(pi: Toolbox, tmp_path: Path) -> None:
    """Where the firmware's device is hidden, its tool could only fail: it is not asked, and nothing is a trouble."""
    pi.plant("vcgencmd", "exit 255")
    (tmp_path / "vcio").unlink()
    assert await read(tmp_path) == Glimpse()
    assert pi.calls() == []


async def test_a_tool_that_fails(pi: Toolbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An absent tool is no trouble; one that sees the device and may not talk to it, or hangs, is."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("PATH", str(pi.folder))
        assert await read(tmp_path) == Glimpse()
    pi.plant("vcgencmd", "exit 255")
    assert (await read(tmp_path)).troubles == ("vcgencmd: ended with 255",)
    pi.plant("vcgencmd", HANGS)
    real = tools.ask
    monkeypatch.setattr(firmware, "ask", lambda command: real(command, 0.1))
    assert (await read(tmp_path)).troubles == ("vcgencmd: no answer within 0.1 s",)
