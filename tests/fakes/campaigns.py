"""Campaigns of one line as the index holds them: the record that fixed each, and what its starts showed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from collector.store.port import CampaignRow
from collector.view import RecordRow
from shared.campaign import LATE_US, METHOD_OF, Campaign, stopped
from shared.placing import Bounds, draw_of, place_starts
from shared.record import write_record
from shared.sampling import Rule
from shared.strictjson import JsonObject

DEV = "a" * 64
DAY_US = 86_400_000_000


def campaign_of(
    rule: Rule, zone: str, from_us: int, number: int = 1, key: bytes = b"k", directions: Sequence[str] = ("down",)
) -> Campaign:
    """The campaign a device would plan."""
    name = f"{rule.id}.{number}"
    starts_us = place_starts(rule, Bounds(ZoneInfo(zone), from_us), draw_of(key, DEV, name))
    return Campaign(
        name, number, rule.id, rule.version, rule.sha256, tuple(directions), "evidence", zone,
        from_us, starts_us[-1] + LATE_US, starts_us,
    )  # fmt: skip


@dataclass(slots=True)
class Line:
    """The records of one device, numbered as they come."""

    dev: str = DEV
    rows: list[RecordRow] = field(default_factory=list)
    fixed: list[CampaignRow] = field(default_factory=list)
    seq: int = 0

    def add(self, **members: Any) -> RecordRow:
        """One more row."""
        told: dict[str, Any] = {
            "provenance": "signed", "dev": self.dev, "seq": self.seq, "slot": None, "method": "download", "direction": "down",
            "end": "ok", "rate_bps": 1_000_000, "rtt_us": None, "loss_pm": None, "received_bytes": 1, "dur_us": 1,
            "failure": None, "stage": None, "reason": None, "flaws": (), "network_type": "mobile",
        } | members  # fmt: skip
        told.setdefault("received_us", told["at_us"] + 1)
        self.rows.append(RecordRow(**told))
        self.seq += 1
        return self.rows[-1]

    def note(self, members: JsonObject, at_us: int, received_us: int | None = None) -> None:
        """A record of the method `campaign`."""
        received_us = at_us + 1 if received_us is None else received_us
        line = write_record(members | {"seq": self.seq, "wall_us": at_us})[:-1].decode()
        self.fixed.append(CampaignRow(self.dev, self.seq, received_us, line))
        self.add(method="campaign", direction=None, rate_bps=None, at_us=at_us, received_us=received_us)

    def fix(self, campaign: Campaign, received_us: int | None = None) -> None:
        """Fix a campaign, as soon as it may begin."""
        self.note(campaign.members(), campaign.from_us, received_us)

    def give_up(self, campaign: Campaign, at_us: int) -> None:
        """Give a campaign up."""
        self.note(stopped(campaign.id), at_us)

    def run(
        self, campaign: Campaign, results: Sequence[dict[str, Any] | None], late_us: int = 0, way: str = "down"
    ) -> None:
        """Its starts with these results, None for one that was missed."""
        for k, (at_us, result) in enumerate(zip(campaign.starts_us, results, strict=False)):
            if result is not None:
                method = {"method": METHOD_OF[way], "direction": way}
                self.add(**{"at_us": at_us + late_us, "campaign": campaign.id, "k": k} | method | result)

    def without(self, *seqs: int) -> "Line":
        """The same line, some of its records gone from the chain."""
        kept = [row for row in self.rows if row.seq not in seqs]
        return replace(self, rows=kept, fixed=[row for row in self.fixed if row.seq not in seqs])
