"""A picture of an invitation, read by the real program."""

import shutil
from pathlib import Path

import pytest
import segno

from probe.platform.picture import read_picture
from shared.errors import Malformed
from shared.invitation import Invitation

pytestmark = pytest.mark.skipif(shutil.which("zbarimg") is None, reason="zbarimg is not installed")


def test_a_real_picture(tmp_path: Path) -> None:
    """What was drawn is read, key id and all."""
    invitation = Invitation("https://proof.example.net:8440", "7K3M9QX2TA", "0f" * 32)
    segno.make(invitation.link, error="m", micro=False).save(str(tmp_path / "qr.png"), scale=4)
    assert read_picture(tmp_path / "qr.png") == invitation


def test_a_picture_of_something_else(tmp_path: Path) -> None:
    """A picture without a code, and a file that is no picture, are refused with words."""
    segno.make("tel:123", micro=False).save(str(tmp_path / "tel.png"), scale=4)
    with pytest.raises(Malformed, match="is no invitation"):
        read_picture(tmp_path / "tel.png")
    (tmp_path / "junk.png").write_bytes(b"junk")
    with pytest.raises(Malformed, match="no QR code was found"):
        read_picture(tmp_path / "junk.png")
