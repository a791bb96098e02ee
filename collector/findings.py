"""From the index to the judge and back: the verdicts of one rule over one line. Pure.

Signed and imported measurements are judged apart. A verdict in the claimant's favour must also hold if every start that
the schedule wanted and that shows no result had been as good as promised; otherwise there is not enough evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from collector.judge.answer import Answer
from collector.judge.criterion import Criterion
from collector.judge.evaluate import judge
from collector.judge.finding import Finding, Verdict
from collector.judge.sample import Case, Contract, Direction, Sample
from collector.judge.verdict import combine, in_words
from collector.judge.window import Window, before, campaign
from collector.registry import Subscriber
from collector.samples import LeftOut, Plans, Radio, Sifted, sift
from collector.view import FindingView, Provenance, RecordRow, VerdictView

Phase = Literal["all", "after", "before"]
OMITTED = "omitted_starts"


def judge_line(
    criterion: Criterion,
    subscriber: Subscriber,
    rows: Sequence[RecordRow],
    radio: Radio,
    plans: Plans,
    opened_us: int | None,
) -> list[VerdictView]:
    """The verdicts of one criterion, one for each provenance there is; the signed one always, and first.

    Signed measurements are judged from `opened_us` (when the complaint came in; None: no complaint) on, and what lies
    before is shown beside it. An imported log was handed over as a whole and is judged from its beginning.
    """
    verdicts = [_verdict(criterion, subscriber, sift(rows, radio, "signed", plans), "signed", opened_us)]
    if any(row.provenance == "imported" for row in rows):
        verdicts.append(_verdict(criterion, subscriber, sift(rows, radio, "imported", plans), "imported", None))
    return verdicts


def _verdict(
    criterion: Criterion, subscriber: Subscriber, sifted: Sifted, provenance: Provenance, opened_us: int | None
) -> VerdictView:
    deciding: list[Finding] = []
    shown: list[FindingView] = []
    for case in _cases(criterion, subscriber, sifted.samples):
        window = campaign(criterion, case, opened_us or 0)
        omitted = _of(sifted.omitted, case.direction, opened_us or 0, None)
        finding = _unless_omitted(criterion, case, opened_us or 0, judge(criterion, window.case), omitted)
        deciding.append(finding)
        phase: Phase = "all" if opened_us is None else "after"
        shown.append(_view(finding, window, phase, _of(sifted.left_out, case.direction, opened_us or 0, None)))
        earlier = None if opened_us is None else before(criterion, case, opened_us)
        if earlier is not None:
            told = _of(sifted.left_out, case.direction, 0, opened_us)
            shown.append(_view(judge(criterion, earlier.case), earlier, "before", told))
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


def _unless_omitted(
    criterion: Criterion, case: Case, opened_us: int, finding: Finding, omitted: list[LeftOut]
) -> Finding:
    """The finding, or `insufficient` if it is in the claimant's favour only because some starts show nothing.

    The whole procedure is gone through again, the choice of the window too: with good results in their places, the
    first complete campaign could have been another.
    """
    if finding.verdict is not Verdict.SUBSTANTIATED or not omitted:
        return finding
    good = tuple(_as_promised(one, case.contract) for one in omitted)
    window = campaign(criterion, replace(case, samples=case.samples + good), opened_us)
    if judge(criterion, window.case).verdict is Verdict.SUBSTANTIATED:
        return finding
    words = (
        "every scheduled start shows its result, or would change nothing; "
        f"{len(omitted)} show none, and as good ones they would change the verdict"
    )
    return replace(
        finding,
        verdict=Verdict.INSUFFICIENT,
        conditions=(*finding.conditions, Answer(OMITTED, holds=False, words=words)),
        deviations=(),
    )


def _as_promised(one: LeftOut, contract: Contract) -> Sample:
    """An omitted start as the operator would have wished it."""
    if one.direction is Direction.ROUND_TRIP:
        return Sample(one.at_us, one.direction, rtt_us=1, index=one.index)
    speeds = (contract.max_bps, contract.advertised_bps, contract.estimated_max_bps, contract.normal_bps,
              contract.required_bps, contract.min_bps)  # fmt: skip
    best = max(speed for speed in (*speeds, 0) if speed is not None)
    return Sample(one.at_us, one.direction, rate_bps=best, index=one.index)


def _of(left_out: Sequence[LeftOut], direction: Direction, from_us: int, to_us: int | None) -> list[LeftOut]:
    """Those of a direction within a stretch of time."""
    return [
        one
        for one in left_out
        if one.direction is direction and from_us <= one.at_us and (to_us is None or one.at_us < to_us)
    ]


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


def _view(finding: Finding, window: Window, phase: Phase, left_out: Sequence[LeftOut]) -> FindingView:
    rejected = [(one.index, one.reason) for one in finding.samples_rejected]
    rejected += [(one.index, one.reason) for one in left_out]
    return FindingView(
        direction=finding.direction.value,
        verdict=finding.verdict.value,
        met=finding.met,
        failed=finding.failed,
        samples_used=finding.samples_used,
        samples_rejected=tuple(sorted(rejected)),
        because=finding.because,
        limits=finding.limits,
        window_from_us=window.from_us,
        window_to_us=window.to_us,
        windows_looked_at=window.starts_tried,
        phase=phase,
    )
