"""From the index to the judge and back: the verdicts of one rule over one line. Pure.

Signed and imported measurements are judged apart. A verdict in the claimant's favour must also hold if every start that
was wanted and that shows no result had been as good as promised; otherwise there is not enough evidence. The same goes for
records that are gone from the chain: for the schedule's starts wherever they can have been (`collector.judge.doubt`), for
those of a campaign at their planned moments. Where so many are gone that a whole campaign with its plan may be among them,
the schedule's starts show nothing in his favour; of a plan that went before a complete set was made nothing can be seen.

Where a campaign was fixed beforehand for this very rule, after the complaint, its window is judged: that of the first
complete one, and how many were tried is shown, with the windows of the schedule that were complete before. Without one the
schedule's own starts may make a campaign, as far as they fit the rule. The two are never mixed. What is shown of the time
before the complaint is of the schedule's starts alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from collector.campaigns import UNKNOWN, Campaigns, LeftOut, Tried
from collector.delivered import started, with_peers_word
from collector.holes import NONE_REMOVED, Plans
from collector.judge.criterion import Criterion
from collector.judge.doubt import stands
from collector.judge.evaluate import judge
from collector.judge.finding import Finding, Verdict
from collector.judge.sample import Case, Contract, Direction, Sample
from collector.judge.tally import sort_out
from collector.judge.verdict import combine, in_words
from collector.judge.window import Window, before, campaign, fixed, least_set
from collector.registry import Subscriber
from collector.samples import NONE_CONTESTED, Radio, Sifted, sift
from collector.view import FindingView, Provenance, RecordRow, RemovedRow, UndeliveredRow, VerdictView
from shared.criteria.answer import Answer

Phase = Literal["all", "after", "before"]
OMITTED = "omitted_starts"


def judge_line(
    criterion: Criterion,
    subscriber: Subscriber,
    rows: Sequence[RecordRow],
    radio: Radio,
    plans: Plans,
    opened_us: int | None,
    campaigns: Campaigns | None = None,
    removed: Mapping[str, RemovedRow] = NONE_REMOVED,
    contested: Mapping[str, int] = NONE_CONTESTED,
    never: Sequence[UndeliveredRow] = (),
) -> list[VerdictView]:
    """The verdicts of one criterion, one for each provenance there is; the signed one always, and first.

    Signed measurements are judged from `opened_us` (when the complaint came in; None: no complaint) on, and what lies
    before is shown beside it. An imported log was handed over as a whole and is judged from its beginning. What the collector
    itself has removed by a rule (`removed`, by device) is no hole in a chain. What came of a device since it may have been in
    other hands (`contested`) counts as starts that show no result: a verdict in the claimant's favour must hold without them.
    It must also hold once more with what peers have signed and no record tells of (`never`: `collector.delivered`).
    """
    sifted, doubted = sift(rows, radio, "signed", plans, campaigns, removed, contested), None
    if never:
        told = sift(with_peers_word(rows, never), radio, "signed", plans, campaigns, removed, contested)
        doubted = replace(told, numbering=replace(told.numbering, started=started(never)))
    verdicts = [_verdict(criterion, subscriber, sifted, "signed", opened_us, doubted)]
    if any(row.provenance == "imported" for row in rows):
        verdicts.append(_verdict(criterion, subscriber, sift(rows, radio, "imported", plans), "imported", None))
    return verdicts


_Good = Callable[[int, int], Sample]  # as the operator would have wished it, from its moment and its place in the input


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is judged of a case: its window, what was left out of it, and the procedure by which it was chosen.

    `omitted` are the starts that show no result, `gone` the numbers without a record, `peers` the starts of which only the
    peer's word came; `holds_with` goes through the whole procedure with good results in their places, the choice of the
    window too: with these, another campaign could have been the first complete one.
    """

    window: Window
    left_out: list[LeftOut]
    omitted: list[LeftOut]
    gone: int
    holds_with: Callable[[_Good], bool]
    tried: Tried | None = None
    peers: int = 0


def _verdict(
    criterion: Criterion,
    subscriber: Subscriber,
    sifted: Sifted,
    provenance: Provenance,
    opened_us: int | None,
    doubted: Sifted | None = None,
) -> VerdictView:
    deciding: list[Finding] = []
    shown: list[FindingView] = []
    for case in _cases(criterion, subscriber, sifted.samples):
        choice = _choose(criterion, case, sifted, opened_us or 0)
        finding = _unless_omitted(criterion, case, judge(criterion, choice.window.case), choice)
        if doubted is not None:
            finding = _unless_omitted(criterion, case, finding, _choose(criterion, case, doubted, opened_us or 0))
        deciding.append(finding)
        phase: Phase = "all" if opened_us is None else "after"
        shown.append(_view(finding, choice.window, phase, choice.left_out, choice.tried))
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


def _choose(criterion: Criterion, case: Case, sifted: Sifted, opened_us: int) -> _Choice:
    """The window of a campaign that was fixed for this rule since the complaint, else one of the schedule's starts."""
    tried = [
        one
        for one in sifted.campaigns
        if one.fixed.campaign.sha256 == criterion.sha256
        and case.direction.value in one.fixed.campaign.directions
        and one.fixed.campaign.starts_us[0] >= opened_us
    ]
    return (
        _fixed(criterion, case, sifted, tried, opened_us) if tried else _scheduled(criterion, case, sifted, opened_us)
    )


def _scheduled(criterion: Criterion, case: Case, sifted: Sifted, opened_us: int) -> _Choice:
    way = case.direction
    omitted = [*_without_plan(sifted, way, opened_us), *_of(sifted.omitted, way, opened_us, None)]
    gaps = sifted.numbering.gaps(way.value, opened_us)
    gone = sum(hole.missing for hole in sifted.numbering.since(opened_us))
    least, within_us = least_set(criterion)
    campaign_gone = bool(_without_plan(sifted, way, opened_us)) or (
        gone > least and sifted.numbering.most_missing(opened_us, within_us) >= least  # its tests, and its plan
    )

    def holds_with(good: _Good) -> bool:
        filled = replace(case, samples=(*case.samples, *(good(one.at_us, one.index) for one in omitted)))
        if campaign_gone or not _holds(criterion, campaign(criterion, filled, opened_us)):
            return False
        # what was not started may well have been so, and what is gone have been good
        worlds = (case, filled) if omitted else (case,)
        return not gaps or all(stands(criterion, one, opened_us, gaps, lambda at_us: good(at_us, -1)) for one in worlds)

    left_out = _of(sifted.left_out, way, opened_us, None)
    in_doubt = gone if gaps or campaign_gone else 0
    peers = len(sifted.numbering.only_peers(way.value, opened_us))
    return _Choice(campaign(criterion, case, opened_us), left_out, omitted, in_doubt, holds_with, peers=peers)


def _fixed(criterion: Criterion, case: Case, sifted: Sifted, tried: Sequence[Tried], opened_us: int) -> _Choice:
    way = case.direction

    without_plan = _without_plan(sifted, way, opened_us)
    omitted = [*without_plan, *(gone for one in tried for gone in one.omitted(way))]
    plan_gone = _plan_gone(sifted, tried, opened_us)

    def holds_with(good: _Good) -> bool:
        if without_plan or plan_gone:  # nobody can say what it wanted, nor whether it came first
            return False
        filled = [[*one.of(way), *(good(gone.at_us, gone.index) for gone in one.omitted(way))] for one in tried]
        return _holds(criterion, fixed(criterion, case, filled)[0])

    window, place = fixed(criterion, case, [one.of(way) for one in tried])
    chosen = tried[place]
    scheduled = campaign(criterion, case, opened_us)
    if scheduled.complete and (scheduled.to_us or 0) < chosen.fixed.campaign.from_us:
        window = replace(window, starts_tried=window.starts_tried + scheduled.starts_tried)
    left_out = [one for one in chosen.left_out if one.direction is way]
    return _Choice(window, left_out, omitted, plan_gone, holds_with, chosen)


def _holds(criterion: Criterion, window: Window) -> bool:
    return judge(criterion, window.case).verdict is Verdict.SUBSTANTIATED


def _without_plan(sifted: Sifted, direction: Direction, opened_us: int) -> list[LeftOut]:
    """Tests of campaigns of which there is no plan."""
    return [one for one in _of(sifted.left_out, direction, opened_us, None) if one.reason == UNKNOWN]


def _plan_gone(sifted: Sifted, tried: Sequence[Tried], opened_us: int) -> int:
    """How many campaigns of this rule the numbers of those that were tried tell of, whose plans may be among what is gone."""
    rule, last = tried[-1].fixed.campaign.criterion, max(one.fixed.campaign.number for one in tried)
    until_us = max(one.fixed.campaign.starts_us[0] for one in tried)
    holes = sifted.numbering.since(opened_us)
    if all(one.from_us is not None and one.from_us > until_us for one in holes):
        return 0
    known = {one.fixed.campaign.number for one in sifted.campaigns if one.fixed.campaign.criterion == rule}
    return max(0, last - len({number for number in known if number <= last}))


def _unless_omitted(criterion: Criterion, case: Case, finding: Finding, choice: _Choice) -> Finding:
    """The finding, or `insufficient` if it is in the claimant's favour only because some starts show nothing."""
    if finding.verdict is not Verdict.SUBSTANTIATED or not (choice.omitted or choice.gone or choice.peers):
        return finding
    # like one that counts: on a network and at a place unknown it would count for nothing
    like = sort_out(criterion.leave_outs, choice.window.case).counted[0].sample
    best_bps = criterion.best_bps(case.direction)
    if choice.holds_with(lambda at_us, index: _as_promised(like, case.contract, best_bps, at_us, index)):
        return finding
    gone = f"; {choice.gone} more are gone from the chain" if choice.gone else ""
    gone += f"; of {choice.peers} only the peer's word came" if choice.peers else ""
    words = (
        "every start that was wanted shows its result, or would change nothing; "
        f"{len(choice.omitted)} show none{gone}, and as good ones they would change the verdict"
    )
    return replace(
        finding,
        verdict=Verdict.INSUFFICIENT,
        conditions=(*finding.conditions, Answer(OMITTED, holds=False, words=words)),
        deviations=(),
    )


def _as_promised(like: Sample, contract: Contract, best_bps: int, at_us: int, index: int) -> Sample:
    """A start without a result as the operator would have wished it, as and where another one was made.

    `best_bps`: the speed that the rule itself names, if it does; what was promised may be less.
    """
    one = replace(like, at_us=at_us, index=index, failure=None, flaws=(), rate_bps=None, rtt_us=None)
    if like.direction is Direction.ROUND_TRIP:
        return replace(one, rtt_us=1)
    speeds = (contract.max_bps, contract.advertised_bps, contract.estimated_max_bps, contract.normal_bps,
              contract.required_bps, contract.min_bps)  # fmt: skip
    return replace(one, rate_bps=max(speed for speed in (*speeds, best_bps) if speed is not None))


def _of(left_out: Sequence[LeftOut], direction: Direction, from_us: int, to_us: int | None) -> list[LeftOut]:
    """Those of a direction within a stretch of time."""
    return [
        one
        for one in left_out
        if one.direction is direction and from_us <= one.at_us and (to_us is None or one.at_us < to_us)
    ]


def _cases(criterion: Criterion, subscriber: Subscriber, samples: Sequence[Sample]) -> Iterator[Case]:
    """One case for each direction the criterion judges and the contract speaks of, round trips as far as it needs none."""
    for direction in criterion.basis:
        promised = subscriber.contract.get(direction.value, {})
        if promised or (direction is Direction.ROUND_TRIP and not criterion.basis[direction]):
            contract = Contract(subscriber.time_zone, **promised, area_class=subscriber.area_class)
            yield Case(direction, contract, tuple(samples))


def _words(verdict: Verdict, findings: Sequence[Finding], provenance: Provenance) -> str:
    words = in_words(verdict, findings)
    return words if provenance == "signed" else f"From imported, unsigned measurements: {words}"


def _view(
    finding: Finding, window: Window, phase: Phase, left_out: Sequence[LeftOut], tried: Tried | None = None
) -> FindingView:
    rejected = [(one.index, one.reason) for one in finding.samples_rejected]
    rejected += [(one.index, one.reason) for one in left_out]
    return FindingView(
        direction=finding.direction.value,
        verdict=finding.verdict.value,
        met=finding.met,
        failed=finding.failed,
        samples_used=finding.samples_used,
        samples_rejected=tuple(sorted(rejected)),
        because=(*finding.because, *(() if tried is None else _of_campaign(tried, finding.direction))),
        limits=finding.limits,
        window_from_us=window.from_us,
        window_to_us=window.to_us,
        windows_looked_at=window.starts_tried,
        phase=phase,
        campaign=None if tried is None else tried.fixed.campaign.id,
    )


def _of_campaign(tried: Tried, direction: Direction) -> Iterator[str]:
    """What was fixed beforehand, and how far that is more than the device's word."""
    plan, starts = tried.fixed.campaign, len(tried.fixed.campaign.starts_us)
    known = "received before its first start" if tried.fixed.known_before else "received only after its first start"
    given_up = "" if tried.fixed.stopped_seq is None else "; it was given up before its end"
    yield (
        f"campaign {plan.id} of device {tried.fixed.dev[:8]}: its {starts} starts were fixed beforehand in the device's "
        f"chain, a plan that was {known}{given_up}"
    )
    if missing := tried.missing(direction):
        yield f"campaign {plan.id}: of {missing} of its {starts} starts nothing was received so far"
