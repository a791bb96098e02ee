"""Where this device's power comes from, and what holds it back: the kernel's files and a power profile.

Reads only; a Raspberry Pi's firmware is read in `firmware`. A mouse's battery is nobody's; a device without a battery and
without a mains entry (a Pi) does not tell. The charge of several batteries is that of their energies together, or of the lowest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probe.platform.glimpse import Glimpse, trouble
from probe.platform.host import REFUSALS
from probe.platform.system_bus import Bus, Silent
from probe.platform.tools import Untold, ask
from probe.radio.limits import PER_CENT, Limits
from probe.radio.strangers import few_words
from probe.surroundings import Power

try:
    import psutil
except (ImportError, NotImplementedError):  # the index's psutil refuses to be imported on Android
    psutil = None  # type: ignore[assignment]

SYS: Final = Path("/sys")
PROFILES: Final = (  # power-profiles-daemon's old and new name
    ("org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles"),
    ("net.hadess.PowerProfiles", "/net/hadess/PowerProfiles"),
)
SAVER: Final = "power-saver"
PROFILE_NAMES: Final = (SAVER, "balanced", "performance")
PROCESSOR_ZONES: Final = ("cpu", "x86_pkg_temp", "soc")
PROCESSOR_COOLING: Final = ("cpufreq", "Processor", "cpu")
MILLIDEGREES: Final = Limits(-40_000, 130_000)


@dataclass(frozen=True, slots=True)
class Supply:
    """One entry of /sys/class/power_supply."""

    kind: str
    online: bool | None
    charge_per_cent: int | None
    held: tuple[str, int, int] | None  # what is counted (energy or charge), now and full


def read(sys: Path) -> Glimpse:
    """Read the kernel's files. Blocks; never raises OSError."""
    supplies = [_supply(folder) for folder in _folders(sys / "class" / "power_supply")]
    thermal = sys / "class" / "thermal"
    return Glimpse(
        power=Power(
            plugged=plugged([one for one in supplies if one is not None]),
            charge_per_cent=charge([one for one in supplies if one is not None]),
            temperature_dc=_temperature_dc(thermal),
            throttled=_cooled(thermal),
        )
    )


def plugged(supplies: list[Supply]) -> bool | None:
    """Say whether any source other than a battery feeds the device; None where no such source is listed."""
    told = [one.online for one in supplies if one.kind != "Battery" and one.online is not None]
    return any(told) if told else None


def charge(supplies: list[Supply]) -> int | None:
    """Give the charge of all batteries together."""
    batteries = [one for one in supplies if one.kind == "Battery"]
    held = [one.held for one in batteries if one.held is not None]
    if len(held) == len(batteries) > 1 and len({counted for counted, _, _ in held}) == 1:
        return PER_CENT.take(100 * sum(now for _, now, _ in held) // sum(full for _, _, full in held))
    return min((one.charge_per_cent for one in batteries if one.charge_per_cent is not None), default=None)


def read_battery() -> Glimpse:
    """Ask psutil for the battery, where there are no such files (macOS, Windows). Blocks."""
    if psutil is None:
        return Glimpse()
    try:
        told = psutil.sensors_battery()
    except REFUSALS:
        return Glimpse()
    except OSError:
        return Glimpse()
    if told is None:
        return Glimpse()
    return Glimpse(power=Power(plugged=told.power_plugged, charge_per_cent=PER_CENT.take(told.percent)))


async def read_profile(bus: Bus) -> Glimpse:
    """Ask power-profiles-daemon whether power is being saved."""
    for service, path in PROFILES:
        try:
            profile = await bus.get(service, path, service, "ActiveProfile")
        except Silent as silent:
            if not silent.absent:
                return trouble("power-profiles-daemon", silent.why)
            continue
        return Glimpse(power=Power(saver=profile == SAVER)) if isinstance(profile, str) else Glimpse()
    return Glimpse()


async def read_profile_by_tool() -> Glimpse:
    """Ask `powerprofilesctl`, where D-Bus cannot be spoken to."""
    told = await ask(("powerprofilesctl", "get"))
    if isinstance(told, Untold):
        return Glimpse() if told.absent or told.code is not None else trouble("powerprofilesctl", told.why)
    profile = told.text.strip()
    return Glimpse(power=Power(saver=profile == SAVER)) if profile in PROFILE_NAMES else Glimpse()


def _supply(folder: Path) -> Supply | None:
    if _text(folder / "scope") == "Device":
        return None
    kind, online = _text(folder / "type"), _text(folder / "online")
    held = next((one for counted in ("energy", "charge") if (one := _held(folder, counted)) is not None), None)
    return Supply(
        kind,
        {"0": False, "1": True, "2": True}.get(online),
        PER_CENT.take(_text(folder / "capacity")) if kind == "Battery" else None,
        held,
    )


def _held(folder: Path, counted: str) -> tuple[str, int, int] | None:
    now, full = _text(folder / f"{counted}_now"), _text(folder / f"{counted}_full")
    return (counted, int(now), int(full)) if now.isdecimal() and full.isdecimal() and int(full) > 0 else None


def _temperature_dc(thermal: Path) -> int | None:
    """The hottest of the processor's sensors; what another sensor measures is not told."""
    told = [
        MILLIDEGREES.take(_text(zone / "temp"))
        for zone in _folders(thermal)
        if _text(zone / "type").startswith(PROCESSOR_ZONES) and zone.name.startswith("thermal_zone")
    ]
    known = [one // 100 for one in told if one is not None]
    return max(known, default=None)


def _cooled(thermal: Path) -> bool | None:
    """Whether the kernel slows the processor down to cool it."""
    told = [
        _text(device / "cur_state")
        for device in _folders(thermal)
        if _text(device / "type").startswith(PROCESSOR_COOLING) and device.name.startswith("cooling_device")
    ]
    known = [int(one) > 0 for one in told if one.isdecimal()]
    return any(known) if known else None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        return few_words(file.read_text(encoding="ascii", errors="replace").strip("\0\n "))
    except OSError:
        return ""
