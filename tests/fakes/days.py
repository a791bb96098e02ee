"""An agent's days in no time: the run loop on a virtual clock, with methods that do as the test says."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fakes import virtual
from fakes.clock import FakeClock
from fakes.methods import methods
from strategies import COLLECTOR, DEVICE

from probe import agent as agent_module
from probe import lookout as lookout_module
from probe import minder as minder_module
from probe.agent import Agent
from probe.daemon import Daemon
from probe.errors import CollectorSilent
from probe.facts import HostFacts
from probe.history import History
from probe.home import Enrolled
from probe.measure.outcome import Measured
from probe.minder import Minder
from probe.net.address import PeerAddress
from probe.notices import Notice
from probe.outbox import Outbox
from probe.packed import Packed
from probe.run import run_agent
from probe.settings import Settings
from probe.surroundings import Link, Surroundings
from probe.upload import Uploader
from shared.record import Record, read_record
from shared.slots import SlotPlan

S, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
SLOTS = SlotPlan()
WELL = Measured(
    "ok", {"dur_us": 2 * S, "received_bytes": 50_000, "sent_bytes": 60_000, "rtt_us": [30_000] * 5, "sent": 5}
)
PEER = PeerAddress("http://127.0.0.1:9", "127.0.0.1", 9, "fake")


@dataclass
class Days:
    """One device and its line, as a test wants them."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    settings: Settings = field(default_factory=Settings)
    around: Surroundings = field(default_factory=lambda: Surroundings(Link("wwan0", "cellular")))
    does: Callable[[Any], Measured] = lambda _plan: WELL
    lasts_s: float = 2
    link: Link = field(default_factory=lambda: Link("wwan0", "cellular"))
    told: list[str] = field(default_factory=list)  # to the service manager
    notices: list[Notice] = field(default_factory=list)
    tried_us: list[int] = field(default_factory=list)  # when the collector was called, which is away
    history: History | None = None

    def put(self, monkeypatch: pytest.MonkeyPatch) -> "Days":
        """Stand in for the real world."""

        async def shell(plan: Any, _scene: Any) -> Measured:
            await asyncio.sleep(self.lasts_s)
            return self.does(plan)

        async def at_once(read: Callable[[], Any]) -> Any:
            return read()

        def facts(*_where: object) -> HostFacts:
            return HostFacts(self.link.interface, self.link.kind, has_way=self.link.has_way)

        monkeypatch.setattr(agent_module, "METHODS", methods(shell))  # type: ignore[arg-type]
        monkeypatch.setattr(lookout_module, "aside", at_once)
        monkeypatch.setattr(lookout_module, "facts_on_the_way_to", facts)
        monkeypatch.setattr(lookout_module, "snapshot", facts)
        monkeypatch.setattr(minder_module, "leaving", lambda _pinned: self.link)
        return self

    async def look(self, _interface: str | None, _has_way: bool) -> Surroundings:
        """Look round."""
        return self.around

    async def post_batch(self, _packed: Packed) -> Any:
        """Answer nothing."""
        self.tried_us.append(self.clock.mono_us())
        raise CollectorSilent("nobody answers")

    async def notify(self, notice: Notice) -> None:
        """Show a notice."""
        self.notices.append(notice)

    def outbox(self) -> Outbox:
        """Open this device's outbox."""
        return Outbox(self.folder / "outbox", lambda: bytes(32))

    def run(self, span_us: int, *then: tuple[int, Callable[[], object]], heavy_every: int = 10**6) -> list[Record]:
        """Let the agent run so long, doing something else at moments of it; every record made meanwhile, oldest first."""
        records: list[Record] = []
        outbox = self.outbox()
        agent = Agent(
            Enrolled("http://127.0.0.1:9", COLLECTOR.public, "anna", SLOTS, PEER, None, time_zone="Europe/Prague"),
            DEVICE, outbox, self.clock, secrets.token_bytes, self.settings, self.look, _Noted(records, self.history),  # type: ignore[arg-type]
        )  # fmt: skip
        daemon = Daemon(agent, "light", heavy_every, self.told.append)
        uploader = Uploader(outbox, self, COLLECTOR.public, lambda _: None, device=agent, on_sent=daemon.sent)  # type: ignore[arg-type]

        async def live() -> None:
            task = asyncio.create_task(run_agent(daemon, uploader, Minder(daemon, self.notify)))
            await asyncio.sleep(0)
            begun_us = self.clock.mono_us()
            for at_us, act in then:
                await asyncio.wait([task], timeout=max(0, begun_us + at_us - self.clock.mono_us()) / S)
                act()
            await asyncio.wait([task], timeout=max(0, begun_us + span_us - self.clock.mono_us()) / S)
            if task.done():
                task.result()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

        try:
            virtual.run(live(), self.clock)
        finally:
            outbox.close()
        return records


class _Noted:
    """Stands where the history stands, and keeps every record whole."""

    def __init__(self, records: list[Record], history: History | None) -> None:
        self._records, self._history = records, history

    def add(self, members: Any) -> None:
        """Keep one."""
        from shared.record import write_record

        self._records.append(read_record(write_record(members)[:-1]))
        if self._history is not None:
            self._history.add(members)

    def catch_up(self, _lines: Iterable[bytes]) -> int:
        """Know them all already."""
        return 0

    def flush(self) -> None:
        """Write what the history writes."""
        if self._history is not None:
            self._history.flush()


def of(records: list[Record], *method: str) -> list[Record]:
    """Those of these methods."""
    return [one for one in records if one.method in method]
