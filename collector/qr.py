"""QR codes (ISO/IEC 18004) of enrolment links: for a terminal, and as SVG for paper. Text in, text out."""

import segno

_QUIET = 4  # modules of light around it, section 6.3.8 of the standard
_HALVES = {(0, 0): " ", (0, 1): "▄", (1, 0): "▀", (1, 1): "█"}
_BLACK_ON_WHITE, _USUAL = "\x1b[30;107m", "\x1b[0m"  # whatever the terminal's own colours are


def for_terminal(text: str) -> list[str]:
    """Lines of a terminal, two rows of modules in each; the least error correction, since a screen has no stains."""
    rows = [list(row) for row in segno.make(text, error="l", micro=False, boost_error=False).matrix_iter(border=_QUIET)]
    rows += [[0] * len(rows[0])] * (len(rows) % 2)
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [
        _BLACK_ON_WHITE + "".join(_HALVES[above, below] for above, below in zip(*pair, strict=True)) + _USUAL
        for pair in pairs
    ]


def width(lines: list[str]) -> int:
    """How many columns such lines take."""
    return len(lines[0]) - len(_BLACK_ON_WHITE) - len(_USUAL)


def for_paper(text: str) -> str:
    """An SVG element without a size of its own; at least level M: some of it may be dirt or a crease."""
    return segno.make(text, error="m", micro=False).svg_inline(border=_QUIET, omitsize=True, dark="#000")
