"""Where a measurement peer is found. Data only."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """One measurement peer: its HTTP root, its STAMP reflector, its own authority for TLS if it has one, and its key's id."""

    http_url: str
    udp_host: str
    udp_port: int
    name: str
    tls_ca: Path | None = None
    key_id: str | None = None
