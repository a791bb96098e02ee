"""Flaws: named reasons why a measurement may not count, as rows, and one pure function over two snapshots.

A flaw marks, it never drops. What the system does not tell (a phone hides other programs' traffic) raises no
flaw; the snapshot's absent fields show that it was not known. A row's meaning never changes; a new row is
added.

Traffic that is not the test's own is what the interface counted beyond the test's bytes and 5 % of headers on
them. Next to a direction that carried load it is a flaw by its share; on a line that was idle but for the
test's own small packets, by its rate. The direction opposite to a load is not looked at: the load's
acknowledgements fill it.
"""

from dataclasses import dataclass
from typing import Literal

from shared.failure import Failure

InterfaceKind = Literal["cellular", "wifi", "vpn", "loopback", "other"]

LOADED_BYTES = 32_768  # above every latency train, below every transfer that deserves the name
HEADERS_PER_CENT = 105
ANSWERS_SHARE = 4  # acknowledgements, and what a peer says of an upload, are less than a quarter of what they answer


@dataclass(frozen=True, slots=True)
class FlawRule:
    """One reason why a measurement may not count."""

    id: str
    threshold: str
    comment: str
    source: str


FLAW_RULES: tuple[FlawRule, ...] = (
    FlawRule(
        id="cross_traffic",
        threshold="loaded: more than 10 % foreign bytes; idle: more than 64 kbit/s down or 32 kbit/s up",
        comment="Something else used the line, so the line can do more than was measured.",
        source="share: Ne.Me.Sys; rates: FCC, Connect America Fund",
    ),
    FlawRule(
        id="cpu_busy",
        threshold="more than 85 % of all processors' time",
        comment="The device may have been slower than the line.",
        source="Ne.Me.Sys",
    ),
    FlawRule(
        id="link_changed",
        threshold="another interface after than before",
        comment="It is not known which of two lines was measured.",
        source="ours",
    ),
    FlawRule(
        id="wifi",
        threshold="the interface is Wi-Fi",
        comment="The radio between device and router may have been slower than the line.",
        source="Ne.Me.Sys",
    ),
    FlawRule(
        id="loopback",
        threshold="the interface is the loopback",
        comment="Probe and peer are on one machine: no line was measured at all.",
        source="ours",
    ),
    FlawRule(
        id="no_link",
        threshold="before the test there was no way to the peer, by no interface",
        comment="A cable out, airplane mode or a closed lid looks like a dead line; it is shown and not held against it.",
        source="ours",
    ),
    FlawRule(
        id="peer_fault",
        threshold="the peer refused the connection, or answered with a status of 500 or above",
        comment="The way to the peer worked and the peer did not: its fault and not the line's.",
        source="ours",
    ),
    FlawRule(
        id="short_window",
        threshold="an evidence or standard transfer whose rate is from less than 6 s",
        comment="A flow stalled, or the transfer was cut short, before the rate could settle.",
        source="RMBT: at least 6 to 7 s on LTE (PIMRC'17)",
    ),
    FlawRule(
        id="client_gap",
        threshold="a foreign client's own figure is more than 20 % from what the peer counted",
        comment="The client is wrong on this line; its figure must not be believed, and ours of the same run is doubtful.",
        source="ours: 3 to 7 % are usual in short tests, whose time includes connecting",
    ),
)

CLIENT_GAP_PER_MILLE = 200
SETTLED_US = 6_000_000
FOREIGN_PER_CENT = 10
SERVER_ERROR = 500
IDLE_DOWN_BPS = 64_000
IDLE_UP_BPS = 32_000
BUSY_PER_MILLE = 850


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The host at one moment; counters are cumulative, None is what the system does not tell."""

    interface: str | None
    kind: InterfaceKind
    rx_bytes: int | None = None
    tx_bytes: int | None = None
    cpu_busy_us: int | None = None
    cpu_total_us: int | None = None
    load_per_mille: int | None = None
    memory_available_bytes: int | None = None
    has_way: bool = True


def grown(before: int | None, after: int | None) -> int | None:
    """Say how far a counter went; None if it is not known, or was set back in between."""
    return None if before is None or after is None or after < before else after - before


def cpu_busy_per_mille(before: HostFacts, after: HostFacts) -> int | None:
    """Say how busy all processors together were between two snapshots, rounded up to the next per mille."""
    busy_us = grown(before.cpu_busy_us, after.cpu_busy_us)
    total_us = grown(before.cpu_total_us, after.cpu_total_us)
    return None if busy_us is None or not total_us else -(-1000 * busy_us // total_us)


def _is_loaded(own_bytes: int, other_way_bytes: int) -> bool:
    """Say whether a direction carried load of the test's, and not only its answers to the other one's."""
    return own_bytes >= LOADED_BYTES and own_bytes * ANSWERS_SHARE >= other_way_bytes


def _foreign_share(interface_bytes: int | None, own_bytes: int) -> bool:
    if interface_bytes is None:
        return False
    return 100 * interface_bytes - HEADERS_PER_CENT * own_bytes > FOREIGN_PER_CENT * interface_bytes


def _foreign_rate(interface_bytes: int | None, own_bytes: int, dur_us: int, limit_bps: int) -> bool:
    if interface_bytes is None:
        return False
    foreign_centibytes = 100 * interface_bytes - HEADERS_PER_CENT * own_bytes
    return foreign_centibytes * 8 * 1_000_000 > limit_bps * dur_us * 100


def _cross_traffic(before: HostFacts, after: HostFacts, own_rx_bytes: int, own_tx_bytes: int, dur_us: int) -> bool:
    # On loopback each byte is counted in both directions, and all programs share it.
    if after.kind == "loopback" or before.interface != after.interface:
        return False
    rx_bytes, tx_bytes = grown(before.rx_bytes, after.rx_bytes), grown(before.tx_bytes, after.tx_bytes)
    if max(own_rx_bytes, own_tx_bytes) >= LOADED_BYTES:
        down = _is_loaded(own_rx_bytes, own_tx_bytes) and _foreign_share(rx_bytes, own_rx_bytes)
        return down or (_is_loaded(own_tx_bytes, own_rx_bytes) and _foreign_share(tx_bytes, own_tx_bytes))
    down = _foreign_rate(rx_bytes, own_rx_bytes, dur_us, IDLE_DOWN_BPS)
    return down or _foreign_rate(tx_bytes, own_tx_bytes, dur_us, IDLE_UP_BPS)


def flaws(
    before: HostFacts,
    after: HostFacts,
    own_rx_bytes: int | None,
    own_tx_bytes: int | None,
    dur_us: int,
    failure: str | None = None,
    status: int | None = None,
    gap_per_mille: int = 0,
    settled_us: int | None = None,
) -> tuple[str, ...]:
    """Name the flaws of a measurement, in the order of the rows."""
    busy_per_mille = cpu_busy_per_mille(before, after)
    found = {
        "cross_traffic": own_rx_bytes is not None
        and own_tx_bytes is not None
        and _cross_traffic(before, after, own_rx_bytes, own_tx_bytes, dur_us),
        "cpu_busy": busy_per_mille is not None and busy_per_mille > BUSY_PER_MILLE,
        "link_changed": before.interface != after.interface,
        "wifi": "wifi" in {before.kind, after.kind},
        "loopback": "loopback" in {before.kind, after.kind},
        "no_link": not before.has_way,
        "peer_fault": failure == Failure.CONNECTION_REFUSED or (status is not None and status >= SERVER_ERROR),
        "short_window": settled_us is not None and settled_us < SETTLED_US,
        "client_gap": gap_per_mille > CLIENT_GAP_PER_MILLE,
    }
    return tuple(rule.id for rule in FLAW_RULES if found[rule.id])
