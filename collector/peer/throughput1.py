"""throughput1 (M-Lab msak), the server's part: what a client may ask, and what a text says.

One WebSocket is one flow; the flows of a test share `mid`. `duration` is in ms. Three fields of ours, which any other
client simply does not send: `wake_ms`, how long to trickle before the load, `burst_bytes`, how large some messages of
the trickle are, and `text_ms`, the time between texts.
"""

from collections.abc import Mapping
from typing import Final

from collector.peer.errors import BadRequest
from collector.peer.loadtest import MOST_BURST_BYTES, Dialect, Direction, LoadTest, Pauses, Plan
from collector.peer.query import integer, integer_field

SUBPROTOCOL: Final = "net.measurementlab.throughput.v1"
DURATION_MS: Final = 5_000
LONGEST_MS: Final = 25_000
MOST_FLOWS: Final = 64
LEAST_TEXT_MS: Final = 20
PAUSES: Final = Pauses(mean_us=250_000, least_us=100_000, most_us=400_000)
CONGESTION: Final = ("reno", "cubic", "bbr")
_FIRST_BYTES: Final = 1 << 10


def parse_plan(fields: Mapping[str, str]) -> Plan:
    """Read the query of a flow. Raises BadRequest; a key without meaning here is the client's metadata."""
    if not fields.get("mid"):
        raise BadRequest("mid is missing: it tells the flows of one test from others")
    if "streams" not in fields:
        raise BadRequest("streams is missing: the number of flows of this test")
    integer(fields["streams"], "streams", 1, MOST_FLOWS)
    congestion = fields.get("cc", "")
    if congestion not in {"", *CONGESTION}:
        raise BadRequest(f"cc must be one of {', '.join(CONGESTION)}")
    most_us = PAUSES.most_us if "text_ms" not in fields else 0
    text_us = most_us or integer(fields["text_ms"], "text_ms", LEAST_TEXT_MS, LONGEST_MS) * 1000
    duration_us = integer_field(fields, "duration", DURATION_MS, 1, LONGEST_MS) * 1000
    return Plan(
        duration_us=duration_us,
        pauses=PAUSES if most_us else Pauses(text_us, text_us, text_us),
        max_bytes=integer(fields["bytes"], "bytes", 1) if fields.get("bytes", "0") != "0" else None,
        wake_us=min(integer_field(fields, "wake_ms", 0, 0, LONGEST_MS) * 1000, duration_us),
        burst_bytes=integer_field(fields, "burst_bytes", 0, 0, MOST_BURST_BYTES),
        first_bytes=_FIRST_BYTES,
        least_bytes=1,
        congestion=congestion,
    )


def words(
    test: LoadTest,
    now_us: int,
    connection: Mapping[str, str],
    tcp_info: Mapping[str, int],
    first: bool,  # noqa: FBT001
) -> dict[str, object]:
    """What a text says: the application's bytes and the kernel's apart; who and how only in the first."""
    down = test.direction is Direction.DOWNLOAD
    text: dict[str, object] = {
        "Application": {"BytesSent": test.moved_bytes if down else 0, "BytesReceived": 0 if down else test.moved_bytes},
        "ElapsedTime": now_us,
    }
    if tcp_info:
        sent, received = tcp_info.get("BytesSent", 0), tcp_info.get("BytesReceived", 0)
        text["Network"] = {"BytesSent": sent, "BytesReceived": received}
        text["TCPInfo"] = {**tcp_info, "ElapsedTime": now_us}
    if first:
        text |= {
            "CC": connection["CC"],
            "UUID": connection["UUID"],
            "LocalAddr": connection["Server"],
            "RemoteAddr": connection["Client"],
        }
    return text


DIALECT: Final = Dialect("throughput1", SUBPROTOCOL, "/throughput/v1", parse_plan, words)
