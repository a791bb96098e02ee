"""The machine: Python, signing, disk, whose the files are, the clock, the battery, and Termux's other half."""

import os
import platform
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from probe import moments
from probe.clock import BUILT_US, Clock
from probe.doctor.check import Check, fine, note, wrong
from probe.home import Home
from probe.platform.tools import Told, Untold, ask
from probe.surroundings import Power, Surroundings
from shared.errors import NoKey
from shared.keys import FileKey
from shared.primitives import chosen

FREE_BYTES: Final = 100 * 1_000_000
_RTC = Path("/sys/class/rtc/rtc0")


def python() -> Check:
    """Which Python this is, and on what."""
    return fine("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def signer() -> Check:
    """Which library signs; it is tried out."""
    try:
        key, message = FileKey.generate(), b"speedproof doctor"
        signature = key.sign(message)
    except NoKey as error:
        return wrong("signer", str(error), "without it nothing can be signed")
    key.public.verify(signature, message)
    same = ", deterministic" if signature == key.sign(message) else ""
    return fine("signer", f"ECDSA P-256 by {chosen().name}{same}")


def disk(folder: Path) -> Check:
    """How much room there is where records are kept."""
    free = shutil.disk_usage(folder).free
    found = f"{free // 1_000_000:,} MB free in {folder}"
    return fine("disk", found) if free > FREE_BYTES else wrong("disk", found, "free some space: records need room")


def permissions(home: Home) -> Check:
    """Whether this user may write the state folder, and nobody else may read the key."""
    if not os.access(home.folder, os.W_OK | os.X_OK):
        return wrong(
            "files", f"{home.folder} cannot be written by this user", "use the user whose probe it is, or sudo"
        )
    if os.name != "posix":
        return fine("files", f"{home.folder} can be written")
    open_ones = [file.name for file in sorted(home.folder.glob("*.pem")) if _is_open(file)]
    if open_ones:
        names = ", ".join(open_ones)
        return wrong("files", f"others can read {names}", f"chmod 600 {home.folder}/*.pem")
    return fine("files", "the state folder can be written, and the key is for this user only")


def _is_open(file: Path) -> bool:
    """Whether others may read a secret; certificates are none."""
    return "key" not in file.name and file.name != "ca.pem" and bool(stat.S_IMODE(file.stat().st_mode) & 0o077)


def time(clock: Clock, around: Surroundings, rtc: Path = _RTC) -> Iterator[Check]:
    """Whether the clock was set, by whom, and whether it goes on while the device is off."""
    wall_us = clock.wall_us()
    here = moments.local_by(clock.zone)(wall_us)
    shown = f"{here:%Y-%m-%d %H:%M:%S} {moments.zone_of(here)}"
    if wall_us < BUILT_US:
        yield wrong(
            "clock", f"it says {shown}, which is past", "connect to a network, or set it; measuring goes on anyway"
        )
    elif around.synced is False:
        yield wrong(
            "clock", f"{shown}; no time server has set it", "switch automatic time on: timedatectl set-ntp true"
        )
    else:
        yield fine("clock", f"{shown}, set by a time server" if around.synced else shown)
    if platform.system() == "Linux" and "ANDROID_ROOT" not in os.environ and not rtc.exists():
        yield note(
            "rtc", "the clock stops while this device is off, and is wrong until there is a network; records say so"
        )


def zone(clock: Clock, of_line: str | None) -> Check:
    """In which zone this device shows times, and in which its line is judged."""
    found = f"this device shows times in {moments.zone_of(moments.local_by(clock.zone)(clock.wall_us()))}"
    return fine("time zone", f"{found}; its line is judged in {of_line}" if of_line else found)


def power(told: Power) -> Iterator[Check]:
    """What the battery is like; nothing where there is none."""
    charge = "" if told.charge_per_cent is None else f"{told.charge_per_cent} %"
    plugged = {True: "plugged in", False: "on battery", None: ""}[told.plugged]
    found = ", ".join(part for part in (charge, plugged) if part)
    if told.throttled:
        yield wrong(
            "power", found or "slowed down", "this device slows itself down: a stronger power supply, or a cooler place"
        )
    elif told.saver:
        yield wrong("power", f"{found}, battery saver on".removeprefix(", "), "switch the battery saver off")
    elif found:
        yield fine("power", found)


async def termux() -> Check:
    """Whether Termux:API is there and answers; without it a phone knows nothing of its radio."""
    told = await ask(["termux-battery-status"])
    match told:
        case Told(text=text) if "percentage" in text:
            return fine("termux-api", "answers")
        case Untold(absent=True):
            advice = "pkg install termux-api, and install the app Termux:API from where Termux came from"
            return wrong("termux-api", "not installed", advice)
        case Untold(why=why):
            advice = "install the app Termux:API from where Termux came from, and open it once"
            return wrong("termux-api", why, advice)
    return wrong("termux-api", "refuses", "allow Location and Phone to the app Termux:API")


def unrestricted() -> Check:
    """What Android tells nobody and every phone needs."""
    return note(
        "android", "whether this phone ends programs in the background cannot be read from here",
        "Settings, Apps, Termux and Termux:API: battery Unrestricted; Termux:Boot opened once",
    )  # fmt: skip
