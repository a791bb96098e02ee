"""Retention: the records of batches older than so many days are removed, segment by segment; everything that proves stays.

A batch goes if all of its segment is older than the rule says and its line has not complained since then: an open case must not
lose what it rests on. No complaint is ever recorded as closed, so one counts as open for as long as the rule keeps records.
What stays of a batch is in the tombstone (`collector/ledger/tombs.py`): its header with receipt and digests, the envelope that
the device signed, and its share of the figures of days. What is no batch stays whole: complaints, enrolments, imports, batches
that were kept aside.

The steps are those of `collector/ledger/retaining.py`. A segment whose removal was cut off is finished by the next run, unless
a line has complained meanwhile: then its batches are kept and the ledger gets another entry, which replaces the first.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from collector import quickjson
from collector.config import MOST_RETAIN_DAYS
from collector.errors import BadRequest, IndexUnusable, NotFound
from collector.ledger.arranging import arranging
from collector.ledger.frame import Draft, Entry, EntryKind
from collector.ledger.names import segments
from collector.ledger.retaining import forget_preparation, prepare, prepared, put_in_place, remove
from collector.ledger.seals import Seal, seal_beside
from collector.ledger.tombs import Rule, Tomb, tomb_beside
from collector.services import Services
from collector.store.left import Left, write_left
from collector.store.port import HeldBatch
from shared import statement
from shared.strictjson import JsonObject

DAY_US: Final = 86_400_000_000
Run = Callable[[str, dict[str, Any]], dict[str, Any]]  # a command of the desk
Stopped = Callable[[str], None]  # told the name of each step before it; tests stop there


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a rule would do to one segment: how many batches of which lines go, and what is held back for which lines.

    `goes_bytes`: how long their entries are now, of which header and envelope stay.
    """

    segment: str
    goes: int
    goes_bytes: int
    lines: tuple[str, ...]
    held: int
    held_lines: Mapping[str, int] = field(default_factory=dict)  # when each complained last (unix µs)
    is_begun: bool = False  # its removal was cut off


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed of one segment: batches now without their records, how long those were, batches held."""

    segment: str
    removed: int
    removed_bytes: int
    held: int
    records: int  # that the index let go of


def days_of(value: object) -> int:
    """The rule's days; raises BadRequest."""
    if type(value) is not int or not 1 <= value <= MOST_RETAIN_DAYS:
        raise BadRequest(f"days is a whole number from 1 to {MOST_RETAIN_DAYS}, not {value!r}")
    return value


def candidates(services: Services) -> list[str]:
    """The segments that a rule can be applied to: sealed, not the newest, with batches that are whole, or begun."""
    found = []
    for path in segments(services.ledger.folder)[:-1]:
        if seal_beside(path) is None:
            continue
        tomb = tomb_beside(path)
        if tomb is None or tomb.held or prepared(path) is not None:
            found.append(path.name)
    return found


def outlook(services: Services, name: str, days: int) -> Outlook:
    """What a rule of so many days would do to a segment now; changes nothing. Raises NotFound, BadRequest, IndexLags."""
    path, seal = _segment(services, name)
    since_us = services.clock.wall_us() - days_of(days) * DAY_US
    is_begun = prepared(path) is not None
    rows = _old(services, path, seal, since_us)
    open_lines = _complained(services, since_us)
    going, holding = list[HeldBatch](), Counter[str]()
    for row in rows:
        line = _line_of(services, row.dev)
        if line in open_lines:
            holding[line] += 1
        else:
            going.append(row)
    ends = _ends(services, seal)
    return Outlook(
        name,
        len(going),
        sum(ends[row.offset] - row.offset for row in going),
        tuple(sorted({_line_of(services, row.dev) for row in going})),
        sum(holding.values()),
        {line: open_lines[line] for line in sorted(holding)},
        is_begun,
    )


def retain(services: Services, name: str, days: int, before: Stopped = lambda _: None) -> Removed:
    """Apply a rule of so many days to a segment, or finish what was begun there.

    Raises NotFound, BadRequest, Busy, StorageFull, IndexLags, IndexUnusable, LedgerDamaged, ArchiveAway, OSError.
    """
    path, seal = _segment(services, name)
    rule = Rule(days_of(days), services.clock.wall_us())
    with services.retaining, arranging(services.ledger.folder):
        standing = tomb_beside(path)
        while True:
            tomb = _begun(services, path) or _begin(services, path, seal, rule, before)
            if tomb is None:
                return Removed(name, 0, 0, len(_old(services, path, seal, _since_us(rule))), 0)
            if not _is_overtaken(services, path, tomb):
                break
            forget_preparation(path)
        before("put in place")
        put_in_place(path)
        before("forget")
        numbers = [entry.no for entry in tomb if entry.gone]
        records = services.store.forget(numbers, services.config.stream)
        before("remove")
        remove(path)
        before("end")
        forget_preparation(path)
        been, been_bytes = (0, 0) if standing is None else (standing.removed, standing.removed_bytes)
        return Removed(name, tomb.removed - been, tomb.removed_bytes - been_bytes, tomb.held, records)


def _begun(services: Services, path: Path) -> Tomb | None:
    """The tombstone of a removal that was cut off after the ledger got its entry; of one cut off before, nothing is left."""
    tomb, told = prepared(path), services.registry.retained.get(path.name)
    if tomb is not None and told is not None and told.tombstone == tomb.sha256:
        return tomb
    forget_preparation(path)
    return None


def _begin(services: Services, path: Path, seal: Seal, rule: Rule, before: Stopped) -> Tomb | None:
    """Make a tombstone and enter it in the ledger; None if nothing would be removed."""
    since_us = _since_us(rule)
    rows, open_lines = _old(services, path, seal, since_us), _complained(services, since_us)
    going = {row.entry_no for row in rows if _line_of(services, row.dev) not in open_lines}
    if not going:
        return None
    for row in rows:
        if row.found != row.n:
            raise IndexUnusable(
                f"the index has {row.found} of the {row.n} records of entry {row.entry_no}, so their share of the days' figures "
                "is not known: `rebuild` it first"
            )
    left = services.store.left_of(seal.first_no - 1, seal.last_no, services.config.stream)
    lines = {no: write_left(left.get(no, Left())) for no in going}
    before("prepare")
    tomb = prepare(path, seal, rule, services.collector_key, lambda entry: entry.no in going, lines)
    told: JsonObject = {
        "at_us": rule.at_us,
        "days": rule.days,
        "held": tomb.held,
        "removed": tomb.removed,
        "removed_bytes": tomb.removed_bytes,
        "seal": tomb.seal,
        "segment": tomb.segment,
        "tombstone": tomb.sha256,
    }
    before("enter")
    draft = Draft(EntryKind.RETENTION, {"days": rule.days, "segment": seal.segment}, quickjson.encode(told) + b"\n")
    services.learning.kept(services.ledger.keep(draft))
    return tomb


def _is_overtaken(services: Services, path: Path, tomb: Tomb) -> bool:
    """Whether a line of which this would remove batches has complained since it was decided."""
    open_lines, gone = _complained(services, _since_us(tomb.rule)), _gone(path)
    return any(entry.gone and entry.no not in gone and _line_of(services, _dev(entry)) in open_lines for entry in tomb)


def _segment(services: Services, name: str) -> tuple[Path, Seal]:
    path = services.ledger.folder / name
    if path not in segments(services.ledger.folder)[:-1]:
        raise NotFound(f"{name} is no sealed segment of this ledger")
    seal = seal_beside(path)
    if seal is None:
        raise NotFound(f"{name} is not sealed")
    return path, seal


def _since_us(rule: Rule) -> int:
    return rule.at_us - rule.days * DAY_US


def _gone(path: Path) -> set[int]:
    """The batches of a segment whose records were removed, by entry number."""
    standing = tomb_beside(path)
    return set() if standing is None else {entry.no for entry in standing if entry.gone}


def _old(services: Services, path: Path, seal: Seal, since_us: int) -> list[HeldBatch]:
    """The batches of a segment that have their records, if none of it was received since a moment; else none."""
    services.indexer.caught_up(services.ledger.newest_no())  # also complaints that were kept just now
    newest_us = services.store.newest_us(seal.first_no - 1, seal.last_no, services.config.stream)
    if newest_us is None or newest_us >= since_us:
        return []
    gone = _gone(path)
    rows = services.store.held_batches(seal.first_no - 1, seal.last_no, services.config.stream)
    return [row for row in rows if row.entry_no not in gone]


def _complained(services: Services, since_us: int) -> dict[str, int]:
    """The lines that have complained since a moment, in any ledger of the index."""
    services.indexer.caught_up(services.ledger.newest_no())
    return {line: at_us for line, at_us in services.store.complained().items() if at_us >= since_us}


def _line_of(services: Services, dev: str) -> str:
    return services.registry.devices[dev].subscriber


def _dev(entry: Entry) -> str:
    return statement.sha256_hex(entry.meta, "dev")


def _ends(services: Services, seal: Seal) -> dict[int, int]:
    """Where each batch of a segment ends at most: where the next one begins."""
    rows = services.store.held_batches(seal.first_no - 1, seal.last_no, services.config.stream)
    offsets = [row.offset for row in rows]
    return dict(zip(offsets, [*offsets[1:], seal.size], strict=True))


def retain_all(run: Run, days: int, progress: Callable[[int, int, str], None], *, dry_run: bool) -> dict[str, Any]:
    """Apply a rule to all segments, with one of the desk's commands for each; or, dry, say what it would do."""
    names: list[str] = run("retain_segments", {})["segments"]
    total: dict[str, Any] = {"days": days, "dry_run": dry_run, "segments": 0, "batches": 0, "bytes": 0, "held": 0}
    lines, held_lines = set[str](), dict[str, int]()
    for number, name in enumerate(names):
        progress(number, len(names), name)
        told = {"segment": name, "days": days}
        seen = run("retain_outlook", told)
        total["held"] += seen["held"]
        held_lines |= seen["held_lines"]
        if not (seen["goes"] or seen["is_begun"]):
            continue
        done = {"removed": seen["goes"], "removed_bytes": seen["goes_bytes"]} if dry_run else run("retain", told)
        lines.update(seen["lines"])
        total["segments"] += 1
        total["batches"] += done["removed"]
        total["bytes"] += done["removed_bytes"]
    progress(len(names), len(names), "segments")
    return total | {"lines": sorted(lines), "held_lines": held_lines}
