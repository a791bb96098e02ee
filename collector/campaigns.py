"""Campaigns as a line's records tell them: what was fixed beforehand, what its starts showed, and what they did not. Pure.

A test counts for a campaign exactly if the campaign's record stands earlier in the chain of the same device and the test is
one that it planned. A signed test that names a campaign is left out, and named, if

    campaign_unknown    its device had fixed no such campaign before it
    campaign_mismatch   not planned: another direction or number, or not within the tolerance of its planned moment
    campaign_repeated   the same device ran that start in that direction before
    campaign_stopped    the campaign was given up before it

A planned test that was started and shows no result is *omitted*, at its planned moment, like a scheduled one: broken off,
without a figure, with a clock that cannot be right, not as it was planned, held back by the claimant's own choice, or gone
from the chain. Whether a test of which nothing was received was never started or was removed can be seen by the device's
numbering: where it has a hole while the campaign ran, all such tests count as removed; so they do where a test names no
start that it could be. A test that was only late, before the next start, is that one start and casts no doubt on others.
Tests whose plan is gone stand against every other campaign of the line; so does a number that no plan has, where the
numbering has a hole that could have been its plan.

A device that comes to a start too late records it as not started, `late`, whenever that is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.judge.sample import Direction, Sample
from collector.store.port import CampaignRow
from collector.view import RecordRow
from shared.campaign import START, STOP, Campaign, read_campaign
from shared.errors import Malformed
from shared.record import reread_record

UNKNOWN, MISMATCH = "campaign_unknown", "campaign_mismatch"
REPEATED, STOPPED = "campaign_repeated", "campaign_stopped"
LATE: Final = "late"
AFTERWARDS: Final = frozenset({LATE, "busy"})  # why a start was not made whose moment had passed
IN_CAMPAIGN: Final = "campaign"  # why a campaign's test is no part of other statistics
REASONS: Final = (UNKNOWN, MISMATCH, REPEATED, STOPPED, IN_CAMPAIGN)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row no rule is asked about, and why."""

    at_us: int
    direction: Direction
    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """A campaign with its place in its device's chain, when it was received, and where it was given up."""

    campaign: Campaign
    dev: str
    seq: int
    received_us: int
    stopped_seq: int | None = None

    @property
    def known_before(self) -> bool:
        """Whether its plan was received before its first start: then it is not the device's word alone."""
        return self.received_us <= self.campaign.starts_us[0]

    def names_its_start(self, row: RecordRow) -> bool:
        """Whether a test can be the start it names and no other: not before it, and before the next one."""
        starts_us, k = self.campaign.starts_us, row.k
        if row.direction not in self.campaign.directions or k is None or not 0 <= k < len(starts_us):
            return False
        return starts_us[k] <= row.at_us and (k + 1 == len(starts_us) or row.at_us < starts_us[k + 1])

    def missed(self, row: RecordRow) -> bool:
        """Whether a record says of a planned start that its moment had passed when the device came to it."""
        starts_us, k = self.campaign.starts_us, row.k
        if (row.end, row.reason) != ("not_started", LATE) or row.direction not in self.campaign.directions:
            return False
        return k is not None and 0 <= k < len(starts_us) and starts_us[k] <= row.at_us


Campaigns = Mapping[tuple[str, str], Fixed]


@dataclass(slots=True)
class Tried:
    """What became of one campaign: results, starts that show none, and what was left out."""

    fixed: Fixed
    samples: list[Sample] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    shown: set[tuple[int | None, Direction]] = field(default_factory=set)
    told: set[tuple[int | None, Direction]] = field(default_factory=set)  # of which there is any record at all
    unaccounted: bool = False  # a number of the device without a record, or a test that names no start it could be

    def of(self, direction: Direction) -> list[Sample]:
        """Its results in one direction."""
        return [one for one in self.samples if one.direction is direction]

    def omitted(self, direction: Direction) -> list[LeftOut]:
        """Its tests of a direction that were started and show no result, at their planned moments."""
        if direction.value not in self.fixed.campaign.directions:
            return []
        planned = [(k, direction) for k in range(len(self.fixed.campaign.starts_us))]
        gone = [one for one in planned if one not in self.shown and (one in self.told or self.unaccounted)]
        return [LeftOut(self.fixed.campaign.starts_us[k], direction, self.fixed.seq, "omitted") for k, _ in gone]

    def missing(self, direction: Direction) -> int:
        """Planned tests of a direction of which nothing was received."""
        return sum((k, direction) not in self.told for k in range(len(self.fixed.campaign.starts_us)))


def fixed_campaigns(rows: Iterable[CampaignRow]) -> Campaigns:
    """The campaigns of a line's devices, by device and id; of two of one id the first stands."""
    found: dict[tuple[str, str], Fixed] = {}
    for row in rows:
        record = reread_record(row.line.encode())
        place = row.dev, record.text("campaign") or ""
        if record.text("event") == STOP and place in found and found[place].stopped_seq is None:
            one = found[place]
            found[place] = Fixed(one.campaign, one.dev, one.seq, one.received_us, row.seq)
        if record.text("event") == START and place not in found:
            try:
                found[place] = Fixed(read_campaign(record), row.dev, row.seq, row.received_us)
            except Malformed:
                continue  # its tests are then of an unknown campaign
    return found


def objection(row: RecordRow, fixed: Fixed | None) -> str | None:
    """Why a test is not one of its campaign's, None if it is."""
    if fixed is None or row.seq <= fixed.seq:
        return UNKNOWN
    as_planned = row.k is not None and fixed.campaign.objection(row.direction or "", row.k, row.at_us) is None
    if not as_planned and not fixed.missed(row):
        return MISMATCH
    return STOPPED if fixed.stopped_seq is not None and row.seq > fixed.stopped_seq else None


def with_hole(fixed: Fixed, rows: Sequence[RecordRow]) -> bool:
    """Whether the device used up a number while the campaign ran of which there is no record."""
    seqs = sorted(row.seq for row in rows if row.dev == fixed.dev and row.provenance == "signed")
    after = (row.seq for row in rows if row.dev == fixed.dev and row.at_us > fixed.campaign.until_us)
    last = min((seq for seq in after if seq > fixed.seq), default=seqs[-1] if seqs else fixed.seq)
    there = {seq for seq in seqs if fixed.seq <= seq <= last}
    return len(there) < last - fixed.seq + 1
