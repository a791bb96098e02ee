"""The report's pieces set on pages, A4, with fpdf2. Bytes out; the same pieces give the same pages wherever they are made.

Text is set as text: nothing in it is read as markup, and what the type lacks is named (`letters`). Lengths are mm, type is pt.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.resources import as_file
from itertools import zip_longest
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import Align, TableBordersLayout, TableCellFillMode, XPos, YPos
from fpdf.fonts import FontFace

from collector.report.blocks import Banner, Block, Bullets, Facts, Heading, Picture, Quote, Table, Text
from collector.report.content import Report
from collector.report.letters import FAMILY, FILES, font_file, from_the_right, printable
from collector.report.picture import draw, height_of
from collector.report.style import page_sheet, rgb
from collector.report.told import Attachment
from collector.web.figure import Key

_MARGIN: Final = 20.0
_FOOT: Final = 22.0
_BODY: Final = 9.5
_SMALL: Final = 8.0
_LEADING: Final = 1.42 * 25.4 / 72  # mm of line for each pt of type
_TITLE: Final = 22.0
_HEADINGS: Final = {1: (15.0, 7.0, 2.5), 2: (11.0, 4.5, 1.5), 3: (9.5, 3.0, 0.8)}  # pt; mm above and below
_ROOM: Final = 28.0  # a heading is not left alone at the end of a page
_TITLED: Final = 12.0  # of a heading over a picture
_LABEL: Final = 46.0
_SIGN: Final = 5.0
_LEGEND_MM: Final = 0.24
_CELL: Final = 400  # letters


class Pages(FPDF):
    """The document. Every page says whose it is, which one, of how many."""

    def __init__(self, report: Report, fonts: Mapping[str, Path]) -> None:
        """Begin with an empty first page; `fonts` are the files of the report's type, by style."""
        super().__init__(format="A4", unit="mm")
        self._report = report
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.c_margin = 0
        self.set_auto_page_break(auto=True, margin=_FOOT)
        for style, file in fonts.items():
            self.add_font(FAMILY, style, file)
        self.set_title(printable(f"{report.title}: {report.subtitle}"))
        self.set_lang("en")
        self.set_creator("speedproof")
        self.set_creation_date(datetime.fromtimestamp(report.as_of_us // 1_000_000, UTC))
        self.add_page()

    def footer(self) -> None:
        """The foot of each page."""
        self.set_y(-14)
        self._type(7.5, "quiet")
        self.cell(self.epw / 2, 4, printable(f"{self._report.title} · {self._report.identity}"))
        self.cell(self.epw / 2, 4, f"{self.page_no()} / {{nb}}", align=Align.R)

    def _type(self, size: float, tone: str = "ink", style: str = "") -> None:
        self.set_font(FAMILY, style, size)
        self.set_text_color(*_colour(tone))

    def _words(self, words: str, size: float, width: float = 0, align: Align = Align.L) -> None:
        """Set a paragraph from here on; what is written from the right begins at the right."""
        told = printable(words)
        turned = from_the_right(told)
        self.set_text_shaping(use_shaping_engine=turned)
        self.multi_cell(
            width or self.epw,
            size * _LEADING,
            told,
            align=Align.R if turned else align,
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )
        self.set_text_shaping(use_shaping_engine=False)

    def opening(self) -> None:
        """The title, over the first page."""
        self._type(8.5, "quiet")
        self._words("speedproof · signed evidence", 8.5)
        self._type(_TITLE)
        self._words(self._report.title, _TITLE)
        self._type(13, style="B")
        self._words(self._report.subtitle, 13)
        self._type(_BODY, "quiet")
        self._words(self._report.as_of, _BODY)
        self.ln(4)

    def heading(self, block: Heading) -> None:
        """A title, never the last on a page; the first two kinds are in the reader's outline."""
        size, above, below = _HEADINGS[block.level]
        if self.will_page_break(_ROOM):
            self.add_page()
        else:
            self.ln(above)
        if block.level == 1:
            self.set_draw_color(*_colour("rule"))
            self.set_line_width(0.2)
            self.line(self.l_margin, self.get_y() - 2, self.l_margin + self.epw, self.get_y() - 2)
        if block.level < len(_HEADINGS):
            self.start_section(printable(block.words), block.level - 1)
        self._type(size, style="" if block.level == 1 else "B")
        self._words(block.words, size)
        self.ln(below)

    def paragraph(self, block: Text) -> None:
        """A paragraph."""
        self._type(_BODY, block.tone, "B" if block.tone == "bad" else "")
        self._words(block.words, _BODY)
        self.ln(1.6)

    def bullets(self, block: Bullets) -> None:
        """A list."""
        for sign, words in block.items:
            self.make_room(2 * _BODY * _LEADING)
            self._type(_BODY, "quiet", "B")
            self.cell(_SIGN, _BODY * _LEADING, printable(sign or "·"), align=Align.C)
            self._type(_BODY)
            left = self.l_margin
            self.set_left_margin(left + _SIGN)
            self._words(words, _BODY, self.epw)
            self.set_left_margin(left)
            self.set_x(left)
            self.ln(0.7)
        self.ln(1.2)

    def facts(self, block: Facts) -> None:
        """Labels and values beside each other; what is to be compared letter by letter may break anywhere."""
        for label, value in block.rows:
            self.make_room(2 * _BODY * _LEADING)
            self._type(_SMALL if block.exact else _BODY, "quiet")
            self.cell(_LABEL, _BODY * _LEADING, printable(label))
            self._type(_SMALL if block.exact else _BODY)
            left = self.l_margin
            self.set_left_margin(left + _LABEL)
            self._words(value, _BODY, self.epw)
            self.set_left_margin(left)
            self.set_x(left)
        self.ln(2)

    def grid(self, block: Table) -> None:
        """A table; its head stands on every page that it reaches."""
        self._type(_SMALL)
        self.set_draw_color(*_colour("rule"))
        self.set_line_width(0.2)
        self.set_fill_color(*_colour("paper"))
        align = tuple(Align.R if number in block.numbers else Align.L for number in range(len(block.head)))
        with self.table(
            col_widths=block.widths,
            text_align=align,
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            cell_fill_mode=TableCellFillMode.NONE,
            headings_style=FontFace(emphasis="", color=_colour("quiet")),
            line_height=_SMALL * _LEADING,
            padding=(0.9, 2.4, 0.9, 0),
            v_align="T",
        ) as table:
            for row in (block.head, *block.rows):
                table.row([_cut(printable(cell)) for cell in row])
        self.ln(3)

    def quote(self, block: Quote) -> None:
        """Somebody's words, with a line at their side."""
        self.make_room(3 * _BODY * _LEADING)
        top, page, left = self.get_y(), self.page_no(), self.l_margin
        self.set_left_margin(left + 4)
        self.set_x(left + 4)
        self._type(11)
        self._words(block.words, 11, self.epw)
        self._type(_SMALL, "quiet")
        self._words(block.source, _SMALL, self.epw)
        self.set_left_margin(left)
        if self.page_no() == page:
            self.set_draw_color(*_colour("told"))
            self.set_line_width(0.7)
            self.line(left + 0.4, top, left + 0.4, self.get_y())
        self.set_x(left)
        self.ln(3)

    def banner(self, block: Banner) -> None:
        """The answer."""
        top, left = self.get_y(), self.l_margin
        self.set_left_margin(left + 7)
        self.set_xy(left + 7, top + 4)
        self._type(19, block.tone)
        self._words(f"{block.word}", 19, self.epw - 7)
        self._type(11)
        self._words(block.words, 11, self.epw - 7)
        self.set_left_margin(left)
        bottom = self.get_y() + 4
        self.set_draw_color(*_colour("rule"))
        self.set_line_width(0.2)
        self.rect(left, top, self.epw, bottom - top)
        self.set_fill_color(*_colour(block.tone))
        self.rect(left, top, 1.6, bottom - top, style="F")
        self.set_xy(left, bottom + 4)

    def picture(self, block: Picture) -> None:
        """A picture of the page with its legend and caption; it keeps to one page."""
        high = height_of(block.svg, self.epw)
        self.make_room(self.needs(block))
        top = self.get_y()
        draw(self, block.svg, self.l_margin, top, self.epw)
        self.set_xy(self.l_margin, top + high + 1.5)
        self._legend(block.legend)
        self._type(_SMALL, "quiet")
        self._words(block.caption, _SMALL)
        self.ln(2.5)

    def needs(self, block: Picture) -> float:
        """How much of a page a picture takes with what stands under it."""
        return height_of(block.svg, self.epw) + 14 + 5 * (len(block.legend) // 3)

    def make_room(self, high: float) -> None:
        """Go on to the next page if there is less than that left."""
        if self.will_page_break(high):
            self.add_page()

    def _legend(self, keys: Sequence[Key]) -> None:
        for key in keys:
            self._type(_SMALL, "quiet")
            words = printable(key.words)
            if self.get_x() + 6 + self.get_string_width(words) > self.l_margin + self.epw:
                self.ln(4.6)
            svg = f'<svg viewBox="-7 -7 14 14"><path class="mark {key.painted}" d="M0 0{key.outline}"/></svg>'
            draw(self, svg, self.get_x(), self.get_y() + 0.6, 14 * _LEGEND_MM)
            self._type(_SMALL, "quiet")
            self.set_x(self.get_x() + 4.2)
            self.cell(self.get_string_width(words) + 6, 4.6, words)
        if keys:
            self.ln(5.4)


_SETTERS: Final[dict[type[Block], Callable[..., None]]] = {
    Heading: Pages.heading,
    Text: Pages.paragraph,
    Bullets: Pages.bullets,
    Facts: Pages.facts,
    Table: Pages.grid,
    Quote: Pages.quote,
    Banner: Pages.banner,
    Picture: Pages.picture,
}


def pages_of(report: Report, attached: Sequence[Attachment] = ()) -> bytes:
    """The report as a PDF that nobody has signed yet, with its attachments."""
    with ExitStack() as opened:
        fonts = {style: opened.enter_context(as_file(font_file(style))) for style in FILES}
        pages = Pages(report, fonts)
        pages.opening()
        for block, following in zip_longest(report.blocks, report.blocks[1:]):
            if isinstance(block, Heading) and isinstance(following, Picture):
                pages.make_room(_TITLED + pages.needs(following))
            _SETTERS[type(block)](pages, block)
        for one in attached:
            pages.embed_file(bytes=one.data, basename=one.name, desc=printable(one.words), compress=True)
        return bytes(pages.output())


def _cut(words: str) -> str:
    """What fits into a cell on any page."""
    return words if len(words) <= _CELL else words[: _CELL - 1] + "…"


def _colour(name: str) -> tuple[int, int, int]:
    return rgb(page_sheet().colours[f"--{name}"])
