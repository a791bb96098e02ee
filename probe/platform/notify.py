"""Showing a notice on a phone or a desktop, by the program each system has for it; absent, hanging or refused: nothing.

No text of a notice is ever read as code: it is an argument of its own, or spelt for the one language that gets it. The phone's
notice has a button that marks the moment; its action runs without the shell's surroundings, so the command names every
path. Not run on macOS and Windows; there only the words handed over are tested.
"""

import base64
import shlex
from collections.abc import Sequence
from html import escape
from typing import Final

from probe.notices import Notice
from probe.platform.tools import Told, ask

BUTTON: Final = "It is bad now"
_POWERSHELL_ID: Final = (
    r"{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\WindowsPowerShell\v1.0\powershell.exe"  # its own, always there
)


async def notify(notice: Notice, mark: Sequence[str], system: str) -> bool:
    """Show a notice; whether some program took it. `mark` is the command that marks the moment, `system` `sys.platform`."""
    command = command_for(notice, mark, system)
    return command is not None and isinstance(await ask(command), Told)


def command_for(notice: Notice, mark: Sequence[str], system: str) -> list[str] | None:
    """What shows a notice on a system; None where nobody knows."""
    match system:
        case "android":
            return _termux(notice, mark)
        case "linux":
            return ["notify-send", "--app-name=speedproof", "--expire-time=30000", "--", notice.title, notice.text]
        case "darwin":
            show = "display notification (item 2 of argv) with title (item 1 of argv)"
            return ["osascript", "-e", "on run argv", "-e", show, "-e", "end run", notice.title, notice.text]
        case "win32":
            return ["powershell", "-NoProfile", "-NonInteractive", "-EncodedCommand", _encoded(_toast(notice))]
        case _:
            return None


def _termux(notice: Notice, mark: Sequence[str]) -> list[str]:
    button = ["--button1", BUTTON, "--button1-action", shlex.join(mark)] if notice.may_mark else []
    # one id: the newest notice stands in for the one before it
    return ["termux-notification", "--id", "speedproof", "--title", notice.title, "--content", notice.text, *button]


def _toast(notice: Notice) -> str:
    shown = "".join(f"<text>{escape(text, quote=False)}</text>" for text in (notice.title, notice.text))
    xml = f'<toast><visual><binding template="ToastGeneric">{shown}</binding></visual></toast>'
    quoted = xml.replace("'", "''")  # in single quotes PowerShell reads nothing but a doubled quote
    return "\n".join(
        (
            "$null = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType=WindowsRuntime]",
            "$null = [Windows.Data.Xml.Dom.XmlDocument, Windows.Data.Xml.Dom, ContentType=WindowsRuntime]",
            "$xml = New-Object Windows.Data.Xml.Dom.XmlDocument",
            f"$xml.LoadXml('{quoted}')",
            "$toast = New-Object Windows.UI.Notifications.ToastNotification $xml",
            f"[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier('{_POWERSHELL_ID}').Show($toast)",
        )
    )


def _encoded(script: str) -> str:
    """As PowerShell wants it: UTF-16, little-endian, base64."""
    return base64.b64encode(script.encode("utf-16-le")).decode()
