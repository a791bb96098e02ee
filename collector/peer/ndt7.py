"""ndt7 (specification v0.11), the server's part: what a client may ask, and what a text says.

Three query fields are read: `early_exit=250` of the specification, and two of ours that any other client simply does
not send: `max_bytes` and `max_ms` end the test sooner. The server may end an ndt7 test at any time, so both keep within
the specification.
"""

from collections.abc import Mapping
from typing import Final

from collector.peer.errors import BadRequest
from collector.peer.loadtest import Dialect, LoadTest, Pauses, Plan
from collector.peer.query import integer, integer_field

SUBPROTOCOL: Final = "net.measurementlab.ndt.v7"
DURATION_US: Final = 10_000_000
PAUSES: Final = Pauses(mean_us=250_000, least_us=25_000, most_us=625_000)  # as ndt-server does
CONGESTION: Final = "bbr"  # as ndt-server does

_EARLY_EXIT: Final = "250"
_EARLY_EXIT_BYTES: Final = 250_000_000


def parse_plan(fields: Mapping[str, str]) -> Plan:
    """Read the query of a test. Raises BadRequest; a key without meaning here is the client's metadata."""
    early_exit = fields.get("early_exit", _EARLY_EXIT)
    if early_exit != _EARLY_EXIT:
        raise BadRequest(f"early_exit can only be {_EARLY_EXIT}")
    return Plan(
        duration_us=integer_field(fields, "max_ms", DURATION_US // 1000, 1, DURATION_US // 1000) * 1000,
        pauses=PAUSES,
        max_bytes=integer(fields["max_bytes"], "max_bytes", 1) if "max_bytes" in fields else None,
        acked_bytes=_EARLY_EXIT_BYTES if "early_exit" in fields else None,
        congestion=CONGESTION,
    )


def words(
    test: LoadTest,
    now_us: int,
    connection: Mapping[str, str],
    tcp_info: Mapping[str, int],
    first: bool,  # noqa: FBT001
) -> dict[str, object]:
    """What a text says, in the names of the specification; no TCPInfo where the kernel tells nothing."""
    text: dict[str, object] = {
        "AppInfo": {"ElapsedTime": now_us, "NumBytes": test.moved_bytes},
        "ConnectionInfo": {name: connection[name] for name in ("Client", "Server", "UUID", "StartTime")},
        "Origin": "server",
        "Test": str(test.direction),
    }
    if tcp_info:
        text["TCPInfo"] = {**tcp_info, "ElapsedTime": now_us}
    if first and connection["CC"]:
        text["CC"] = connection["CC"]
    return text


DIALECT: Final = Dialect("ndt7", SUBPROTOCOL, "/ndt/v7", parse_plan, words)
