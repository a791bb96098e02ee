"""The errors are the tree that their module draws, and each carries its facts."""

import re

import pytest

from shared import errors
from shared.errors import BadFormat, ChainGap, Expected, Malformed, NoKey, NoTool, Refused, SpeedproofError

REFUSALS = Refused.__subclasses__()


def test_tree_is_drawn_as_it_is() -> None:
    """The drawing at the top of the module names every error, and no other."""
    drawn = re.findall(r"(?:├── |└── |^ {4})(\w+)", errors.__doc__ or "", re.MULTILINE)
    assert set(drawn) == {"SpeedproofError", "Malformed", "NoKey", "NoTool", "Refused"} | {
        kind.__name__ for kind in REFUSALS
    }
    assert len(drawn) == len(set(drawn))


def test_everything_is_ours() -> None:
    """One name catches whatever the project raises on purpose, and bad bytes are a ValueError too."""
    assert all(issubclass(kind, SpeedproofError) for kind in (Malformed, NoKey, NoTool, Refused, *REFUSALS))
    assert issubclass(Malformed, ValueError)
    assert not issubclass(Refused, ValueError)


@pytest.mark.parametrize("kind", REFUSALS)
def test_published_names(kind: type[Refused]) -> None:
    """The published name of a refusal is its class's name in small letters."""
    assert kind.error == re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower()


def test_refusal_carries_its_facts() -> None:
    """Step, detail and what was expected can be read, and the message says the first two."""
    expected = Expected(2, 7, "0" * 64)
    refused = ChainGap(13, "number 7 is missing", expected)
    assert (refused.step, refused.detail, refused.expected) == (13, "number 7 is missing", expected)
    assert str(refused) == "step 13, chain_gap: number 7 is missing"
    assert BadFormat(2, "x").expected is None
