"""Round trips, idle and under load, and loss by direction, against the emulator's own.

The truth about each packet is what the kernel stamped where it entered and left the link, at both ends: the time it
took up and the time it took down, of the very packets that our method gives round trips of. Idle this must also be the
configured delay. The loads are a flood of UDP that keeps the drop-tail queue full, and four flows of TCP. Loss is set in
one direction only; it must be found there, as many as chance allows (99.9 %), and nowhere else.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from shared.kpi import percentile

from .lab import PEER_PORT, WAYS, Lab, Link, Way, lab, once
from .runs import Journal, Run, ToolFailed, attempt
from .table import MEDIAN, P95, Figure
from .tools import IPERF_PORT, needed
from .truth import MILLION, binomial_bounds

SECTION: Final = "latency"
RATE_BPS: Final = 20_000_000
PACKET_BYTES: Final = 72  # STAMP over UDP over IPv4
FULL_BYTES: Final = 1500
PACKETS: Final = 200  # in a train of the benchmark's own; the plan's spacing is kept
LOSS_PPM: Final = 50_000
LOSS_PACKETS: Final = 400
_LOAD_S: Final = 30
_SETTLE_S: Final = 3
_MOST_US: Final = 1000  # asked for
_FIRST: Final = 0  # the number of the packet that is kept apart

Passing = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Train:
    """The round trips of one run of our method, and the truth about the same packets."""

    members: Mapping[str, Any]
    true_us: tuple[int, ...]

    def figures(self) -> dict[str, int]:
        """Median and p95 of both."""
        told = {"n": len(self.members["rtt_us"]), "lost": self.members["rtt_us"].count(-1), "true_n": len(self.true_us)}
        for name, values in (("", [value for value in self.members["rtt_us"] if value >= 0]), ("true_", self.true_us)):
            told[f"{name}median_us"] = percentile(values, MEDIAN) or -1
            told[f"{name}p95_us"] = percentile(values, P95) or -1
        return told


def train(here: Lab, packets: int = PACKETS) -> Train:
    """Run our latency method once, and listen at both ends."""
    words = ["--peer", f"http://{here.authority}", "--method", "latency", "--plan", "standard"]
    with listening(here, server=False) as near, listening(here, server=True) as far:
        told = here.run_json([*once("probe_once"), *words, "--set", f"packets={packets}"], 120)
        time.sleep(here.link.rtt_us / MILLION + 0.1)
        passed = [heard_by(near), heard_by(far)]
    members = told["members"]
    if told["end"] != "ok" or members.get("via") != "stamp":
        raise ToolFailed(f"no STAMP: via {members.get('via')}, {members.get('failure')}")
    return Train(members, true_round_trips_us(*passed))


def true_round_trips_us(near: Sequence[Passing], far: Sequence[Passing]) -> tuple[int, ...]:
    """Up and down of every packet but the first that came back, less what it spent at the peer."""
    times: dict[tuple[int, int], dict[tuple[int, int], int]] = {}
    for end, passings in enumerate((near, far)):
        for at_us, _, request, ssid, number in passings:
            times.setdefault((ssid, number), {}).setdefault((end, request), at_us)
    return tuple(
        (told[1, 1] - told[0, 1]) + (told[0, 0] - told[1, 0])
        for (_, number), told in times.items()
        if number != _FIRST and len(told) == 4
    )


@contextmanager
def listening(here: Lab, *, server: bool) -> Iterator[Any]:
    """A listener at one end of the link."""
    running = here.emulator.popen(
        [*once("sniff_once"), "tun0", str(PEER_PORT)],
        server=server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with running:
        running.stdout.readline()
        yield running


def heard_by(listener: Any) -> list[Passing]:  # noqa: ANN401 - the emulator's Popen
    """Stop a listener and take what it heard."""
    told, _ = listener.communicate(timeout=20)
    return [tuple(passing) for passing in json.loads(told)]


def idle(rtt_us: int) -> dict[str, int]:
    """Nothing else on the link."""
    with lab(Link(RATE_BPS, "", rtt_us)) as here:
        configured_us = rtt_us + 2 * PACKET_BYTES * 8 * MILLION // RATE_BPS
        return train(here).figures() | {"configured_us": configured_us} | late(here)


def flooded(rtt_us: int) -> dict[str, int]:
    """A queue that is always full."""
    words = ["-u", "-b", str(RATE_BPS * 5 // 4), "-l", str(FULL_BYTES - 52)]
    with lab(Link(RATE_BPS, "", rtt_us)) as here, load(here, words):
        return train(here).figures() | late(here)


def loaded(rtt_us: int) -> dict[str, int]:
    """Four flows of TCP."""
    with lab(Link(RATE_BPS, "", rtt_us)) as here, load(here, ["-P", "4"]):
        return train(here).figures() | late(here)


def lost(way: Way) -> dict[str, int]:
    """Loss in one direction only; the emulator counts what it dropped."""
    loss: dict[Way, int] = {"down": 0, "up": 0}
    loss[way] = LOSS_PPM
    with lab(Link(RATE_BPS, "", 30_000, loss)) as here:
        members = train(here, LOSS_PACKETS).members
        fewest, most = binomial_bounds(members["sent"], LOSS_PPM)
        split = {name: members.get(name, -1) for name in ("lost_up", "lost_down", "lost_tail")}
        dropped = {f"dropped_{end}": here.counters()[end]["lost"] for end in WAYS}
        return {"sent": members["sent"], **split, **dropped, "fewest": fewest, "most": most}


@contextmanager
def load(here: Lab, words: Sequence[str]) -> Iterator[None]:
    """iperf3 from the peer's end for as long as the block lasts."""
    here.emulator.popen_server([needed("iperf3"), "-s", "-1", "-p", str(IPERF_PORT)], port=IPERF_PORT)
    words = [needed("iperf3"), "-c", here.host, "-R", "-t", str(_LOAD_S), *words]
    running = here.emulator.popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(_SETTLE_S)
    yield
    if running.poll() is not None:
        raise ToolFailed("the load ended before the trains")
    running.terminate()
    running.wait()


def late(here: Lab) -> dict[str, int]:
    """How late the emulator was."""
    told = here.counters()
    return {"late_p99_us": max(told[way].get("late_p99_us", 0) for way in WAYS)}


def run(journal: Journal, rtts_us: Sequence[int]) -> Iterator[Run]:
    """All of it."""
    cases = {"idle": idle, "full queue": flooded, "tcp load": loaded}
    for name, how in cases.items():
        for rtt_us in rtts_us:
            yield from attempt(journal, (SECTION, name, f"{rtt_us // 1000}ms", "", 0), partial(how, rtt_us))
    for way in WAYS:
        yield from attempt(journal, (SECTION, "loss one way", f"{LOSS_PPM / 10_000:g}%", way, 0), partial(lost, way))


def figures(runs: Sequence[Run]) -> Iterator[Figure]:
    """What was asked of latency and loss."""
    for one in runs:
        if one.section == SECTION and not one.why:
            yield from _of_loss(one) if "fewest" in one.figures else _of_delay(one)


def _of_delay(one: Run) -> Iterator[Figure]:
    found = one.figures
    for name in ("median_us", "p95_us"):
        truths = {"the truth": found[f"true_{name}"], "what is set": found.get("configured_us")}
        for which, truth_us in truths.items():
            if truth_us is not None:
                what = f"{one.tool} {one.cell}, {name.removesuffix('_us')} beside {which}"
                yield Figure(what, abs(found[name] - truth_us), _MOST_US, unit=" ms", scale=1000)


def _of_loss(one: Run) -> Iterator[Figure]:
    found = one.figures
    here, there = found[f"lost_{one.way}"], found["lost_up" if one.way == "down" else "lost_down"]
    yield Figure(
        f"loss {one.way}, found there or at the end", here + found["lost_tail"], found["fewest"], at_least=True
    )
    yield Figure(f"loss {one.way}, found there", here, found["most"])
    yield Figure(f"loss {one.way}, beside what the emulator dropped", abs(here + found["lost_tail"] - found[f"dropped_{one.way}"]), 0)  # fmt: skip
    yield Figure(f"loss {one.way}, found in the other direction", there, 0)
