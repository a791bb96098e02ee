"""Whose bytes crossed the link: what an interface counted, beside what a test moved itself. Pure.

Traffic that is not the test's own is what the interface counted beyond the test's bytes and 5 % of headers on them. Next
to a direction that carried load it is judged by its share; on a line that was idle but for the test's own small
packets, by its rate. The direction opposite to a load is not looked at: the load's acknowledgements fill it.
"""

from probe.facts import HostFacts, Lull, grown

LOADED_BYTES = 32_768  # above every latency train, below every transfer that deserves the name
HEADERS_PER_CENT = 105
ANSWERS_SHARE = 4  # acknowledgements, and what a peer says of an upload, are less than a quarter of what they answer
FOREIGN_PER_CENT = 10
LEAST_IDLE_US = 1_000_000  # a rate needs a second: one full packet in a fifth of one would be 60 kbit/s
IDLE_DOWN_BPS = 64_000
IDLE_UP_BPS = 32_000


def is_foreign_beside(before: HostFacts, after: HostFacts, own_rx_bytes: int, own_tx_bytes: int, dur_us: int) -> bool:
    """Say whether others used the link while a test ran; no, where that is not known."""
    # On loopback each byte is counted in both directions, and all programs share it.
    if after.kind == "loopback" or after.interface is None or before.interface != after.interface:
        return False
    rx_bytes, tx_bytes = grown(before.rx_bytes, after.rx_bytes), grown(before.tx_bytes, after.tx_bytes)
    if max(own_rx_bytes, own_tx_bytes) >= LOADED_BYTES:
        down = _is_loaded(own_rx_bytes, own_tx_bytes) and _foreign_share(rx_bytes, own_rx_bytes)
        return down or (_is_loaded(own_tx_bytes, own_rx_bytes) and _foreign_share(tx_bytes, own_tx_bytes))
    idle_us = max(dur_us, LEAST_IDLE_US)
    down = _foreign_rate(rx_bytes, own_rx_bytes, idle_us, IDLE_DOWN_BPS)
    return down or _foreign_rate(tx_bytes, own_tx_bytes, idle_us, IDLE_UP_BPS)


def is_foreign_in(lull: Lull) -> bool:
    """Say whether the link was in use before a test began; no, where that is not known."""
    down = _foreign_rate(lull.rx_bytes, 0, lull.watched_us, IDLE_DOWN_BPS)
    return down or _foreign_rate(lull.tx_bytes, 0, lull.watched_us, IDLE_UP_BPS)


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
