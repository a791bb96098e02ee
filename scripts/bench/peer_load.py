"""What one peer on one core serves over loopback: 50 downloads at once, and STAMP packets.

The clients share the other core; where they are the limit the peer's own use of its core, beside the figure, shows it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from .cpu import CLIENT_CORE, PEER_CORE, local_peer, output_of, pinned
from .lab import once
from .runs import Journal, Run, attempt
from .table import Figure
from .truth import MILLION, jain_per_mille

SECTION: Final = "peer"
FLOWS: Final = 50
STAMPS_PER_S: Final = 20_000
_ASKED_STAMPS: Final = 22_000  # a little more, so that a late burst does not fail the figure


def downloads(authority: str) -> dict[str, int]:
    """Fifty at once."""
    host, _, port = authority.rpartition(":")
    told = json.loads(output_of([*pinned(CLIENT_CORE), *once("many_once"), host, port, "--flows", str(FLOWS)]))
    counts = told["counts"]
    return {
        "rate_bps": sum(counts) * 8 * MILLION // told["dur_us"],
        "jain_pm": jain_per_mille(counts),
        "served": sum(1 for count in counts if count),
        "ended": told["ended"],
        "least_bytes": min(counts),
        "most_bytes": max(counts),
    }


def stamps(authority: str) -> dict[str, int]:
    """STAMP packets as fast as asked for."""
    host, _, port = authority.rpartition(":")
    words = [*once("stamp_once"), host, port, "--per-second", str(_ASKED_STAMPS)]
    told = json.loads(output_of([*pinned(CLIENT_CORE), *words]))
    return {
        "sent_per_s": told["sent"] * MILLION // told["dur_us"],
        "served_per_s": told["answered"] * MILLION // told["dur_us"],
        "lost_ppm": (told["sent"] - told["answered"]) * MILLION // told["sent"],
    }


def run(journal: Journal) -> Iterator[Run]:
    """Both, each against a fresh peer."""
    for tool, work in (("downloads", downloads), ("stamp", stamps)):
        yield from attempt(journal, (SECTION, tool, "loopback", "", 0), partial(_served, work))


def _served(work: Callable[[str], dict[str, int]]) -> dict[str, int]:
    with local_peer() as authority:
        before_us = core_us(PEER_CORE)
        figures = work(authority)
        return figures | {"peer_core_us": core_us(PEER_CORE) - before_us}


def core_us(core: int) -> int:
    """How long a core has worked, by proc(5): user, nice, system, interrupts."""
    for line in Path("/proc/stat").read_text().splitlines():
        words = line.split()
        if words[0] == f"cpu{core}":
            return sum(int(words[place]) for place in (1, 2, 3, 6, 7)) * 10_000
    return 0


def figures(runs: Sequence[Run]) -> Iterator[Figure]:
    """What was asked of the peer."""
    told = {run.tool: run.figures for run in runs if run.section == SECTION}
    served, stamped = told.get("downloads", {}), told.get("stamp", {})
    yield Figure("50 downloads, together", served.get("rate_bps"), 1_000_000_000, at_least=True, unit=" Gbit/s", scale=1_000_000_000)  # fmt: skip
    yield Figure("50 downloads, Jain's index", served.get("jain_pm"), 900, at_least=True, scale=1000)
    yield Figure("STAMP packets answered each second", stamped.get("served_per_s"), STAMPS_PER_S, at_least=True)
