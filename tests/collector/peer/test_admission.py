"""Who gets a ticket, and how many."""

import json
from typing import Any

import pytest
from fakes.prober import TRUSTED, Prober
from hypothesis import given
from hypothesis import strategies as st
from strategies import OTHER_DEVICE, PORTAL, json_objects, key_of_scalar

from collector.peer.admission import DAY_US, HOUR_US, Device, Limits, Window, admitted
from collector.peer.errors import BadRequest, Declined, NotAdmitted, OverLimit
from shared import strictjson
from shared.dsse import read_envelope
from shared.rotation import Whose, make_rotation

PROBER = Prober()
SMALL = Limits(tickets_per_hour=2, bytes_per_day=1000, transfer_bytes=600)


def test_an_enrolled_probe_is_admitted() -> None:
    """A request by the key that a trusted portal enrolled is read, and known by what was signed."""
    line = PROBER.request(seq=7, flows=3)
    asked = admitted(PROBER.body(line), TRUSTED)
    assert (asked.request.dev, asked.request.seq, asked.request.flows) == (PROBER.key.public.key_id, 7, 3)
    assert asked.request_id == read_envelope(line).pae_sha256


def test_a_foreign_portal_admits_nobody() -> None:
    """An enrolment by a portal this peer was not told of is worth nothing, and without any portal nobody is admitted."""
    foreign = Prober(portal=key_of_scalar(0xF0))
    with pytest.raises(NotAdmitted, match="portal"):
        admitted(foreign.body(foreign.request()), TRUSTED)
    with pytest.raises(NotAdmitted, match="portal"):
        admitted(PROBER.body(PROBER.request()), {})


def test_a_key_that_took_anothers_place() -> None:
    """A rotation leads from the enrolled key to the one that asks; what the device may move is still counted by its first key."""
    newer = Prober(OTHER_DEVICE)
    fields = json.loads(PROBER.body(newer.request()))
    line = make_rotation(Whose.DEVICE, PROBER.key, OTHER_DEVICE)
    fields["rotations"] = [json.loads(line)]
    asked = admitted(strictjson.encode(fields), TRUSTED)
    assert (asked.request.dev, asked.device) == (OTHER_DEVICE.public.key_id, PROBER.key.public.key_id)
    with pytest.raises(NotAdmitted, match="signature"):  # the old key's own request, beside it
        admitted(
            strictjson.encode(json.loads(PROBER.body(PROBER.request())) | {"rotations": fields["rotations"]}), TRUSTED
        )


@pytest.mark.parametrize("rotations", [7, [7], [{}], [{"payload": ""}], [None], ["x"] * 33])
def test_rotations_that_are_none(rotations: object) -> None:
    """What leads to no key is a bad request."""
    fields = json.loads(PROBER.body(PROBER.request())) | {"rotations": rotations}
    with pytest.raises(BadRequest):
        admitted(json.dumps(fields, separators=(",", ":"), sort_keys=True).encode(), TRUSTED)


def test_a_portals_name_is_not_its_signature() -> None:
    """An enrolment that names a trusted portal but is signed by another key is refused."""
    forged = json.loads(PROBER.body(PROBER.request()))
    other = json.loads(Prober(portal=key_of_scalar(0xF0)).enrolment)
    forged["enrolment"]["signatures"][0]["sig"] = other["signatures"][0]["sig"]
    with pytest.raises(NotAdmitted, match="signature"):
        admitted(strictjson.encode(forged), TRUSTED)


def test_another_devices_request_is_refused() -> None:
    """The enrolment of one device does not admit the request of another."""
    with pytest.raises(NotAdmitted, match="signature"):
        admitted(PROBER.body(Prober(OTHER_DEVICE).request()), TRUSTED)


@pytest.mark.parametrize("change", [{"request": 1}, {"enrolment": []}, {"request": {"payload": ""}}, {"enrolment": {}}])
def test_what_is_not_in_form(change: dict[str, Any]) -> None:
    """Anything but two envelopes is a bad request."""
    with pytest.raises(BadRequest):
        admitted(strictjson.encode(json.loads(PROBER.body(PROBER.request())) | change), TRUSTED)


@given(st.binary(max_size=200) | json_objects.map(strictjson.encode))
def test_any_bytes_are_declined(body: bytes) -> None:
    """Bytes that nobody made a request of are declined and never crash the peer."""
    with pytest.raises(Declined):
        admitted(body, TRUSTED)


LINE = PROBER.request()
BODY = PROBER.body(LINE)


@given(st.integers(0, len(BODY) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_never_admitted(place: int, bit: int) -> None:
    """A body that was changed in one bit is declined, or it still says what was signed: a key's name only picks the key."""
    changed = bytearray(BODY)
    changed[place] ^= 1 << bit
    try:
        asked = admitted(bytes(changed), TRUSTED)
    except Declined:
        return
    assert asked == admitted(BODY, TRUSTED)
    assert 0 <= place - BODY.rindex(b'"keyid":"') - len(b'"keyid":"') < 64


def test_a_window_begins_anew() -> None:
    """What is used up is back with the next hour, and the refusal says when that is."""
    window = Window(HOUR_US, 3)
    window.spend(2, 10)
    assert window.require("tickets", 20) == 1
    window.spend(5, 30)
    assert window.left(40) == 0
    with pytest.raises(OverLimit) as refused:
        window.require("tickets", HOUR_US - 1_000_000)
    assert refused.value.retry_after_s == 2
    assert window.require("tickets", HOUR_US) == 3


def test_a_device_has_so_many_tickets_an_hour() -> None:
    """The ticket after the last one of the hour is refused, the first of the next is not."""
    device = Device(SMALL)
    for seq in range(2):
        asked = PROBER.admitted(seq=seq)
        assert device.allowed_bytes(asked, 0) == 600
        device.took_ticket(asked, 0)
    with pytest.raises(OverLimit, match="tickets"):
        device.allowed_bytes(PROBER.admitted(seq=2), HOUR_US - 1)
    assert device.allowed_bytes(PROBER.admitted(seq=2), HOUR_US) == 600


def test_a_device_has_so_many_bytes_a_day() -> None:
    """A transfer may move what is left of the day, and nothing when nothing is left."""
    device = Device(SMALL)
    device.moved.spend(900, 0)
    assert device.allowed_bytes(PROBER.admitted(), 0) == 100
    device.moved.spend(200, 0)
    with pytest.raises(OverLimit, match="bytes"):
        device.allowed_bytes(PROBER.admitted(), DAY_US - 1)
    assert device.allowed_bytes(PROBER.admitted(), DAY_US) == 600


def test_a_request_is_good_once() -> None:
    """A request that had its ticket is refused, and so is one for an earlier measurement; another for the same is not."""
    device = Device(Limits())
    old, now = PROBER.admitted(seq=4), PROBER.admitted(seq=5)
    device.took_ticket(now, 0)
    for replayed in (old, now):
        with pytest.raises(NotAdmitted, match="had its ticket"):
            device.allowed_bytes(replayed, 0)
    again = PROBER.admitted(seq=5, t_us=1)
    assert device.allowed_bytes(again, 0) == Limits().transfer_bytes
    device.took_ticket(again, 0)
    device.took_ticket(PROBER.admitted(seq=6), 0)
    with pytest.raises(NotAdmitted):
        device.allowed_bytes(again, 0)


def test_trust_is_by_key() -> None:
    """What is trusted is a key's id, that of the portal here."""
    assert list(TRUSTED) == [PORTAL.public.key_id]
