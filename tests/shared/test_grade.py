"""A record is counter-signed exactly if its peer vouches for it in every point, and says why if not."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.cosign import DUR_US, OTHER_PEER, PAYLOAD_BYTES, PEER, SID, bearing, download, transfer
from hypothesis import given
from hypothesis import strategies as st
from strategies import DEVICE, OTHER_DEVICE, json_values, key_of_scalar

from shared import strictjson
from shared.dsse import b64, b64_exact, pae
from shared.grade import DIRECTION, NOBODY, Grade, Graded, Reason, differs, grade, trusting, unless_used
from shared.keys import PublicKey
from shared.record import Record, read_record, write_record
from shared.strictjson import Json, JsonObject
from shared.transfer import Direction

SHARED = Path(os.environ.get("SPEEDPROOF_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
GOLDEN = SHARED / "vectors" / "integrity"
DEV = DEVICE.public.key_id
PEERS = trusting([PEER.public])
SESSION = f"{DEV}/{PEER.public.key_id}/{SID}"
OTHER_SID = "01JD8Z7Q4T9XK2M5N6P7R8S9T1"


def record_of(members: JsonObject, seq: int = 7) -> Record:
    """A record as it is read back."""
    return read_record(write_record({**members, "seq": seq})[:-1])


def graded(members: JsonObject, dev: str = DEV) -> Graded:
    """The grade of a record of a transfer."""
    found = grade(record_of(members), dev, PEERS)
    assert found is not None
    return found


def reason(members: JsonObject) -> Reason | None:
    """Why a record is one-sided, None if it is counter-signed."""
    found = graded(members)
    assert (found.reason is None) == (found.grade is Grade.COUNTER_SIGNED)
    return found.reason


def without(members: JsonObject, *names: str) -> JsonObject:
    """Members less some."""
    return {name: value for name, value in members.items() if name not in names}


def with_co(**changed: Json) -> JsonObject:
    """A good record with something else in its `co`."""
    members = download(DEV)
    co = members["co"]
    assert isinstance(co, dict)
    return {**members, "co": {**co, **changed}}


def signed_text(payload: bytes) -> JsonObject:
    """A record that bears whatever the peer signed."""
    key = PEER.public.key_id[:16]
    return with_co(k=key, p=b64(payload), s=b64(PEER.sign(pae(payload))))


def test_what_both_ends_say_is_counter_signed() -> None:
    """A record whose peer counted the same is counter-signed, and uses its session up."""
    assert graded(download(DEV)) == Graded(Grade.COUNTER_SIGNED, None, SESSION)
    up: JsonObject = {"dur_us": DUR_US, "end": "ok", "method": "upload", "received_bytes": PAYLOAD_BYTES}
    told = transfer(DEV, direction=Direction.UP, acked_bytes=None, received_bytes=PAYLOAD_BYTES, min_rtt_us=None)
    assert reason(bearing(up, told)) is None
    assert reason(download(DEV, seq=7, probe_bytes=PAYLOAD_BYTES)) is None


@pytest.mark.parametrize("end", ["failed", "aborted", "interrupted"])
def test_a_transfer_that_failed_is_graded_by_what_it_moved(end: str) -> None:
    """How a transfer ended makes no difference to who vouches for it."""
    assert reason(download(DEV) | {"end": end}) is None


ONE_SIDED: dict[Reason, Callable[[], list[JsonObject]]] = {
    Reason.NO_COUNTER_SIGNATURE: lambda: [without(download(DEV), "co"), without(download(DEV), "co", "sid")],
    Reason.UNREADABLE: lambda: [
        download(DEV) | {"co": "signed, the peer"},
        with_co(p=7),
        with_co(k=[]),
        with_co(s="AA="),
        download(DEV) | {"co": {}},
        signed_text(b"{}"),
        signed_text(transfer(DEV).encode().replace(b"transfer/v1", b"batch/v1")),
        signed_text(transfer(DEV).encode().replace(SID.encode(), OTHER_SID.encode())),
        signed_text(transfer(DEV).encode().replace(b'"dur_us":1020000', b'"dur_us":-1')),
    ],
    Reason.UNKNOWN_PEER: lambda: [
        bearing(download(DEV), transfer(DEV), OTHER_PEER),
        with_co(k=PEER.public.key_id),
        with_co(k=""),
    ],
    Reason.BAD_SIGNATURE: lambda: [
        with_co(p=b64(transfer(DEV, t_us=1).encode())),
        with_co(s=b64(OTHER_PEER.sign(pae(transfer(DEV).encode())))),
        with_co(s=b64(PEER.sign(transfer(DEV).encode()))),
        with_co(s=""),
    ],
    Reason.OTHER_DEVICE: lambda: [download(OTHER_DEVICE.public.key_id)],
    Reason.OTHER_DIRECTION: lambda: [
        download(DEV) | {"method": "upload"},
        download(DEV, direction=Direction.UP, received_bytes=PAYLOAD_BYTES),
    ],
    Reason.OTHER_START: lambda: [download(DEV, seq=6)],
    Reason.OTHER_SESSION: lambda: [download(DEV) | {"sid": OTHER_SID}, without(download(DEV), "sid")],
    Reason.NO_FIGURES: lambda: [
        without(download(DEV), "received_bytes"),
        without(download(DEV), "dur_us"),
        download(DEV) | {"received_bytes": -1},
        download(DEV) | {"dur_us": -1},
        download(DEV) | {"received_bytes": "1250000"},
    ],
    Reason.NOT_COUNTED: lambda: [download(DEV, acked_bytes=None, probe_bytes=PAYLOAD_BYTES)],
    Reason.OTHER_COUNT: lambda: [
        download(DEV, probe_bytes=PAYLOAD_BYTES - 1),
        download(DEV, probe_bytes=PAYLOAD_BYTES + 1),
    ],
    Reason.OTHER_SERIES: lambda: [
        download(DEV) | {"t_us": [9, DUR_US], "bytes": [1, PAYLOAD_BYTES - 65_537]},
        download(DEV) | {"t_us": [9, DUR_US], "bytes": [1, PAYLOAD_BYTES + 1]},
        download(DEV) | {"t_us": [9, DUR_US + 1], "bytes": [1, PAYLOAD_BYTES]},
        download(DEV) | {"flow_t_us": [[9], [9]], "flow_bytes": [[1], [1]]},
    ],
    Reason.BYTES_APART: lambda: [download(DEV) | {"received_bytes": 0}, download(DEV, acked_bytes=0)],
    Reason.DURATION_APART: lambda: [download(DEV) | {"dur_us": 0}, download(DEV, dur_us=2 * DUR_US)],
}


@pytest.mark.threat("T8")
@pytest.mark.parametrize("why", ONE_SIDED)
def test_one_sided_for_its_reason(why: Reason) -> None:
    """What the peer does not bear out is one-sided, for the first thing that is wrong with it."""
    assert [reason(members) for members in ONE_SIDED[why]()] == [why] * len(ONE_SIDED[why]())


def test_every_reason_is_seen() -> None:
    """No reason stands in the vocabulary that cannot occur."""
    assert set(ONE_SIDED) | {Reason.SESSION_REUSED} == set(Reason)


def test_nobody_is_trusted_by_himself() -> None:
    """Where no peer is trusted nothing is counter-signed."""
    found = grade(record_of(download(DEV)), DEV, NOBODY)
    assert found == Graded(Grade.ONE_SIDED, Reason.UNKNOWN_PEER)


@pytest.mark.parametrize("method", ["latency", "fetch", "dns", "path", ""])
def test_no_transfer_no_grade(method: str) -> None:
    """A record of another method has no grade, whatever it bears, and neither has a transfer that was never started."""
    assert grade(record_of(download(DEV) | {"method": method}), DEV, PEERS) is None
    assert grade(record_of(download(DEV) | {"end": "not_started"}), DEV, PEERS) is None


@pytest.mark.parametrize(
    ("counted", "apart", "near"),
    [
        (10_000_000, 262_144, True),
        (10_000_000, 262_145, False),
        (0, 262_144, True),
        (0, 262_145, False),
        (13_107_200, 262_144, True),  # 2 % of it, to the byte
        (13_107_200, 262_145, False),
        (100_000_000, 2_000_000, True),
        (100_000_000, 2_000_001, False),
        (100_000_049, 2_000_000, True),  # 2 % is 2 000 000.98
        (100_000_049, 2_000_001, False),
    ],
)
def test_how_far_counts_may_be_apart(counted: int, apart: int, near: bool) -> None:
    """Counts may differ by 256 KiB or by 2 % of the peer's, whichever is more, and not by a byte more."""
    found = [
        reason(download(DEV, acked_bytes=counted) | {"received_bytes": received})
        for received in (counted - apart, counted + apart)
        if received >= 0
    ]
    assert set(found) == {None if near else Reason.BYTES_APART}


@pytest.mark.parametrize("min_rtt_us", [None, 0, 30_001])
def test_how_far_durations_may_be_apart(min_rtt_us: int | None) -> None:
    """Durations may differ by two round trips and 100 ms, and not by a microsecond more."""
    most_us = 2 * (min_rtt_us or 0) + 100_000
    for apart_us, why in ((most_us, None), (most_us + 1, Reason.DURATION_APART)):
        for dur_us in (DUR_US - apart_us, DUR_US + apart_us):
            assert reason(download(DEV, dur_us=dur_us, min_rtt_us=min_rtt_us)) is why


@pytest.mark.threat("T6")
def test_a_session_counts_once() -> None:
    """A session that an earlier record bore vouches for no other, and its statement says nothing of that one."""
    found = graded(download(DEV, rwnd_limited_pm=900))
    assert unless_used(found, set()) == found
    assert unless_used(found, {SESSION + "x"}) == found
    assert unless_used(found, {SESSION}) == Graded(Grade.ONE_SIDED, Reason.SESSION_REUSED, SESSION)
    bare = graded(without(download(DEV), "co"))
    assert unless_used(bare, {SESSION}) == bare


def test_sessions_of_peers_and_devices_are_their_own() -> None:
    """Neither another device's nor another peer's statement uses a session up."""
    assert graded(download(OTHER_DEVICE.public.key_id)).session is None
    both = trusting([PEER.public, OTHER_PEER.public])
    found = grade(record_of(bearing(download(DEV), transfer(DEV), OTHER_PEER)), DEV, both)
    assert found is not None
    assert found.grade is Grade.COUNTER_SIGNED
    assert found.session != SESSION


@pytest.mark.threat("T8")
def test_a_genuine_statement_is_used_up_even_where_it_does_not_fit() -> None:
    """Trying out one statement on several records until one fits does not work."""
    for members in (download(DEV, seq=6), download(DEV) | {"sid": OTHER_SID}, download(DEV) | {"dur_us": 0}):
        assert graded(members).session == SESSION


@pytest.mark.threat("T9")
@pytest.mark.parametrize(
    ("limited_pm", "limited"), [(None, False), (0, False), (200, False), (201, True), (1000, True)]
)
def test_a_slow_reader_is_told_from_a_slow_line(limited_pm: int | None, limited: bool) -> None:
    """A device that kept its peer waiting for more than a fifth of the time is said to have limited the transfer."""
    assert graded(download(DEV, rwnd_limited_pm=limited_pm)).receiver_limited is limited
    assert graded(download(DEV, rwnd_limited_pm=limited_pm) | {"dur_us": 0}).receiver_limited is limited
    assert not graded(download(DEV, rwnd_limited_pm=limited_pm) | {"sid": OTHER_SID}).receiver_limited


def test_an_upload_is_not_limited_by_its_sender() -> None:
    """The peer's send window in an upload is about its own few messages, so it shows nothing."""
    up: JsonObject = {"dur_us": DUR_US, "end": "ok", "method": "upload", "received_bytes": PAYLOAD_BYTES}
    told = transfer(DEV, direction=Direction.UP, acked_bytes=None, received_bytes=PAYLOAD_BYTES, rwnd_limited_pm=900)
    assert graded(bearing(up, told)) == Graded(Grade.COUNTER_SIGNED, None, SESSION)


@given(st.sampled_from("kps"), st.integers(min_value=0), st.integers(1, 255))
def test_no_flipped_byte_is_counter_signed(member: str, place: int, flip: int) -> None:
    """A byte of the counter-signature changed, in its text or in what the text encodes, is never counter-signed."""
    members = download(DEV)
    co = members["co"]
    assert isinstance(co, dict)
    text = str(co[member])
    spelt = bytearray(text.encode())
    spelt[place % len(spelt)] ^= flip
    texts = [spelt.decode("latin-1")]
    if member != "k":
        data = bytearray(b64_exact(text))
        data[place % len(data)] ^= flip
        texts.append(b64(bytes(data)))
    for changed in texts:
        assert graded({**members, "co": {**co, member: changed}}).grade is Grade.ONE_SIDED


@given(json_values)
def test_anything_may_stand_in_a_record(value: Json) -> None:
    """Whatever a device puts in the place of a counter-signature, its record has a grade, and not the better one."""
    assert graded(download(DEV) | {"co": value}).grade is Grade.ONE_SIDED
    assert graded(with_co(p=value)).grade is Grade.ONE_SIDED


def test_methods_and_directions() -> None:
    """The methods that are graded are the ones a peer counter-signs."""
    assert {method: way.value for method, way in DIRECTION.items()} == {"download": "down", "upload": "up"}


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden vectors in {GOLDEN}")
def test_the_golden_statement() -> None:
    """A record that says what the golden statement says is counter-signed by the golden peer."""
    golden = json.loads((GOLDEN / "golden.json").read_bytes())
    peer = PublicKey.from_pem((GOLDEN / "peer.pub.pem").read_bytes())
    payload = (GOLDEN / "transfer.statement.json").read_bytes()
    key = key_of_scalar(int(golden["test_only_keys"]["peer"]["private_scalar_hex"], 16))
    said = strictjson.decode(payload)["predicate"]
    assert isinstance(said, dict)
    members: JsonObject = {
        "co": {"k": peer.key_id[:16], "p": b64(payload), "s": b64(key.sign(pae(payload)))},
        "dur_us": said["dur_us"],
        "end": "ok",
        "method": "download",
        "received_bytes": said["probe_bytes"],
        "sid": said["sid"],
    }
    dev = golden["test_only_keys"]["device_a"]["key_id"]
    found = grade(record_of(members), dev, trusting([peer]))
    assert found == Graded(Grade.COUNTER_SIGNED, None, f"{dev}/{peer.key_id}/{said['sid']}")


@pytest.mark.parametrize(
    ("members", "told", "reason"),
    [
        ({}, {}, None),
        ({"method": "loaded_latency"}, {"acked_bytes": 1}, None),
        ({"method": "upload"}, {}, Reason.OTHER_DIRECTION),
        ({"received_bytes": 10_000_000}, {}, Reason.BYTES_APART),
        ({"dur_us": 9_000_000}, {}, Reason.DURATION_APART),
        ({}, {"probe_bytes": 7}, Reason.OTHER_COUNT),
        ({}, {"acked_bytes": None}, None),
    ],
)
def test_what_a_record_without_its_counter_signature_says_otherwise(
    members: JsonObject, told: dict[str, object], reason: Reason | None
) -> None:
    """A record that leaves its peer's word out is held beside it all the same; without figures nothing shows."""
    bare = without(download(DEV), "co") | members
    assert differs(record_of(bare), transfer(DEV, **told)) is reason
    assert differs(record_of(without(bare, "received_bytes") | {"end": "aborted"}), transfer(DEV)) in {
        None,
        Reason.OTHER_DIRECTION,
    }
