"""What an ICMP error says of the host a packet was for, and of the way there.

Pure: what came is an argument. Types and codes are those of RFC 792 and RFC 1812, and of RFC 4443 for IPv6.
"""

from dataclasses import dataclass
from enum import StrEnum

from probe.measure.hops import Address
from shared.failure import Failure

# Type and code by IP version.
EXPIRED = {(4, 11, 0), (6, 3, 0)}
UNREACHABLE_TYPE = {4: 3, 6: 1}
UNREACHABLE: dict[tuple[int, int], Failure] = {
    (4, 0): Failure.NETWORK_UNREACHABLE,
    (4, 6): Failure.NETWORK_UNREACHABLE,
    (4, 11): Failure.NETWORK_UNREACHABLE,
    (4, 1): Failure.HOST_UNREACHABLE,
    (4, 7): Failure.HOST_UNREACHABLE,
    (4, 12): Failure.HOST_UNREACHABLE,
    (6, 0): Failure.NETWORK_UNREACHABLE,
    (6, 3): Failure.HOST_UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An ICMP error as it came: what it quotes of a payload, who sent it, its type and code."""

    quote: bytes
    offender: Address
    icmp_type: int
    icmp_code: int

    def quotes(self, packet: bytes) -> bool:
        """Whether the quote can be of this payload: it may be cut short, even to nothing, or padded."""
        length = min(len(self.quote), len(packet))
        return self.quote[:length] == packet[:length]


class News(StrEnum):
    """What an error says, beside the failures it may name."""

    PASSING = "passing"  # the packet had lived long enough; that is a hop
    TARGET = "target"
    REFUSAL = "refusal"  # a firewall, mostly


def news_of(reply: Reply, target: Address) -> News | Failure | None:
    """Say what an error means for a packet to the target; None if nothing. Whatever the target refuses, it is there."""
    version = reply.offender.version
    if version != target.version:
        return None
    if (version, reply.icmp_type, reply.icmp_code) in EXPIRED:
        return News.PASSING
    if reply.icmp_type != UNREACHABLE_TYPE[version]:
        return None
    if reply.offender == target:
        return News.TARGET
    return UNREACHABLE.get((version, reply.icmp_code), News.REFUSAL)
