"""The report on pages: whatever the texts, it is made, and what they say is there."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.report.blocks import Banner, Block, Bullets, Facts, Heading, Picture, Quote, Table, Text
from collector.report.content import Report
from collector.report.pages import pages_of
from collector.report.picture import height_of
from collector.report.told import Attachment
from collector.web.figure import Key

EMPTY = Report("A report", "line 7", "As of today.", 1_795_345_500_000_000, "manifest 5a", ())
SVG = (
    '<svg viewBox="0 0 920 200"><title>x</title><line class="grid" x1="0" y1="0" x2="90" y2="0"/><rect class="window" x="1" y="2" '
    'width="30" height="40"/><path class="mark circle hollow" d="M10 10m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0"/>'
    '<path class="mark cross" d="M10 10m-4-4l8 8m0-8l-8 8"/><text class="promise-name end" x="400" y="90">Speed '
    '<tspan class="unit">Mbit/s</tspan></text></svg>'
)


def pages(*blocks: Block, subtitle: str = "line 7") -> bytes:
    """A report of these pieces."""
    return pages_of(replace(EMPTY, blocks=blocks, subtitle=subtitle))


def text_of(pdf: bytes, folder: Path) -> str:
    """What poppler reads in it, its white space made one."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    (folder / "it.pdf").write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-layout", "it.pdf", "-"], cwd=folder, capture_output=True, text=True, check=True
    )
    return " ".join(done.stdout.split())


def test_words_are_words(tmp_path: Path) -> None:
    """Markup of any kind is set as it came: nothing is bold, a link or a page of its own because a text says so."""
    odd = "<b>x</b> **y** __z__ [a](https://b.example) {nb} \\n %s &amp; (unbalanced ((("
    pdf = pages(Heading(odd), Text(odd), Quote(odd, odd), Bullets((("", odd),)), Facts(((odd, odd),)), subtitle=odd)
    assert text_of(pdf, tmp_path).count("<b>x</b> **y** __z__ [a](https://b.example)") >= 5
    assert b"/URI" not in pdf


def test_each_piece_is_there(tmp_path: Path) -> None:
    """Every kind of piece, a picture's words among them."""
    pdf = pages(
        Banner("!", "Substantiated", "Because.", "bad"),
        Table(("What", "How many"), (("Worked", "3"),), (3, 1), frozenset({1})),
        Picture(SVG, "A caption.", (Key("m-3-3h6v6h-6z", "square", "imported"),) * 9),
    )
    told = text_of(pdf, tmp_path)
    for said in (
        "Substantiated Because.",
        "Worked",
        "A caption.",
        "imported",
        "Speed",
        "A report · manifest 5a",
    ):
        assert said in told


def test_every_page_says_which_it_is(tmp_path: Path) -> None:
    """A table over pages has its head on each, and each says its number of how many."""
    told = text_of(pages(Table(("When", "What"), tuple((f"row {n}", "x") for n in range(200)), (1, 1))), tmp_path)
    count = told.count("When What")
    assert count > 2
    assert all(f"{n}/{count}" in told.replace(" / ", "/") for n in range(1, count + 1))
    assert all(f"row {n} " in told for n in range(200))


@pytest.mark.parametrize(
    "odd",
    ["", "x" * 5000, "שלום עולם 5 Mbit/s", "مرحبا بالعالم", "📶" * 300, "中文" * 400, "\ud800 half", "\x00\x07\x1b[0m", "a\n\n\nb",
     "ก็เป็น", "\u202eabc", "é" * 200, " " * 500],
)  # fmt: skip
def test_odd_words_do_not_break_it(odd: str) -> None:
    """Long without a space, from the right, half a pair, control characters, nothing at all."""
    pdf = pages(
        Heading(odd), Banner("!", odd, odd, "good"), Text(odd), Quote(odd, odd), Bullets(((odd[:1], odd),)), Facts(((odd[:30], odd),)),
        Table((odd[:40], "n"), ((odd[:2000], odd[:9]),), (3, 1)), Picture(SVG, odd), subtitle=odd,
    )  # fmt: skip
    assert pdf.startswith(b"%PDF-")


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec=None), max_size=300))
def test_any_words_can_be_set(words: str) -> None:
    """Whatever text comes, there are pages."""
    assert pages(Text(words), Quote(words, words), Bullets((("", words),)), subtitle=words).startswith(b"%PDF-")


def test_attachments(tmp_path: Path) -> None:
    """What is attached comes out as it went in."""
    if shutil.which("pdfdetach") is None:
        pytest.skip("pdfdetach (poppler-utils) is not installed")
    (tmp_path / "it.pdf").write_bytes(
        pages_of(EMPTY, [Attachment("x.json", b'{"a":1}', "Words."), Attachment("y", b"\x00", "")])
    )
    subprocess.run(["pdfdetach", "-saveall", "-o", ".", "it.pdf"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "x.json").read_bytes() == b'{"a":1}'
    assert (tmp_path / "y").read_bytes() == b"\x00"


def test_a_picture_keeps_its_shape() -> None:
    """As high as it is wide, by its own measure."""
    assert height_of(SVG, 92) == 20
