"""Which rows of the index the judge is shown at all, before any rule is asked; pure.

A rule knows nothing of slots, clocks and chains, so what follows holds for every rule, whatever its file says. A signed
row is left out, and named, if

    by_hand         no slot and no campaign wanted it: what a person starts when he likes never enters statistics
    campaign        a campaign wanted it: it counts for that campaign and for nothing else, because the claimant chose its day
    aborted         it was started and cut off before it could say more
    slot_mismatch   its slot is not the one its time falls into (or the one before, for the last of a slot's methods)
    slot_repeated   the same device ran the same method in the same slot before
    clock_ahead     it is dated after the collector had received it
    no_figure       it says `ok` but holds nothing to compute a result from

or for a reason of `collector.campaigns`. Those that the schedule wanted are handed on as `omitted`, because whoever could
make his good results vanish like that could choose the verdict; so are those of a campaign, there. Imported rows have no
slots; they are taken as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collector.campaigns import (
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
from collector.judge.sample import Direction, Sample, Signal
from collector.view import Provenance, RecordRow
from shared.slots import SlotPlan

CLOCK_TOLERANCE_US = 300_000_000
Radio = Mapping[tuple[str, int], Mapping[str, Any]]
Plans = Mapping[str, SlotPlan]


@dataclass(frozen=True, slots=True)
class Sifted:
    """What the judge is shown, and what it is not; campaigns apart, in the order of their first planned start."""

    samples: tuple[Sample, ...]
    left_out: tuple[LeftOut, ...]
    campaigns: tuple[Tried, ...] = ()

    @property
    def omitted(self) -> tuple[LeftOut, ...]:
        """Starts that the schedule wanted and that show no result."""
        return tuple(one for one in self.left_out if one.reason not in {"by_hand", *REASONS})


def sift(
    rows: Sequence[RecordRow], radio: Radio, provenance: Provenance, plans: Plans, campaigns: Campaigns | None = None
) -> Sifted:
    """The rows of one provenance as samples; rows of methods no rule speaks of (an object fetch) are passed over."""
    samples: list[Sample] = []
    left_out: list[LeftOut] = []
    seen: set[tuple[str, str, int | None]] = set()
    fixed = campaigns or {}
    tried = {place: Tried(one, unaccounted=with_hole(one, rows)) for place, one in fixed.items()}
    for row in rows:
        if row.provenance != provenance or row.direction is None:
            continue
        sample = _sample(row, radio)
        if provenance == "signed" and row.slot is None and row.campaign is not None:
            left_out.append(_in_campaign(row, sample, tried.get((row.dev, row.campaign))))
            continue
        place = (row.dev, row.method, row.slot)
        reason = _objection(row, plans, repeated=place in seen) if provenance == "signed" else None
        if reason is None:
            seen.add(place)
        if reason is None and sample is not None:
            samples.append(sample)
        else:
            left_out.append(LeftOut(row.at_us, Direction(row.direction), row.seq, reason or _without_sample(row)))
    in_order = sorted(tried.values(), key=lambda one: (one.fixed.campaign.starts_us, one.fixed.dev, one.fixed.seq))
    return Sifted(tuple(samples), tuple(left_out), tuple(in_order) if provenance == "signed" else ())


def _in_campaign(row: RecordRow, sample: Sample | None, tried: Tried | None) -> LeftOut:
    """Put a campaign's test where it belongs; what other statistics are told of it."""
    direction = Direction(str(row.direction))
    reason = objection(row, tried.fixed if tried is not None else None)
    if tried is not None and reason != UNKNOWN:
        place = row.k, direction
        reason = REPEATED if reason is None and place in tried.told else reason
        tried.unaccounted |= reason in {MISMATCH, REPEATED}
        tried.told.add(place)
        why = reason or (_ahead(row) if sample is not None else _without_sample(row))
        if why is None and sample is not None:
            tried.samples.append(sample)
            tried.shown.add(place)
        else:
            tried.left_out.append(LeftOut(row.at_us, direction, row.seq, str(why)))
    return LeftOut(row.at_us, direction, row.seq, reason or IN_CAMPAIGN)


def _objection(row: RecordRow, plans: Plans, *, repeated: bool) -> str | None:
    if row.slot is None:
        return "by_hand"
    plan = plans.get(row.dev)
    if plan is not None and plan.slot_at(row.at_us) - row.slot not in (0, 1):
        return "slot_mismatch"
    return _ahead(row) or ("slot_repeated" if repeated else None)


def _ahead(row: RecordRow) -> str | None:
    return "clock_ahead" if row.at_us > row.received_us + CLOCK_TOLERANCE_US else None


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
