"""Notices on a screen: the right program for each system, nothing read as code, nobody kept waiting."""

import base64
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from fakes.tools import toolbox

from probe.notices import SLOW_FOR_US, STUCK_FOR_US, Notice, Seen, told
from probe.platform.notify import BUTTON, command_for, notify

MARK = ["/usr/bin/python3", "-m", "probe", "mark", "--state", "/data/an na/state"]
SLY = Notice("slow", 'It\'s <b>"slow"</b>', "$(reboot) `x` '; exit & %PATH% \\", may_mark=True)


def test_a_phone_s_notice_has_a_button() -> None:
    """The phone's notice stands in for the one before it, and its button runs the command with every path whole."""
    command = command_for(SLY, MARK, "android")
    assert command is not None
    assert command[0] == "termux-notification"
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--id"], options["--title"], options["--content"]) == ("speedproof", SLY.title, SLY.text)
    assert options["--button1"] == BUTTON
    assert shlex.split(options["--button1-action"]) == MARK


def test_a_notice_without_a_button() -> None:
    """Where there is nothing to mark there is no button."""
    command = command_for(Notice("stuck", "a", "b"), MARK, "android")
    assert command is not None
    assert BUTTON not in command


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_texts_are_arguments(system: str) -> None:
    """Title and text are arguments of their own, never part of a script."""
    command = command_for(SLY, MARK, system)
    assert command is not None
    assert command[-2:] == [SLY.title, SLY.text]
    assert not any(SLY.text in word for word in command[:-1])


def test_windows_gets_text_and_no_code() -> None:
    """In PowerShell the text stands inside single quotes, each quote of its own doubled, and in XML as text."""
    command = command_for(SLY, MARK, "win32")
    assert command is not None
    script = base64.b64decode(command[-1]).decode("utf-16-le")
    (line,) = [one for one in script.splitlines() if "LoadXml" in one]
    literal = line.removeprefix("$xml.LoadXml('").removesuffix("')")
    assert "'" not in literal.replace("''", "")
    texts = [element.text for element in ET.fromstring(literal.replace("''", "'")).iter("text")]
    assert texts == [SLY.title, SLY.text]


def test_a_system_nobody_knows() -> None:
    """Elsewhere nothing is shown."""
    assert command_for(SLY, MARK, "plan9") is None


def test_notices_are_plain_ascii() -> None:
    """What is told passes through programs that run in the C locale."""
    now_us = 10**15
    seen = Seen(now_us, now_us - SLOW_FOR_US, now_us - STUCK_FOR_US, 3)
    notices, kept = told(None, seen, {"slow", "stuck", "recovered"})
    notices += told(kept, Seen(now_us), {"recovered"})[0]
    assert {notice.kind for notice in notices} == {"slow", "stuck", "recovered"}
    assert all((notice.title + notice.text).isascii() for notice in notices)


async def test_shown_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is absent or fails means that nothing was shown, and nothing else."""
    box = toolbox(tmp_path, monkeypatch)
    assert await notify(SLY, MARK, "linux") is False
    box.plant("notify-send", f'printf "%s|" "$@" > {tmp_path / "shown"}')
    assert await notify(SLY, MARK, "linux") is True
    assert (tmp_path / "shown").read_text().endswith(f"{SLY.title}|{SLY.text}|")
    box.plant("notify-send", "exit 1")
    assert await notify(SLY, MARK, "linux") is False
    assert await notify(SLY, MARK, "plan9") is False
