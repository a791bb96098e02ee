"""The tools that are compared: ours, and those that a sceptic would take instead.

Each is run at the client's end of a link and gives, per direction, its estimate and the seconds at the link's serialiser
that the estimate speaks of. For ours and for ndt7 these are known to a millisecond; for the others they are the last
seconds before the program ended, which matters on traces only.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from .lab import WAYS, Lab, Way, mono_us, once
from .runs import ToolFailed
from .truth import MILLION

IPERF_PORT: Final = 5201
TEST_S: Final = 10
CURL_BYTES: Final = 20_000_000
CURL_S: Final = 15
OURS: Final = "ours "  # before the name of a plan
NDT7: Final = "ndt7 1 flow 10 s"
METHOD: Final[Mapping[Way, str]] = {"down": "download", "up": "upload"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a tool said of one direction, and of which seconds by the monotonic clock at the serialiser."""

    way: Way
    rate_bps: int
    from_us: int
    until_us: int
    more: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to ask for a rate; `ways` are the runs it needs, each of which may answer for several directions."""

    name: str
    seconds: int  # about how long one run takes
    runs: tuple[Way, ...]
    run: Callable[[Lab, Way], list[Estimate]]


def ours(plan: str) -> Callable[[Lab, Way], list[Estimate]]:
    """Our own transfer by one of its plans."""

    def run(lab: Lab, way: Way) -> list[Estimate]:
        words = ["--peer", f"http://{lab.authority}", "--method", METHOD[way], "--plan", plan]
        told = lab.run_json([*once("probe_once"), *words], 60)
        members, rate_bps = told["members"], told["rate_bps"]
        if told["end"] != "ok" or rate_bps is None:
            raise ToolFailed(f"{members.get('failure')} in stage {members.get('stage')}")
        from_us, until_us = told["window_us"]
        # Bytes counted here left the serialiser one way earlier. The peer, which counts uploads, began its own time
        # one way before us, when it had answered the handshake.
        zero_us = told["zero_mono_us"] - lab.link.one_way_us * (1 if way == "down" else 2)
        more = {
            "dur_us": members["dur_us"],
            "interval": int("rate_lo_bps" in members),
            "lo_bps": members.get("rate_lo_bps", 0),
            "hi_bps": members.get("rate_hi_bps", 0),
            "cpu_us": told["cpu_us"],
        }
        return [Estimate(way, rate_bps, zero_us + from_us, zero_us + until_us, more)]

    return run


def ndt7(lab: Lab, way: Way) -> list[Estimate]:
    """One flow for ten seconds."""
    told = lab.run_json([*once("ndt7_once"), f"http://{lab.authority}", METHOD[way]], 40)
    if told["bytes"] <= 0 or told["dur_us"] <= 0:
        raise ToolFailed("no bytes")
    zero_us = told["zero_mono_us"] - lab.link.one_way_us * (1 if way == "down" else 2)
    return [Estimate(way, 8 * MILLION * told["bytes"] // told["dur_us"], zero_us, zero_us + told["dur_us"])]


def iperf3(lab: Lab, way: Way) -> list[Estimate]:
    """Four flows for ten seconds, the receiver's count."""
    words = ["-c", lab.host, "-P", "4", "-t", str(TEST_S), "-J", *(["-R"] if way == "down" else [])]
    lab.emulator.popen_server([needed("iperf3"), "-s", "-1", "-p", str(IPERF_PORT)], port=IPERF_PORT)
    told = lab.run_json([needed("iperf3"), *words], 60)
    received = told["end"]["sum_received"]
    return [_last_seconds(lab, way, received["bits_per_second"], received["seconds"])]


def curl(lab: Lab, way: Way) -> list[Estimate]:
    """One big file, cut off after some seconds on a slow link."""
    words = ["-s", "-o", "/dev/null", "-w", "%{json}", "--max-time", str(CURL_S)]
    url = f"http://{lab.authority}/object/{CURL_BYTES}"
    # curl ends with 28 when its time is over, which is no failure here.
    shell = 'out=$("$@"); code=$?; printf %s "$out"; [ "$code" = 28 ] || exit "$code"'
    told = lab.run_json(["sh", "-c", shell, "sh", needed("curl"), *words, url], CURL_S + 10)
    if told["http_code"] != 200:
        raise ToolFailed(f"status {told['http_code']}")
    return [_last_seconds(lab, way, told["speed_download"] * 8, told["time_total"])]


def speedtest_cli(lab: Lab, way: Way) -> list[Estimate]:
    """The unmodified client against the peer's compatible endpoints; one run says both directions."""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    env |= {"http_proxy": f"http://{lab.authority}", "no_proxy": lab.host}
    began_us = mono_us()
    told = lab.run_json([sys.executable, "-P", "-m", "speedtest", "--json"], 90, env)
    ended_us = mono_us()
    if told["download"] <= 0 or told["upload"] <= 0:
        raise ToolFailed("a rate of zero")
    if way != WAYS[0]:
        raise ToolFailed("both directions come from one run")
    # Downloads come first; where one ends and the other begins is not told.
    half_us = (ended_us - began_us) // 2
    return [
        Estimate("down", int(told["download"]), began_us, began_us + half_us),
        Estimate("up", int(told["upload"]), began_us + half_us, ended_us),
    ]


def _last_seconds(lab: Lab, way: Way, rate_bps: float, seconds: float) -> Estimate:
    until_us = mono_us() - 2 * lab.link.rtt_us
    return Estimate(way, int(rate_bps), until_us - int(seconds * MILLION), until_us)


def needed(program: str) -> str:
    """Where a program is; raises ToolFailed."""
    found = shutil.which(program)
    if found is None:
        raise ToolFailed(f"{program} is not installed")
    return found


PLANS: Final = ("evidence", "light")
_SHORT: Final = "light"  # the plan that ends early; any other takes about as long as evidence
FOREIGN: Final[tuple[Tool, ...]] = (
    Tool("iperf3 -P4", 11, WAYS, iperf3),
    Tool("speedtest-cli", 24, ("down",), speedtest_cli),
    Tool("curl 20 MB", 9, ("down",), curl),
    Tool(NDT7, 11, WAYS, ndt7),
)


def ours_of(plans: Sequence[str]) -> tuple[Tool, ...]:
    """Ours, by each of these plans."""
    return tuple(Tool(f"{OURS}{plan}", 4 if plan == _SHORT else 11, WAYS, ours(plan)) for plan in plans)
