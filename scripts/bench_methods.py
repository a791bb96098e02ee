"""The instrument's figures beside those of other tools, measured on the same emulated links in the same invocation.

Sections: accuracy (rates), latency (round trips and loss), cpu, weight (of the daemon), peer (what it serves). Needs
root, iproute2, and the emulator and traces in the folder `shared` beside the repository (SPEEDPROOF_SHARED names
another); for the other tools iperf3, curl and speedtest-cli. A tool that is not there is said to be missing, and the
rest runs. Congestion control is cubic in both namespaces; the peer chooses its own for what it sends.

    python scripts/bench_methods.py                           all sections, about half an hour
    python scripts/bench_methods.py --section accuracy --out runs.jsonl     may be interrupted and started again
    python scripts/bench_methods.py --quick                   one rate, to see that everything works
    python scripts/bench_methods.py --report runs.jsonl       only the tables
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import accuracy, cpu, latency, peer_load, weight
from bench.lab import QUEUE_MS, NotHere, shared_folder
from bench.runs import Journal, Run, read
from bench.table import accuracy_figures, report
from bench.tools import PLANS

SECTIONS = ("accuracy", "latency", "cpu", "weight", "peer")
ASKED = {
    accuracy.SECTION: accuracy_figures,
    latency.SECTION: latency.figures,
    cpu.SECTION: cpu.figures,
    weight.SECTION: weight.figures,
    peer_load.SECTION: peer_load.figures,
}
LINKED = {"accuracy", "latency", "cpu", "weight"}  # sections that need the emulator
ABOUT_S = {"latency": 240, "cpu": 60, "weight": 40, "peer": 30}


def numbers(text: str) -> list[float]:
    """Numbers with commas between them."""
    return [float(word) for word in text.split(",") if word]


def words(text: str) -> list[str]:
    """Words with commas between them."""
    return [word for word in text.split(",") if word]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--section", action="append", choices=SECTIONS, help="only this one; may be repeated")
    made.add_argument(
        "--rates", type=numbers, default=[1, 5, 20, 50, 100], metavar="M,...", help="Mbit/s, both directions"
    )
    made.add_argument("--rtts", type=numbers, default=[30, 80], metavar="MS,...", help="round trips")
    made.add_argument("--loss", type=numbers, default=[0, 0.5], metavar="%,...", help="random loss, both directions")
    made.add_argument("--traces", type=words, default=list(accuracy.TRACES), metavar="NAME,...", help="pairs of traces")
    made.add_argument("--runs", type=int, default=1, help="runs of each tool in each cell (default 1)")
    made.add_argument("--only", default="", metavar="TEXT", help="only tools with this in their name (accuracy)")
    made.add_argument("--plans", type=words, default=list(PLANS), metavar="NAME,...", help="our plans; the first is used outside accuracy")  # fmt: skip
    made.add_argument(
        "--queue-ms", type=int, default=QUEUE_MS, help="drop-tail queue of constant links (default %(default)s)"
    )
    made.add_argument("--trace-queue-ms", type=int, default=accuracy.TRACE_QUEUE_MS, help="of traces, at the mean rate (default %(default)s)")  # fmt: skip
    made.add_argument("--ipv6", action="store_true", help="accuracy over IPv6")
    made.add_argument("--full", action="store_true", help="foreign tools in every cell, not in a chosen few")
    made.add_argument("--quick", action="store_true", help="20 Mbit/s, 30 ms, and no trace")
    made.add_argument(
        "--out", type=Path, metavar="FILE", help="a line of JSON per run; runs already in it are not repeated"
    )
    made.add_argument("--report", type=Path, nargs="+", metavar="FILE", help="run nothing, only report")
    return made


def choice_of(options: argparse.Namespace) -> accuracy.Choice:
    """What the words mean, in the units of the links."""
    chosen = accuracy.Choice(
        rates_bps=[round(rate * 1_000_000) for rate in options.rates],
        rtts_us=[round(rtt * 1000) for rtt in options.rtts],
        losses_ppm=[round(loss * 10_000) for loss in options.loss],
        traces=options.traces,
        plans=options.plans,
        runs=options.runs,
        only=options.only,
        full=options.full,
        queue_ms=options.queue_ms,
        trace_queue_ms=options.trace_queue_ms,
        version=6 if options.ipv6 else 4,
    )
    return chosen.shortened() if options.quick else chosen


def work(sections: Sequence[str], choice: accuracy.Choice, journal: Journal) -> Iterator[Run]:
    """Every run, as it ends."""
    plan = choice.plans[0]
    if "accuracy" in sections:
        for job in accuracy.jobs(choice):
            yield from accuracy.run(job, journal, choice.version)
    if "latency" in sections:
        yield from latency.run(journal, choice.rtts_us)
    if "cpu" in sections:
        yield from cpu.run(journal, plan)
    if "weight" in sections:
        yield from weight.run(journal, plan)
    if "peer" in sections:
        yield from peer_load.run(journal)


def said(run: Run) -> str:
    """One run in one line."""
    head = f"{run.section} {run.tool}, {run.cell}{', ' if run.way else ''}{run.way}"
    if run.why:
        return f"{head}: no figures: {run.why}"
    if "error_ppm" in run.figures:
        return f"{head}: {run.figures['error_ppm'] / 10_000:+.2f} %, {run.figures['link_bytes'] / 1e6:.1f} MB"
    return f"{head}: " + ", ".join(f"{name} {value}" for name, value in run.figures.items())


def machine() -> str:
    """What this ran on."""
    kernel = os.uname()
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent)  # fmt: skip
    return f"{kernel.sysname} {kernel.release}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, revision {done.stdout.strip() or 'unknown'}"


def main() -> int:
    """Run, and print the tables."""
    options = parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a link that is up is taken down
    if options.report:
        print(*report(list(read(options.report)), ASKED), sep="\n")
        return 0
    sections = options.section or list(SECTIONS)
    choice = choice_of(options)
    journal, code = Journal(options.out), 0
    try:
        if LINKED & set(sections):
            shared_folder()
        about_s = sum(ABOUT_S.get(section, 0) for section in sections)
        if "accuracy" in sections:
            about_s += accuracy.seconds(accuracy.jobs(choice), journal)
        print(f"{machine()}; about {about_s / 60:.0f} minutes", file=sys.stderr)
        began_s = time.monotonic()
        for run in work(sections, choice, journal):
            print(f"{time.monotonic() - began_s:6.0f} s  {said(run)}", file=sys.stderr, flush=True)
    except NotHere as error:
        print(f"bench_methods: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("bench_methods: interrupted; the runs so far:", file=sys.stderr)
        code = 1
    if journal.runs:
        print(machine())
        print(*report(list(journal.runs.values()), ASKED), sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
