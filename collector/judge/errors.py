"""What can be wrong with the input of a judgement.

    JudgeError (ValueError)      shared with the probe: `shared.criteria.errors`
    ├── CaseError                the case: which place in the JSON, and what is wrong there
    └── CriterionError           shared as well: the criterion file, and which place in the TOML
        └── UnknownCriterion     no criterion of that id
            └── UnsupportedCriterion a known regime of which a parameter is not known: never guessed

A measurement that failed, or a set that is not complete, is no error: it is judged.
"""

from shared.criteria.errors import CriterionError as CriterionError
from shared.criteria.errors import JudgeError as JudgeError


class CaseError(JudgeError):
    """A case or a measurement in it is malformed."""


class UnknownCriterion(CriterionError):
    """No criterion has the id that was asked for."""


class UnsupportedCriterion(UnknownCriterion):
    """The regime is known by its name, but not whole: what is missing is said, and it is not judged by."""
