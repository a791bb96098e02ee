"""The order in which everything is looked at."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from typing import Final

from probe.agent import Agent
from probe.clock import Clock
from probe.doctor import device, line, state
from probe.doctor.check import Check, wrong
from probe.facts import HostFacts
from probe.home import Home
from probe.net.address import PeerAddress
from probe.platform.aside import aside
from probe.platform.host import facts_on_any_way, facts_on_the_way_to
from probe.platform.look import look_around
from probe.settings import Settings
from probe.surroundings import Surroundings
from shared.errors import SpeedproofError

HOST_S: Final = 5.0  # for a resolver to say by which address the peer is found
OpenAgent = Callable[[], AbstractContextManager[Agent]]


async def visit(home: Home, clock: Clock, opened: OpenAgent) -> AsyncIterator[Check]:
    """Look at everything, as far as there is something to look at."""
    android = sys.platform == "android"
    yield device.python()
    yield device.signer()
    yield device.disk(home.folder)
    yield device.permissions(home)
    told = state.settings(home)
    settings = home.settings() if told.good else Settings()
    enrolled = home.enrolled() if _is_enrolled(home) else None
    around = await _around(enrolled.peer if enrolled else None, settings, android=android)
    for check in device.time(clock, around):
        yield check
    yield device.zone(clock, getattr(enrolled, "time_zone", None))
    for check in device.power(around.power):
        yield check
    if android:
        yield await device.termux()
        yield device.unrestricted()
    yield told
    for check in line.link(around, settings):
        yield check
    for check in line.radio(around):
        yield check
    for check in line.bus():
        yield check
    for check in state.enrolment(home, clock.wall_us()):
        yield check
    if enrolled is not None:
        async for check in line.reach(enrolled, settings, clock.wall_us()):
            yield check
        for check in _remembered(home, settings, opened):
            yield check


def _is_enrolled(home: Home) -> bool:
    try:
        home.key()
        home.enrolled()
    except SpeedproofError:
        return False
    return True


def _remembered(home: Home, settings: Settings, opened: OpenAgent) -> list[Check]:
    """What the outbox knows. One that is missing is not made: a chain begun anew would fork the old one."""
    try:
        with opened() as agent:
            return [
                *state.outbox(agent),
                state.running(agent),
                *state.service(home, settings),
                state.selftest(agent),
                *state.pause(agent),
                state.budget(agent),
            ]
    except SpeedproofError as error:
        return [wrong("outbox", str(error), "ask support: what was measured here may be lost")]


async def _around(peer: PeerAddress | None, settings: Settings, *, android: bool) -> Surroundings:
    host = await _host(peer, settings)
    return await look_around(host.interface, host.has_way, settings, android=android)


async def _host(peer: PeerAddress | None, settings: Settings) -> HostFacts:
    """The host, with the link to the peer; a resolver that hangs says nothing about the link."""
    if peer is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOST_S):
                return await aside(lambda: facts_on_the_way_to(peer.udp_host, peer.udp_port, settings.interface))
    return facts_on_any_way(settings.interface)
