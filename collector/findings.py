"""From the index to the judge and back: which measurements of a line are samples, and what the judge says of them.

A signed measurement started by hand has no slot and never enters statistics: it is passed to the judge with the flaw
`by_hand`, so that it is seen to be left out. Signed and imported measurements are judged apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from collector.judge.criterion import Criterion
from collector.judge.evaluate import judge
from collector.judge.finding import Finding, Verdict
from collector.judge.sample import Case, Contract, Direction, Sample, Signal
from collector.judge.verdict import combine, in_words
from collector.judge.window import Window, before, campaign
from collector.registry import Subscriber
from collector.view import FindingView, Provenance, RecordRow, VerdictView

Radio = Mapping[tuple[str, int], Mapping[str, Any]]
BY_HAND = "by_hand"


def judge_line(
    criterion: Criterion, subscriber: Subscriber, rows: Sequence[RecordRow], radio: Radio, opened_us: int | None
) -> list[VerdictView]:
    """The verdicts of one criterion, one for each provenance there is; the signed one always, and first.

    Signed measurements are judged from `opened_us` (when the complaint came in; None: no complaint) on, and what lies
    before is shown beside it. An imported log was handed over as a whole and is judged from its beginning.
    """
    signed = _samples(rows, radio, "signed")
    verdicts = [_verdict(criterion, subscriber, signed, "signed", opened_us)]
    if any(row.provenance == "imported" for row in rows):
        verdicts.append(_verdict(criterion, subscriber, _samples(rows, radio, "imported"), "imported", None))
    return verdicts


def _verdict(
    criterion: Criterion,
    subscriber: Subscriber,
    samples: Sequence[Sample],
    provenance: Provenance,
    opened_us: int | None,
) -> VerdictView:
    deciding: list[Finding] = []
    shown: list[FindingView] = []
    for case in _cases(criterion, subscriber, samples):
        window = campaign(criterion, case, opened_us or 0)
        deciding.append(judge(criterion, window.case))
        shown.append(_view(deciding[-1], window, "all" if opened_us is None else "after"))
        earlier = None if opened_us is None else before(criterion, case, opened_us)
        if earlier is not None:
            shown.append(_view(judge(criterion, earlier.case), earlier, "before"))
    verdict = combine(deciding)
    return VerdictView(
        criterion=criterion.id,
        version=criterion.version,
        status=criterion.status,
        provenance=provenance,
        verdict=verdict.value,
        words=_words(verdict, deciding, provenance),
        findings=tuple(shown),
        criterion_sha256=criterion.sha256,
    )


def _cases(criterion: Criterion, subscriber: Subscriber, samples: Sequence[Sample]) -> Iterator[Case]:
    """One case for each direction the criterion judges and the contract speaks of."""
    for direction in criterion.basis:
        promised = subscriber.contract.get(direction.value, {})
        if promised or direction is Direction.ROUND_TRIP:
            contract = Contract(subscriber.time_zone, **promised, area_class=subscriber.area_class)
            yield Case(direction, contract, tuple(samples))


def _words(verdict: Verdict, findings: Sequence[Finding], provenance: Provenance) -> str:
    words = in_words(verdict, findings)
    return words if provenance == "signed" else f"From imported, unsigned measurements: {words}"


def _view(finding: Finding, window: Window, phase: Literal["all", "after", "before"]) -> FindingView:
    return FindingView(
        direction=finding.direction.value,
        verdict=finding.verdict.value,
        met=finding.met,
        failed=finding.failed,
        samples_used=finding.samples_used,
        samples_rejected=tuple((one.index, one.reason) for one in finding.samples_rejected),
        because=finding.because,
        limits=finding.limits,
        window_from_us=window.from_us,
        window_to_us=window.to_us,
        windows_looked_at=window.starts_tried,
        phase=phase,
    )


def _samples(rows: Sequence[RecordRow], radio: Radio, provenance: Provenance) -> list[Sample]:
    found = (_sample(row, radio) for row in rows if row.provenance == provenance)
    return [sample for sample in found if sample is not None]


def _sample(row: RecordRow, radio: Radio) -> Sample | None:
    """What a row is to the judge; None for what no rule speaks of (an object fetch, an unknown end, a start cut off)."""
    if row.direction is None:
        return None
    fields: dict[str, Any] = {
        "at_us": row.at_us,
        "direction": Direction(row.direction),
        "flaws": row.flaws if row.slot is not None or row.provenance == "imported" else (*row.flaws, BY_HAND),
        "network_type": row.network_type,
        "index": row.seq,
    }
    fields |= _radio_fields(radio.get((row.dev, row.seq), {}))
    match row.end:
        case "ok" if row.direction == "round_trip" and row.rtt_us is None:
            return Sample(**fields, failure="generic_timeout_error")  # the median round trip was lost
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
