"""What is known around a measurement: whose bytes, which flaws, which context."""

import pytest

from probe.context import context, ended_as, own_bytes
from probe.flaws import HostFacts
from probe.measure.outcome import Measured
from shared.strictjson import JsonObject


def test_traffic_of_others_beside_a_download() -> None:
    """Bytes beyond the measurement's own are a flaw; its own are none, in the direction it moved them."""
    quiet, busy = (HostFacts("wwan0", "cellular", rx, 0) for rx in (1_020_000, 2_000_000))
    before = HostFacts("wwan0", "cellular", 0, 0)
    download = Measured("ok", {"received_bytes": 1_000_000})
    assert "flaws" not in ended_as("download", download, before, quiet, 1_000_000)
    assert ended_as("download", download, before, busy, 1_000_000)["flaws"] == ["cross_traffic"]
    assert ended_as("upload", download, before, quiet, 1_000_000)["flaws"] == ["cross_traffic"]


@pytest.mark.parametrize(
    ("method", "members", "own"),
    [
        ("download", {"received_bytes": 5, "sent_bytes": 7}, (5, 0)),
        ("fetch", {"received_bytes": 5}, (5, 0)),
        ("upload", {"received_bytes": 5, "sent_bytes": 7}, (0, 7)),
        ("latency", {"received_bytes": 5}, (0, 0)),
        ("download", {}, (0, 0)),
        ("download", {"received_bytes": "5"}, (0, 0)),
    ],
)
def test_whose_bytes(method: str, members: JsonObject, own: tuple[int, int]) -> None:
    """A measurement's own bytes are those its record says."""
    assert own_bytes(method, members) == own


def test_what_the_host_does_not_tell_is_absent() -> None:
    """A phone that tells nothing leaves only the kind of link; a counter that was set back tells nothing."""
    mute = HostFacts(None, "other")
    assert context(mute, mute) == {"network_type": "other"}
    assert "if_rx_bytes" not in context(HostFacts("a", "vpn", rx_bytes=9), HostFacts("a", "vpn", rx_bytes=8))
