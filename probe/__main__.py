"""`speedproof-probe`: the command line. Results go to stdout, messages and bars to stderr; 0 worked, 1 failed, 2 misused."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from probe import report
from probe.agent import Agent
from probe.arguments import build_parser
from probe.catalogue import CATALOGUE, METHODS, TRANSFERS, Method
from probe.clock import SystemClock
from probe.doctor import look
from probe.enrol import enrol
from probe.errors import StateUnusable
from probe.home import Home
from probe.measure.outcome import Progress
from probe.net.collector import Collector
from probe.outbox import Outbox
from probe.run import run_agent
from probe.upload import Later, Uploader
from shared.complaint import make_complaint
from shared.errors import Malformed, SpeedproofError
from shared.receipt import Receipt
from shared.record import read_record
from shared.strictjson import JsonObject

WORKED, FAILED, MISUSED = 0, 1, 2
USUAL_PLAN = "light"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    options = build_parser().parse_args(argv)
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        home = Home(options.state or _default_state())
        return COMMANDS[options.command](home, options)
    except Malformed as error:
        _message(f"speedproof-probe: {error}")
        return MISUSED
    except SpeedproofError as error:
        _message(f"speedproof-probe: {error}")
        return FAILED
    except BrokenPipeError:
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def _default_state() -> Path:
    return Path(os.environ.get("SPEEDPROOF_STATE", Path.home() / ".local/share/speedproof/probe"))


@contextlib.contextmanager
def _agent(home: Home) -> Iterator[Agent]:
    """This device, ready to measure."""
    enrolled, key = home.enrolled(), home.key()
    if not home.outbox_file.exists():
        raise StateUnusable(
            "the outbox is gone, and with it this device's place in its chain; "
            "ask support for a code and use: speedproof-probe enrol URL CODE --new-key"
        )
    outbox = Outbox(home.outbox_file, lambda: secrets.token_bytes(32))
    try:
        yield Agent(enrolled, key, outbox, SystemClock(), secrets.token_bytes, home.settings())
    finally:
        outbox.close()


def _uploader(agent: Agent, kept: Callable[[Receipt], None]) -> Uploader:
    return Uploader(agent.outbox, Collector.of(agent.enrolled), agent.enrolled.collector, kept)


def _enrol(home: Home, options: argparse.Namespace) -> int:
    with home.lock():
        told = asyncio.run(
            enrol(
                home,
                options.url,
                options.code,
                options.ca and options.ca.resolve(),
                options.collector_key,
                secrets.token_bytes,
                fresh=options.new_key,
            )
        )
    result = {"subscriber": told["subscriber"], "collector": options.url, "device": home.key().public.key_id}
    result["collector_key"] = home.enrolled().collector.key_id
    _print(options, result, [
        f"enrolled for the line of {told['subscriber']}",
        f"  this device's key   {result['device']}",
        f"  the collector's key {result['collector_key']}" + ("" if options.collector_key else " (believed as first seen)"),
        "measure now with: speedproof-probe once     keep measuring with: speedproof-probe run",
    ])  # fmt: skip
    return WORKED


def _once(home: Home, options: argparse.Namespace) -> int:
    with home.lock(), _agent(home) as agent:
        chosen = _chosen(options.method, options.plan)
        agent.close_open_intents()
        results = asyncio.run(_measure(agent, chosen, quiet=options.json))
        agent.seal_all()
        receipts: list[Receipt] = []
        trouble = None if options.no_upload else asyncio.run(_uploader(agent, receipts.append).send_all())
    if options.json:
        told = {
            "records": results,
            "receipts": [asdict(one) for one in receipts],
            "unsent": trouble.why if trouble else None,
        }
        _print(options, told, [])
    for receipt in () if options.json else receipts:
        _line(f"sent as batch {receipt.batch}; the collector's receipt: {receipt.pae_sha256[:16]}…")
    if trouble:
        _message(f"not sent yet: {trouble.why}; it is kept and sent later")
    return FAILED if trouble else WORKED


def _chosen(method: str | None, plan: str | None) -> list[tuple[Method, str]]:
    """What to run, each with its plan; raises Malformed for a plan that a method does not have."""
    if method is None:
        if plan is not None and plan not in TRANSFERS:
            raise Malformed(f"a whole slot has the plans {', '.join(TRANSFERS)}; {plan} needs --method")
        return [(row, row.plan_beside(plan or USUAL_PLAN)) for row in CATALOGUE if row.weight != "by_hand"]
    row = METHODS[method]
    if plan is not None and plan not in row.plan_names:
        raise Malformed(f"{method} has no plan {plan}; it has {', '.join(row.plan_names)}")
    return [(row, plan or row.plan_beside(USUAL_PLAN))]


async def _measure(agent: Agent, chosen: Sequence[tuple[Method, str]], *, quiet: bool) -> list[JsonObject]:
    """Run methods by hand, one after the other, with a bar where a person looks."""
    shows = sys.stderr.isatty() and not quiet

    def watch(progress: Progress) -> None:
        sys.stderr.write(f"\r{report.bar(progress)}")
        sys.stderr.flush()

    results = []
    for method, plan in chosen:
        results.append(await agent.measure(method.name, plan, None, watch if shows else None))
        if shows:
            sys.stderr.write("\r" + " " * 72 + "\r")
        if not quiet:
            _line(report.line(results[-1]))
    return results


def _run(home: Home, options: argparse.Namespace) -> int:
    with home.lock(), _agent(home) as agent:
        kept = logging.getLogger("probe").info
        uploader = _uploader(
            agent, lambda receipt: kept("batch %d: receipt %s", receipt.batch, receipt.pae_sha256[:16])
        )
        try:
            asyncio.run(_until_told(run_agent(agent, uploader, options.plan, options.heavy_every)))
        except BaseExceptionGroup as group:
            ours, other = group.split(SpeedproofError)
            if ours is None or other is not None:
                raise
            raise ours.exceptions[0] from group
        agent.seal_all()
    return WORKED


async def _until_told(work: Coroutine[object, object, None]) -> None:
    """Run until SIGINT or SIGTERM."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _status(home: Home, options: argparse.Namespace) -> int:
    with _agent(home) as agent:
        tally, recent = agent.outbox.tally(), agent.outbox.recent()
        head, enrolled = agent.outbox.head, agent.enrolled
    told = asdict(tally) | {
        "subscriber": enrolled.subscriber,
        "collector": enrolled.collector_url,
        "device": home.key().public.key_id,
        "next_batch": head.batch,
        "recent": [read_record(line.rstrip(b"\n")).fields for line in recent],
    }
    _print(options, told, [
        f"line of {enrolled.subscriber}, collector {enrolled.collector_url}",
        f"{tally.next_seq} measurements started, {tally.batches} batches sealed, {tally.unsent} not sent yet",
        *([f"{tally.unsent_complaints} complaints not sent yet"] if tally.unsent_complaints else []),
        "last measurements:" if recent else "nothing measured yet; try: speedproof-probe once",
        *report.summary(recent[:10]),
    ])  # fmt: skip
    return WORKED


def _complain(home: Home, options: argparse.Namespace) -> int:
    with _agent(home) as agent:
        agent.outbox.add_complaint(make_complaint(options.words, agent.clock.wall_us(), agent.signer))
        uploader = _uploader(agent, lambda _: None)
        trouble = asyncio.run(uploader.send_complaints())
    _print(options, {"sent": trouble is None, "unsent": trouble.why if trouble else None}, [
        "your complaint is with the collector" if trouble is None else "your complaint is kept and will be sent later",
    ])  # fmt: skip
    if trouble:
        _message(f"not sent yet: {trouble.why}")
    return WORKED if trouble is None or isinstance(trouble, Later) else FAILED


def _doctor(home: Home, options: argparse.Namespace) -> int:
    checks = list(look(home, SystemClock()))
    _print(options, {"checks": [asdict(check) for check in checks]}, [
        f"{'ok  ' if check.good else 'LOOK'} {check.name:<10} {check.found}" + ("" if check.good else f" -> {check.advice}")
        for check in checks
    ])  # fmt: skip
    return WORKED if all(check.good for check in checks) else FAILED


def _print(options: argparse.Namespace, told: object, lines: Sequence[str]) -> None:
    if options.json:
        _line(json.dumps(told))
    else:
        for text in lines:
            _line(text)


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _message(text: str) -> None:
    sys.stderr.write(text + "\n")


COMMANDS: dict[str, Callable[[Home, argparse.Namespace], int]] = {
    "enrol": _enrol,
    "once": _once,
    "run": _run,
    "status": _status,
    "complain": _complain,
    "doctor": _doctor,
}


if __name__ == "__main__":
    sys.exit(main())
