"""Reading an invitation's QR code from a picture, by zbarimg if it is installed. Without it the link can be pasted."""

import asyncio
import sys
from pathlib import Path

from probe.platform.tools import Untold, ask
from shared.errors import Malformed
from shared.invitation import Invitation, is_link, read_invitation

_INSTALL = {"android": "pkg install zbar", "darwin": "brew install zbar", "linux": "sudo apt install zbar-tools"}
_PASTE = "or open the picture with a phone's camera, copy the link it shows, and use: speedproof-probe enrol 'LINK'"


def read_picture(file: Path) -> Invitation:
    """The invitation in a picture; raises Malformed saying what to do instead."""
    if not file.is_file():
        raise Malformed(f"there is no picture {file}")
    told = asyncio.run(ask(["zbarimg", "--quiet", "--raw", str(file.resolve())]))
    if isinstance(told, Untold):
        if told.absent:
            how = _INSTALL.get(sys.platform, "zbar, from zbar.sourceforge.net")
            raise Malformed(f"reading a picture needs zbarimg, which is not installed: {how}; {_PASTE}")
        raise Malformed(f"no QR code was found in {file} ({told.why}); take a sharper picture, {_PASTE}")
    links = [line for line in told.text.splitlines() if is_link(line)]
    if not links:
        raise Malformed(f"the QR code in {file} is no invitation")
    return read_invitation(links[0])
