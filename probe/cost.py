"""What a test cost, as well as its record tells. Pure."""

from probe.catalogue import METHODS
from probe.context import own_bytes
from probe.errands import Test
from shared.record import Record
from shared.strictjson import JsonObject


def cost_of(test: Test, told: JsonObject) -> int:
    """What a test used, both directions together, as well as is known: never more than its plan allows.

    The interface's own count is the best there is, though other programs are in it; without one, what the test counted; of
    one that failed before it counted anything, nothing.
    """
    worst_bytes = METHODS[test.method].cost_bytes(test.plan)
    record = Record(b"", told, 0)
    if record.text("end") == "not_started":
        return 0
    around = Record(b"", dict(ctx) if isinstance(ctx := told.get("ctx"), dict) else {}, 0)
    rx_bytes, tx_bytes = around.integer("if_rx_bytes"), around.integer("if_tx_bytes")
    if rx_bytes is not None and tx_bytes is not None:
        return min(worst_bytes, rx_bytes + tx_bytes)
    own_rx, own_tx = own_bytes(test.method, told)
    own = (own_rx or 0) + (own_tx or 0)
    return min(worst_bytes, own) if own or record.text("end") == "failed" else worst_bytes
