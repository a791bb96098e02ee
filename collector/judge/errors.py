"""What can be wrong with the input of a judgement.

    JudgeError (ValueError)
    ├── CaseError            the case: which place in the JSON, and what is wrong there
    └── CriterionError       the criterion file: which place in the TOML, and what is wrong there
        └── UnknownCriterion no criterion of that id

A measurement that failed, or a set that is not complete, is no error: it is judged.
"""


class JudgeError(ValueError):
    """The input cannot be judged; `place` says where, `problem` says why."""

    def __init__(self, place: str, problem: str) -> None:
        """Keep the two facts apart and join them for a reader."""
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


class CaseError(JudgeError):
    """A case or a measurement in it is malformed."""


class CriterionError(JudgeError):
    """A criterion file says something that is not in the language of criteria."""


class UnknownCriterion(CriterionError):
    """No criterion has the id that was asked for."""
