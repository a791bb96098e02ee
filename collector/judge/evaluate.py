"""Judging: criterion and case in, finding out. Pure; input in any order gives the same finding.

1. Sort out what counts (`tally`).
2. Ask every condition of basis, completeness and validity, each on its own. If any fails, the answer is
   insufficient_evidence, all that fail are named, and no deviation is judged.
3. Ask every deviation of the direction. If any holds, the answer is substantiated; all that hold are named.
4. Else it is not_substantiated. A criterion that is facts_only always answers so.
"""

from collector.judge.criterion import BASIS, FACTS_ONLY, Criterion
from collector.judge.errors import CaseError
from collector.judge.finding import Finding, Verdict
from collector.judge.operating import rows_of
from collector.judge.sample import Case
from collector.judge.words import promise
from shared.criteria.answer import Answer


def judge(criterion: Criterion, case: Case, place: str = "$") -> Finding:
    """What the criterion says of the case; CaseError if it does not judge the case's direction at all.

    `place` is where the case stands in what was read, for the error.
    """
    if case.direction not in criterion.basis:
        raise CaseError(f"{place}.direction", f"{criterion.id} does not judge {case.direction.value}")
    tally = criterion.tally(case)
    conditions = (
        *_basis(criterion, case),
        *(one.answer(tally) for one in (*criterion.completeness, *criterion.voids)),
    )
    complete = all(one.holds for one in conditions)
    deviations = tuple(one.answer(tally, case) for one in criterion.deviations(case.direction)) if complete else ()
    if criterion.status == FACTS_ONLY:
        verdict = Verdict.FACTS_ONLY
    elif not complete:
        verdict = Verdict.INSUFFICIENT
    elif any(one.holds for one in deviations):
        verdict = Verdict.SUBSTANTIATED
    else:
        verdict = Verdict.NOT_SUBSTANTIATED
    return Finding(
        criterion=criterion.id,
        version=criterion.version,
        sha256=criterion.sha256,
        direction=case.direction,
        verdict=verdict,
        conditions=conditions,
        deviations=deviations,
        samples_used=len(tally.counted),
        samples_failed=sum(one.sample.failure is not None for one in tally.counted),
        samples_rejected=tuple(sorted(tally.rejected, key=lambda one: one.index)),
        limits=criterion.limits,
        operating=rows_of(criterion.id, case.direction),
    )


def _basis(criterion: Criterion, case: Case) -> tuple[Answer, ...]:
    """Whether the contract has, and the criterion knows, every value the direction's deviations need."""
    needs = criterion.basis[case.direction]
    if not needs:
        return ()
    lacking = sorted({name for one in criterion.deviations(case.direction) for name in one.lacks(case.contract)})
    needed = ", ".join(promise(name) for name in needs)
    there = f"absent or unknown: {', '.join(promise(name) for name in lacking)}" if lacking else "all there"
    return (Answer(BASIS, not lacking, f"needed in the contract: {needed}; {there}"),)
