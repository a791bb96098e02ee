"""An enrolled device over a folder of its own, with a clock that moves when told."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.collector import CODE, FakeCollector, serving_aside
from fakes.disk import Disk, put
from fakes.methods import FakeRun, methods
from strategies import COLLECTOR, DEVICE

from probe import agent as agent_module
from probe.__main__ import main
from probe.agent import Agent
from probe.clock import Clock
from probe.home import Enrolled, Home
from probe.net.address import PeerAddress
from probe.outbox import Outbox
from shared.slots import SlotPlan

MakeAgent = Callable[..., Agent]
Say = Callable[..., tuple[int, str, str]]
SayJson = Callable[..., tuple[int, dict[str, object]]]


def enrolled_at(url: str, slots: SlotPlan | None = None) -> Enrolled:
    """What enrolment told; the peer is a port where nobody answers."""
    peer = PeerAddress("http://127.0.0.1:9", "127.0.0.1", 9, "fake")
    return Enrolled(url, COLLECTOR.public, "anna", slots or SlotPlan(), peer, None)


@pytest.fixture
def outbox_folder(tmp_path: Path) -> Path:
    """Where the outbox of the agent is."""
    return tmp_path / "outbox"


@pytest.fixture
def disk() -> Iterator[Disk]:
    """Give the disk that is under every outbox of this process."""
    with put(Disk()) as disk:
        yield disk


@pytest.fixture
def make_agent(outbox_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeAgent]:
    """Make agents over one outbox file, which do not look at the link for long; their outboxes are closed in the end."""
    monkeypatch.setattr("probe.lookout.LOOK_S", 0)
    with ExitStack() as stack:

        def make(url: str = "http://127.0.0.1:9", clock: Clock | None = None, slots: SlotPlan | None = None) -> Agent:
            outbox = stack.enter_context(closing(Outbox(outbox_folder, lambda: bytes(32))))
            return Agent(enrolled_at(url, slots), DEVICE, outbox, clock or FakeClock(), secrets.token_bytes)

        yield make


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give the path of a state folder."""
    return tmp_path / "state"


@pytest.fixture
def say(state: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command in this process; its exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--state", str(state)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def say_json(say: Say) -> Callable[..., tuple[int, dict[str, object]]]:
    """Run a command with --json; its exit code and its one object."""

    def run(*words: str) -> tuple[int, dict[str, object]]:
        code, out, _ = say(*words, "--json")
        assert out.endswith("}\n")
        assert out.count("\n") == 1
        told = json.loads(out)
        assert isinstance(told, dict)
        return code, told

    return run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    """Measure nothing, at once."""
    run = FakeRun(members={"dur_us": 1_000_000, "received_bytes": 5_000_000, "rtt_us": [35_000], "via": "stamp"})
    monkeypatch.setattr(agent_module, "METHODS", methods(run))
    return run


@pytest.fixture
def there(state: Path, quick: FakeRun) -> Iterator[FakeCollector]:
    """Give a collector at which the state folder is enrolled."""
    del quick
    with serving_aside(FakeCollector()) as there:
        assert main(["enrol", there.url, CODE, "--state", str(state)]) == 0
        there.device = Home(state).key()
        yield there
