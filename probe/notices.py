"""What a person is told without having asked: slow, recovered, upload stuck, the collector's log wrong. Each once. Pure.

An episode begins when the line turns slow (or the upload stops), is told when it has lasted, and ends with it. What was
told is kept between starts in one small value, so that a restart repeats nothing. Which of them are shown is a setting;
an episode is followed in any case, so that switching a notice on does not bring up old news.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from shared import strictjson
from shared.errors import Malformed
from shared.strictjson import JsonObject

Kind = Literal["slow", "recovered", "stuck", "log"]

NAME = "notices"  # of the kept value
SLOW_FOR_US = 40 * 60 * 1_000_000  # ours: the third slot of a quarter of an hour in a row; one or two are weather
STUCK_FOR_US = 24 * 3600 * 1_000_000  # ours: a day without a network is a journey, not a fault


@dataclass(frozen=True, slots=True)
class Seen:
    """How things stand now. A moment is None while there is nothing of the kind."""

    wall_us: int
    slow_since_us: int | None = None  # the first of the failed or slow slots that have not ended yet
    stuck_since_us: int | None = None  # since when something waits and the collector took nothing
    waiting: int = 0  # batches that wait
    log_wrong: str = ""  # what is wrong with the collector's log


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: a title, a sentence, and whether a button to mark the moment belongs to it."""

    kind: Kind
    title: str
    text: str
    may_mark: bool = False


def told(kept: bytes | None, seen: Seen, shown: Collection[str]) -> tuple[list[Notice], bytes]:
    """What to tell now, and what to keep. `shown` names the kinds that are wanted; a damaged value begins anew."""
    was = _read(kept)
    slow, stuck = _lasted(seen, seen.slow_since_us, SLOW_FOR_US), _lasted(seen, seen.stuck_since_us, STUCK_FOR_US)
    found: list[Notice] = []
    if slow and "slow" not in was:
        found.append(_slow(seen))
    if "slow" in was and seen.slow_since_us is None:
        found.append(Notice("recovered", "Your line has recovered", "The last measurement was as it should be again."))
    if stuck and "stuck" not in was:
        found.append(_stuck(seen))
    if seen.log_wrong and "log" not in was:
        found.append(_log(seen))
    now: JsonObject = {
        "log": bool(seen.log_wrong),
        "slow": slow or ("slow" in was and seen.slow_since_us is not None),
        "stuck": stuck or ("stuck" in was and seen.stuck_since_us is not None),
    }
    return [notice for notice in found if notice.kind in shown], strictjson.encode(now)


def _lasted(seen: Seen, since_us: int | None, for_us: int) -> bool:
    return since_us is not None and seen.wall_us - since_us >= for_us


def _read(kept: bytes | None) -> frozenset[str]:
    """Which episodes were told and are not over."""
    try:
        held = strictjson.decode(kept) if kept else {}
    except Malformed:
        return frozenset()
    return frozenset(name for name, value in held.items() if value is True)


def _slow(seen: Seen) -> Notice:
    minutes = (seen.wall_us - (seen.slow_since_us or seen.wall_us)) // 60_000_000
    return Notice(
        "slow",
        "Your line is slow",
        f"For {minutes} minutes measurements have failed or been slow. Does it trouble you now? Then mark it.",
        may_mark=True,
    )


def _log(seen: Seen) -> Notice:
    return Notice(
        "log",
        "The collector's log cannot be trusted",
        f"{seen.log_wrong}. What shows it is kept here. Save it: speedproof-probe export",
    )


def _stuck(seen: Seen) -> Notice:
    hours = (seen.wall_us - (seen.stuck_since_us or seen.wall_us)) // 3_600_000_000
    return Notice(
        "stuck",
        "Measurements wait to be sent",
        f"{seen.waiting} batches wait, and for {hours} hours nothing could be sent. They are safe here. "
        "Look with: speedproof-probe doctor",
    )
