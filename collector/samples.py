"""Which rows of the index the judge is shown at all, before any rule is asked; pure.

A rule knows nothing of slots and chains, so what follows holds for every rule, whatever its file says. A signed
row is left out, and named, if

    by_hand         no slot and no campaign wanted it: what a person starts when he likes never enters statistics
    campaign        a campaign wanted it: it counts for that campaign and for nothing else, because the claimant chose its day
    aborted         it was started and cut off before it could say more
    slot_mismatch   its slot is not the one its time falls into (or the one before, for the last of a slot's methods; or any
                    before, if it was not started because its moment had passed)
    slot_repeated   the same device ran the same method in the same slot before
    contested       it was received when its device's key may have been in other hands, as its owner says who had it revoked
    no_figure       it says `ok` but holds nothing to compute a result from

or for a reason of `collector.campaigns`. Those that the schedule wanted are handed on as `omitted`, because whoever could
make his good results vanish like that could choose the verdict; so are those of a campaign, there. Imported rows have no
slots; they are taken as they are.

What was rightly not started is no result and no omission, for the reasons that are not the claimant's to choose hour by hour:
the battery, the network, the budget, another test's turn (`late`, `busy`, `campaign_near`). Those that are (`OWN_CHOICE`) would
let him measure the bad hours alone: a pause, an agent told to stop. So would quiet hours: whether they were set before the
line was seen to be good then, no record tells; of a campaign they are fixed in its plan, before its first test. Such starts
are omitted ones too, as good as promised, when it comes to a verdict in his favour.

Records that are gone from a chain have no row at all; `collector.holes` says where they can have been.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from collector.campaigns import (
    AFTERWARDS,
    IN_CAMPAIGN,
    MISMATCH,
    REASONS,
    REPEATED,
    UNKNOWN,
    Campaigns,
    LeftOut,
    Tried,
    objection,
    with_hole,
)
from collector.holes import NONE_REMOVED, Numbering, Plans, numbering_of
from collector.judge.sample import Direction, Sample, Signal
from collector.view import Provenance, RecordRow, RemovedRow

NONE_CONTESTED: Mapping[str, int] = MappingProxyType({})
Radio = Mapping[tuple[str, int], Mapping[str, Any]]
STOPPED: Final = "stopped"  # the agent was told to stop
OWN_CHOICE = frozenset({"paused", STOPPED, "quiet_hours"})


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the judge is shown, and what it is not; campaigns apart, in the order of their first planned start."""

    samples: tuple[Sample, ...]
    left_out: tuple[LeftOut, ...]
    campaigns: tuple[Tried, ...] = ()
    held: tuple[LeftOut, ...] = ()  # by the claimant's own choice; the judge is shown these too, as not started
    numbering: Numbering = field(default_factory=Numbering)

    @property
    def omitted(self) -> tuple[LeftOut, ...]:
        """Starts that the schedule wanted and that show no result."""
        return (*(one for one in self.left_out if one.reason not in {"by_hand", *REASONS}), *self.held)


def sift(
    rows: Sequence[RecordRow],
    radio: Radio,
    provenance: Provenance,
    plans: Plans,
    campaigns: Campaigns | None = None,
    removed: Mapping[str, RemovedRow] = NONE_REMOVED,
    contested: Mapping[str, int] = NONE_CONTESTED,
) -> Sifted:
    """The rows of one provenance as samples; rows of methods no rule speaks of (an object fetch) are passed over.

    `contested`: since when (unix µs) what came of a device is, of those of which anything is.
    """
    samples: list[Sample] = []
    left_out: list[LeftOut] = []
    held: list[LeftOut] = []
    seen: set[tuple[str, str, int | None]] = set()
    fixed = campaigns or {}
    tried = {place: Tried(one, unaccounted=with_hole(one, rows)) for place, one in fixed.items()}
    for row in rows:
        if row.provenance != provenance or row.direction is None:
            continue
        sample = _sample(row, radio)
        if provenance == "signed" and row.slot is None and row.campaign is not None:
            campaign = tried.get((row.dev, row.campaign))
            left_out.append(_in_campaign(row, sample, campaign, contested))
            continue
        place = (row.dev, row.method, row.slot)
        reason = None
        if provenance == "signed":
            reason = _objection(row, plans, contested, repeated=place in seen)
        if reason is None:
            seen.add(place)
        if reason is None and sample is not None:
            samples.append(sample)
            if sample.not_started in OWN_CHOICE:
                held.append(LeftOut(row.at_us, sample.direction, row.seq, sample.not_started))
        else:
            left_out.append(LeftOut(row.at_us, Direction(row.direction), row.seq, reason or _without_sample(row)))
    in_order = sorted(tried.values(), key=lambda one: (one.fixed.campaign.starts_us, one.fixed.dev, one.fixed.seq))
    if provenance != "signed":
        return Sifted(tuple(samples), tuple(left_out))
    return Sifted(tuple(samples), tuple(left_out), tuple(in_order), tuple(held), numbering_of(rows, plans, removed))


def is_contested(row: RecordRow, contested: Mapping[str, int]) -> bool:
    """Whether a row came when its device's key may have been in other hands, by our clock: the device's is the thief's."""
    since_us = contested.get(row.dev) if row.provenance == "signed" else None
    return since_us is not None and row.received_us >= since_us


def _in_campaign(row: RecordRow, sample: Sample | None, tried: Tried | None, contested: Mapping[str, int]) -> LeftOut:
    """Put a campaign's test where it belongs; what other statistics are told of it."""
    direction = Direction(str(row.direction))
    reason = objection(row, tried.fixed if tried is not None else None)
    if tried is not None and reason != UNKNOWN:
        place = row.k, direction
        reason = REPEATED if reason is None and place in tried.told else reason
        tried.unaccounted |= reason == REPEATED or (reason == MISMATCH and not tried.fixed.names_its_start(row))
        tried.told.add(place)
        doubt = "contested" if is_contested(row, contested) else None
        why = reason or (doubt if sample is not None else _without_sample(row))
        if why is None and sample is not None:
            tried.samples.append(sample)
            if sample.not_started not in OWN_CHOICE:
                tried.shown.add(place)
        else:
            tried.left_out.append(LeftOut(row.at_us, direction, row.seq, str(why)))
    return LeftOut(row.at_us, direction, row.seq, reason or IN_CAMPAIGN)


def _objection(row: RecordRow, plans: Plans, contested: Mapping[str, int], *, repeated: bool) -> str | None:
    if row.slot is None:
        return "by_hand"
    plan = plans.get(row.dev)
    since = 0 if plan is None else plan.slot_at(row.at_us) - row.slot
    if since < 0 or (since > 1 and not (row.end == "not_started" and row.reason in AFTERWARDS)):
        return "slot_mismatch"
    if is_contested(row, contested):
        return "contested"
    return "slot_repeated" if repeated else None


def _without_sample(row: RecordRow) -> str:
    return "aborted" if row.end == "aborted" else "no_figure"


def _sample(row: RecordRow, radio: Radio) -> Sample | None:
    """What a row is to the judge; None if it shows no result."""
    fields: dict[str, Any] = {
        "at_us": row.at_us,
        "direction": Direction(str(row.direction)),
        "flaws": row.flaws,
        "network_type": row.network_type,
        "index": row.seq,
    }
    fields |= _radio_fields(radio.get((row.dev, row.seq), {}))
    match row.end:
        case "ok" if row.direction == "round_trip" and row.rtt_us is None:
            # the median round trip was lost
            return None if row.loss_pm is None else Sample(**fields, failure="generic_timeout_error")
        case "ok" if row.direction == "round_trip":
            return Sample(**fields, rtt_us=row.rtt_us)
        case "ok" if row.rate_bps is not None:
            return Sample(**fields, rate_bps=row.rate_bps)
        case "failed":
            return Sample(**fields, failure=row.failure or "unknown_failure")
        case "not_started":
            return Sample(**fields, not_started=row.reason or "unknown")
        case _:
            return None


def _radio_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Network, SIM, place and signal from a record's `radio` member; nobody has checked what a device puts there."""
    told = record.get("radio")
    if not isinstance(told, dict):
        return {}
    fields: dict[str, Any] = {
        name: told[name] for name in ("sim_mccmnc", "net_mccmnc") if isinstance(told.get(name), str)
    }
    if type(told.get("located")) is bool:
        fields["located"] = told["located"]
    signals = told.get("signals")
    fields["signals"] = tuple(
        Signal(str(one.get("radio", "")), _whole(one.get("channel")), _whole(one.get("rsrp_dbm")))
        for one in (signals if isinstance(signals, list) else ())
        if isinstance(one, dict)
    )
    return fields


def _whole(value: object) -> int | None:
    return value if type(value) is int else None
