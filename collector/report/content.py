"""The whole report in its order: the answer first, then what it rests on, then how to check it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.overview import DayRow
from collector.report import about, sections
from collector.report.against import against
from collector.report.blocks import Block
from collector.report.told import Told
from collector.view import CaseView, RecordRow
from collector.web.localtime import LineClock


@dataclass(frozen=True, slots=True)
class Report:
    """What is set on pages: a title, what the case is, and the pieces; `as_of_us`: when it was so."""

    title: str
    subtitle: str
    as_of: str
    as_of_us: int
    identity: str  # stands on every page
    blocks: tuple[Block, ...]


def report_of(case: CaseView, rows: Sequence[RecordRow], days: Sequence[DayRow], told: Told) -> Report:
    """The report on one case."""
    clock = LineClock.of(case.time_zone)
    unknown = "" if clock.known else f" The time zone “{case.time_zone}” is not known here, so all times are in UTC."
    blocks = (
        *sections.answer(case),
        *sections.promised(case),
        *sections.measured(case, rows, days, clock),
        *about.how(case, rows, clock),
        *sections.judged(case, clock, dict(told.criteria)),
        *sections.heard(case, rows, clock),
        *against(case, rows, clock),
        *about.not_shown(),
        *about.checked(told),
        *about.attachments(told),
    )
    return Report(
        "Report on a mobile data line",
        case.subscriber,
        f"As of {clock.moment(case.as_of_us)}.{unknown}",
        case.as_of_us,
        f"manifest {told.manifest_sha256[:16]}",
        blocks,
    )
