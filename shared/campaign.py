"""A campaign as its records tell it: fixed before its first test, so that anybody can see what was wanted (FORMAT.md, 12).

A record of the method `campaign` stands in the chain before the tests it plans (`event` `start`), and another where it is
given up (`event` `stop`). Its tests carry `campaign` and `k`, and no `slot`. Pure; that a plan meets its rule is the
business of `shared.placing`, and what its tests show that of the judge.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from shared.dsse import HEX64
from shared.errors import Malformed
from shared.record import End, Record
from shared.sampling import DIRECTIONS, LATE_S
from shared.strictjson import Json, JsonObject

METHOD: Final = "campaign"
VERSION: Final = 1
START, STOP = "start", "stop"
METHOD_OF: Final = {"down": "download", "up": "upload", "round_trip": "latency"}
MOST_STARTS: Final = 1000
LATE_US: Final = LATE_S * 1_000_000
DAY_MINUTES: Final = 1440
_ID: Final = re.compile(r"[!-~]{1,64}")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What was planned: the rule and its very text, which tests, and when (unix µs).

    `number` counts the campaigns that this device began for this criterion, from 1; `plan` is the transfers' named
    parameter set; `quiet` are the minutes of the local day, from and to, in which the owner wanted no tests.
    """

    id: str
    number: int
    criterion: str
    version: str
    sha256: str
    directions: tuple[str, ...]
    plan: str
    time_zone: str
    from_us: int
    until_us: int
    starts_us: tuple[int, ...]
    late_us: int = LATE_US
    quiet: tuple[tuple[int, int], ...] = ()

    @property
    def methods(self) -> tuple[str, ...]:
        """What each start runs, one after the other."""
        return tuple(METHOD_OF[one] for one in self.directions)

    def members(self) -> JsonObject:
        """The members of its record, besides those that every record has."""
        starts: list[Json] = list(self.starts_us)
        directions: list[Json] = list(self.directions)
        quiet: list[Json] = [minute for pair in self.quiet for minute in pair]
        told: JsonObject = {
            "campaign": self.id,
            "criterion": self.criterion,
            "criterion_sha256": self.sha256,
            "criterion_version": self.version,
            "directions": directions,
            "end": End.OK.value,
            "event": START,
            "from_us": self.from_us,
            "late_us": self.late_us,
            "method": METHOD,
            "number": self.number,
            "plan": self.plan,
            "starts_us": starts,
            "time_zone": self.time_zone,
            "until_us": self.until_us,
            "ver": VERSION,
        }
        return told | ({"quiet": quiet} if quiet else {})

    def objection(self, direction: str, k: int, at_us: int) -> str | None:
        """Why a test is not the one that was planned, None if it is."""
        if direction not in self.directions:
            return "another direction than planned"
        if not 0 <= k < len(self.starts_us):
            return "a number that was not planned"
        late_us = at_us - self.starts_us[k]
        return None if 0 <= late_us <= self.late_us else "not at its planned moment"


def stopped(campaign: str) -> JsonObject:
    """The members of the record by which a campaign is given up."""
    return {"campaign": campaign, "end": End.OK.value, "event": STOP, "method": METHOD, "ver": VERSION}


def read_campaign(record: Record) -> Campaign:
    """The campaign that a record plans; raises Malformed if it is none, or contradicts itself."""
    if record.method != METHOD or record.text("event") != START or record.integer("ver") != VERSION:
        raise Malformed("not the start of a campaign")
    quiet = record.integers("quiet")
    campaign = Campaign(
        id=_text(record, "campaign"),
        number=_whole(record, "number", 1),
        criterion=_text(record, "criterion"),
        version=_text(record, "criterion_version"),
        sha256=_text(record, "criterion_sha256"),
        directions=record.texts("directions"),
        plan=_text(record, "plan"),
        time_zone=_text(record, "time_zone"),
        from_us=_whole(record, "from_us"),
        until_us=_whole(record, "until_us"),
        starts_us=record.integers("starts_us"),
        late_us=_whole(record, "late_us"),
        quiet=tuple(zip(quiet[::2], quiet[1::2], strict=False)),
    )
    for wrong, why in _contradictions(campaign, quiet):
        if wrong:
            raise Malformed(f"a campaign with {why}")
    return campaign


def _contradictions(campaign: Campaign, quiet: Sequence[int]) -> tuple[tuple[bool, str], ...]:
    starts_us = campaign.starts_us
    return (
        (not _ID.fullmatch(campaign.id), "an id that is none"),
        (not HEX64.fullmatch(campaign.sha256), "a digest that is none"),
        (
            not campaign.directions or len(set(campaign.directions)) < len(campaign.directions),
            "no directions, or one twice",
        ),
        (not set(campaign.directions) <= set(DIRECTIONS), "a direction that nobody knows"),
        (not 0 < len(starts_us) <= MOST_STARTS, "no starts, or too many"),
        (
            any(late - early <= campaign.late_us for early, late in pairwise(starts_us)),
            "starts that run into each other",
        ),
        (campaign.late_us > LATE_US, "a tolerance that is too large"),
        (bool(starts_us) and starts_us[0] < campaign.from_us, "a start before it begins"),
        (bool(starts_us) and starts_us[-1] + campaign.late_us > campaign.until_us, "a start after it ends"),
        (len(quiet) % 2 > 0 or any(not 0 <= one <= DAY_MINUTES for one in quiet), "quiet hours that are none"),
    )


def _text(record: Record, name: str) -> str:
    found = record.text(name)
    if not found:
        raise Malformed(f"{name} is not text")
    return found


def _whole(record: Record, name: str, least: int = 0) -> int:
    found = record.integer(name)
    if found is None or found < least:
        raise Malformed(f"{name} is not a whole number of at least {least}")
    return found
