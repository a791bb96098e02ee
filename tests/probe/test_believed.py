"""Which keys of its collector a device believes: the one it was told, and those that this one, and they, have named."""

import itertools
from pathlib import Path

import pytest
from strategies import COLLECTOR, DEVICE, key_of_scalar, ring

from probe.believed import NAME, Believed, check_told
from probe.errors import CollectorSilent
from probe.keywatch import KeyWatch
from probe.net.collector import Told
from probe.outbox import Outbox
from shared import strictjson
from shared.batch import FIRST_PREV, Sealing, open_batch, seal_batch
from shared.errors import Malformed
from shared.keys import FileKey
from shared.lineage import Lineage, TwoSuccessors, follow
from shared.receipt import make_receipt
from shared.record import write_record
from shared.rotation import Whose, make_rotation
from shared.strictjson import Json, JsonObject

KEYS = [COLLECTOR, key_of_scalar(0xC02), key_of_scalar(0xC03)]
STRANGER = key_of_scalar(0xBAD)


def line(*keys: FileKey, whose: Whose = Whose.COLLECTOR) -> Lineage:
    """These keys, each followed by the next."""
    rotations = [make_rotation(whose, old, new) for old, new in itertools.pairwise(keys)]
    return follow(keys[0].public, rotations, whose)


class Showing:
    """A collector that shows a history of keys, and counts how often it was asked."""

    def __init__(self, told: Json) -> None:
        """Show this."""
        self.told, self.asked, self.is_away = told, 0, False

    async def get_collector(self) -> Told:
        """Tell it."""
        self.asked += 1
        if self.is_away:
            raise CollectorSilent("nobody there")
        return Told(200, {"history": self.told})


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An empty one."""
    return Outbox(tmp_path / "outbox", lambda: bytes(32))


def receipt(key: FileKey) -> JsonObject:
    """A receipt by this key."""
    sealing = Sealing("test/0", 0, "boot", FIRST_PREV, 0, 0, 1, 2)
    opened = open_batch(seal_batch([write_record({"end": "ok", "seq": 0})], sealing, DEVICE), ring(DEVICE))
    return strictjson.decode(make_receipt(opened, 1, key))


def watch(outbox: Outbox, there: Showing) -> KeyWatch:
    """A device that was told the first key."""
    return KeyWatch(outbox, there, COLLECTOR.public)  # type: ignore[arg-type]


async def test_successors_are_followed_and_kept(outbox: Outbox) -> None:
    """A receipt by a successor is believed once the way to it is shown, and after a restart without asking."""
    there = Showing({"collector": line(*KEYS).told})
    known = watch(outbox, there)
    await known.look_at(receipt(KEYS[0]))
    assert there.asked == 0
    for key in (KEYS[2], KEYS[1], KEYS[0]):
        await known.look_at(receipt(key))
    assert there.asked == 1
    again = watch(outbox, there)
    await again.look_at(receipt(KEYS[2]))
    assert (again.keys, there.asked) == (known.keys, 1)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        pytest.param({"collector": []}, "signed with another key", id="nothing leads there"),
        pytest.param({}, "history of keys", id="no history"),
        pytest.param(None, "history of keys", id="none at all"),
        pytest.param({"collector": line(STRANGER, KEYS[1]).told}, "signed with another key", id="a stranger's"),
        pytest.param({"collector": line(*KEYS[:2], whose=Whose.PORTAL).told}, "another kind", id="another purpose"),
        pytest.param({"collector": line(COLLECTOR, STRANGER).told}, "signed with another key", id="elsewhere"),
    ],
)
async def test_a_stranger_is_not_believed(outbox: Outbox, told: Json, words: str) -> None:
    """Where nothing leads from the key that was told to the one that signed, that is said and nothing is believed."""
    known = watch(outbox, Showing(told))
    with pytest.raises(Malformed, match=words):
        await known.look_at(receipt(KEYS[1]))


async def test_two_successors_are_none(outbox: Outbox) -> None:
    """After one successor was followed another one of the same key is refused, also after a restart; the first stays."""
    there = Showing({"collector": line(*KEYS[:2]).told})
    await watch(outbox, there).look_at(receipt(KEYS[1]))
    there.told = {"collector": line(COLLECTOR, STRANGER).told}
    known = watch(outbox, there)
    with pytest.raises(TwoSuccessors):
        await known.look_at(receipt(STRANGER))
    await known.look_at(receipt(KEYS[1]))
    assert known.keys.newest == KEYS[1].public


async def test_silence_changes_nothing(outbox: Outbox) -> None:
    """A collector that does not answer is asked again with the next receipt."""
    there = Showing({"collector": line(*KEYS).told})
    there.is_away = True
    known = watch(outbox, there)
    with pytest.raises(CollectorSilent):
        await known.look_at(receipt(KEYS[1]))
    there.is_away = False
    await known.look_at(receipt(KEYS[1]))
    assert known.keys == line(*KEYS)


async def test_what_is_no_receipt_is_nobodys(outbox: Outbox) -> None:
    """What is no envelope is not asked about: whoever reads it as a receipt says what is wrong with it."""
    there = Showing(None)
    for told in (None, 3, {}, {"payload": "", "payloadType": "", "signatures": []}):
        await watch(outbox, there).look_at(told)
    assert there.asked == 0


def test_what_was_kept(outbox: Outbox) -> None:
    """What was kept is read as it was; what cannot be read, or is of another collector, is as if nothing was kept."""
    known = Believed(line(*KEYS))
    assert Believed.read(known.data, COLLECTOR.public) == known
    alone = Believed(Lineage.alone(COLLECTOR.public))
    for kept in (None, b"", b"{}", b'{"told":[{}]}', Believed(line(STRANGER, KEYS[1])).data):
        assert Believed.read(kept, COLLECTOR.public) == alone
    outbox.keep(NAME, known.data)
    assert Believed.read(outbox.kept(NAME), COLLECTOR.public) == known


def test_an_invitation_of_before() -> None:
    """Who was told an older key enrols with the newer one if it follows, and with no other."""
    told = {"collector": line(*KEYS).told}
    for key in KEYS:
        check_told(KEYS[2].public, key.public.key_id, told)
    for history in (told, {}, None, {"collector": 3}):
        with pytest.raises(Malformed, match="not the one you were told"):
            check_told(STRANGER.public, COLLECTOR.public.key_id, history)
