"""The whole page: sections in order, each with its pictures or a sentence in their place. Pure; no script, nothing fetched."""

from probe import report
from probe.moments import day_of, zones_between
from probe.page import charts, tables
from probe.page.calendar import calendar
from probe.page.digest import counted, share_per_mille, usual
from probe.page.facts import Facts
from probe.page.markup import Node, Part, document, node
from probe.page.style import STYLE
from probe.page.words import HOW_TO_READ, NOT_SHOWN, allowance, lead, milliseconds, quartiles, sending
from shared.record import End

Shapes = tuple[tuple[str, str, str], ...]
MARKS: Shapes = (
    ("mark dot", "M7 7h0", "scheduled"),
    ("mark diamond", "M7 3l4 4l-4 4l-4-4z", "besides the schedule"),
    ("mark ring", "M4 7a3 3 0 1 0 6 0a3 3 0 1 0-6 0", "disturbed"),
    ("mark cross", "M3.5 3.5l7 7m0-7l-7 7", "failed"),
    ("day", "M0 7H14", "median of a day"),
    ("mark flag", "M7 4h-4l4 7l4-7z", "you marked: it is bad now"),
)
STATES: Shapes = (
    ("slot worked", "M0 8H14v3H0z", "worked"),
    ("slot partly", "M0 5H14v6H0z", "partly failed"),
    ("slot failed", "M0 1H14v10H0z", "failed altogether"),
    ("slot held-back", "M0 5H14v1H0z", "held back"),
    ("ground", "M0 11.5H14", "nothing recorded"),
)


def render(facts: Facts) -> str:
    """One self-contained document."""
    begin, end = (facts.local(at_us) for at_us in (facts.from_us, facts.now_us))
    zone = zones_between(facts.from_us, facts.now_us, facts.local)
    period = f"{day_of(begin)} {begin.year}, {begin:%H:%M} to {day_of(end)} {end.year}, {end:%H:%M}"
    return document(
        f"speedproof: line of {facts.subscriber}",
        STYLE,
        node(
            "header",
            node("p", "speedproof, your own copy", class_="overline"),
            node("h1", f"Line of {facts.subscriber}"),
            node("p", f"{period}. All times are this device's local time ({zone}).", class_="quiet"),
        ),
        node("main", node("div", *_paragraphs(lead(facts)), class_="lead"), _tiles(facts), *_sections(facts)),
        node(
            "footer",
            node("p", f"Collector: {facts.collector_url}"),
            node("p", f"This device's key: {facts.device}"),
            node("p", f"Made at {end:%H:%M} on {day_of(end)} {end.year} by speedproof-probe report."),
        ),
    )


def _sections(facts: Facts) -> list[Node | None]:
    return [
        _section(
            "Day by day",
            _whole(calendar(facts), STATES),
            otherwise="No scheduled measurement yet. To measure by the schedule: speedproof-probe run",
        ),
        _section(
            "Speed, in Mbit/s",
            _pictures(charts.rates(facts, "download"), charts.rates(facts, "upload"), shapes=MARKS),
            otherwise="No transfer yet. They cost data, so they run a few times a day; now: speedproof-probe once",
        ),
        _section(
            "Latency in ms, lost packets in %",
            _pictures(charts.round_trips(facts), charts.loss(facts)),
            _note("A line spans four fifths of the results of a stretch of time; the dot is their median."),
        ),
        _section(
            "By hour of the day",
            _pictures(
                charts.rate_by_hour(facts, "download"),
                charts.rate_by_hour(facts, "upload"),
                charts.latency_by_hour(facts),
                charts.failures_by_hour(facts),
            ),
            _note(
                "Speed in Mbit/s, latency in ms, failed in %. A line spans the middle half of the results of an hour."
            ),
        ),
        _section(
            "What went wrong",
            tables.stretches(facts),
            tables.failures(facts),
            tables.held_back(facts),
            tables.disturbances(facts),
            otherwise="Nothing went wrong in this time." if facts.rows else "",
        ),
        _section("Beside the measurements", tables.happenings(facts)),
        _section(
            "Data used",
            _pictures(charts.data_used(facts)),
            *_paragraphs(allowance(facts)),
            otherwise="No data was used.",
        ),
        _section("What was sent", *_paragraphs(sending(facts)), tables.receipts(facts)),
        _section("Campaign", *_paragraphs(facts.campaign)),
        _section("Last measurements", tables.last_ones(facts)),
        _section("How to read this", node("dl", *map(_term, HOW_TO_READ), class_="terms")),
        _section("What this page does not show", node("ul", *(node("li", text) for text in NOT_SHOWN))),
    ]


def _section(title: str, *parts: Part, otherwise: str = "") -> Node | None:
    """A section; where there is nothing but notes to show, the sentence `otherwise`, or no section."""
    shows = any(part is not None and not isinstance(part, str) and part.get("class") != "note" for part in parts)
    if not shows and not otherwise:
        return None
    return node("section", node("h2", title), *(parts if shows else [node("p", otherwise)]))


def _tiles(facts: Facts) -> Node | None:
    """The figures to read first."""
    tiles = []
    for method, name in (("download", "Download, usually"), ("upload", "Upload, usually")):
        found = usual(row.rate_bps for row in counted(facts.rows, method))
        if found is not None:
            tiles.append(
                (name, report.rate(found.middle), quartiles(found, report.rate(found.low), report.rate(found.high)))
            )
    found = usual(row.rtt_us for row in counted(facts.rows, "latency"))
    if found is not None:
        middle_half = quartiles(found, milliseconds(found.low), milliseconds(found.high))
        tiles.append(("Latency, usually", milliseconds(found.middle), middle_half))
    ran = counted(facts.rows)
    if ran:
        worked = sum(row.end == End.OK for row in ran)
        share = report.digits(share_per_mille(worked, len(ran)) / 10)
        tiles.append(("Worked", f"{share}\u00a0%", f"{worked:,} of {len(ran):,} scheduled measurements"))
    return node("dl", *(_tile(*tile) for tile in tiles), class_="tiles") if tiles else None


def _tile(name: str, figure: str, more: str) -> Node:
    return node("div", node("dt", name), node("dd", figure, node("small", more)))


def _whole(drawn: Node | None, shapes: Shapes) -> Node | None:
    """One picture over the whole width, with its key."""
    return None if drawn is None else node("figure", _caption(drawn), drawn, _key(shapes), class_="one")


def _pictures(*drawn: Node | None, shapes: Shapes = ()) -> Node | None:
    """Pictures side by side where there is room, with one key."""
    figures = [node("figure", _caption(one), one) for one in drawn if one is not None]
    if not figures:
        return None
    return node("div", node("div", *figures, class_="pair"), _key(shapes) if shapes else None)


def _caption(drawn: Node) -> Node:
    """A picture's name and description, for everybody to see."""
    return node("figcaption", drawn.findtext("title"), node("span", drawn.findtext("desc")))


def _key(shapes: Shapes) -> Node:
    items = (
        node(
            "li",
            node("svg", node("path", class_=kind, d=outline), viewBox="0 0 14 14", aria_hidden="true"),
            words,
        )
        for kind, outline, words in shapes
    )
    return node("ul", *items, class_="key")


def _paragraphs(texts: tuple[str, ...] | list[str]) -> list[Node]:
    return [node("p", text) for text in texts]


def _note(text: str) -> Node | None:
    return node("p", text, class_="note") if text else None


def _term(term: tuple[str, str]) -> Node:
    return node("div", node("dt", term[0]), node("dd", term[1]))
