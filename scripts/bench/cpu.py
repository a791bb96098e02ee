"""CPU seconds that a client spends per GB received, ours beside curl and a plain aiohttp client.

In bulk over loopback, the peer on one core and the client on another; and over an emulated link of 150 Mbit/s, where
every packet arrives alone and may wake its reader. Ours and aiohttp count from after their imports, curl from its
start, which is a few milliseconds. Interrupt work is charged by the kernel to whoever runs at that moment: compare
figures of one run only.
"""

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from .lab import PEER_PORT, Link, NotHere, lab, once, peer_command
from .runs import FAULTS, Journal, Run, ToolFailed, told
from .table import Figure
from .tools import OURS, needed

SECTION: Final = "cpu"
BULK_BYTES: Final = 1 << 30  # the largest object the peer serves
BULK_CAP_BYTES: Final = 20_000_000_000
PACED_BPS: Final = 150_000_000
PACED_S: Final = 10
SINGLE_FLOW: Final = "standard"  # ndt7, beside the plan that is asked about
LOOPBACK: Final = "127.0.0.1"
PEER_CORE: Final = 0
CLIENT_CORE: Final = 1
_GB: Final = 1_000_000_000


@contextmanager
def local_peer() -> Iterator[str]:
    """A peer on loopback, kept on a core of its own; its address."""
    with tempfile.TemporaryDirectory(prefix="speedproof-bench-") as folder:
        command = [*pinned(PEER_CORE), *peer_command(LOOPBACK, Path(folder))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
            try:
                if running.stdout is None or '"ready"' not in running.stdout.readline():
                    raise NotHere("the peer did not start")
                yield f"{LOOPBACK}:{PEER_PORT}"
            finally:
                running.terminate()


def pinned(core: int) -> list[str]:
    """Words that keep a command on one core, where there is more than one."""
    return ["taskset", "-c", str(core)] if (os.cpu_count() or 1) > 1 else []


def output_of(command: Sequence[str], timeout_s: float = 120) -> str:
    """Run a command and give what it printed; raises ToolFailed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode != 0:
        raise ToolFailed(f"exit {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1][:160]}")
    return done.stdout


def children_us() -> int:
    """CPU time of all children waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((used.ru_utime + used.ru_stime) * 1_000_000)


def figures_of(n_bytes: int, cpu_us: int) -> dict[str, int]:
    """Bytes, CPU time, and CPU milliseconds per GB."""
    return {"bytes": n_bytes, "cpu_us": cpu_us, "ms_per_gb": cpu_us * (_GB // 1000) // n_bytes if n_bytes else 0}


def ours(answer: Any) -> dict[str, int]:  # noqa: ANN401 - what probe_once printed
    """The figures of our own download."""
    if answer["end"] != "ok":
        raise ToolFailed(f"{answer['members'].get('failure')} in stage {answer['members'].get('stage')}")
    return figures_of(answer["members"]["received_bytes"], answer["cpu_us"])


def download_words(authority: str, plan: str, *more: str) -> list[str]:
    """How our download is started."""
    return [*once("probe_once"), "--peer", f"http://{authority}", "--method", "download", "--plan", plan, *more]


def bulk(plan: str) -> Iterator[tuple[str, dict[str, int]]]:
    """As fast as it goes, over loopback."""
    with local_peer() as authority:
        url = f"http://{authority}/object/{BULK_BYTES}"
        before_us = children_us()
        output_of([*pinned(CLIENT_CORE), needed("curl"), "-sS", "-f", "-o", "/dev/null", url])
        yield "curl", figures_of(BULK_BYTES, children_us() - before_us)
        more = ["--set", f"cap_bytes={BULK_CAP_BYTES}"]
        for name in dict.fromkeys((plan, SINGLE_FLOW)):
            words = [*pinned(CLIENT_CORE), *download_words(authority, name, *more)]
            yield f"{OURS}{name}", ours(json.loads(output_of(words)))
        plain = json.loads(output_of([*pinned(CLIENT_CORE), *once("aiohttp_once"), url]))
        yield "aiohttp", figures_of(plain["bytes"], plain["cpu_us"])


def paced(plan: str) -> Iterator[tuple[str, dict[str, int]]]:
    """At 150 Mbit/s, each packet alone."""
    with lab(Link(PACED_BPS)) as here:
        url = f"http://{here.authority}/object/{BULK_BYTES}"
        plain = here.run_json([*once("aiohttp_once"), url, "--seconds", str(PACED_S)], 60)
        yield "aiohttp", figures_of(plain["bytes"], plain["cpu_us"])
        time.sleep(1)
        for name in dict.fromkeys((plan, SINGLE_FLOW)):
            yield f"{OURS}{name}", ours(here.run_json(download_words(here.authority, name), 60))
            time.sleep(1)
        shell = 'out=$("$@"); [ $? = 28 ] && printf %s "$out"'
        words = [needed("curl"), "-s", "-o", "/dev/null", "-w", "%{size_download}", "--max-time", str(PACED_S), url]
        before_us = children_us()
        received = here.run(["sh", "-c", shell, "sh", *words], 60)
        yield "curl", figures_of(int(received), children_us() - before_us)


def run(journal: Journal, plan: str) -> Iterator[Run]:
    """Both, each tool's figures as they come."""
    for cell, work in (("bulk", bulk), ("150M packets", paced)):
        if all(journal.has(SECTION, tool, cell, "down", 0) for tool in ("curl", f"{OURS}{plan}", "aiohttp")):
            continue
        try:
            for tool, figures in work(plan):
                found = Run(SECTION, tool, cell, "down", 0, figures)
                journal.add(found)
                yield found
        except FAULTS as error:
            found = Run(SECTION, f"{OURS}{plan}", cell, "down", 0, {}, told(error))
            journal.add(found)
            yield found


def figures(runs: Sequence[Run]) -> Iterator[Figure]:
    """What was asked of CPU time."""
    per_gb = {(run.cell, run.tool): run.figures["ms_per_gb"] for run in runs if run.section == SECTION and not run.why}
    curls = per_gb.get(("bulk", "curl"))
    for tool in dict.fromkeys(tool for _, tool in per_gb if tool.startswith(OURS)):
        mine = per_gb.get(("bulk", tool))
        ratio = 1000 * mine // curls if mine is not None and curls else None
        yield Figure(f"{tool}, bulk download, CPU time beside curl's", ratio, 1500, unit=" x", scale=1000)
        paced_ms = per_gb.get(("150M packets", tool))
        yield Figure(f"{tool}, 150 Mbit/s packet by packet", paced_ms, 3000, unit=" CPU-s/GB", scale=1000)
