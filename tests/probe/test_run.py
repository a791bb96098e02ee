"""The agent that stays: it measures by the schedule, sends what waits, survives what happens, and stops when told."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
from fakes.collector import FakeCollector, serving
from fakes.disk import Disk
from fakes.host import FakeHost
from fakes.methods import FakeRun, methods
from fakes.peer import free_port
from strategies import DEVICE, ring

from probe import agent as agent_module
from probe import run as tested
from probe.agent import Agent
from probe.backoff import Backoff
from probe.catalogue import METHODS
from probe.clock import SystemClock
from probe.daemon import Daemon
from probe.errors import StateUnusable
from probe.facts import HostFacts
from probe.measure.transfer import PLANS
from probe.net.collector import Collector
from probe.outbox import Outbox
from probe.run import run_agent
from probe.upload import Uploader
from shared import strictjson
from shared.batch import open_batch
from shared.complaint import make_complaint
from shared.record import read_record
from shared.slots import SlotPlan, schedule_key
from shared.strictjson import JsonObject

MakeAgent = Callable[..., Agent]
PLAN = SlotPlan(1, 0)
IMPATIENT = Backoff(base_us=20_000, most_us=50_000)
pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    """Measure nothing, at once, on a host that tells nothing."""
    run = FakeRun(members={"note": "quick"})
    monkeypatch.setattr(agent_module, "METHODS", methods(run))
    FakeHost(HostFacts(None, "other")).put(monkeypatch)
    return run


@asynccontextmanager
async def running(agent: Agent, heavy_every: int = 1) -> AsyncIterator[asyncio.Task[None]]:
    """Run the agent beside a test, and stop it as a signal does."""
    others = asyncio.all_tasks()
    daemon = Daemon(agent, "tiny", heavy_every)
    collector, key = Collector.of(agent.enrolled), agent.enrolled.collector
    uploader = Uploader(agent.outbox, collector, key, lambda _: None, device=agent, on_sent=daemon.sent)
    task = asyncio.create_task(run_agent(daemon, uploader))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)
        left = asyncio.all_tasks() - others - {asyncio.current_task()}
        assert [one for one in left if "RequestHandler" not in repr(one)] == []  # those are the fake collector's


async def until(reached: Callable[[], bool], patience_s: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.02)


def records_of(there: FakeCollector) -> list[JsonObject]:
    """Read every record of a test that a collector kept."""
    records = [one.fields for body in there.kept.values() for one in open_batch(body, ring(DEVICE)).records]
    return [one for one in records if one["method"] in METHODS]


def events_of(there: FakeCollector) -> list[object]:
    """Tell what the presence records that a collector kept say."""
    records = [one.fields for body in there.kept.values() for one in open_batch(body, ring(DEVICE)).records]
    return [one["event"] for one in records if one["method"] == "presence"]


LIGHT = [method.name for method in METHODS.values() if method.weight == "light"]
ORDER = [method.name for method in METHODS.values() if method.weight != "by_hand"]


async def test_measures_seals_and_sends(make_agent: MakeAgent) -> None:
    """Each slot holds each method once, at its drawn start, and arrives sealed."""
    async with serving(FakeCollector()) as there:
        agent = make_agent(there.url, SystemClock(), PLAN)
        async with running(agent):
            await until(lambda: len(there.seqs) >= 2 * len(ORDER))
        records = records_of(there)
    assert there.seqs == list(range(len(there.seqs)))
    slots = Counter(record["slot"] for record in records)  # type: ignore[misc]
    assert set(list(slots.values())[:-1]) == {len(ORDER)}
    for record in records:
        start_us = PLAN.start_us(schedule_key(agent.outbox.seed), DEVICE.public.key_id, int(str(record["slot"])))
        assert 0 <= int(str(record["wall_us"])) - start_us < 1_000_000
    assert [record["method"] for record in records[: len(ORDER)]] == ORDER


async def test_heavy_methods_in_heavy_slots_only(make_agent: MakeAgent) -> None:
    """A slot that is not heavy holds the light methods."""
    async with serving(FakeCollector()) as there:
        async with running(make_agent(there.url, SystemClock(), PLAN), heavy_every=10**6):
            await until(lambda: len(there.seqs) >= len(LIGHT))
        assert [record["method"] for record in records_of(there)][: len(LIGHT)] == LIGHT


async def test_a_collector_that_was_away(make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody answers the agent goes on measuring; later everything arrives in order, exactly once."""
    monkeypatch.setattr(tested, "Backoff", lambda: IMPATIENT)
    there, port = FakeCollector(), free_port()
    agent = make_agent(f"http://127.0.0.1:{port}", SystemClock(), PLAN)
    async with running(agent):
        await until(lambda: agent.outbox.tally().unsent >= 2)
        assert there.asked == []
        async with serving(there, port):
            there.script = ["kept, but not said", "503", "garbage"]
            await until(lambda: agent.outbox.tally().unsent == 0)
            sent = agent.outbox.tally().next_seq
            await until(lambda: len(there.seqs) >= sent)
    assert there.seqs == list(range(len(there.seqs)))


async def test_a_complaint_from_another_process(make_agent: MakeAgent, outbox_folder: Path) -> None:
    """What `complain` put beside a running agent is sent by it."""
    async with serving(FakeCollector()) as there, running(make_agent(there.url, SystemClock(), PLAN)):
        await until(lambda: len(there.seqs) >= 1)
        with closing(Outbox(outbox_folder, lambda: bytes(32))) as other:
            other.add_complaint(make_complaint("slow since Monday", 5, DEVICE))
        await until(lambda: there.complaints == ["slow since Monday"])


async def test_stops_in_the_middle_of_a_measurement(make_agent: MakeAgent, quick: FakeRun, outbox_folder: Path) -> None:
    """Told to stop while it measures, the agent records the measurement as aborted, the rest as not started, and stops."""
    quick.wait_s = 60
    async with serving(FakeCollector()) as there:
        agent = make_agent(there.url, SystemClock(), PLAN)
        async with running(agent):
            await until(lambda: len(quick.plans) == 1)
            before = time.monotonic()
        assert time.monotonic() - before < 2
        assert events_of(there) == ["started"]
    ends = [read_record(line[:-1]).text("end") for line in agent.outbox.recent()]
    assert ends == ["ok", *["not_started"] * (len(ORDER) - 1), "aborted", "ok"]
    assert agent.outbox.sealable() == []  # sealed before it ended, though not sent
    with closing(Outbox(outbox_folder, lambda: bytes(32))) as box:
        assert box.tally().open_intents == 0


async def test_stops_in_the_middle_of_a_measurement_on_a_full_disk(
    make_agent: MakeAgent, quick: FakeRun, disk: Disk
) -> None:
    """What was cut off cannot be written, and that keeps nobody from stopping; the next start says it was cut off."""
    agent = make_agent(clock=SystemClock(), slots=PLAN)
    quick.wait_s, quick.during = 60, disk.fill
    async with running(agent):
        await until(lambda: len(quick.plans) == 1)
        before = time.monotonic()
    assert time.monotonic() - before < 2
    disk.has_room()


async def test_stops_in_the_middle_of_sending(make_agent: MakeAgent) -> None:
    """Told to stop while a collector lets it wait, the agent stops and keeps the batch."""
    async with serving(FakeCollector(script=["hang"])) as there:
        agent = make_agent(there.url, SystemClock(), PLAN)
        async with running(agent):
            await until(lambda: there.asked == ["batch"])
        assert agent.outbox.tally().unsent >= 1


async def test_what_a_crash_left_is_sent_first(make_agent: MakeAgent, caplog: pytest.LogCaptureFixture) -> None:
    """A start without an end is recorded as aborted, said aloud, and sent before anything new."""
    async with serving(FakeCollector()) as there:
        agent = make_agent(there.url, SystemClock(), PLAN)
        agent.outbox.start(lambda seq: strictjson.encode({"boot": "earlier", "method": "upload", "seq": seq}))
        async with running(agent):
            await until(lambda: records_of(there) != [])
        assert records_of(there)[0] == {"boot": "earlier", "end": "aborted", "method": "upload", "seq": 0}
    assert "1 measurements were cut off last time" in caplog.text


async def test_a_disk_that_was_full_for_a_while(
    make_agent: MakeAgent, quick: FakeRun, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record the disk did not take is held, is written once it does, and holds up nothing after it."""
    monkeypatch.setattr(tested, "_DISK_PAUSE_S", 0.01)
    async with serving(FakeCollector()) as there:
        agent = make_agent(there.url, SystemClock(), PLAN)

        def fill() -> None:
            if len(quick.plans) == 1:
                disk.fill()
                asyncio.get_running_loop().call_later(0.5, disk.has_room)

        quick.during = fill
        async with running(agent):
            await until(lambda: len(there.seqs) >= 3)
        records = records_of(there)
    assert there.seqs[:3] == [0, 1, 2]
    assert [record["end"] for record in records[:3]] == ["ok", "ok", "ok"]


async def test_a_receipt_the_disk_did_not_take(make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch whose receipt could not be stored is sent again, and that is no second batch."""
    monkeypatch.setattr(tested, "Backoff", lambda: IMPATIENT)
    async with serving(FakeCollector()) as there:
        agent = make_agent(there.url, SystemClock(), PLAN)
        store, failed = Outbox.receipted, []

        def refuse_once(box: Outbox, batch: int, receipt: bytes, received_us: int) -> None:
            if not failed:
                failed.append(batch)
                raise StateUnusable("the outbox cannot be written: disk full")
            store(box, batch, receipt, received_us)

        monkeypatch.setattr(Outbox, "receipted", refuse_once)
        async with running(agent):
            await until(lambda: len(agent.outbox.receipts()) >= 1)
    assert failed == [0]
    assert there.asked[:2] == ["batch", "batch"]
    assert there.seqs == list(range(len(there.seqs)))


async def test_a_refusal_is_said_and_measuring_goes_on(make_agent: MakeAgent, caplog: pytest.LogCaptureFixture) -> None:
    """A collector that refuses is told of once, is not asked again soon, and stops no measurement."""
    async with serving(FakeCollector(script=["403"])) as there:
        agent = make_agent(there.url, SystemClock(), PLAN)
        async with running(agent):
            await until(lambda: agent.outbox.tally().unsent >= 2)
        assert there.asked == ["batch"]
    assert "the collector refused batch 0: unknown_key" in caplog.text


async def test_a_defect_of_a_method_comes_out(make_agent: MakeAgent, quick: FakeRun) -> None:
    """An error nobody expected ends the agent, and leaves no open start."""
    quick.raises = RuntimeError("a defect")
    agent = make_agent(clock=SystemClock(), slots=PLAN)
    with pytest.raises(ExceptionGroup) as caught:
        async with running(agent) as task:
            await asyncio.wait_for(asyncio.shield(task), 10)
    assert caught.group_contains(RuntimeError, match="a defect")
    assert agent.outbox.open_intents() == []


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_plan_beside_that_of_the_transfers(method: str, plan: str) -> None:
    """Whatever plan the user chose for the transfers, each method knows the one that goes with it."""
    assert METHODS[method].plan_beside(plan) in METHODS[method].plans
    assert METHODS["download"].plan_beside(plan) == plan
