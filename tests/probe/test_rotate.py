"""A new key for a device: whatever cuts it off, nothing is lost, and asking again ends with the new key and a whole chain."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes import served
from fakes.collector import CODE, FakeCollector, serving_aside

from collector.config import Config
from collector.services import Services
from probe.__main__ import main
from probe.agent import Agent
from probe.answers import REVOKED, Blocked
from probe.commands.device import opened, uploader_of
from probe.commands.run import going_on
from probe.enrol import enrol
from probe.errors import CollectorSilent, RotationRefused, StateUnusable
from probe.home import Home, read_enrolled
from probe.net.collector import Collector
from probe.outbox import Outbox
from probe.rotate import rotate
from shared.errors import Malformed
from shared.keys import FileKey

NOTE = {"event": "alive", "method": "presence", "ver": 1}


class Cut(Exception):
    """The power is gone."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a new device."""
    return Home(tmp_path / "probe")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[served.Served]:
    """Give a real collector."""
    with closing(Services.over_folder(Config(tmp_path / "collector"))) as services, served.serving(services) as running:
        services.peer = {"host": "", "key_id": "0" * 64, "name": "fake", "port": 9}
        running.add("anna")
        yield running


def enrolled(home: Home, url: str, code: str) -> None:
    """Enrol the device."""
    asyncio.run(enrol(home, url, code, None, None, secrets.token_bytes))


def measure(agent: Agent) -> None:
    """Leave a record, in a batch of its own."""
    agent.note(dict(NOTE))
    agent.seal_all()


def change(home: Home) -> FileKey:
    """Take a new key."""
    with opened(home) as agent:
        return asyncio.run(rotate(home, agent, uploader_of(agent, lambda _: None), Collector.of(agent.enrolled)))


def send(home: Home) -> object:
    """Measure, and send what waits; what was in the way."""
    with opened(home) as agent:
        measure(agent)
        return asyncio.run(uploader_of(agent, lambda _: None).send_all())


def cutting(patch: pytest.MonkeyPatch, owner: type, name: str, number: int, *, after: bool) -> None:
    """The power goes at such a call, before or after it has had its effect."""
    whole: Callable[..., object] = getattr(owner, name)
    calls = 0

    def called(*values: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number and not after:
            raise Cut
        done = whole(*values, **named)
        if calls == number and after:
            if asyncio.iscoroutine(done):
                return _then_cut(done)
            raise Cut
        return done

    patch.setattr(owner, name, called)


async def _then_cut(work: object) -> None:
    await work  # type: ignore[misc]
    raise Cut


CUTS = [
    (Home, "make_key_to_come", False),
    (Home, "make_key_to_come", True),
    (Collector, "rotate", False),
    (Collector, "rotate", True),
    (Outbox, "ask", True),
    (Home, "remember", False),
    (Home, "remember", True),
    (Home, "drop_key_to_come", False),
    (Home, "drop_key_to_come", True),
]


@pytest.mark.parametrize("runs", [False, True], ids=["asked again at once", "measured meanwhile"])
@pytest.mark.parametrize(("owner", "name", "after"), CUTS, ids=[f"{name} {after}" for _, name, after in CUTS])
def test_cut_off_anywhere(
    home: Home,
    client: served.Served,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    name: str,
    *,
    after: bool,
    runs: bool,
) -> None:
    """Cut off between any two steps, and with tests made in between, the chain ends whole under a new key, in one device."""
    enrolled(home, f"http://127.0.0.1:{client.port}", client.code_for("anna"))
    old = home.key().public.key_id
    assert send(home) is None
    with monkeypatch.context() as patch:
        cutting(patch, owner, name, 1, after=after)
        with pytest.raises(Cut):
            change(home)
    if runs:
        outcome = send(home)
        assert outcome is None or (isinstance(outcome, Blocked) and outcome.error == REVOKED)
    if home.key().public.key_id == old:
        change(home)
    new = home.key().public.key_id
    assert new != old
    assert home.key_to_come() is None
    for _ in range(2):
        assert send(home) is None
    case = client.whole_case("anna")
    (device,) = case["devices"]
    assert (device["dev"], case["omission"]["gaps"], device["lost"]) == (old, [], 0)
    assert device["keys"][-1]["id"] == home.key().public.key_id
    assert home.enrolled().device == old
    kept = client.services.store.timeline("anna")
    assert [row.seq for row in sorted(kept, key=lambda row: row.seq)] == list(range(len(kept)))
    assert len(kept) >= 3 + runs


def test_the_answer_was_lost(home: Home) -> None:
    """A key that the collector has taken, though nobody heard of it: the next try asks for the same key, and has it."""
    with serving_aside(FakeCollector(home.key_for_enrolment())) as fake:
        enrolled(home, fake.url, CODE)
        fake.script = ["kept, but not said"]
        with pytest.raises(CollectorSilent):
            change(home)
        waiting = home.key_to_come()
        assert waiting is not None
        assert change(home).public == waiting.public == home.key().public
        assert send(home) is None


def test_no_from_the_collector(home: Home) -> None:
    """A collector that says no has taken no key, and none is left here; a busy one is asked again with the same."""
    with serving_aside(FakeCollector(home.key_for_enrolment())) as fake:
        enrolled(home, fake.url, CODE)
        old = home.key().public
        for step, error, leaves in (
            ("503", CollectorSilent, True),
            ("garbage", CollectorSilent, True),
            ("403", RotationRefused, False),
        ):
            fake.script = [step]
            with pytest.raises(error):
                change(home)
            assert (home.key_to_come() is not None, home.key().public) == (leaves, old)


def test_not_before_everything_is_sent(home: Home) -> None:
    """What the old key has signed is sent by it: a collector that takes nothing now is asked for nothing."""
    with serving_aside(FakeCollector(home.key_for_enrolment())) as fake:
        enrolled(home, fake.url, CODE)
        with opened(home) as agent:
            measure(agent)
        fake.script = ["503"]
        with pytest.raises(StateUnusable, match="not everything is sent"):
            change(home)
        assert "rotation" not in fake.asked
        assert home.key_to_come() is None


@pytest.mark.threat("T17")
def test_a_device_that_was_revoked(home: Home, client: served.Served) -> None:
    """A revoked device keeps what it measured and says what to do; a new code with a new key goes on for the same line."""
    url = f"http://127.0.0.1:{client.port}"
    enrolled(home, url, client.code_for("anna"))
    assert send(home) is None
    old = home.key().public.key_id
    assert client.command("revoke", {"device": old, "reason": "sold"}).status == 200
    for _ in range(2):
        outcome = send(home)
        assert isinstance(outcome, Blocked)
        assert "enrol URL CODE --new-key" in outcome.why
    with opened(home) as agent:
        assert agent.outbox.tally().unsent == 2
        assert agent.outbox.kept(REVOKED) is not None
    with pytest.raises(StateUnusable, match="revoked"):
        change(home)
    code = client.code_for("anna")
    asyncio.run(enrol(home, url, code, None, None, secrets.token_bytes, fresh=True))
    assert send(home) is None
    assert {one["dev"] for one in client.whole_case("anna")["devices"]} == {old, home.key().public.key_id}


def test_the_command(home: Home, client: served.Served, capsys: pytest.CaptureFixture[str]) -> None:
    """`rotate-key` says which key signs from now on, and the device keeps the name of its first one."""
    enrolled(home, f"http://127.0.0.1:{client.port}", client.code_for("anna"))
    first = home.key().public.key_id
    for _ in range(2):
        was = home.key().public.key_id
        assert main(["rotate-key", "--state", str(home.folder), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"device": first, "key": home.key().public.key_id, "was": was}
        assert told["key"] != was
    assert send(home) is None
    assert len(home.enrolled().rotations) == 2


@pytest.mark.parametrize("odd", [7, [7], {}, "x"])
def test_rotations_that_are_none(home: Home, odd: object) -> None:
    """An enrolment whose rotations are no envelopes is refused by name."""
    with serving_aside(FakeCollector(home.key_for_enrolment())) as fake:
        enrolled(home, fake.url, CODE)
    told = json.loads((home.folder / "enrolled.json").read_text()) | {"rotations": odd}
    with pytest.raises(Malformed, match="rotations"):
        read_enrolled(json.dumps(told, sort_keys=True, separators=(",", ":")).encode())


def test_an_agent_finishes_it(home: Home) -> None:
    """An agent that starts where a change was cut off finishes it; if the collector is silent the old key goes on for now."""
    with serving_aside(FakeCollector(home.key_for_enrolment())) as fake:
        enrolled(home, fake.url, CODE)
        old = home.key().public
        fake.script = ["kept, but not said"]
        with pytest.raises(CollectorSilent):
            change(home)
        fake.script = ["503"]
        with going_on(home):
            assert home.key().public == old
        with going_on(home):
            assert home.key().public == fake.device.public != old
        assert send(home) is None
