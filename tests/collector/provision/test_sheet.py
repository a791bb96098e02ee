"""The printed sheet: whole in itself, and every label readable by a person and by a camera."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fakes.provisioned import ready

from collector.provision.sheet import render_sheet
from collector.web.localtime import day


def test_a_label_says_what_is_needed() -> None:
    """Serial, line, code, address, and until when the code is good, with the zone."""
    text = re.sub(r"<svg.*?</svg>", "", render_sheet([ready()]), flags=re.DOTALL)
    for word in ("SP-001", "line-001", "7K3M9-QX2TA", "https://proof.example.net", "2027-01-15 08:00 UTC"):
        assert word in text


def test_one_label_for_each() -> None:
    """As many labels and pictures as devices."""
    text = render_sheet([ready(f"SP-{number}") for number in range(17)])
    assert text.count("<article>") == text.count("<svg ") == 17


def test_nothing_from_elsewhere() -> None:
    """No script, no reference to anything outside, and what stands in a name is text."""
    text = render_sheet([ready(subscriber="<script>alert(1)</script>")])
    assert "<script" not in text
    assert not re.search(r"(src|href)=", text)
    assert "default-src 'none'" in text


def test_times_are_in_utc() -> None:
    """A moment is told to the minute with its zone."""
    assert day(1_800_000_000_000_000) == "2027-01-15 08:00 UTC"


@pytest.mark.browser
@pytest.mark.skipif(
    shutil.which("chromium") is None or shutil.which("zbarimg") is None, reason="chromium or zbarimg is not installed"
)
def test_a_camera_reads_every_label(tmp_path: Path) -> None:
    """The first page as a browser lays it out on A4 shows eight codes, each the link of its device."""
    made = [ready(f"SP-{number:03}") for number in range(9)]
    (tmp_path / "sheet.html").write_text(render_sheet(made))
    subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=800,1400",
         f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'a4.png'}", (tmp_path / "sheet.html").as_uri()],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    read = subprocess.run(
        ["zbarimg", "--raw", "-q", str(tmp_path / "a4.png")], capture_output=True, text=True, check=True
    )
    assert read.stdout.splitlines() == [made[0].provision.invitation.link] * len(read.stdout.splitlines())
    assert len(read.stdout.splitlines()) >= 8
