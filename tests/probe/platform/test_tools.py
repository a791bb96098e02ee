"""Other programs, run to be read: absent, failing, flooding, hanging, and leaving children behind."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from fakes.tools import HANGS, Toolbox, toolbox

from probe.platform.tools import Told, Untold, ask


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toolbox:
    """Fake programs."""
    return toolbox(tmp_path, monkeypatch)


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def gone(file: Path) -> None:
    """Wait until the process whose number is in a file has ended."""
    for _ in range(200):
        if not alive(int(file.read_text())):
            return
        time.sleep(0.01)
    pytest.fail("it runs on")


async def test_what_it_prints_is_told(box: Toolbox) -> None:
    """What a program prints is its answer, in plain C, without its complaints."""
    box.plant("tool", 'echo "$1 $LC_ALL"; echo complaint >&2; cat')
    assert await ask(("tool", "word")) == Told("word C\n")


async def test_who_is_absent_or_cannot_be_started(box: Toolbox) -> None:
    """An absent program is nobody's fault; one that cannot be started says so."""
    assert await ask(("no-such-program",)) == Untold("not installed", absent=True)
    (box.folder / "plain").write_text("no program")
    assert await ask((str(box.folder / "plain"),)) == Untold("cannot be started: PermissionError")
    assert await ask(("a\0b",)) == Untold("cannot be started: ValueError")


async def test_who_fails(box: Toolbox) -> None:
    """A program that ends badly has told nothing, whatever it printed."""
    box.plant("tool", "echo half; exit 3")
    assert await ask(("tool",)) == Untold("ended with 3", code=3)


async def test_who_floods(box: Toolbox) -> None:
    """A program that prints without end is stopped."""
    box.plant(
        "tool",
        f"echo $$ >{box.folder}/pid; while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done",
    )
    assert await ask(("tool",)) == Untold("says too much")
    gone(box.folder / "pid")


async def test_who_hangs_is_killed_with_its_children(box: Toolbox) -> None:
    """After its time a program is given up, and neither it nor what it started runs on."""
    box.plant("tool", f"sleep 60 & echo $! >{box.folder}/child; echo $$ >{box.folder}/pid; wait")
    assert await ask(("tool",), 0.2) == Untold("no answer within 0.2 s")
    gone(box.folder / "pid")
    gone(box.folder / "child")


async def test_who_leaves_a_child_behind(box: Toolbox) -> None:
    """A program that has ended and left a child at our pipe is given up, and the child ended."""
    box.plant("tool", f"echo done; sleep 60 & echo $! >{box.folder}/child")
    assert await ask(("tool",), 0.2) == Untold("no answer within 0.2 s")
    gone(box.folder / "child")


async def test_who_has_left_the_group_holds_nobody_up(box: Toolbox) -> None:
    """A grandchild in a session of its own is beyond reach, but our end of the pipe is let go."""
    box.plant("tool", f"setsid sh -c 'echo $$ >{box.folder}/pid; exec sleep 60' & wait")
    async with asyncio.timeout(3):
        assert await ask(("tool",), 0.2) == Untold("no answer within 0.2 s")
    os.kill(int((box.folder / "pid").read_text()), 9)


async def test_a_cancelled_question_leaves_nothing(box: Toolbox) -> None:
    """Who no longer wants to know leaves no program running."""
    box.plant("tool", f"echo $$ >{box.folder}/pid; exec {HANGS}")
    question = asyncio.create_task(ask(("tool",)))
    while not box.calls():  # noqa: ASYNC110  (another process is waited for)
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    gone(box.folder / "pid")
