"""What a test is booked with: the interface's count, else its own, never more than its plan allows."""

import pytest

from probe.catalogue import METHODS
from probe.cost import cost_of
from probe.errands import Test as Asked
from shared.strictjson import JsonObject

DOWNLOAD = Asked("download", "light", "heavy")
WORST = METHODS["download"].cost_bytes("light")


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"end": "not_started", "reason": "paused"}, 0),
        ({"end": "ok", "ctx": {"if_rx_bytes": 5_000, "if_tx_bytes": 300}, "received_bytes": 4_000}, 5_300),
        ({"end": "ok", "ctx": {"if_rx_bytes": 10**12, "if_tx_bytes": 0}}, WORST),
        ({"end": "ok", "ctx": {"if_rx_bytes": 5_000}, "received_bytes": 4_000}, 4_000),
        ({"end": "ok", "received_bytes": 4_000}, 4_000),
        ({"end": "ok", "tcp_rx_bytes": 4_000, "tcp_tx_bytes": 500}, 4_500),
        ({"end": "ok"}, WORST),
        ({"end": "aborted"}, WORST),
        ({"end": "failed", "failure": "connection_refused"}, 0),
        ({"end": "failed", "received_bytes": 9}, 9),
    ],
)
def test_what_a_test_cost(told: JsonObject, cost: int) -> None:
    """What is known counts; of what is not known the worst; what failed at once cost nothing."""
    assert cost_of(DOWNLOAD, told) == cost
