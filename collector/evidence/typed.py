"""What `case.json` says, of the kind that it must be of; whoever reads it names the place where it is not."""

from typing import Any


def as_list(value: object) -> list[Any]:
    """A list; raises TypeError."""
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def as_text(value: object) -> Any:  # noqa: ANN401 - a text, also where one of a few is wanted
    """A text; raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def as_whole(value: object) -> int:
    """A whole number, which True is not; raises TypeError."""
    if type(value) is not int:
        raise TypeError("not a whole number")
    return value
