"""What was typed after `campaign`: a criterion, a moment, a time zone. Reads criterion files and the system's zone data."""

import re
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from shared.criteria.files import shipped
from shared.criteria.unsupported import why_unsupported
from shared.errors import Malformed
from shared.sampling import Rule, read_rule

MOST_AHEAD_US: Final = 366 * 86_400_000_000
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?")


def shipped_ids() -> list[str]:
    """The criteria there always are."""
    return [name.removesuffix(".toml") for name in shipped()]


def rule_of(name: str, path: Path | None) -> tuple[bytes, Rule]:
    """The rule of an id, and its file's bytes; raises Malformed or CriterionError."""
    texts = dict(shipped())
    if path is not None:
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        try:
            texts |= {str(file): file.read_bytes() for file in files}
        except OSError as error:
            raise Malformed(f"{error.filename} cannot be read: {error.strerror}") from error
    rules = [(text, read_rule(text, file)) for file, text in texts.items()]
    found = [(text, rule) for text, rule in rules if rule.id == name]
    if not found:
        if (why := why_unsupported(name)) is not None:
            raise Malformed(f"criterion {why}")
        raise Malformed(f"no criterion {name!r} is known; known are {', '.join(sorted(rule.id for _, rule in rules))}")
    if len(found) > 1:
        raise Malformed(f"there are two criteria {name!r}: a rule is not changed, a new one gets an id of its own")
    return found[0]


def since_us(typed: str, zone: ZoneInfo, now_us: int) -> int:
    """The moment before which there is no start; raises Malformed."""
    if typed == "now":
        return now_us
    try:
        if not _MOMENT.fullmatch(typed):
            raise ValueError(typed)
        at_us = int(datetime.fromisoformat(typed).replace(tzinfo=zone).timestamp()) * 1_000_000
    except ValueError as error:
        raise Malformed(
            f"--from {typed!r:.40} is neither now nor a date such as 2026-11-25 or 2026-11-25T18:00"
        ) from error
    if at_us > now_us + MOST_AHEAD_US:
        raise Malformed("--from is more than a year ahead")
    return at_us


def zone_named(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises Malformed, saying what is missing where it is the device's fault."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        try:
            ZoneInfo("Europe/Berlin")
        except (KeyError, ValueError, OSError):
            raise Malformed(
                "this device has no time zone data, without which no day can be planned: pip install tzdata"
            ) from error
        raise Malformed(f"{name!r:.60} is no time zone of the IANA database") from error
