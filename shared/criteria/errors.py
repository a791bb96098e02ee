"""What can be wrong with the input of a judgement, as far as both sides may meet it.

    JudgeError (ValueError)
    ├── CriterionError       the criterion file: which place in the TOML, and what is wrong there
    │   └── CannotPlan       the file is understood, but no plan of tests is known that would meet it
    └── (the collector's)    the case and its measurements: `collector.judge.errors`

A measurement that failed, or a set that is not complete, is no error: it is judged.
"""


class JudgeError(ValueError):
    """The input cannot be judged; `place` says where, `problem` says why."""

    def __init__(self, place: str, problem: str) -> None:
        """Keep the two facts apart and join them for a reader."""
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


class CriterionError(JudgeError):
    """A criterion file says something that is not in the language of criteria."""


class CannotPlan(CriterionError):
    """A criterion is understood, but no plan is known that would meet it; `place` is the criterion's id."""
