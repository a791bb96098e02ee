"""Which key was in use where: the order of the ledger's entries decides, and what does not fit it is named."""

import pytest
from strategies import key_of_scalar

from collector.ledger.frame import Entry, EntryKind
from collector.ledger.inforce import InForce
from shared.errors import Malformed
from shared.keys import FileKey
from shared.lineage import Lineage, follow
from shared.rotation import Whose, make_rotation

KEYS = [key_of_scalar(0x1F0 + number) for number in range(4)]


def line(*keys: FileKey, whose: Whose = Whose.COLLECTOR) -> Lineage:
    """These keys, each followed by the next."""
    rotations = [make_rotation(whose, old, new) for old, new in zip(keys, keys[1:], strict=False)]  # noqa: RUF007 - none of one
    return follow(keys[0].public, rotations, whose)


def entry(old: FileKey, new: FileKey, whose: Whose = Whose.COLLECTOR, told: object = None) -> Entry:
    """The entry of a rotation."""
    body = make_rotation(whose, old, new) + b"\n"
    return Entry(7, EntryKind.SERVER_KEY, 1, {"whose": str(told or whose)}, body)


def test_one_after_the_other() -> None:
    """Each rotation puts the next key in use, of the server that it is about; what has not been told of yet is missing."""
    portals = line(KEYS[3], KEYS[2], whose=Whose.PORTAL)
    found = InForce({Whose.COLLECTOR: line(*KEYS[:3]), Whose.PORTAL: portals})
    assert (found.collector, found.key(Whose.PORTAL), found.key(Whose.PEER)) == (KEYS[0].public, KEYS[3].public, None)
    assert len(found.missing()) == 3
    found.entry(entry(KEYS[0], KEYS[1]))
    found.entry(entry(KEYS[3], KEYS[2], Whose.PORTAL))
    assert (found.collector, found.key(Whose.PORTAL)) == (KEYS[1].public, KEYS[2].public)
    (missing,) = found.missing()
    assert KEYS[1].public.key_id[:16] in missing
    found.entry(entry(KEYS[1], KEYS[2]))
    assert (found.collector, found.missing()) == (KEYS[2].public, [])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        pytest.param(entry(KEYS[0], KEYS[3]), "second successor", id="another successor"),
        pytest.param(entry(KEYS[1], KEYS[2]), "does not fit", id="a key that is not in use yet"),
        pytest.param(entry(KEYS[0], KEYS[1], Whose.PORTAL, Whose.COLLECTOR), "another kind", id="of the portal"),
        pytest.param(entry(KEYS[0], KEYS[1], Whose.PEER), "nothing is known", id="of an unknown server"),
        pytest.param(entry(KEYS[0], KEYS[1], told="king"), "nothing is known", id="of nobody"),
    ],
)
def test_what_does_not_fit(bad: Entry, words: str) -> None:
    """A rotation that is not the one that happened is named, and changes nothing."""
    found = InForce({Whose.COLLECTOR: line(*KEYS[:3])})
    with pytest.raises(Malformed, match=words):
        found.entry(bad)
    assert found.collector == KEYS[0].public


def test_after_the_last() -> None:
    """Where no rotation happened any more, another one in the ledger is a second successor."""
    found = InForce.alone(KEYS[0].public)
    with pytest.raises(Malformed, match="second successor"):
        found.entry(entry(KEYS[0], KEYS[1]))
