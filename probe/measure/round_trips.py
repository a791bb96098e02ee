"""Round trips on the connections that carry a load, as the kernel of whoever sends smooths them. Pure.

Ours in an upload; in a download the peer's, as its texts tell: nobody but the peer can vouch for them. They do not hold
what waits in the sender's own buffer.
"""

from dataclasses import dataclass, field

from probe.measure.claims import FalseClaim, read_message
from probe.measure.download import Download

SELF_EVERY_US = 200_000  # between two of one connection: what is smoothed changes no faster
TEXT_US = 500_000  # as often the peer tells its own


@dataclass(slots=True)
class RoundTrips:
    """Round trips of the loaded connections, by whichever kernel tells them; thin enough for a record."""

    at_us: list[int] = field(default_factory=list)
    rtt_us: list[int] = field(default_factory=list)
    _last_us: dict[int, int] = field(default_factory=dict)

    def note(self, number: int, rtt_us: int, now_us: int) -> None:
        """Take what a kernel says of connection `number`; 0 is that it does not."""
        if rtt_us > 0 and now_us - self._last_us.get(number, -SELF_EVERY_US) >= SELF_EVERY_US:
            self._last_us[number] = now_us
            self.at_us.append(now_us)
            self.rtt_us.append(rtt_us)


@dataclass(slots=True)
class ToldDownload(Download):
    """A download that keeps what the peer's kernel tells of round trips."""

    round_trips: RoundTrips = field(default_factory=RoundTrips)

    @property
    def text_us(self) -> int:
        """Often enough for a few round trips in each interval."""
        return TEXT_US

    def text(self, number: int, message: bytes, now_us: int) -> None:
        """Take a text as a download does, and the round trip it tells; one longer than the test so far cannot be true."""
        Download.text(self, number, message, now_us)
        rtt_us = round_trip_told(message)
        if not self.over and rtt_us <= now_us - self.flows[number].attempt.start_us:
            self.round_trips.note(number, rtt_us, now_us)


def round_trip_told(message: bytes) -> int:
    """The smoothed round trip in a peer's text; 0 if it has none that can be read."""
    try:
        told = read_message(message).get("TCPInfo")
    except FalseClaim:
        return 0
    rtt_us = told.get("RTT") if isinstance(told, dict) else None
    return rtt_us if type(rtt_us) is int else 0
