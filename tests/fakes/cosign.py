"""A peer that counter-signs, and records that bear its word. TEST ONLY keys."""

from pathlib import Path

from strategies import key_of_scalar

from shared.dsse import read_envelope
from shared.keys import FileKey
from shared.strictjson import JsonObject
from shared.transfer import Direction, TransferStatement, co_member

PEER = key_of_scalar(0x9EE5)
OTHER_PEER = key_of_scalar(0x9EE6)
SID = "01JD8Z7Q4T9XK2M5N6P7R8S9T0"
PAYLOAD_BYTES = 1_250_000
DUR_US = 1_000_000


def transfer(dev: str, **changed: object) -> TransferStatement:
    """What an honest peer says of a download of 1 250 000 bytes in a second."""
    told: dict[str, object] = {
        "acked_bytes": PAYLOAD_BYTES + 2_000,
        "dev": dev,
        "direction": Direction.DOWN,
        "dur_us": DUR_US + 20_000,
        "min_rtt_us": 30_000,
        "peer": "peer1.example",
        "rwnd_limited_pm": 3,
        "sid": SID,
        "t_us": 1_800_000_000_000_000,
    }
    return TransferStatement(**{**told, **changed})  # type: ignore[arg-type]


def bearing(members: JsonObject, statement: TransferStatement, key: FileKey = PEER) -> JsonObject:
    """A record's members with the statement in them, and with its session."""
    return {**members, "co": co_member(read_envelope(statement.seal(key))), "sid": statement.sid}


def download(dev: str, **changed: object) -> JsonObject:
    """A finished download whose peer vouches for it, less what is `changed` in the peer's word."""
    members: JsonObject = {
        "dur_us": DUR_US,
        "end": "ok",
        "method": "download",
        "received_bytes": PAYLOAD_BYTES,
        "slot": 2_000_000,
        "wall_us": 1_800_000_000_000_000,
    }
    return bearing(members, transfer(dev, **changed))


def trust(data: Path, *keys: FileKey) -> None:
    """Put peers' public keys where a collector over this folder looks for them."""
    folder = data / "keys" / "peers"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for key in keys:
        (folder / f"{key.public.key_id[:8]}.pem").write_bytes(key.public.to_pem())
