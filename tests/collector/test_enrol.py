"""Binding a key to a line: codes that are wrong, used, old or tried too often; the same request twice."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import Device
from fakes.history import History
from fakes.served import Served, serving

from collector.config import Config
from collector.enrol import Portal
from collector.errors import CodeRefused, Conflict, NotFound
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.registry import CODE_TRIES
from collector.services import Services
from shared.dsse import b64_exact
from shared.enrolment import read_code, read_enrolment, subscriber_hash
from shared.errors import Malformed
from shared.keys import PublicKey, WrongSignature
from shared.strictjson import encode

MINUTE_US = 60_000_000


@pytest.fixture
def portal(services: Services) -> Portal:
    """The portal of a collector with one line."""
    History(services).line("anna")
    return Portal(services)


def enrolments(services: Services) -> int:
    """How many keys the ledger binds."""
    return sum(entry.kind is EntryKind.ENROLMENT for entry in read_entries(services.ledger.folder))


def another(code: str) -> str:
    """Another code that begins like this one."""
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def test_enrolment_binds_key_and_line(portal: Portal, services: Services) -> None:
    """The portal's signature binds the device's key to the salted line, and the salt is in the ledger only."""
    device, (code, expires_us) = Device(), portal.give_code("anna")
    assert expires_us == services.clock.wall_us() + 15 * MINUTE_US
    enrolled = portal.enrol(code, device.request(code))
    told = read_enrolment(enrolled.enrolment, services.portal_key.public)
    assert told.key.key_id == device.dev
    (entry,) = (one for one in read_entries(services.ledger.folder) if one.kind is EntryKind.ENROLMENT)
    assert told.sub == subscriber_hash(b64_exact(entry.meta["salt"]), "anna")
    assert b"anna" not in enrolled.enrolment


def test_answer_over_http(served: Served) -> None:
    """The answer holds all a probe needs: both keys, its enrolment, its slots, its line."""
    served.add("anna")
    code = served.code_for("anna")
    device = Device()
    answer = served.post_enrolment(code, device.request(read_code(code)))
    assert answer.status == 201
    told = answer.told
    assert set(told) == {"collector", "enrolment", "history", "peer", "portal", "slots", "subscriber", "time_zone"}
    assert (told["subscriber"], told["slots"]) == ("anna", {"guard_s": 60, "slot_s": 900})
    portal = PublicKey.from_spki(b64_exact(told["portal"]))
    assert read_enrolment(encode(told["enrolment"]), portal).key.key_id == device.dev


@pytest.mark.parametrize("spelt", ["{a}-{b}", " {a} {b} ", "{lower}", "{alike}", "-{a}-{b}-"])
def test_code_as_people_type_it(portal: Portal, monkeypatch: pytest.MonkeyPatch, spelt: str) -> None:
    """Dashes, spaces, small letters, O for 0 and I or l for 1 do not matter."""
    monkeypatch.setattr("collector.enrol.enrolment.make_code", lambda _: "01ABC0DE1F")
    code, _ = portal.give_code("anna")
    typed = spelt.format(a=code[:5], b=code[5:], lower=code.lower(), alike="oIabcODElF")
    assert portal.enrol(typed, Device().request(code)).subscriber == "anna"


@pytest.mark.threat("T16")
def test_wrong_codes(portal: Portal, services: Services) -> None:
    """A code nobody gave out, or one symbol of it wrong, enrols nobody."""
    code, _ = portal.give_code("anna")
    for wrong in (another(code), "0" * 10 if not code.startswith("0000") else "1" * 10):
        with pytest.raises(CodeRefused, match="not known, or was used"):
            portal.enrol(wrong, Device().request(wrong))
    for none in ("", "123", "U" * 10, "ü" * 10, code + "0"):
        with pytest.raises(Malformed):
            portal.enrol(none, Device().request(code))
    assert enrolments(services) == 0


@pytest.mark.threat("T16")
def test_used_code(portal: Portal, services: Services) -> None:
    """A code binds one key."""
    code, _ = portal.give_code("anna")
    portal.enrol(code, Device().request(code))
    with pytest.raises(CodeRefused, match="used already"):
        portal.enrol(code, Device().request(code))
    assert enrolments(services) == 1


def test_one_code_many_keys_at_once(portal: Portal, services: Services) -> None:
    """Of keys that ask with one code at one moment exactly one is bound."""
    code, _ = portal.give_code("anna")

    def ask(device: Device) -> bool:
        try:
            portal.enrol(code, device.request(code))
        except CodeRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, [Device() for _ in range(8)])) == 1
    assert enrolments(services) == 1


@pytest.mark.threat("T16")
@pytest.mark.parametrize(("late_us", "good"), [(0, True), (1, False)])
def test_expired_code(portal: Portal, clock: FakeClock, late_us: int, good: bool) -> None:
    """A code is good until the moment it expires, and not a microsecond longer."""
    code, _ = portal.give_code("anna")
    clock.advance(15 * MINUTE_US + late_us)
    if good:
        assert portal.enrol(code, Device().request(code)).subscriber == "anna"
        return
    with pytest.raises(CodeRefused, match="expired"):
        portal.enrol(code, Device().request(code))


@pytest.mark.threat("T16")
def test_sixth_try(portal: Portal, services: Services) -> None:
    """After five wrong tries the right code is refused too; a new one for the same line is good."""
    code, _ = portal.give_code("anna")
    for _ in range(CODE_TRIES):
        with pytest.raises(CodeRefused, match="not known"):
            portal.enrol(another(code), Device().request(another(code)))
    with pytest.raises(CodeRefused, match="tried too often"):
        portal.enrol(code, Device().request(code))
    new, _ = portal.give_code("anna")
    assert portal.enrol(new, Device().request(new)).subscriber == "anna"
    assert enrolments(services) == 1


def test_fifth_try(portal: Portal) -> None:
    """Four wrong tries leave one that may be right."""
    code, _ = portal.give_code("anna")
    for _ in range(CODE_TRIES - 1):
        with pytest.raises(CodeRefused):
            portal.enrol(another(code), Device().request(another(code)))
    assert portal.enrol(code, Device().request(code)).subscriber == "anna"


@pytest.mark.threat("T16")
def test_request_made_with_another_code(portal: Portal, services: Services) -> None:
    """Who saw the code typed cannot bind his own key with a request made before he knew it."""
    code, _ = portal.give_code("anna")
    with pytest.raises(CodeRefused, match="not made with this code"):
        portal.enrol(code, Device().request(another(code)))
    assert enrolments(services) == 0


@pytest.mark.threat("T16")
def test_request_signed_by_another_key(portal: Portal) -> None:
    """A request whose signature is not by the key inside it is refused."""
    code, _ = portal.give_code("anna")
    line, other = Device().request(code), Device().request(code)
    swapped = line.partition(b'"signatures"')[0] + b'"signatures"' + other.partition(b'"signatures"')[2]
    with pytest.raises(WrongSignature):
        portal.enrol(code, swapped)


def test_same_request_twice(portal: Portal, services: Services) -> None:
    """A request whose answer was lost gets the same answer, also with a new nonce; the key is bound once."""
    device, (code, _) = Device(), portal.give_code("anna")
    first = portal.enrol(code, device.request(code))
    for nonce in (bytes(16), b"\x01" * 16):
        assert portal.enrol(code, device.request(code, nonce)) == first
    assert enrolments(services) == 1
    with pytest.raises(CodeRefused):
        portal.enrol(another(code), device.request(code))


def test_same_key_with_a_new_code(portal: Portal, services: Services) -> None:
    """A key that is bound already is not bound again: anew means a new key."""
    device, (code, _) = Device(), portal.give_code("anna")
    portal.enrol(code, device.request(code))
    new, _ = portal.give_code("anna")
    with pytest.raises(Conflict, match="enrolled already"):
        portal.enrol(new, device.request(new))
    assert enrolments(services) == 1
    assert portal.enrol(new, Device().request(new)).subscriber == "anna"


def test_nobody_s_code(portal: Portal) -> None:
    """There is no code for a line that is not there."""
    with pytest.raises(NotFound):
        portal.give_code("nobody")


def test_codes_are_nowhere_in_clear(tmp_path: Path, clock: FakeClock) -> None:
    """Neither the code nor a plain hash of it is in any file of the data folder, before its use or after."""
    config = Config(data=tmp_path / "data")
    with contextlib.closing(Services.over_folder(config, clock)) as services, serving(services) as served:
        served.add("anna")
        shown = [served.code_for("anna") for _ in range(2)]
        served.post_enrolment(shown[0], Device().request(read_code(shown[0])))
        served.case("anna")
    data = b"".join(path.read_bytes() for path in config.data.rglob("*") if path.is_file())
    assert len(data) > 10_000
    for text in shown:
        code = read_code(text)
        for spelt in (text, code, code.lower(), code[4:]):
            assert spelt.encode() not in data


def test_private_files(config: Config, clock: FakeClock) -> None:
    """Keys are readable by their owner only, and so is the folder they are in."""
    with contextlib.closing(Services.over_folder(config, clock)):
        keys = config.data / "keys"
        assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == {
            "collector.pem": 0o600,
            "log.key": 0o600,
            "log.vkeys": 0o600,
            "peer.pem": 0o600,
            "portal.pem": 0o600,
        }
        assert keys.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("late_us", "good"), [(0, True), (1, False)])
def test_a_code_for_a_month(portal: Portal, clock: FakeClock, late_us: int, good: bool) -> None:
    """A code on its way to a customer lives for as long as it was given out for, others as configured."""
    code, expires_us = portal.give_code("anna", 30 * 24 * 60)
    assert expires_us == clock.wall_us() + 30 * 24 * 60 * MINUTE_US
    assert portal.give_code("anna")[1] == clock.wall_us() + 15 * MINUTE_US
    clock.advance(30 * 24 * 60 * MINUTE_US + late_us)
    if good:
        assert portal.enrol(code, Device().request(code)).subscriber == "anna"
        return
    with pytest.raises(CodeRefused, match="expired"):
        portal.enrol(code, Device().request(code))


def test_how_long_a_code_may_live(served: Served) -> None:
    """The desk gives out codes for a minute to a year, and says for how long and whose key to expect."""
    served.add("anna")
    told = served.command("code", {"subscriber": "anna", "minutes": 1}).told
    assert (told["minutes"], told["expires_us"]) == (1, served.services.clock.wall_us() + MINUTE_US)
    assert told["collector_key"] == served.services.collector_key.public.key_id
    for minutes in (0, -1, 366 * 24 * 60 + 1, True, "15", 1.5):
        answer = served.command("code", {"subscriber": "anna", "minutes": minutes})
        assert (answer.status, answer.error) == (400, "bad_request")
