"""Giving out the codes and writing what belongs to each device into one new folder.

    manifest.csv             serial, line, folder, until when the code is good; no codes
    sheet.html               the labels to print
    SERIAL/user-data         for the boot partition of a Raspberry Pi
    SERIAL/provision.json    for any other device: speedproof-probe enrol --from provision.json

The codes are in these files and nowhere else, so the folder is new and everything in it is for its owner only. A device's
files are written before the next code is asked for: a code that was given out is never lost, whatever happens then.
"""

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.command import Desk
from collector.errors import BadRequest
from collector.provision.first_boot import user_data
from collector.provision.sheet import render_sheet
from collector.provision.units import Ready, Unit
from collector.web.localtime import day
from shared.enrolment import read_code
from shared.invitation import Invitation
from shared.provision import Provision, write_provision

MANIFEST, SHEET, USER_DATA, PROVISION = "manifest.csv", "sheet.html", "user-data", "provision.json"


@dataclass(frozen=True, slots=True)
class Terms:
    """What all devices have in common."""

    url: str
    days: int
    contract: dict[str, Any] | None = None  # what each line is added with; None: the lines are there
    ca: str = ""
    settings: str = ""
    ssh_key: str = ""
    modem: bool = True  # with the service that asks ModemManager, on devices that have it
    apn: str = ""


def provision(
    desk: Desk, units: Sequence[Unit], terms: Terms, folder: Path, progress: Callable[[int], None]
) -> list[Ready]:
    """Write the folder; what was made. Raises BadRequest if it is there and not empty, and whatever the desk raises."""
    _make(folder)
    if terms.contract is not None:
        for name in dict.fromkeys(unit.subscriber for unit in units):
            desk.run("subscriber_add", terms.contract | {"id": name})
    made: list[Ready] = []
    try:
        for unit in units:
            made.append(_one(desk, unit, terms, folder))
            progress(len(made))
    finally:
        if made:
            _private(folder / MANIFEST, _manifest(made))
            _private(folder / SHEET, render_sheet(made))
    return made


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise BadRequest(f"{folder} is not empty; codes that were given out are not written over")
    folder.chmod(0o700)


def _one(desk: Desk, unit: Unit, terms: Terms, folder: Path) -> Ready:
    told = desk.run("code", {"subscriber": unit.subscriber, "minutes": terms.days * 24 * 60})
    invitation = Invitation(terms.url, read_code(told["code"]), told["collector_key"])
    ready = Ready(unit, Provision(invitation, unit.serial, terms.ca, terms.settings), told["expires_us"])
    own = folder / unit.serial
    own.mkdir(mode=0o700)
    _private(own / PROVISION, write_provision(ready.provision))
    _private(own / USER_DATA, user_data(ready, terms.ssh_key, modem=terms.modem, apn=terms.apn))
    return ready


def _manifest(made: Sequence[Ready]) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("serial", "subscriber", "folder", "code_expires"))
    rows.writerows(
        (ready.unit.serial, ready.unit.subscriber, ready.unit.serial, day(ready.expires_us)) for ready in made
    )
    return out.getvalue()


def _private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
