"""Where on a path delay and loss begin, and whose part of the path that is.

Pure: hops and their round trips in, places out. A router answers when it has time, and many answer only so many
probes a second, so what one hop shows is first of all about that hop. What it shows counts for the path only
as far as the hops behind it show it too:

Delay. A hop's delay is the median of its round trips (the lower one, of an even number). A hop that is more than
a quarter later than a hop behind it is a slow router on a path that is not, and is left out. The delay begins
at the first hop kept that has half of the delay of the path's end. An end below `LOW_DELAY_US` has no delay worth
a place.

Loss. It is that of the path's end: the target or, if that kept silent, the last hop that answered. If the end
lost nothing, nothing is lost, whatever hops in between show. Then, from the end back, a hop that lost
significantly more than all hops kept behind it is left out: it answers too rarely. Of the hops kept the path
is split where the hops before lost least against the hops behind, if that is significant; the loss begins at
the first lossy hop from there on, and without such a split at the first lossy hop of all. Significance is
Fisher's exact test, one-sided, so that a few probes cannot say much: 1 in 10 for a hop, 1 in 1000 for the best
of all splits. A loss that only the last hop shows, and that is not the target, has nobody behind it to confirm
it and counts as none. Not shown: a target that answers too rarely; a router that keeps back
about as many answers as the path loses, which looks like the beginning of the loss; and loss or delay on the way
back, which may be another way.

Segments. The device itself is `host`. The first hop is `local` where it is a gateway or dongle; on a mobile
interface there is none. `operator` is what follows: the next hop, and on to the last hop with an address that
is not routed between operators (RFC 1918; RFC 6598; RFC 7335; RFC 4193; RFC 4291, link-local) or that shares
the /32 of the device's own IPv6 address, the least an operator is given. The rest is `beyond`; an operator's
public routers after that hop are in it, because addresses do not tell them apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from math import comb

Address = IPv4Address | IPv6Address

LOST = -1
LOW_DELAY_US = 10_000  # ours: below the radio's own scheduling of LTE there is nothing to complain of
# Ours, chosen among twelve pairs on simulated paths of eight hops, twenty probes each, 5 to 30 % of loss.
HOP_ODDS = 10  # not stricter: to leave out a hop too many costs little, because its neighbours stay
SPLIT_ODDS = 1000  # strict, because it is the best of many
OPERATOR_PREFIX = 32
GLOBAL_IPV6 = IPv6Network("2000::/3")
NOT_ROUTED: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "192.0.0.0/29",
        "fc00::/7",
        "fe80::/10",
    )
)


class Segment(StrEnum):
    """Whose part of the path a hop is in; a hop's delay and loss include those of the link that leads to it."""

    HOST = "host"
    LOCAL = "local"
    OPERATOR = "operator"
    BEYOND = "beyond"


class Near(StrEnum):
    """What is on the device's side of the path."""

    HOST = "host"  # the target is this device
    LINK = "link"  # the target is on the device's own network
    GATEWAY = "gateway"  # the first hop is a gateway or dongle
    OPERATOR = "operator"  # the first hop is the operator's: a mobile interface
    UNKNOWN = "unknown"  # a tunnel, or a system that does not tell


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the device stands: what is near it, and its own address on this path."""

    near: Near
    own: Address | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """One place on the path: who answered there, and the round trips in the order of asking, lost ones kept."""

    addresses: tuple[Address, ...]
    rtt_us: tuple[int, ...]

    @property
    def lost(self) -> int:
        """How many probes had no answer."""
        return self.rtt_us.count(LOST)

    @property
    def answers(self) -> bool:
        """Whether it ever gave a round trip."""
        return self.lost < len(self.rtt_us)

    @property
    def median_us(self) -> int:
        """The lower median of its round trips; `LOST` without any."""
        known = sorted(us for us in self.rtt_us if us != LOST)
        return known[(len(known) - 1) // 2] if known else LOST


def delay_from(hops: Sequence[Hop]) -> int | None:
    """Give the index of the hop at which the path's delay begins; None if there is none to speak of."""
    answering = [index for index, hop in enumerate(hops) if hop.answers]
    if not answering or hops[answering[-1]].median_us < LOW_DELAY_US:
        return None
    begin = answering[-1]
    least_us = end_us = hops[begin].median_us
    for index in reversed(answering):
        median_us = hops[index].median_us
        least_us = min(least_us, median_us)
        if 2 * median_us >= end_us and 4 * median_us <= 5 * least_us:
            begin = index
    return begin


def loss_from(hops: Sequence[Hop], *, reached: bool) -> int | None:
    """Give the index of the hop at which the path's loss begins; None if nothing is lost, or nothing is certain."""
    answering = [index for index, hop in enumerate(hops) if hop.answers]
    if not answering or not hops[answering[-1]].lost:
        return None
    kept = _without_the_sparing(hops, answering)
    split = _best_split([hops[index] for index in kept])
    begin = next(index for index in kept[split:] if hops[index].lost)
    return begin if reached or begin != answering[-1] else None


def segments_of(hops: Sequence[Hop], standing: Standing) -> tuple[Segment, ...]:
    """Name the segment of each hop; nothing where it is not known what is near."""
    match standing.near:
        case Near.UNKNOWN:
            return ()
        case Near.HOST:
            return (Segment.HOST,) * len(hops)
        case Near.LINK:
            return (Segment.LOCAL,) * len(hops)
        case Near.GATEWAY:
            first = 1
        case Near.OPERATOR:
            first = 0
    own = [index for index in range(first, len(hops)) if _is_operators(hops[index], standing.own)]
    behind = max([first + 1, *(index + 1 for index in own)])
    names = [Segment.LOCAL] * first + [Segment.OPERATOR] * (behind - first)
    return tuple((names + [Segment.BEYOND] * len(hops))[: len(hops)])


def _is_operators(hop: Hop, own: Address | None) -> bool:
    networks = list(NOT_ROUTED)
    if isinstance(own, IPv6Address) and own in GLOBAL_IPV6:
        networks.append(IPv6Network((int(own) >> 96 << 96, OPERATOR_PREFIX)))
    return any(address in network for address in hop.addresses for network in networks)


def _without_the_sparing(hops: Sequence[Hop], answering: Sequence[int]) -> list[int]:
    """Give the indices of the hops that did not lose significantly more than those kept behind them."""
    kept: list[int] = []
    lost = sent = 0
    for index in reversed(answering):
        hop = hops[index]
        if kept and _at_least(hop.lost, len(hop.rtt_us), lost, sent) * HOP_ODDS <= comb(len(hop.rtt_us) + sent, sent):
            continue
        kept.insert(0, index)
        lost, sent = lost + hop.lost, sent + len(hop.rtt_us)
    return kept


def _best_split(hops: Sequence[Hop]) -> int:
    """Say before which hop the hops behind lose significantly more than those before; 0 if nowhere."""
    lost, sent = sum(hop.lost for hop in hops), sum(len(hop.rtt_us) for hop in hops)
    before_lost = before_sent = best = 0
    best_ways, best_all = 1, 1
    for index, hop in enumerate(hops[:-1], start=1):
        before_lost, before_sent = before_lost + hop.lost, before_sent + len(hop.rtt_us)
        behind_sent = sent - before_sent
        ways, total = _at_least(lost - before_lost, behind_sent, before_lost, before_sent), comb(sent, behind_sent)
        if ways * best_all < best_ways * total:
            best, best_ways, best_all = index, ways, total
    return best if best_ways * SPLIT_ODDS <= best_all else 0


def _at_least(lost: int, sent: int, other_lost: int, other_sent: int) -> int:
    """Count the ways in which this side loses so many or more, all the losses being spread by chance."""
    all_lost, all_sent = lost + other_lost, sent + other_sent
    return sum(
        comb(all_lost, here) * comb(all_sent - all_lost, sent - here) for here in range(lost, min(all_lost, sent) + 1)
    )
