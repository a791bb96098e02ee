"""The shell of `probe.measure.reach`: looks at this device's links, then asks whoever should answer. Interprets nothing.

Near and far rungs each have a patience of their own, so that a resolver that is stuck takes no time from the hosts. All
rungs of one part are tried at the same moment.
"""

import asyncio
import socket
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from probe.measure.dns import CHANCE_BYTES as QUESTION_BYTES
from probe.measure.dns_lookup import ID_BYTES, Question, is_local
from probe.measure.hops import Address
from probe.measure.outcome import CouldNotRun, Measured, Trouble
from probe.measure.reach import FAR, NEAR, OBJECT_BYTES, OK_STATUS, Ladder, ReachPlan, RungName
from probe.naming import public_address, public_name
from probe.net import gateway
from probe.net.bind import bind
from probe.net.connect import Origin, find, race
from probe.net.dns import ask_directly
from probe.net.drive import drive
from probe.net.exchange import NAMED_ERRORS, Request, exchange
from probe.net.failures import trouble_of
from probe.net.http import Url, host_of, read_url, url_of
from probe.net.lookup import look_up
from probe.net.scene import Scene
from probe.platform.links import Ground, ground, neighbour
from probe.settings import ResolverAddress, host_name
from shared.failure import Failure, Stage

DRAW_BYTES = 4
US_PER_S = 1_000_000
DOWN, NO_WAY = Trouble(Failure.NETWORK_DOWN, Stage.CONNECT), Trouble(Failure.NETWORK_UNREACHABLE, Stage.CONNECT)

Work = Coroutine[Any, Any, None]


async def run(plan: ReachPlan, scene: Scene) -> Measured:
    """Climb from this device's own link to the hosts beyond; raises CouldNotRun if there is no rung to try."""
    core = Ladder(plan)
    core.start(scene.clock.mono_us())
    await drive(core, Climb(core, scene).all(), scene.clock, scene.progress)
    return core.result()


@dataclass(frozen=True, slots=True)
class Climb:
    """One climb of one ladder."""

    core: Ladder
    scene: Scene

    async def all(self) -> None:
        """Try every rung there is, from the ground up."""
        ours = ground(self.scene.interface)
        self._stand_on(ours)
        await self._together(NEAR, self._near(ours), self.core.plan.near_us)
        await self._together(FAR, self._far(), self.core.plan.far_us)
        self.core.end(self._now_us())

    def _now_us(self) -> int:
        return self.scene.clock.mono_us()

    async def _together(self, names: Sequence[RungName], work: Iterator[Work], patience_us: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_us / US_PER_S), asyncio.TaskGroup() as tasks:
                for one in work:
                    tasks.create_task(one)
        self.core.give_up(names)

    def _pin(self, sock: socket.socket) -> None:
        bind(sock, self.scene.interface)

    def _stand_on(self, ours: Ground) -> None:
        """Tell the core of the rungs that need no packet."""
        told = {"interface": public_name(ours.interface), "operstate": ours.operstate, "carrier": ours.has_carrier}
        self.core.facts |= {name: value for name, value in told.items() if value is not None}
        if ours.is_up is not None:
            self._told("link", public_name(ours.interface) or "", None if ours.is_up else DOWN)
        if ours.families is not None:
            self._told("address", _versions(ours.families), None if ours.families else NO_WAY)
        self._told("route", _versions(ours.ways), None if ours.ways else NO_WAY)

    def _told(self, name: RungName, target: str, trouble: Trouble | None) -> None:
        self.core.begin(name, self._now_us(), target)
        if trouble is None:
            self.core.held(name, self._now_us())
        else:
            self.core.failed(name, trouble)

    def _near(self, ours: Ground) -> Iterator[Work]:
        hosts = host_of(self.scene.collector_url), host_of(self.scene.peer.http_url)
        names = list(dict.fromkeys(name for host in hosts for name in _name(host)))
        if ours.gateway is not None:
            yield self._gateway(ours.gateway)
        if names and self.scene.interface is None:  # by which link the system asks, nobody knows
            yield self._names(names)
        public = next((name for name in (*names, *self.scene.settings.names) if not is_local(name, ())), None)
        if public is not None and self.scene.settings.resolver is not None:
            yield self._resolver(public, self.scene.settings.resolver)

    def _far(self) -> Iterator[Work]:
        with suppress(ValueError):
            yield self._connection("collector", read_url(self.scene.collector_url or ""))
        yield self._peer()
        if urls := self.scene.settings.urls:
            drawn = int.from_bytes(self.scene.chance(DRAW_BYTES), "big")
            with suppress(ValueError):
                yield self._connection("independent", read_url(urls[drawn % len(urls)]))

    async def _gateway(self, address: Address) -> None:
        self.core.begin("gateway", self._now_us(), public_address(str(address)))
        try:
            way = await gateway.answer_of(address, self.scene.chance(gateway.CHANCE_BYTES), self._pin)
        except OSError as exc:
            self.core.failed("gateway", trouble_of(exc, Stage.CONNECT))
        else:
            self.core.held("gateway", self._now_us())
            self.core.facts["gateway_by"] = way
        finally:
            self.core.facts["neighbour"] = neighbour(address) or ""

    async def _names(self, names: Sequence[str]) -> None:
        """Look names up by the system's own way; one that is found is enough."""
        self.core.begin("dns", self._now_us(), "+".join(names))
        answers = []
        try:
            answers = [look_up(name) for name in names]
            for answer in asyncio.as_completed(answers):
                try:
                    await answer
                except OSError as exc:
                    trouble = trouble_of(exc, Stage.DNS)
                else:
                    self.core.held("dns", self._now_us())
                    return
            self.core.failed("dns", trouble)
        except CouldNotRun:
            self.core.untried("dns")
        finally:
            for one in answers:
                one.cancel()

    async def _resolver(self, name: str, resolver: ResolverAddress) -> None:
        """Ask the resolver that is set; whatever it says of the name, it has answered."""
        chance = self.scene.chance(QUESTION_BYTES)
        ids = tuple(int.from_bytes(chance[at : at + ID_BYTES], "big") for at in range(0, QUESTION_BYTES, ID_BYTES))
        may_be_private = is_local(name, self.scene.settings.local_names)
        question = Question(name, self.core.plan.near_us, may_be_private, ids=ids)
        self.core.begin("resolver", self._now_us(), str(resolver))
        question.start(self._now_us())
        await ask_directly(question, resolver, self.scene.clock, self.scene.interface)
        if question.trouble is None:
            self.core.held("resolver", self._now_us())
        else:
            self.core.failed("resolver", question.trouble)

    async def _connection(self, name: RungName, url: Url) -> None:
        """Open a connection, and close it."""

        def entered(stage: Stage) -> None:
            self.core.entered(name, stage)

        origin = Origin(url, None)
        self.core.begin(name, self._now_us(), f"{url.host}:{url.port}")
        try:
            sock = await race(await find(origin, entered), entered, self.scene.interface)
        except OSError as exc:
            self.core.failed(name, trouble_of(exc, self.core.stage_of(name)))
        except CouldNotRun:
            self.core.untried(name)
        else:
            sock.close()
            self.core.held(name, self._now_us())

    async def _peer(self) -> None:
        """Fetch a small object of the peer's: two rungs by one connection."""
        rung: RungName = "peer"

        def entered(stage: Stage) -> None:
            nonlocal rung
            if rung == "peer" and stage in {Stage.TLS, Stage.REQUEST}:
                self.core.held("peer", self._now_us())
                rung = "object"
                self.core.begin("object", self._now_us(), target)
            self.core.entered(rung, stage)

        try:
            origin = Origin.at(
                url_of(self.scene.peer, f"object/{OBJECT_BYTES}"), self.scene.peer.tls_ca, self.scene.interface
            )
        except CouldNotRun:  # no address, or an authority that cannot be read
            return
        target = f"{origin.host}:{origin.port}"
        self.core.begin("peer", self._now_us(), target)
        try:
            async with exchange(origin, Request("GET", origin.url.target), entered) as answer:
                body = await answer.body(OBJECT_BYTES) if answer.status == OK_STATUS else b""
                self.core.object_came(answer.status, len(body), self._now_us())
        except NAMED_ERRORS as exc:
            self.core.failed(rung, trouble_of(exc, self.core.stage_of(rung)))
        except CouldNotRun:
            self.core.untried(rung)


def _versions(versions: Sequence[int]) -> str:
    return "+".join(f"IPv{version}" for version in versions)


def _name(host: str | None) -> Iterator[str]:
    """Pass over a host that is an address: nobody looks it up."""
    with suppress(ValueError):
        yield host_name(host or "")
