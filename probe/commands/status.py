"""`status`: whether an agent runs, what was measured, what waits, what comes next. Changes nothing."""

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from probe import pausing, presence
from probe.agent import Agent
from probe.answers import REVOKED
from probe.commands.device import opened
from probe.commands.look import accounts, campaigns, is_held, local_of, recent
from probe.commands.say import WORKED, line, positive, show
from probe.home import Home
from probe.logwatch import known_log
from probe.pausing import Pause, read_pause
from probe.presence import Alive
from probe.standing import Outgoing, Standing, lines
from probe.upload import stuck_since_us
from shared.errors import Malformed
from shared.strictjson import Json, JsonObject

if TYPE_CHECKING:
    from probe.commands.say import Commands

EVERY_S: Final = 5
LEAST_COLUMNS: Final = 40
USUAL_COLUMNS: Final = 100  # where there is no terminal
CLEAR, HOME, TO_LINE_END, TO_PAGE_END = "\x1b[2J", "\x1b[H", "\x1b[K", "\x1b[J"


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser("status", parents=[common], help="what runs, what was measured, what waits to be sent")
    parser.add_argument(
        "--watch", type=positive, nargs="?", const=EVERY_S, metavar="SECONDS",
        help=f"look again every so many seconds (default {EVERY_S}) until Ctrl-C",
    )  # fmt: skip


def run(home: Home, options: argparse.Namespace) -> int:
    """Look once, or again and again."""
    with opened(home) as agent:
        if options.watch is None:
            _show(home, agent, options)
        else:
            watch(lambda: _watched(home, agent, options), options, lambda: time.sleep(options.watch))
    return WORKED


def watch(look: Callable[[], None], options: argparse.Namespace, wait: Callable[[], None]) -> None:
    """Look until somebody presses Ctrl-C; in place on a terminal, one below the other elsewhere."""
    if _in_place(options):
        sys.stdout.write(CLEAR)
    try:
        while True:
            look()
            wait()
    except KeyboardInterrupt:
        sys.stdout.write("\n" if _in_place(options) else "")
        sys.stdout.flush()


def _in_place(options: argparse.Namespace) -> bool:
    return sys.stdout.isatty() and not options.json


def _watched(home: Home, agent: Agent, options: argparse.Namespace) -> None:
    if not _in_place(options):
        _show(home, agent, options)
        if not options.json:
            line("")
        return
    size = shutil.get_terminal_size()
    shown = lines(standing(home, agent), max(LEAST_COLUMNS, size.columns) - 1, local_of(agent))[
        : max(1, size.lines - 1)
    ]
    sys.stdout.write(HOME + "".join(f"{text}{TO_LINE_END}\n" for text in shown) + TO_PAGE_END)
    sys.stdout.flush()


def _show(home: Home, agent: Agent, options: argparse.Namespace) -> None:
    now = standing(home, agent)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else USUAL_COLUMNS
    show(options, told(now, agent), [] if options.json else lines(now, max(LEAST_COLUMNS, columns), local_of(agent)))


def standing(home: Home, agent: Agent) -> Standing:
    """How this device stands now."""
    wall_us, outbox = agent.clock.wall_us(), agent.outbox
    budget, spent = accounts(agent, wall_us)
    alive = _alive(outbox.kept(presence.NAME))
    return Standing(
        subscriber=agent.enrolled.subscriber,
        collector_url=agent.enrolled.collector_url,
        device=agent.device,
        wall_us=wall_us,
        mono_us=agent.clock.mono_us(),
        boot=agent.boot,
        locked=is_held(home),
        alive=alive,
        outgoing=_outgoing(agent),
        budget=budget,
        spent=spent,
        pause=_pause(outbox.kept(pausing.NAME)),
        campaign=tuple(campaigns(agent, wall_us)),
        recent=recent(agent),
        log=known_log(outbox),
    )


def told(now: Standing, agent: Agent) -> JsonObject:
    """The same for programs; names are a contract, later versions add to them."""
    spent: JsonObject = dict(asdict(now.spent))
    said: JsonObject = {
        **asdict(agent.outbox.tally()),
        "subscriber": now.subscriber,
        "collector": now.collector_url,
        "device": now.device,
        "next_batch": agent.outbox.head.batch,
        "wall_us": now.wall_us,
        "running": now.running,
        "spent": spent | {"month_bytes": now.budget.month_bytes, "total_bytes": now.spent.total_bytes},
        "campaign": list(now.campaign),
        "recent": [record.fields for record in now.recent],
    }
    if now.log is not None:
        newest = now.log.checkpoint
        said["log"] = {
            "notes": list(now.log.notes),
            "past": list(now.log.past),
            "proven": now.log.proven,
            "size": 0 if newest is None else newest.size,
            "unlinked": len(now.log.loose),
            "vkey": now.log.vkey,
            "wrong": now.log.wrong,
        }
    if now.alive is not None:
        said["alive"] = _known(asdict(now.alive))
    if now.pause is not None and now.is_paused:
        said["pause"] = _known(asdict(now.pause))
    if now.outgoing.stuck_since_us is not None:
        said["stuck_since_us"] = now.outgoing.stuck_since_us
    if now.outgoing.is_revoked:
        said["revoked"] = True
    return said


def _known(members: dict[str, Json]) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None}


def _outgoing(agent: Agent) -> Outgoing:
    tally = agent.outbox.tally()
    return Outgoing(
        started=tally.next_seq,
        batches=tally.batches,
        unsealed=tally.unsealed,
        unsent=tally.unsent,
        unsent_bytes=tally.unsent_bytes,
        unsent_complaints=tally.unsent_complaints,
        last_receipt_us=tally.last_receipt_us,
        lost=tally.lost,
        stuck_since_us=stuck_since_us(agent.outbox),
        is_revoked=agent.outbox.kept(REVOKED) is not None,
        is_asking=tally.is_asking,
        used_bytes=tally.used_bytes,
        limit_bytes=tally.limit_bytes,
    )


def _alive(kept: bytes | None) -> Alive | None:
    try:
        return None if kept is None else Alive.read(kept)
    except Malformed:
        return None


def _pause(kept: bytes | None) -> Pause | None:
    try:
        return read_pause(kept)
    except Malformed:
        return None
