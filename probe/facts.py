"""What is known around a measurement: host, surroundings and clocks at two moments, and what was measured. Data; pure.

Readers in `probe.platform` fill it in, `probe.agent` puts it together, `probe.flaws` judges by it, `probe.context` writes it
into the record. None is what nobody told; counters are cumulative, so only their growth says anything.
"""

from dataclasses import dataclass, field
from typing import Final

from probe.surroundings import InterfaceKind, Radio, Surroundings

LEAST_CPU_US: Final = 200_000  # of all processors: systems count in ticks of 10 ms, so that each would be 5 % of less


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The host at one moment, and the interface by which packets to the peer leave."""

    interface: str | None
    kind: InterfaceKind  # as its name says
    rx_bytes: int | None = None
    tx_bytes: int | None = None
    cpu_busy_us: int | None = None
    cpu_total_us: int | None = None
    load_per_mille: int | None = None
    memory_available_bytes: int | None = None
    has_way: bool = True
    memory_total_bytes: int | None = None
    cores: tuple[tuple[int, int], ...] = ()  # of each core: its busy and all its time, in µs
    own_cpu_us: int | None = None  # processor time of this program
    ip_version: int | None = None  # of the address by which packets to the peer leave


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that is known at one moment; the three clocks are read one directly after the other."""

    host: HostFacts
    around: Surroundings = field(default_factory=Surroundings)
    wall_us: int = 0
    mono_us: int = 0
    awake_us: int = 0  # as `mono_us`, but stands still while the device sleeps
    dated: bool | None = None  # the wall clock is set by a time server, or was not long ago

    @property
    def kind(self) -> InterfaceKind:
        """The kind of link. What looks round knows more than a name tells; but what either calls Wi-Fi is Wi-Fi."""
        told = self.around.link
        if told.interface != self.host.interface or told.kind == "other" or self.host.kind in {"wifi", "loopback"}:
            return self.host.kind
        return told.kind

    @property
    def radio(self) -> Radio | None:
        """What was told of the mobile network."""
        return self.around.radio

    @property
    def is_mobile(self) -> bool:
        """Whether the mobile network carries the link: by a modem of this device's own, or by a stick known to be one.

        A name says "ppp" of dialled modems and of tunnels; the interface of the modem's bearer is the modem's.
        """
        if self.kind in {"wifi", "loopback"}:
            return False
        bearer = None if self.radio is None else self.radio.interface
        return self.kind == "cellular" or (bearer is not None and bearer == self.host.interface)


@dataclass(frozen=True, slots=True)
class Lull:
    """What was seen of link and host in the moment before a test that loads the line."""

    watched_us: int
    rx_bytes: int | None
    tx_bytes: int | None
    quiet_us: int | None  # for how long nothing had crossed the link when the test began, as far as it was watched
    cpu_busy_per_mille: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One measurement that ran, with all that is known around it."""

    before: Moment
    after: Moment
    loads: bool = False  # the test fills the line
    own_rx_bytes: int | None = None  # what the test itself moved
    own_tx_bytes: int | None = None
    lull: Lull | None = None
    failure: str | None = None
    status: int | None = None  # of the peer's HTTP answer
    gap_per_mille: int = 0
    settled_us: int | None = None  # the window of which a long transfer's rate is taken
    received_bps: int | None = None  # the rate of a download
    clean_bps: int | None = None  # what this device's self-test received without falling behind
    pinned: bool = False  # every socket of the test was bound to the interface

    @property
    def dur_us(self) -> int:
        """How long it took, from the moment before to the moment after."""
        return self.after.mono_us - self.before.mono_us

    @property
    def stepped_us(self) -> int:
        """How far the wall clock was set between the two moments; forward is positive."""
        return (self.after.wall_us - self.before.wall_us) - (self.after.mono_us - self.before.mono_us)

    @property
    def slept_us(self) -> int:
        """How long the device slept between the two moments."""
        return (self.after.mono_us - self.before.mono_us) - (self.after.awake_us - self.before.awake_us)


def grown(before: int | None, after: int | None) -> int | None:
    """Say how far a counter went; None if it is not known, or was set back in between."""
    return None if before is None or after is None or after < before else after - before


def per_mille(part: int | None, whole: int | None) -> int | None:
    """Say what share of a whole a part is, rounded up to the next per mille; None if either is not known."""
    return None if part is None or not whole else -(-1000 * part // whole)


def cpu_busy_per_mille(before: HostFacts, after: HostFacts) -> int | None:
    """Say how busy all processors together were between two moments; None if these are too close to tell."""
    total_us = grown(before.cpu_total_us, after.cpu_total_us)
    if total_us is None or total_us < LEAST_CPU_US:
        return None
    return per_mille(grown(before.cpu_busy_us, after.cpu_busy_us), total_us)


def busiest_core_per_mille(before: HostFacts, after: HostFacts) -> int | None:
    """Say how busy the busiest core was between two moments; None if cores came or went, or are not told."""
    if len(before.cores) != len(after.cores):
        return None
    pairs = zip(before.cores, after.cores, strict=True)
    shares = [per_mille(grown(one[0], other[0]), grown(one[1], other[1])) for one, other in pairs]
    return max((share for share in shares if share is not None), default=None)


def own_cpu_per_mille(before: Moment, after: Moment) -> int | None:
    """Say what share of one core this program used between two moments."""
    return per_mille(grown(before.host.own_cpu_us, after.host.own_cpu_us), grown(before.mono_us, after.mono_us))
