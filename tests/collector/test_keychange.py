"""Keys over time at a collector that listens: rotation, revocation, a lost device; and the attacks they are made against."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.device import Device, download
from fakes.served import Served

from collector import say_case
from collector.case import case_of
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.registry import Registry
from collector.web.page import render_page
from shared.enrolment import read_code
from shared.keys import FileKey
from shared.revocation import make_revocation
from shared.rotation import Whose, make_rotation
from shared.strictjson import decode, encode

S = 1_000_000


def asked(served: Served, line: bytes) -> Any:
    """What comes of asking for a rotation."""
    return served.post_json("/v1/rotations", encode({"rotation": decode(line)}))


def rotated(served: Served, device: Device) -> Device:
    """The device with a new key, which goes on with its chain."""
    newer = Device(batch=device.batch, seq=device.seq, prev=device.prev)
    assert asked(served, make_rotation(Whose.DEVICE, device.key, newer.key)).status == 201
    return newer


def leaves(served: Served) -> int:
    """How many leaves the log has."""
    return sum(entry.tree is not None for entry in read_entries(served.services.ledger.folder))


def revoke(served: Served, device: Device, **told: object) -> dict[str, Any]:
    """Revoke a device."""
    answer = served.command("revoke", {"device": device.dev[:12], "reason": "stolen on the train", **told})
    assert answer.status == 200, answer.body
    return answer.told


def test_a_rotation(served: Served, device: Device, capsys: pytest.CaptureFixture[str]) -> None:
    """The new key goes on with the chain, the old one is refused, and the case shows one device with both keys."""
    assert served.post_batch(device.next()).status == 201
    old, newer = device, rotated(served, device)
    refused = served.post_batch(old.next())
    assert (refused.status, refused.error) == (403, "revoked_key")
    assert served.post_batch(newer.next()).status == 201
    case = served.whole_case("anna")
    say_case.case(case)
    assert f"2 keys one after the other, now {newer.dev[:8]}" in capsys.readouterr().out
    (shown,) = case["devices"]
    assert (shown["dev"], shown["batches"], shown["revoked"]) == (old.dev, 2, None)
    assert [(key["id"], key["key_class"]) for key in shown["keys"]] == [(old.dev, "file"), (newer.dev, "file")]
    assert case["omission"]["gaps"] == []
    assert leaves(served) == 4


def test_the_same_rotation_again(served: Served, device: Device) -> None:
    """A rotation whose answer was lost is asked for again, and gets the same answer, with no second leaf."""
    line = make_rotation(Whose.DEVICE, device.key, FileKey.generate())
    first, again = asked(served, line), asked(served, line)
    assert (first.status, again.status) == (201, 200)
    assert first.told == again.told
    assert leaves(served) == 2


@pytest.mark.threat("T16")
def test_rotations_that_are_refused(served: Served, device: Device) -> None:
    """Nobody but the key itself gives its place away, to nobody's key but one that was never seen: 4xx, and no leaf."""
    other = served.enrolled("berta")
    before = leaves(served)
    stranger, new = FileKey.generate(), FileKey.generate()
    good = make_rotation(Whose.DEVICE, device.key, new)
    for line, status, error in (
        (make_rotation(Whose.DEVICE, stranger, new), 403, "unknown_key"),
        (good.replace(device.dev.encode(), other.dev.encode()), 422, "bad_signature"),
        (make_rotation(Whose.PEER, device.key, new), 400, "bad_format"),
        (make_rotation(Whose.DEVICE, device.key, other.key), 409, "conflict"),
        (make_revocation(device.dev, "no", 1, device.key), 400, "bad_format"),
    ):
        answer = asked(served, line)
        assert (answer.status, answer.error) == (status, error)
    for body in (b"", b"{}", b'{"rotation":7}', b'{"rotation":{}}', b"\xff"):
        answer = served.post_json("/v1/rotations", body)
        assert (answer.status, answer.error) == (400, "bad_format")
    assert leaves(served) == before
    assert served.post_batch(device.next()).status == 201


@pytest.mark.threat("T16")
def test_nobody_measures_for_another_line(served: Served, clock: FakeClock) -> None:
    """A wrong code, a used one, an expired one, a sixth try, a request by another key: 4xx, and no leaf in the log."""
    assert served.add("anna").status == 200
    used, late = served.code_for("anna"), served.code_for("anna")
    thief = Device()
    assert served.post_enrolment(used, Device().request(read_code(used))).status == 201
    before = leaves(served)
    clock.advance(14 * 60 * S)
    fresh = served.code_for("anna")
    clock.advance(2 * 60 * S)
    wrong = fresh[:-1] + ("A" if fresh[-1] != "A" else "B")
    line, other = thief.request(read_code(fresh)), Device().request(read_code(fresh))
    swapped = line.partition(b'"signatures"')[0] + b'"signatures"' + other.partition(b'"signatures"')[2]
    tries = [
        (used, thief.request(read_code(used)), 403),
        (late, thief.request(read_code(late)), 403),
        (fresh, swapped, 422),
    ]
    tries += [(fresh, thief.request(read_code(used)), 403)]
    tries += [(wrong, thief.request(read_code(wrong)), 403)] * 5 + [(fresh, line, 403)]
    assert [served.post_enrolment(code, request).status for code, request, _ in tries] == [
        status for _, _, status in tries
    ]
    assert leaves(served) == before
    assert served.post_batch(thief.next()).error == "unknown_key"


@pytest.mark.threat("T17")
def test_two_copies_of_a_key(served: Served, device: Device) -> None:
    """Two that sign with one key show as a fork, which freezes it; a frozen key gives its place to nobody."""
    copy = Device(device.key)
    assert served.post_batch(device.next()).status == 201
    assert served.post_batch(copy.next(download(received_bytes=1))).error == "chain_fork"
    assert served.post_batch(device.next()).error == "frozen_key"
    assert asked(served, make_rotation(Whose.DEVICE, device.key, FileKey.generate())).error == "frozen_key"
    case = served.whole_case("anna")
    assert [alarm["error"] for alarm in case["alarms"]] == ["chain_fork"]
    assert case["devices"][0]["frozen"]


@pytest.mark.threat("T17")
def test_after_a_revocation(served: Served, device: Device, clock: FakeClock) -> None:
    """After its revocation a key is refused with everything: batches old and new, complaints, a rotation. No leaf comes of it."""
    first = device.next()
    assert served.post_batch(first).status == 201
    told = revoke(served, device)
    assert (told["device"], told["new"], told["reason"]) == (device.dev, True, "stolen on the train")
    before = leaves(served)
    line = make_rotation(Whose.DEVICE, device.key, FileKey.generate())
    for answer in (
        served.post_batch(device.next()),
        served.post_batch(first),
        served.post_json("/v1/complaints", device.complaint("slow", 1)),
        asked(served, line),
    ):
        assert (answer.status, answer.error) == (403, "revoked_key")
    assert leaves(served) == before
    clock.advance(3600 * S)
    case = served.whole_case("anna")
    assert case["devices"][0]["revoked"]["reason"] == "stolen on the train"
    assert case["counts"]["signed"]["ok"] == 1
    assert not revoke(served, device)["new"]


@pytest.mark.threat("T17")
def test_a_thief_who_rotates(served: Served, device: Device, clock: FakeClock) -> None:
    """A thief who was faster has a key in the log that the owner never saw; to revoke his own device ends it all the same."""
    assert served.post_batch(device.next()).status == 201
    stolen_us = clock.wall_us()
    clock.advance(60 * S)
    thief = rotated(served, device)
    assert served.post_batch(thief.next(download(slot=2_000_001))).status == 201
    told = revoke(served, device, stolen_since="1h")
    assert told["key"] == thief.dev
    assert served.post_batch(thief.next()).error == "revoked_key"
    assert served.post_batch(device.next()).error == "revoked_key"
    revoked = served.whole_case("anna")["devices"][0]["revoked"]
    assert revoked["since_us"] < stolen_us
    assert revoked["contested"] == 2


def test_contested(served: Served, device: Device, clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> None:
    """What came since the key may have been stolen is shown, counted, and left out under that name."""
    assert served.post_batch(device.next()).status == 201
    clock.advance(7200 * S)
    assert served.post_batch(device.next(download(slot=2_000_001), download(slot=2_000_002))).status == 201
    clock.advance(60 * S)
    revoke(served, device, stolen_since="1h")
    case = served.whole_case("anna")
    assert case["devices"][0]["revoked"]["contested"] == 2
    rejected = [why for finding in case["verdicts"][0]["findings"] for _, why in finding["samples_rejected"]]
    assert rejected.count("contested") + rejected.count("slot_mismatch") >= 2
    shown, rows = case_of(served.services, "anna")
    page = render_page(shown, rows)
    assert "2 measurements are contested" in page
    assert "stolen on the train" in page
    say_case.case(case)
    told = capsys.readouterr().out
    assert "REVOKED" in told
    assert "2 measurements, shown and left out" in told


def test_stolen_earlier_than_was_told(served: Served, device: Device, clock: FakeClock) -> None:
    """A revocation is said again if the theft was earlier: what is contested only grows, and the first one's moment stays."""
    clock.advance(100_000 * S)
    first = revoke(served, device, stolen_since="1h")
    clock.advance(60 * S)
    second = revoke(served, device, stolen_since="2h")
    assert second["new"]
    assert (second["at_us"], second["since_us"] < first["since_us"]) == (first["at_us"], True)
    assert not revoke(served, device, stolen_since="1h")["new"]


@pytest.mark.parametrize(
    ("told", "status", "why"),
    [
        ({"device": "0" * 16}, 404, "no device"),
        ({"device": "abc"}, 400, "at least 8 digits"),
        ({"device": 7}, 400, "device is missing"),
        ({"reason": " "}, 400, "reason has 1 to 1000"),
        ({"stolen_since": "2026-11-15T14:00"}, 400, "time zone"),
        ({"stolen_since": "yesterday"}, 400, "moment"),
        ({"stolen_since": "2099-01-01T00:00Z"}, 400, "future"),
    ],
)
def test_revocations_that_are_refused(
    served: Served, device: Device, told: dict[str, object], status: int, why: str
) -> None:
    """A device that is not there, no reason, or a moment without a zone: it is said, and nothing is revoked."""
    answer = served.command("revoke", {"device": device.dev, "reason": "lost", **told})
    assert answer.status == status
    assert why in answer.told["detail"]
    assert served.post_batch(device.next()).status == 201


def test_a_lost_device(served: Served, device: Device, clock: FakeClock) -> None:
    """A new code continues the line and not the chain: a new device from its first batch on, both on the page."""
    assert served.post_batch(device.next()).status == 201
    revoke(served, device)
    newer = served.enrolled("anna")
    assert served.post_batch(newer.next(download(slot=2_000_005))).status == 201
    case = served.whole_case("anna")
    assert {(one["dev"], one["batches"], one["revoked"] is None) for one in case["devices"]} == {
        (device.dev, 1, False),
        (newer.dev, 1, True),
    }
    shown, rows = case_of(served.services, "anna")
    page = render_page(shown, rows)
    assert device.dev[:8] in page
    assert newer.dev[:8] in page
    del clock


def test_after_a_restart(served: Served, device: Device) -> None:
    """The registry made anew from the ledger knows the same keys, places and revocations."""
    assert served.post_batch(device.next()).status == 201
    newer = rotated(served, rotated(served, device))
    revoke(served, device, stolen_since="1h")
    made = Registry()
    entries = list(read_entries(served.services.ledger.folder))
    for entry in entries:
        if entry.kind is not EntryKind.BATCH:
            made.apply(entry)
    assert made.devices == served.services.registry.devices
    assert made.keys_of(device.dev)[-1].key.key_id == newer.dev
    assert json.dumps([entry.kind for entry in entries][-3:]) == '["rotation", "rotation", "revocation"]'
    assert isinstance(served.services.ledger.folder, Path)
