"""Whether a line treats a measurement peer better than ordinary hosts, or than another peer: `peer_favoured` 1. Pure.

An operator who lets a known peer through at full speed makes every test of his look good, and every ordinary page slow. So
objects from ordinary hosts (`fetch`, `host` `foreign`) are set beside objects from the peer, and downloads from one peer beside
those from others. Compared are medians over the UTC hours in which both sides were measured, so that a good hour of the one is
not held against a bad hour of the other.

A peer is *favoured* if its median is at least `FACTOR` times that of all others together, with at least `LEAST` results on either
side. Objects below `LEAST_BYTES` tell of round trips and not of rates, and are left out; so is what failed, or has a flaw.

What it does not show: that the operator did it. An ordinary host may be slow or far by itself, so name several; results that were
asked for by hand have moments that somebody chose; and whoever shapes his own line can do so for some hosts only.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from shared import kpi
from shared.record import End, Record

RULE: Final = "peer_favoured/1"
FACTOR: Final = 2
LEAST: Final = 5  # results on either side
LEAST_BYTES: Final = 200_000
HOUR_US: Final = 3_600_000_000
_HOST_AT: Final = 2  # of a URL cut at its slashes


@dataclass(frozen=True, slots=True)
class Pull:
    """Something that was fetched at a rate: by which method, from where, whether that is a peer, when, how fast."""

    method: str
    source: str
    is_peer: bool
    at_us: int
    rate_bps: int


@dataclass(frozen=True, slots=True)
class Favour:
    """A peer beside all others: how many results of each over the same hours, and their medians (bit/s).

    `favoured`: the rule by which it is treated better than they are; None if it is not, or if there are too few results.
    """

    method: str
    peer: str
    n: int
    median_bps: int
    others: tuple[str, ...]
    others_n: int
    others_median_bps: int
    favoured: str | None = None


def pull_of(record: Record) -> Pull | None:
    """What a record says of a rate from somewhere; None if it says nothing of the kind."""
    received = record.integer("received_bytes") or 0
    if record.end is not End.OK or record.texts("flaws") or received < LEAST_BYTES:
        return None
    at_us, peer = record.integer("wall_us") or 0, record.text("peer")
    if record.method == "download" and peer is not None:
        rate_bps = kpi.rate_bps(record)
        return None if rate_bps is None else Pull("download", peer, is_peer=True, at_us=at_us, rate_bps=rate_bps)
    if record.method != "fetch":
        return None
    took_us = (record.integer("dur_us") or 0) - (record.integer("first_byte_us") or 0)
    is_foreign = record.text("host") == "foreign"
    source = _host_of(record.text("url") or "") if is_foreign else peer
    if took_us <= 0 or not source:
        return None
    return Pull("fetch", source, not is_foreign, at_us, 8_000_000 * received // took_us)


def _host_of(url: str) -> str:
    parts = url.split("/")
    return parts[_HOST_AT].rpartition("@")[2] if len(parts) > _HOST_AT else ""


def compare(pulls: Iterable[Pull]) -> tuple[Favour, ...]:
    """Each peer beside the others over the hours they share, by method and peer; those that share none are left out."""
    every = tuple(pulls)
    return tuple(
        found
        for method, peer in sorted({(one.method, one.source) for one in every if one.is_peer})
        for found in _beside([one for one in every if one.method == method], method, peer)
    )


def _beside(pulls: Sequence[Pull], method: str, peer: str) -> Iterator[Favour]:
    own = [one for one in pulls if one.is_peer and one.source == peer]
    others = [one for one in pulls if not (one.is_peer and one.source == peer)]
    hours = {one.at_us // HOUR_US for one in own} & {one.at_us // HOUR_US for one in others}
    own, others = ([one for one in side if one.at_us // HOUR_US in hours] for side in (own, others))
    if hours:
        names = tuple(sorted({one.source for one in others}))
        own_bps, others_bps = (median_low(one.rate_bps for one in side) for side in (own, others))
        is_favoured = min(len(own), len(others)) >= LEAST and own_bps >= FACTOR * max(1, others_bps)
        figures = len(own), own_bps, names, len(others), others_bps
        yield Favour(method, peer, *figures, RULE if is_favoured else None)
