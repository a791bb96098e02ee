"""`selftest`: found out, kept, and said in plain words."""

import json
import secrets
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes.collector import FakeCollector

from probe.__main__ import build_parser
from probe.clock import Clock
from probe.commands import selftest
from probe.errors import StateUnusable
from probe.home import Home
from probe.measure.outcome import CouldNotRun
from probe.outbox import Outbox
from probe.selftest import KEPT, Passed

FOUND = Passed(250_000_000, whole=False, at_wall_us=1_800_000_000_000_000)
Run = Callable[..., int]


@pytest.fixture
def run(there: FakeCollector, state: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command over an enrolled device that takes two rates, the second badly."""
    del there

    async def tried(_clock: Clock, _chance: object, told: Callable[[int, bool], None]) -> Passed:
        told(250_000_000, True)
        told(300_000_000, False)
        return FOUND

    monkeypatch.setattr(selftest, "try_rates", tried)

    def one(*words: str) -> int:
        options = build_parser(("selftest",)).parse_args(["selftest", *words, "--state", str(state)])
        return selftest.run(Home(state), options)

    return one


def test_it_is_kept_and_said(run: Run, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People see each rate as it is tried, and then what their device can do; the outbox keeps it."""
    capsys.readouterr()
    assert run() == 0
    out, err = capsys.readouterr()
    assert out.startswith("this device can measure up to about 250 Mbit/s\n")
    assert err.splitlines()[1:] == ["  250 Mbit/s  received in full", "  300 Mbit/s  fell behind"]
    with closing(Outbox(state / "outbox", lambda: secrets.token_bytes(32))) as outbox:
        assert outbox.kept(KEPT) == FOUND.to_keep()


def test_for_programs_it_is_one_object(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json nothing but the result is said."""
    capsys.readouterr()
    assert run("--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"at_wall_us": FOUND.at_wall_us, "clean_bps": 250_000_000, "version": 1, "whole": False}
    assert err == ""


def test_not_beside_a_measurement(run: Run, state: Path) -> None:
    """While something is being measured, load on the device would spoil both."""
    with closing(Outbox(state / "outbox", lambda: secrets.token_bytes(32))) as outbox:
        outbox.start(lambda seq: json.dumps({"seq": seq}).encode())
    with pytest.raises(StateUnusable, match="a measurement is under way"):
        run()


def test_a_device_that_cannot_start_programs(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the sender does not start, that is said, and nothing is kept."""

    async def refuse(*_: object) -> Passed:
        raise CouldNotRun("the sender of the self-test does not start")

    monkeypatch.setattr(selftest, "try_rates", refuse)
    assert run() == 1
    assert "the sender of the self-test does not start" in capsys.readouterr().err
