"""QR codes: what is drawn is the very code, light around it, whatever the terminal's colours."""

import re

import pytest
import segno

from collector import qr

LINKS = ["https://a.example/enrol#7K3M9-QX2TA", "https://proof.example.net:8440/enrol#7K3M9-QX2TA." + "0f" * 32]
HALVES = {" ": (0, 0), "▄": (0, 1), "▀": (1, 0), "█": (1, 1)}


@pytest.mark.parametrize("link", LINKS)
def test_a_terminal_shows_the_very_code(link: str) -> None:
    """Read back from its half blocks it is the code of the link, with a quiet zone of four modules."""
    lines = qr.for_terminal(link)
    cells = [[HALVES[letter] for letter in re.sub("\x1b\\[[0-9;]*m", "", line)] for line in lines]
    rows = [[cell[half] for cell in line] for line in cells for half in (0, 1)]
    wanted = [list(row) for row in segno.make(link, error="l", micro=False, boost_error=False).matrix_iter(border=4)]
    assert rows[: len(wanted)] == wanted
    assert not any(map(any, rows[len(wanted) :]))
    assert qr.width(lines) == len(wanted[0])
    assert all(line.startswith("\x1b[30;107m") and line.endswith("\x1b[0m") for line in lines)


def test_a_link_with_a_key_fits_a_usual_window() -> None:
    """The longest usual link takes less than 80 columns and 30 lines."""
    lines = qr.for_terminal(LINKS[1])
    assert qr.width(lines) < 80
    assert len(lines) < 30


def test_on_paper_it_is_a_picture_without_a_size() -> None:
    """The SVG takes the size of its place and brings nothing from elsewhere."""
    svg = qr.for_paper(LINKS[0])
    assert svg.startswith("<svg ")
    assert "width=" not in svg.partition(">")[0]
    assert "http" not in svg.replace("http://www.w3.org", "")
