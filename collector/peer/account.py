"""The account of one transfer: what moved and why it ended. Pure; `transfers` keeps the places."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class End(StrEnum):
    """Why a transfer ended."""

    COMPLETE = "complete"
    DURATION = "duration"
    BYTE_CAP = "byte_cap"
    EARLY_EXIT = "early_exit"
    CLIENT_CLOSED = "client_closed"
    CLIENT_GONE = "client_gone"  # end of stream or reset, without a closing handshake
    PROTOCOL_ERROR = "protocol_error"
    DECLINED = "declined"
    FAULT = "fault"  # the deliberate one was carried out
    HARD_STOP = "hard_stop"
    PEER_STOPPED = "peer_stopped"
    PEER_FAILED = "peer_failed"


@dataclass(slots=True)
class Meter:
    """The running counts of one transfer: payload bytes, as this side counts them."""

    sent_bytes: int = 0
    received_bytes: int = 0
    end: End = End.COMPLETE
    cc: str = ""  # the congestion control by which this side sends, where it is known


@dataclass(frozen=True, slots=True)
class Transfer:
    """One finished transfer."""

    kind: str
    client: str
    wall_us: int
    dur_us: int
    sent_bytes: int
    received_bytes: int
    end: End
    cc: str = ""


def log_line(transfer: Transfer) -> str:
    """A finished transfer as one line of JSON."""
    return json.dumps(asdict(transfer), separators=(",", ":")) + "\n"


def address_text(address: object) -> str:
    """A socket address as `host:port`, an IPv6 host in brackets; `unknown` once it is gone."""
    match address:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return "unknown"
