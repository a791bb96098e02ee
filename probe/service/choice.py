"""Which way of being a service fits this machine, and what there is to know of it."""

import json
import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import probe
import shared
from probe.service import launchd, systemd, termux, windows
from probe.service.plan import WHEELS, Here, NoService, Service


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever installs the service asked for."""

    of_machine: bool | None = None  # None: as root the whole machine's, else this user's
    modem: bool = False
    ping: bool = False


def look(state: Path) -> Here:
    """Read what there is to know of this machine, user and environment; changes nothing."""
    python = Path(sys.executable)
    command = python.with_name("speedproof-probe.exe" if sys.platform == "win32" else "speedproof-probe")
    loaded = (Path(package.__file__ or "").resolve().parent for package in (probe, shared))
    return Here(
        platform=sys.platform,
        uid=os.getuid() if hasattr(os, "getuid") else None,
        home=Path.home(),
        state=state.absolute(),
        python=python,
        command=command if command.exists() else None,
        places=(python.resolve(), Path(sys.prefix), Path(sys.base_prefix), *loaded),
        version=_version(),
        environ=dict(os.environ),
        wheels=wheels(_direct_url(), state.absolute() / WHEELS),
    )


def choose(here: Here, wishes: Wishes) -> Service:
    """Give the service that fits; raises NoService."""
    of_machine = here.uid == 0 if wishes.of_machine is None else wishes.of_machine
    if termux.is_termux(here.environ):
        chosen = termux.service
    elif here.platform == "darwin":
        chosen = launchd.service
    elif here.platform == "win32":
        chosen = windows.service
    elif here.platform == "linux" and of_machine:
        return systemd.machine(here, modem=wishes.modem, ping=wishes.ping)
    elif here.platform == "linux":
        chosen = systemd.user
    else:
        raise NoService(
            f"no service is known for {platform.system() or here.platform}; start this from whatever starts programs here: "
            + " ".join(here.run)
        )
    if of_machine:
        raise NoService("on this system there is only a service of one user: run this as the user whose line it is")
    if wishes.modem or wishes.ping:
        raise NoService("--with-modem and --with-ping belong to the service of a whole Linux machine: use sudo")
    return chosen(here)


def every(here: Here) -> tuple[Service, ...]:
    """Every kind of service that this probe may have been made here."""
    of_machine = (True, False) if here.platform == "linux" and not termux.is_termux(here.environ) else (False,)
    found = []
    for whose in of_machine:
        try:
            found.append(choose(here, Wishes(whose)))
        except NoService:  # could not be installed in this way, so it was not
            continue
    return tuple(found)


def wheels(direct_url: str, kept: Path) -> tuple[Path, ...]:
    """The wheel that pip remembers as what it installed (PEP 610), those needed that lie beside it, and what was kept before."""
    found = [*kept.glob("*.whl")]
    try:
        url = urlsplit(json.loads(direct_url)["url"])
    except (ValueError, TypeError, KeyError):  # installed by its name, or not by pip
        url = urlsplit("")
    wheel = Path(url2pathname(url.path))
    if url.scheme == "file" and wheel.suffix == ".whl" and wheel.is_file():
        found += [wheel, *wheel.parent.glob("h11-*.whl")]
    return tuple({path.name: path for path in found}.values())


def _direct_url() -> str:
    try:
        return distribution("speedproof").read_text("direct_url.json") or ""
    except PackageNotFoundError:
        return ""


def _version() -> str:
    try:
        return version("speedproof")
    except PackageNotFoundError:  # started from a folder, not installed
        return "0"
