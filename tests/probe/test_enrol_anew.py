"""Enrolling anew: a chain that cannot go on is left whole, and a new one begins under a new key."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.collector import CODE, FakeCollector, serving, serving_aside
from strategies import COLLECTOR, OTHER_DEVICE

from probe.enrol import enrol
from probe.errors import EnrolRefused
from probe.home import Home
from shared import strictjson
from shared.chain import START
from shared.dsse import b64

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a state folder."""
    return Home(tmp_path / "state")


def chance(n_bytes: int) -> bytes:
    """Give the same bytes every time."""
    return bytes(n_bytes)


async def test_a_new_key_begins_a_new_chain_and_the_old_one_is_set_aside(home: Home) -> None:
    """With --new-key, key, enrolment and outbox of before stay under names that tell whose they were."""
    async with serving(FakeCollector()) as there:
        await enrol(home, there.url, CODE, None, None, chance)
        old = home.key().public.key_id
        await enrol(home, there.url, CODE, None, None, chance, fresh=True)
    assert home.key().public.key_id != old
    names = {file.name for file in home.folder.iterdir()}
    assert {f"device.pem.{old[:8]}", f"enrolled.json.{old[:8]}", f"outbox.{old[:8]}"} <= names
    assert {"device.pem", "enrolled.json", "outbox"} <= names
    assert "device.next.pem" not in names


async def test_a_refused_code_leaves_the_old_chain_in_force(home: Home) -> None:
    """A device that fails to enrol anew goes on under the key it had."""
    async with serving(FakeCollector()) as there:
        await enrol(home, there.url, CODE, None, None, chance)
        old = home.key().public.key_id
        with pytest.raises(EnrolRefused):
            await enrol(home, there.url, "0000000000", None, None, chance, fresh=True)
    assert home.key().public.key_id == old
    assert home.is_enrolled
    assert home.outbox_folder.exists()


async def test_the_key_of_one_collector_is_not_taken_to_another(home: Home) -> None:
    """A second collector would see the chain begin in its middle, so a new key is asked for."""
    async with serving(FakeCollector()) as there:
        await enrol(home, there.url, CODE, None, None, chance)
        there.lie = lambda told: strictjson.decode(
            strictjson.encode({**told, "collector": b64(OTHER_DEVICE.public.spki)})
        )
        with pytest.raises(EnrolRefused, match="--new-key"):
            await enrol(home, there.url, CODE, None, None, chance)
    assert home.enrolled().collector == COLLECTOR.public


async def test_a_lost_outbox_is_said_and_not_begun_again(home: Home, say: Say) -> None:
    """A chain that would begin again at 0 under the same key would pass for a copied key: the command refuses."""
    async with serving(FakeCollector()) as there:
        await enrol(home, there.url, CODE, None, None, chance)
    shutil.rmtree(home.outbox_folder)
    code, _, words = say("status")
    assert code == 1
    assert "--new-key" in words
    assert not home.outbox_folder.exists()


@pytest.mark.parametrize("left", ["gone", "broken"])
def test_a_key_that_is_lost(home: Home, say: Say, left: str) -> None:
    """Without its key a device enrols for no old chain; with --new-key the old files are set aside and a receipt comes."""
    there = FakeCollector()
    with serving_aside(there):
        assert say("enrol", there.url, CODE)[0] == 0
        if left == "gone":
            (home.folder / "device.pem").unlink()
        else:
            (home.folder / "device.pem").write_bytes(b"junk")
        code, _, words = say("enrol", there.url, CODE)
        assert code == 1
        assert ("--new-key" if left == "gone" else "cannot be used") in words
        assert say("enrol", there.url, CODE, "--new-key")[0] == 0
        there.device, there.head = home.key(), START
        assert say("once", "--method", "dns")[0] == 0
    names = {file.name for file in home.folder.iterdir()}
    assert {"enrolled.json.without-key-1", "outbox.without-key-1"} <= names
