"""Enrolling: a key that is on disk before anybody hears of it, and an answer that is not believed before it is checked."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.collector import CODE, FakeCollector, serving
from fakes.peer import free_port
from strategies import COLLECTOR, OTHER_DEVICE, PORTAL

from probe.enrol import enrol
from probe.errors import CollectorSilent, EnrolRefused, NotEnrolled, StateUnusable
from probe.home import Home
from shared import strictjson
from shared.dsse import b64
from shared.enrolment import make_enrolment, make_request, read_request
from shared.errors import Malformed
from shared.keys import FileKey
from shared.slots import SlotPlan
from shared.strictjson import Json, JsonObject

Lie = Callable[[JsonObject], Json]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a state folder that does not exist yet."""
    return Home(tmp_path / "state" / "probe")


def chance(n_bytes: int) -> bytes:
    """Give the same bytes every time."""
    return bytes(n_bytes)


async def test_what_is_remembered(home: Home) -> None:
    """Where to send to, whom to believe, when to measure and against what; the peer's host is the collector's unless told."""
    async with serving(FakeCollector()) as there:
        told = await enrol(home, there.url + "/", CODE, None, None, chance)
    enrolled = home.enrolled()
    assert told["subscriber"] == enrolled.subscriber == "anna"
    assert enrolled.collector_url == there.url
    assert enrolled.collector == COLLECTOR.public
    assert enrolled.slots == SlotPlan(2, 1)
    assert (enrolled.peer.udp_host, enrolled.peer.udp_port, enrolled.peer.name) == ("127.0.0.1", 9, "fake")
    assert enrolled.peer.http_url == "http://127.0.0.1:9"
    assert enrolled.ca is None


async def test_the_key_is_on_disk_before_the_request_leaves(home: Home) -> None:
    """When the collector hears of the key it is on disk, for its owner only, and the enrolment is not."""
    seen: list[tuple[bool, int, list[str]]] = []

    def look() -> None:
        mode = stat.S_IMODE((home.folder / "device.pem").stat().st_mode)
        seen.append((home.key() is not None, mode, sorted(file.name for file in home.folder.iterdir())))

    async with serving(FakeCollector(on_enrol=look)) as there:
        await enrol(home, there.url, CODE, None, None, chance)
    assert seen == [(True, 0o600, ["device.pem"])]
    assert stat.S_IMODE((home.folder / "enrolled.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.folder.stat().st_mode) == 0o700


async def test_once_more_with_the_same_key(home: Home) -> None:
    """An answer that was lost on the way is asked for again, and the key stays the same."""
    async with serving(FakeCollector()) as there:
        there.lie = lambda _: {}
        with pytest.raises(EnrolRefused):
            await enrol(home, there.url, CODE, None, None, chance)
        key = home.key().public
        there.lie = lambda told: told
        for _ in range(2):
            await enrol(home, there.url, CODE, None, None, chance)
    assert home.key().public == key
    assert home.enrolled().subscriber == "anna"


@pytest.mark.parametrize("typed", ["7K3M9-QX2TA", "7k3m9 qx2ta", " 7k3m9qx2ta ", "7K3M9--QX2TA"])
async def test_a_code_as_people_type_it(home: Home, typed: str) -> None:
    """Case, dashes and spaces do not matter."""
    async with serving(FakeCollector()) as there:
        await enrol(home, there.url, typed, None, None, chance)


@pytest.mark.parametrize("typed", ["", "7K3M9", "7K3M9-QX2TU", "7K3M9-QX2TA1", "äöü", "7K3M9-QX2T\udcff"])
async def test_a_code_that_is_none(home: Home, typed: str) -> None:
    """What cannot be a code is refused here, and nobody is asked."""
    async with serving(FakeCollector()) as there:
        with pytest.raises(Malformed, match="a code has 10"):
            await enrol(home, there.url, typed, None, None, chance)
    assert there.asked == []


async def test_a_code_the_collector_does_not_know(home: Home) -> None:
    """The collector's own words say why."""
    async with serving(FakeCollector()) as there:
        with pytest.raises(EnrolRefused, match="this code is not known"):
            await enrol(home, there.url, "0000000000", None, None, chance)
    with pytest.raises(NotEnrolled):
        home.enrolled()


URLS = [
    "",
    "anna",
    "127.0.0.1:8440",
    "ftp://a",
    "http://",
    "http:///v1",
    "http://[::1",
    "http://a:b",
    "http://a:99999",
    "http://a:0",
]


@pytest.mark.parametrize("url", URLS)
async def test_an_address_that_is_none(home: Home, url: str) -> None:
    """What cannot be a collector's address is refused, with an example of one that can."""
    with pytest.raises(Malformed, match="https://host:port"):
        await enrol(home, url, CODE, None, None, chance)
    assert not (home.folder / "enrolled.json").exists()


async def test_nobody_answers(home: Home) -> None:
    """Without an answer nothing is remembered but the key."""
    with pytest.raises(CollectorSilent):
        await enrol(home, f"http://127.0.0.1:{free_port()}", CODE, None, None, chance)
    assert sorted(file.name for file in home.folder.iterdir()) == ["device.pem"]


async def test_certificates_that_are_none(home: Home, tmp_path: Path) -> None:
    """A file of certificates that is missing or no PEM is named."""
    (tmp_path / "junk.pem").write_text("junk")
    for name in ("missing.pem", "junk.pem"):
        with pytest.raises(Malformed, match=name):
            await enrol(home, "https://127.0.0.1:9", CODE, tmp_path / name, None, chance)


def without(name: str) -> Lie:
    """Leave a member out."""
    return lambda told: {key: value for key, value in told.items() if key != name}


def instead(**members: Json) -> Lie:
    """Say something else."""
    return lambda told: {**told, **members}


def peer(**members: object) -> Lie:
    """Say something else of the peer."""
    return lambda told: {**told, "peer": {**told["peer"], **members}}  # type: ignore[dict-item]


def slots(slot_s: object, guard_s: object) -> Lie:
    """Say something else of the slots."""
    return lambda told: {**told, "slots": {"slot_s": slot_s, "guard_s": guard_s}}  # type: ignore[dict-item]


def _for_another_device(told: JsonObject) -> Json:
    asked = read_request(make_request(CODE, bytes(16), OTHER_DEVICE))
    line = make_enrolment(asked, "5" * 64, 1, "file", PORTAL)
    return {**told, "enrolment": strictjson.decode(line)}


def _flipped(told: JsonObject) -> Json:
    enrolment = told["enrolment"]
    assert isinstance(enrolment, dict)
    payload = str(enrolment["payload"])
    return {**told, "enrolment": {**enrolment, "payload": payload[:40] + chr(ord(payload[40]) ^ 1) + payload[41:]}}


WEAK_KEY = b64(b"0" * 91)
LIES: dict[str, Lie] = {
    **{f"no {name}": without(name) for name in ("collector", "enrolment", "peer", "portal", "slots", "subscriber")},
    "a list": lambda told: [told],
    "nothing": lambda _: {},
    "another device's enrolment": _for_another_device,
    "a changed enrolment": _flipped,
    "another portal's key": instead(portal=b64(FileKey.generate().public.spki)),
    "the enrolment is text": instead(enrolment="yes"),
    "the enrolment is empty": instead(enrolment={}),
    "a collector's key that is none": instead(collector=WEAK_KEY),
    "a collector's key that is no base64": instead(collector="!"),
    "a collector's key that is a number": instead(collector=5),
    "a portal's key that is none": instead(portal=WEAK_KEY),
    "a subscriber that is a number": instead(subscriber=5),
    "a float": lambda told: {**told, "slots": {"slot_s": 900.0, "guard_s": 60}},  # type: ignore[dict-item]
    "a null": lambda told: {**told, "extra": None},  # type: ignore[dict-item]
    "no peer's port": lambda told: {**told, "peer": {"name": "fake"}},
    "a peer that is text": instead(peer="127.0.0.1:9"),
    "a peer's port of 0": peer(port=0),
    "a peer's port too high": peer(port=65_536),
    "a peer's port as text": peer(port="9"),
    "a peer's host that is a number": peer(host=5),
    "a peer's host that is no name": peer(host="a..b"),
    "a peer's host that is too long": peer(host="a" * 64 + ".example"),
    "a peer's name that is a number": peer(name=5),
    "slots that are a list": instead(slots=[900, 60]),
    "slots without length": slots(0, 0),
    "slots that are all guard": slots(60, 60),
    "a guard below zero": slots(900, -1),
    "slots as text": slots("900", "60"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_an_answer_that_lies(home: Home, lie: Lie) -> None:
    """An answer that is not this device's enrolment by that portal, whole and usable, leaves nothing behind."""
    async with serving(FakeCollector(lie=lie)) as there:
        with pytest.raises(EnrolRefused):
            await enrol(home, there.url, CODE, None, None, chance)
    assert sorted(file.name for file in home.folder.iterdir()) == ["device.pem"]


async def test_a_lie_does_not_undo_what_was_believed(home: Home) -> None:
    """A second enrolment that fails leaves the first one as it was."""
    async with serving(FakeCollector()) as there:
        await enrol(home, there.url, CODE, None, None, chance)
        before = (home.folder / "enrolled.json").read_bytes()
        there.lie = without("portal")
        with pytest.raises(EnrolRefused):
            await enrol(home, there.url, CODE, None, None, chance)
    assert (home.folder / "enrolled.json").read_bytes() == before


async def test_the_collectors_key_as_told(home: Home) -> None:
    """Who was told the collector's key believes no other."""
    async with serving(FakeCollector()) as there:
        for told in (OTHER_DEVICE.public.key_id, "", "0" * 64):
            with pytest.raises(EnrolRefused, match="not the one you were told"):
                await enrol(home, there.url, CODE, None, told, chance)
        with pytest.raises(NotEnrolled):
            home.enrolled()
        await enrol(home, there.url, CODE, None, COLLECTOR.public.key_id, chance)


async def test_a_key_that_cannot_be_used_is_not_replaced(home: Home) -> None:
    """A broken key file is named and kept: with it would go the chain."""
    (home.folder / "device.pem").write_bytes(b"junk")
    async with serving(FakeCollector()) as there:
        with pytest.raises(StateUnusable, match="cannot be used"):
            await enrol(home, there.url, CODE, None, None, chance)
    assert there.asked == []
    assert (home.folder / "device.pem").read_bytes() == b"junk"
