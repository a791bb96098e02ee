"""What stands around a measurement in its record: host and link before and after, whose bytes, which flaws. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from probe.flaws import HostFacts, cpu_busy_per_mille, flaws, grown
from probe.measure.outcome import Measured
from shared.kpi import window_us
from shared.record import End, Record
from shared.strictjson import Json, JsonObject

# HTTP: what the peer answers when it is not the line's turn: too many tests, no ticket, more than this device may move.
REFUSED = {503: "peer_busy", 403: "not_admitted", 429: "over_limit"}
ASKING_BYTES = 32_768  # asking for a ticket and for the peer's word, each way at most
SETTLING = ("evidence", "standard")
NETWORK_TYPE = {"cellular": "mobile", "wifi": "wifi", "loopback": "none"}


@dataclass(frozen=True, slots=True)
class Lull:
    """What was seen of the link in the moment before a heavy test."""

    watched_us: int
    rx_bytes: int | None
    tx_bytes: int | None
    quiet_us: int | None  # for how long nothing had crossed the link when the test began, as far as it was watched


def ended_as(
    method: str, measured: Measured, before: HostFacts, after: HostFacts, took_us: int, lull: Lull | None = None
) -> JsonObject:
    """The members of a measurement that ran: its own, its context, its flaws."""
    members: JsonObject = {name: cast("Json", value) for name, value in measured.members.items()}
    own_rx, own_tx = own_bytes(method, members)
    status = members.get("status") if members.get("host") != "foreign" else None  # another's server is not our peer
    if measured.end == "failed" and isinstance(status, int) and status in REFUSED:
        told = context(before, after, lull)
        return {"ctx": told, "end": End.NOT_STARTED.value, "reason": REFUSED[status], "status": status}
    failure = members.get("failure") if members.get("host") != "foreign" else None
    found = flaws(
        before,
        after,
        own_rx,
        own_tx,
        took_us,
        failure if isinstance(failure, str) else None,
        status if isinstance(status, int) else None,
        _count(members, "gap_pm"),
        _settled_us(members) if measured.end == "ok" else None,
    )
    if found:
        members["flaws"] = list(found)
    return members | {"ctx": context(before, after, lull), "end": measured.end}


def own_bytes(method: str, members: Mapping[str, Json]) -> tuple[int | None, int | None]:
    """The bytes a measurement itself received and sent; None if nobody knows."""
    asking = ASKING_BYTES if "sid" in members or "ticket" in members else 0
    if "tcp_rx_bytes" in members:
        return _count(members, "tcp_rx_bytes") + asking, _count(members, "tcp_tx_bytes") + asking
    match method:
        case "upload":
            return 0, _count(members, "sent_bytes")
        case "download" | "fetch":
            return _count(members, "received_bytes"), 0
        case "ookla" if "down_bytes" in members:
            return _count(members, "down_bytes"), _count(members, "up_bytes")
        case "ookla" | "loaded_latency":
            return None, None
        case _:
            return 0, 0


def _settled_us(members: JsonObject) -> int | None:
    """How long the window is from which a long transfer's rate is taken; None for other measurements."""
    if members.get("plan") not in SETTLING or "protocol" not in members:
        return None
    window = window_us(Record(b"", members, 0))
    return 0 if window is None else window[1] - window[0]


def _count(members: Mapping[str, Json], name: str) -> int:
    value = members.get(name, 0)
    return value if isinstance(value, int) else 0


def context(before: HostFacts, after: HostFacts, lull: Lull | None = None) -> JsonObject:
    """What is known of host and link around a measurement; what is not known is absent."""
    told: dict[str, Json | None] = {
        "cpu_pm": cpu_busy_per_mille(before, after),
        "if_rx_bytes": grown(before.rx_bytes, after.rx_bytes),
        "if_tx_bytes": grown(before.tx_bytes, after.tx_bytes),
        "interface": after.interface,
        "load_pm": after.load_per_mille,
        "mem_available_bytes": after.memory_available_bytes,
        "network_type": NETWORK_TYPE.get(after.kind, "other"),
    }
    if before.interface != after.interface:
        told["interface_before"] = before.interface
    if lull is not None:
        told |= {
            "before_us": lull.watched_us,
            "before_rx_bytes": lull.rx_bytes,
            "before_tx_bytes": lull.tx_bytes,
            "quiet_us": lull.quiet_us,
            "load_before_pm": before.load_per_mille,
        }
    return {name: value for name, value in told.items() if value is not None}
