"""Measuring for the record: the intent first, then whatever came of it, and never a start without an end."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.disk import Disk
from fakes.host import FakeHost
from fakes.methods import FakeRun, methods
from fakes.seen import LTE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import DEVICE, json_keys, json_texts, ring

from probe import agent as tested
from probe.agent import Agent
from probe.errors import StateUnusable
from probe.facts import HostFacts
from probe.measure.outcome import CouldNotRun, Value
from probe.outbox import Outbox
from probe.selftest import KEPT, Passed
from probe.settings import Settings
from probe.surroundings import Link, Surroundings
from shared import strictjson
from shared.batch import MAX_BODY_BYTES, open_batch
from shared.chain import START, follow
from shared.errors import Malformed
from shared.record import MAX_RECORD_BYTES, read_record
from shared.strictjson import MAX_INTEGER, JsonObject

MakeAgent = Callable[..., Agent]
Fake = Callable[..., FakeRun]
FACTS = HostFacts("wwan0", "cellular", 0, 0, 0, 0, 100, 500_000_000)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """Give a host that tells the same at each look, until it is told otherwise."""
    return FakeHost(FACTS).put(monkeypatch)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, host: FakeHost) -> Fake:
    """Put another shell in place of every method's."""
    del host

    def put(**told: object) -> FakeRun:
        run = FakeRun(**told)  # type: ignore[arg-type]
        monkeypatch.setattr(tested, "METHODS", methods(run))
        return run

    return put


def stored(agent: Agent) -> list[JsonObject]:
    """Read the records that wait to be sealed."""
    return [read_record(one.line[:-1]).fields for one in agent.outbox.sealable()]


async def test_the_intent_is_on_disk_before_the_method_runs(
    make_agent: MakeAgent, fake: Fake, outbox_folder: Path
) -> None:
    """While a method runs, another process sees what was started, and no record of it."""
    seen: list[tuple[int, bytes]] = []

    def look() -> None:
        with closing(Outbox(outbox_folder, lambda: bytes(32))) as other:
            seen.extend(other.open_intents())
            assert other.recent() == []

    fake(during=look)
    agent = make_agent(clock=FakeClock(wall_us=7_000, mono_us=5))
    await agent.measure("latency", "quick", 12)
    ((seq, line),) = seen
    assert seq == 0
    assert strictjson.decode(line) == {
        "boot": agent.boot, "method": "latency", "mono_us": 5, "peer": "fake", "plan": "quick", "seq": 0, "slot": 12,
        "ver": 2, "wall_us": 7_000,
    }  # fmt: skip
    assert agent.outbox.open_intents() == []


async def test_what_a_record_holds(make_agent: MakeAgent, fake: Fake) -> None:
    """A record is its start, the method's own members, the context and the end; by hand there is no slot."""
    fake(members={"rtt_us": [1, -1], "via": "stamp"})
    agent = make_agent(clock=FakeClock(wall_us=7_000, mono_us=5))
    told = await agent.measure("latency", "quick", None)
    assert stored(agent) == [told]
    assert told == {
        "ctx": {
            "if_rx_bytes": 0, "if_tx_bytes": 0, "interface": "wwan0", "link": "cellular", "load_pm": 100,
            "mem_available_bytes": 500_000_000, "network_type": "mobile", "troubles": ["nobody looked round"],
        },
        "end": "ok", "method": "latency", "mono_us": 5, "peer": "fake", "plan": "quick", "rtt_us": [1, -1], "seq": 0,
        "ver": 2, "via": "stamp", "wall_us": 7_000,
    }  # fmt: skip


async def test_a_failed_measurement_is_a_result(make_agent: MakeAgent, fake: Fake) -> None:
    """What failed is kept with its failure, and the agent goes on."""
    fake(end="failed", members={"failure": "connection_reset", "stage": "body"})
    agent = make_agent()
    told = await agent.measure("download", "tiny", 1)
    assert (told["end"], told["failure"], told["stage"]) == ("failed", "connection_reset", "body")
    assert stored(agent) == [told]


async def test_what_could_not_run_says_why(make_agent: MakeAgent, fake: Fake) -> None:
    """A method that could not be tried is recorded as not started, with its reason, cut to a length."""
    fake(raises=CouldNotRun("no address: " + "x" * 500))
    agent = make_agent()
    told = await agent.measure("download", "tiny", 1)
    assert (told["end"], told["reason"]) == ("not_started", "could_not_run")
    assert str(told["note"]).startswith("no address: x")
    assert len(str(told["note"])) == 200
    assert stored(agent) == [told]


@pytest.mark.parametrize("method", ["latency", "download", "upload", "fetch"])
async def test_a_cancelled_measurement_is_aborted(make_agent: MakeAgent, fake: Fake, method: str) -> None:
    """Stopping in the middle closes the intent at once, and stops."""
    started = asyncio.Event()
    fake(during=started.set, wait_s=60)
    agent = make_agent()
    task = asyncio.create_task(agent.measure(method, "quick" if method != "fetch" else "small", 1))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (record,) = stored(agent)
    assert (record["end"], record["method"], record["seq"]) == ("aborted", method, 0)
    assert agent.outbox.open_intents() == []


@pytest.mark.parametrize("error", [RuntimeError("a defect"), KeyboardInterrupt(), ValueError("a defect")])
async def test_a_defect_comes_out_and_leaves_no_open_start(
    make_agent: MakeAgent, fake: Fake, error: BaseException
) -> None:
    """An error nobody expected is not swallowed, and its measurement is recorded as aborted."""
    fake(raises=error)
    agent = make_agent()
    with pytest.raises(type(error)):
        await agent.measure("upload", "tiny", 1)
    assert [record["end"] for record in stored(agent)] == ["aborted"]
    assert agent.outbox.open_intents() == []


UNSPELLABLE: list[dict[str, Value]] = [
    {"note": "\ud800"},
    {"bytes": [MAX_INTEGER + 1]},
    {"é": 1},
    {"note": "x" * MAX_RECORD_BYTES},
]


@pytest.mark.parametrize("members", UNSPELLABLE, ids=["surrogate", "integer", "key", "size"])
async def test_what_cannot_be_spelt_is_aborted(make_agent: MakeAgent, fake: Fake, members: dict[str, Value]) -> None:
    """A result outside the format comes out as an error, and its start is still closed."""
    fake(members=members)
    agent = make_agent()
    with pytest.raises(Malformed):
        await agent.measure("fetch", "small", 1)
    assert [record["end"] for record in stored(agent)] == ["aborted"]


async def test_a_record_that_fits_still_fits_after_the_next_boot(
    make_agent: MakeAgent, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that would be too large with the name of its boot is refused when it is made, not when it is sealed."""
    agent = make_agent()
    for size in range(MAX_RECORD_BYTES - 400, MAX_RECORD_BYTES, 5):
        fake(members={"note": "x" * size})
        try:
            await agent.measure("fetch", "small", 1)
        except Malformed:
            break
    monkeypatch.setattr(tested, "boot_id", lambda _clock: "the next boot")
    assert agent.seal_all() > 0


values = (
    st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.booleans()
    | json_texts
    | st.lists(st.integers(-MAX_INTEGER, MAX_INTEGER), max_size=20)
)
OWN = ("boot", "ctx", "end", "flaws", "method", "mono_us", "peer", "plan", "seq", "slot", "ver", "wall_us")


@given(members=st.dictionaries(json_keys.filter(lambda key: key not in OWN), values, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
async def test_any_members_make_a_record(make_agent: MakeAgent, fake: Fake, members: dict[str, Value]) -> None:
    """Whatever a method measured is in the record to the letter, and the record is in the strict profile."""
    fake(members=members)
    agent = make_agent()
    told = await agent.measure("fetch", "small", 1)
    last = agent.outbox.recent()[0]
    assert strictjson.encode(strictjson.decode(last[:-1])) + b"\n" == last
    assert strictjson.decode(last[:-1]) == told
    assert told.items() >= members.items()


async def test_a_disk_that_takes_no_intent_measures_nothing(make_agent: MakeAgent, fake: Fake, disk: Disk) -> None:
    """Without an intent on disk no method runs."""
    run = fake()
    agent = make_agent()
    disk.fill()
    with pytest.raises(StateUnusable):
        await agent.measure("latency", "quick", 1)
    assert run.plans == []


async def test_starts_that_a_crash_left_open_become_aborted(make_agent: MakeAgent, fake: Fake) -> None:
    """An intent without an end is a record of its own boot, with what was known when it began."""
    fake()
    first = make_agent(clock=FakeClock(mono_us=9))
    first.outbox.start(lambda seq: strictjson.encode({"boot": "earlier", "method": "upload", "mono_us": 3, "seq": seq}))
    await first.measure("latency", "quick", 2)
    again = make_agent(clock=FakeClock(mono_us=1))
    assert again.seal_all() == 0
    assert again.close_open_intents() == 1
    assert again.close_open_intents() == 0
    assert again.seal_all() == 1
    waiting = again.outbox.oldest_unsent()
    assert waiting is not None
    opened = open_batch(waiting.body, ring(DEVICE))
    assert opened.records[0].fields == {
        "boot": "earlier", "end": "aborted", "method": "upload", "mono_us": 3, "seq": 0,
    }  # fmt: skip
    assert opened.records[1].text("end") == "ok"
    assert opened.said.lost == 0


async def test_sealing_goes_on_until_nothing_is_left(make_agent: MakeAgent, fake: Fake) -> None:
    """More records than one batch takes become several, each the next link of one chain."""
    fake(members={"note": "x" * 60_000})
    agent = make_agent()
    for _ in range(40):
        await agent.measure("fetch", "small", 1)
    assert agent.seal_all() == 2
    assert agent.seal_all() == 0
    head = START
    while waiting := agent.outbox.oldest_unsent():
        assert len(waiting.body) < MAX_BODY_BYTES
        opened = open_batch(waiting.body, ring(DEVICE))
        head = follow(head, opened.said, opened.pae_sha256)
        agent.outbox.receipted(waiting.batch, b"receipt", 1)
    assert head == agent.outbox.head
    assert head.seq == 40


async def test_flaws_and_context_of_what_happened_meanwhile(make_agent: MakeAgent, fake: Fake, host: FakeHost) -> None:
    """What the host saw between two looks is in the record, and marks it without dropping it."""
    host.facts[:] = [
        HostFacts("wwan0", "cellular", 1_000, 500, 0, 0, 100, 500_000_000),
        HostFacts("wlan0", "wifi", 9_001_000, 2_500, 900_000, 1_000_000, 2_000, 400_000_000),
    ]
    fake(members={"received_bytes": 1_000_000})
    told = await make_agent().measure("download", "tiny", 1)
    assert told["flaws"] == ["cpu_busy", "link_changed", "wifi"]
    assert told["ctx"] == {
        "before_rx_bytes": 0, "before_tx_bytes": 0, "before_us": 0, "cpu_pm": 900, "if_rx_bytes": 9_000_000,
        "if_tx_bytes": 2_000, "interface": "wlan0", "interface_before": "wwan0", "link": "wifi",
        "link_before": "cellular", "load_before_pm": 100, "load_pm": 2_000, "mem_available_bytes": 400_000_000,
        "network_type": "wifi", "quiet_us": 0, "troubles": ["nobody looked round"],
    }  # fmt: skip


async def test_what_cannot_be_pinned_is_not_run(make_agent: MakeAgent, fake: Fake) -> None:
    """Where sockets cannot be bound to the interface that is set, nothing runs by another one."""
    run = fake()
    agent = replace(make_agent(), settings=Settings(interface="no\0interface"))
    told = await agent.measure("fetch", "small", 1)
    assert (told["end"], told["reason"]) == ("not_started", "could_not_run")
    assert told["note"] in {
        "not pinned to 'no\\x00interface': that is no name of an interface",
        "not pinned to 'no\\x00interface': this system cannot pin a test to an interface",
    }
    assert run.plans == []


async def test_the_self_test_marks_what_is_faster(make_agent: MakeAgent, fake: Fake) -> None:
    """A download near the limit of this device is marked, once the limit is known."""
    fake(members={"dur_us": 1_000_000, "received_bytes": 2_500_001})
    agent = make_agent()
    assert "flaws" not in await agent.measure("download", "tiny", 1)
    agent.outbox.keep(KEPT, Passed(25_000_000, whole=False, at_wall_us=1).to_keep())
    assert (await agent.measure("download", "tiny", 2))["flaws"] == ["client_limited"]


async def test_what_looks_round_is_in_the_record(make_agent: MakeAgent, fake: Fake) -> None:
    """The agent is given what looks round, and asks it by the link that leads to the peer."""
    asked: list[tuple[str | None, bool]] = []

    async def look(interface: str | None, has_way: bool) -> Surroundings:
        asked.append((interface, has_way))
        return Surroundings(Link(interface, "cellular", metered=True), LTE)

    fake()
    told = await replace(make_agent(), look=look).measure("latency", "quick", 1)
    assert asked == [("wwan0", True)]
    assert told["ctx"]["metered"] is True  # type: ignore[call-overload,index]
    assert told["radio"]["net_mccmnc"] == "00101"  # type: ignore[call-overload,index]


def test_boots_have_names(make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """One boot has one name, two have two, and the kernel's id is not in it."""
    agent = make_agent()
    assert agent.boot == agent.boot
    monkeypatch.setattr(tested, "boot_id", lambda _clock: "8d6f")
    name = agent.boot
    monkeypatch.setattr(tested, "boot_id", lambda _clock: "9d6f")
    assert name != agent.boot
    assert "8d6f" not in name


async def test_a_record_sealed_after_the_next_boot_names_its_own(
    make_agent: MakeAgent, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Monotonic times mean something within one boot only, so a record says which one if its batch does not."""
    fake()
    agent = make_agent()
    earlier = agent.boot
    await agent.measure("latency", "quick", 1)
    monkeypatch.setattr(tested, "boot_id", lambda _clock: "the next boot")
    await agent.measure("latency", "quick", 2)
    agent.seal_all()
    waiting = agent.outbox.oldest_unsent()
    assert waiting is not None
    opened = open_batch(waiting.body, ring(DEVICE))
    assert opened.said.boot == agent.boot != earlier
    assert [record.text("boot") for record in opened.records] == [earlier, None]
