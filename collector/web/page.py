"""The pages people read: one subscriber, the list of all, the fleet, cells, and what went wrong. Text in, text out.

Everything shown passes through Jinja's escaping, and a value a template expects and does not get is an
error. A page is whole in itself: one style sheet inside it, known to the Content-Security-Policy by its
hash (CSP level 3), no script, no font and no picture from elsewhere. Reads no clock: the case says as of
when it holds.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from collector.overview import CellsView, CellView, DayRow, FleetView
from collector.view import CaseView, Counts, Provenance, RecordRow, VerdictName, VerdictView
from collector.web import missing, presence, quantities, times, undelivered, vocabulary, words
from collector.web.daystrip import day_strip_of
from collector.web.figure import figures_of
from collector.web.heat import DAY_US, heat_of, tones
from collector.web.localtime import LineClock, date_words, day_words
from collector.web.profile import profiles_of
from collector.web.strip import strips_of

MOST_RECORDS: Final = 200
# A complaint that took longer than this to arrive is shown with both its times.
LATE_US: Final = 300_000_000
UTC: Final = LineClock.of("UTC")
# How far back the page of the fleet can count: what is asked for, and its name.
PERIODS: Final = (("1h", "last hour"), ("24h", "last day"), ("7d", "last 7 days"))
_CSS: Final = files("collector.web").joinpath("static", "page.css").read_text("utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
# What a page needs and no more; also inside it, so that it holds for a page saved to a file.
PAGE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
# The same for the header, which alone can forbid framing.
CONTENT_SECURITY_POLICY: Final = PAGE_POLICY + "; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class SubscriberLine:
    """One subscriber in the list: the latest verdict, its provenance, and the counts of that provenance."""

    subscriber: str
    verdict: VerdictName | None = None
    provenance: Provenance = "signed"
    counts: Counts = field(default_factory=Counts)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("collector.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        css=Markup(_CSS),  # noqa: S704  (our own file)
        policy=PAGE_POLICY,
        vocabulary=vocabulary,
        words=words,
        times=times,
        counted=quantities.counted,
        said=vocabulary.said,
        late_us=LATE_US,
        most_records=MOST_RECORDS,
        most_interruptions=presence.MOST_INTERRUPTIONS,
        stands=presence.STANDS,
        what=presence.what,
        length=presence.length,
        missing_words=missing,
        undelivered_words=undelivered,
        path_of=lambda subscriber: "/subscriber/" + quote(subscriber, safe=""),
        cell_path=lambda cell: "/cell/" + quote(cell, safe=""),
        rate=quantities.rate,
        delay=quantities.delay,
        day_words=day_words,
        date_words=date_words,
    )
    return environment


_ENVIRONMENT: Final = _environment()


def render_page(case: CaseView, rows: Sequence[RecordRow], days: Sequence[DayRow] = ()) -> str:
    """The page of one subscriber, a whole HTML document; `days` are his line's, oldest first."""
    newest = sorted(rows, key=lambda row: (row.at_us, row.seq), reverse=True)
    return _render(
        "subscriber.html",
        case=case,
        clock=LineClock.of(case.time_zone),
        signed=_of(case, "signed"),
        imported=_of(case, "imported"),
        frozen=tuple(device for device in case.devices if device.frozen),
        figures=figures_of(case, rows),
        missing=missing.missing_of(case),
        profiles=profiles_of(case, rows),
        undelivered=undelivered.undelivered_of(case),
        strips=strips_of(case.presence, LineClock.of(case.time_zone)),
        days=days,
        day_strip=day_strip_of(days),
        records=newest[:MOST_RECORDS],
        records_total=len(newest),
    )


def render_list(subscribers: Sequence[SubscriberLine]) -> str:
    """The page that lists the subscribers, in the order given, each with a link to its page."""
    return _render("list.html", subscribers=subscribers)


def render_fleet(fleet: FleetView) -> str:
    """The page of all devices."""
    clocks = {one.time_zone: LineClock.of(one.time_zone) for one in fleet.silent}
    return _render("fleet.html", fleet=fleet, clock=UTC, clocks=clocks, periods=PERIODS)


def render_cells(cells: CellsView) -> str:
    """The page of the worst cells, each with a link to its page."""
    return _render("cells.html", cells=cells, clock=UTC)


def render_cell(cell: CellView) -> str:
    """The page of one cell over whole days (UTC)."""
    week_us, today_ends_us = cell.until_us - cell.since_us, -(-cell.as_of_us // DAY_US) * DAY_US
    later_us = min(cell.until_us + week_us, today_ends_us)
    return _render(
        "cell.html",
        cell=cell,
        clock=UTC,
        heat=heat_of(cell),
        tones=tones(),
        earlier=UTC.machine(cell.since_us).replace("+00:00", "Z"),
        later=UTC.machine(later_us).replace("+00:00", "Z") if later_us > cell.until_us else None,
    )


def render_error(status: int, title: str, detail: str) -> str:
    """The page that says what went wrong."""
    return _render("error.html", status=status, title=title, detail=detail)


def render_invitation() -> str:
    """The page behind an enrolment link: what to do with the link."""
    return _render("invitation.html")


def _of(case: CaseView, provenance: Provenance) -> tuple[VerdictView, ...]:
    return tuple(verdict for verdict in case.verdicts if verdict.provenance == provenance)


def _render(template: str, **context: object) -> str:
    document = _ENVIRONMENT.get_template(template).render(**context)
    # Half a surrogate pair cannot be sent; a question mark in one word is better than no page.
    return document.encode("utf-8", "replace").decode("utf-8")
