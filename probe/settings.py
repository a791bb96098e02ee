"""What whoever runs this device may set: the names and objects to look at besides the peer's. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings; each default is what a device does that nobody has set anything on."""

    names: tuple[str, ...] = ()  # `dns`: looked up besides the peer's and the collector's
    resolver: str | None = None  # `dns`: address, or address and port, of a resolver to ask besides the system's
    urls: tuple[str, ...] = ()  # `fetch`: ordinary HTTPS objects, besides the peer's
