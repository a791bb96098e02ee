"""What one condition of a rule says about one set of measurements."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A condition by its name, whether it holds, and in words what was needed and what was there."""

    name: str
    holds: bool
    words: str
