"""The account of one connection."""

import hashlib

from collector.peer.account import End
from collector.peer.flows import FlowAccount
from collector.peer.stream import Allowance, Metered, Nothing
from shared.transfer import Direction, KeyStream


def download(allowed: int = 1000) -> FlowAccount:
    """The account of a download."""
    return FlowAccount(Direction.DOWN, Metered(KeyStream(bytes(32)), Allowance(allowed)), began_us=10, grew_us=10)


def upload(*, hashing: bool = True) -> FlowAccount:
    """The account of an upload that may move 100 bytes."""
    return FlowAccount(Direction.UP, Metered(Nothing(), Allowance(100)), began_us=10, grew_us=10, hashing=hashing)


def test_a_download_is_counted_as_it_is_taken() -> None:
    """What was taken from the stream has moved, and is no longer left."""
    flow = download()
    flow.stream.take(400)
    assert (flow.moved_bytes, flow.left_bytes) == (400, 600)


def test_an_upload_is_counted_and_hashed_as_it_comes() -> None:
    """Count and hash are of everything received, in whatever pieces and kinds of buffer it came."""
    flow = upload()
    flow.received(memoryview(b"abc"), 20)
    flow.received(bytearray(b"d"), 30)
    assert (flow.moved_bytes, flow.left_bytes, flow.grew_us) == (4, 96, 30)
    assert flow.digest == hashlib.sha256(b"abcd").digest()


def test_what_came_beyond_the_allowance_did_come() -> None:
    """More than is allowed is counted all the same; then nothing is left."""
    flow = upload()
    flow.received(bytes(300), 20)
    assert (flow.moved_bytes, flow.left_bytes) == (300, 0)


def test_an_anonymous_upload_is_not_hashed() -> None:
    """Nobody will sign it, so nobody spends the time."""
    flow = upload(hashing=False)
    flow.received(b"abc", 20)
    assert flow.digest == hashlib.sha256().digest()


def test_a_download_grows_when_more_is_acknowledged() -> None:
    """Its last growth is the last poll that saw a higher count, not the last poll."""
    flow = download()
    for now_us, acked in ((100, 500), (200, 900), (300, 900), (400, 900)):
        flow.polled({"BytesAcked": acked}, now_us)
    assert flow.grew_us == 200


def test_an_upload_does_not_grow_by_its_texts() -> None:
    """What the peer's own texts were acknowledged for is no part of an upload."""
    flow = upload()
    flow.polled({"BytesAcked": 500}, 100)
    assert flow.grew_us == 10


def test_the_kernels_last_word_may_be_none() -> None:
    """After a reset the kernel tells nothing or zeros; what it told before stays, and the least round trip too."""
    flow = download()
    assert flow.told("BytesAcked") is None
    flow.polled({"BytesAcked": 500, "MinRTT": 30, "BytesRetrans": 7}, 100)
    flow.polled({"BytesAcked": 600, "MinRTT": 40, "BytesRetrans": 7}, 200)
    flow.polled({}, 300)
    flow.polled({"BytesAcked": 0, "BytesRetrans": 0}, 400)
    assert [flow.told(name) for name in ("BytesAcked", "MinRTT", "BytesRetrans")] == [600, 30, 7]
    assert flow.grew_us == 200


def test_the_first_end_stays() -> None:
    """A connection ends once."""
    flow = download()
    flow.closed(End.DURATION, 100)
    flow.closed(End.CLIENT_GONE, 200)
    assert (flow.end, flow.ended_us) == (End.DURATION, 100)
