"""One answer to a complaint from the findings of its directions, and the same in plain words.

Down and up are judged apart and one direction suffices. Says "would meet" and "would not meet": what a rule
says is for its regulator and the courts to say.
"""

from collections.abc import Sequence

from collector.judge.finding import Finding, Verdict
from collector.judge.words import RESULTS
from shared.criteria.answer import Answer

_OPENING = {
    Verdict.SUBSTANTIATED: "The measurements bear out the complaint.",
    Verdict.NOT_SUBSTANTIATED: "The measurements do not bear out the complaint.",
    Verdict.INSUFFICIENT: "There are not yet enough valid measurements to judge the complaint.",
    Verdict.FACTS_ONLY: "The measurements are shown as facts; this rule leaves the judgement to others.",
}


def combine(findings: Sequence[Finding]) -> Verdict:
    """Substantiated if any finding is, else insufficient if any is (or none there), else not.

    Findings of rules that only state facts take no part; if there are no others, so is the answer.
    """
    verdicts = {one.verdict for one in findings}
    for verdict in (
        Verdict.SUBSTANTIATED,
        Verdict.INSUFFICIENT,
        Verdict.NOT_SUBSTANTIATED,
        Verdict.FACTS_ONLY,
    ):
        if verdict in verdicts:
            return verdict
    return Verdict.INSUFFICIENT


def in_words(verdict: Verdict, findings: Sequence[Finding]) -> str:
    """A short paragraph for the customer and the agent: the answer, then what each finding rests on."""
    return " ".join([_OPENING[verdict], *(_sentence(one) for one in findings)])


def _sentence(finding: Finding) -> str:
    rule, results = finding.criterion, RESULTS[finding.direction].capitalize()
    if finding.verdict is Verdict.SUBSTANTIATED:
        names = ", ".join(finding.met)
        return f"{_told(finding.deviations, holds=True)} This would meet rule {rule} ({names})."
    if finding.verdict is Verdict.NOT_SUBSTANTIATED:
        return f"{_told(finding.deviations, holds=False)} This would not meet rule {rule}."
    if finding.verdict is Verdict.INSUFFICIENT:
        return f"{results}: {_told(finding.conditions, holds=False)} Rule {rule} cannot be judged on this."
    return f"{results}: {finding.samples_used} counted for rule {rule}."


def _told(answers: Sequence[Answer], *, holds: bool) -> str:
    said = list(dict.fromkeys(one.words for one in answers if one.holds is holds))
    return " ".join(f"{one[0].upper()}{one[1:]}." for one in said)
