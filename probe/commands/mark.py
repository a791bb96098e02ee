"""`mark`: it is bad now. One tap; a signed record of the moment, and a test soon after if an agent runs.

A record is written under the state folder's lock, since an agent closes whatever start it finds open. So the mark is kept
first, where an agent finds it within seconds; without an agent the command gives it its record itself.
"""

import argparse
import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from probe.agent import Agent
from probe.commands.device import opened
from probe.commands.say import WORKED, show
from probe.errors import AlreadyRunning, StateUnusable
from probe.home import Home
from probe.life import lives
from probe.marking import write_marks
from probe.marks import WAITING, WRITTEN, Mark, clean, with_mark
from probe.platform.widget import install_widget, prefix

if TYPE_CHECKING:
    from probe.commands.say import Commands

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


def add(commands: "Commands", common: argparse.ArgumentParser) -> None:
    """Say its words."""
    parser = commands.add_parser(
        "mark", parents=[common], help="it is bad now: note this moment, and measure if an agent runs"
    )
    parser.add_argument("words", nargs="*", help='what is bad, if you like, such as "video stops"')
    parser.add_argument(
        "--install-widget",
        action="store_true",
        help="Termux: put a button for the home screen where Termux:Widget finds it",
    )


def run(home: Home, options: argparse.Namespace) -> int:
    """Keep the mark; give it its record unless an agent will."""
    if options.install_widget:
        return _widget(home, options)
    with opened(home) as agent:
        mark = Mark(agent.clock.wall_us(), agent.clock.mono_us(), agent.boot, clean(" ".join(options.words)))
        outbox = agent.outbox
        with _one_at_a_time(home):
            outbox.keep(WAITING, with_mark(outbox.kept(WAITING), outbox.kept(WRITTEN), mark))
        written, runs = _written_here(home, agent), lives(agent)
    show(options, {"marked": True, "wall_us": mark.wall_us, "agent_runs": runs}, [
        "marked; no agent is running, so measure too if you can: speedproof-probe once" if written else
        "marked; a test follows within a minute" if runs else
        "marked; another command measures just now, and the mark is written after it",
    ])  # fmt: skip
    return WORKED


def _written_here(home: Home, agent: Agent) -> bool:
    """Write the record unless somebody holds the state folder; whether it was written."""
    try:
        with home.lock():
            agent.close_open_intents()
            write_marks(agent)
            agent.seal_all()
    except AlreadyRunning:
        return False
    return True


@contextlib.contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    """Two taps at one moment: the second waits until the first is kept."""
    try:
        with (home.folder / "mark.lock").open("w") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StateUnusable(f"{home.folder} cannot be written: {error.strerror}") from error


def mark_command(home: Home) -> list[str]:
    """What a button runs: this very program and no other (-P: whatever folder it is run in), over this very state."""
    return [sys.executable, "-P", "-m", "probe", "mark", "--state", str(home.folder.resolve())]


def _widget(home: Home, options: argparse.Namespace) -> int:
    file = install_widget(Path.home(), prefix(), shlex.join(mark_command(home)))
    show(options, {"widget": str(file)}, [
        f"written: {file}",
        "next: install Termux:Widget from where Termux came from, and put its widget on the home screen; it shows",
        f"  “{file.name}”, and a tap marks the moment",
    ])  # fmt: skip
    return WORKED
