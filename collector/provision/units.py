"""Which devices are provisioned: so many with numbered names, or those of a list. Pure."""

import re
from dataclasses import dataclass

from collector.errors import BadRequest
from shared.provision import Provision

MOST_UNITS = 1000
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")  # no dot: it names a folder beside files
_SUBSCRIBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Unit:
    """One device to be: the serial on its label, and the line it is for."""

    serial: str
    subscriber: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A unit with the code it was given: what is written onto it, and until when the code is good (unix µs)."""

    unit: Unit
    provision: Provision
    expires_us: int


def numbered(count: int, subscriber_prefix: str, serial_prefix: str) -> tuple[Unit, ...]:
    """So many units, each for a line of its own: `line-001` … with the serials `SP-001` …; raises BadRequest."""
    if not 1 <= count <= MOST_UNITS:
        raise BadRequest(f"between 1 and {MOST_UNITS} devices at a time, not {count}")
    digits = max(3, len(str(count)))
    numbers = [f"{number:0{digits}}" for number in range(1, count + 1)]
    return _checked([Unit(serial_prefix + number, subscriber_prefix + number) for number in numbers], "")


def listed(text: str, serial_prefix: str) -> tuple[Unit, ...]:
    """The units of a list: on each line a subscriber's id and, after a comma, a serial if there is one; raises BadRequest.

    Empty lines and what stands behind # are left out. A subscriber may be there more than once: a line can have several devices.
    """
    rows = [line.partition("#")[0].strip() for line in text.splitlines()]
    found = [row for row in rows if row]
    if not 1 <= len(found) <= MOST_UNITS:
        raise BadRequest(f"a list names 1 to {MOST_UNITS} devices, this one {len(found)}")
    digits = max(3, len(str(len(found))))
    units = []
    for number, row in enumerate(found, start=1):
        subscriber, _, serial = (part.strip() for part in row.partition(","))
        units.append(Unit(serial or f"{serial_prefix}{number:0{digits}}", subscriber))
    return _checked(units, " of the list")


def _checked(units: list[Unit], where: str) -> tuple[Unit, ...]:
    seen: set[str] = set()
    for number, unit in enumerate(units, start=1):
        place = f"device {number}{where}"
        if not _SUBSCRIBER.fullmatch(unit.subscriber):
            raise BadRequest(f"{place}: {unit.subscriber[:80]!r} is no subscriber's id")
        if not _SERIAL.fullmatch(unit.serial):
            raise BadRequest(
                f"{place}: a serial has 1 to 32 letters, digits, dashes or underscores, not {unit.serial[:80]!r}"
            )
        if unit.serial.lower() in seen:  # they become names of folders, also where case does not matter
            raise BadRequest(f"{place}: the serial {unit.serial} is there twice")
        seen.add(unit.serial.lower())
    return tuple(units)
