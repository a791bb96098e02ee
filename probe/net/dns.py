"""The shell of `probe.measure.dns`: the system's lookup in a thread, the direct one by UDP and TCP. Interprets nothing.

The datagram socket is connected, so that only the resolver's own answers arrive, and its refusals; its port is the kernel's
choice. What the system would ask is read from resolv.conf(5) for the record only. Pinned to an interface, only the resolver
that is set is asked: by which link the system asks, nobody knows.
"""

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path

from probe.clock import Clock
from probe.measure.dns import CHANCE_BYTES, MOST_NAMES, STREAM_BYTES, DnsPlan, Lookups, resolvers_in, rounds_of
from probe.measure.dns_lookup import NONE, Lookup, Question
from probe.measure.dns_message import Found
from probe.measure.outcome import CouldNotRun, Measured
from probe.net.bind import bind
from probe.net.connect import connect
from probe.net.drive import drive
from probe.net.failures import trouble_of
from probe.net.http import host_of, url_of
from probe.net.lookup import Address, look_up
from probe.net.scene import Scene
from probe.settings import ResolverAddress, host_name
from shared.failure import Stage

RESOLV_CONF = Path("/etc/resolv.conf")
LENGTH_BYTES = 2  # before each message in a stream: RFC 1035, 4.2.2


async def run(plan: DnsPlan, scene: Scene) -> Measured:
    """Look up the peer, the collector and the names that are set, by each way there is."""
    settings, clock = scene.settings, scene.clock
    hosts = url_of(scene.peer, "").host, host_of(scene.collector_url), *settings.names
    names = tuple(dict.fromkeys(_names_of(*hosts)))[:MOST_NAMES]
    if not names:
        raise CouldNotRun("nothing to look up: peer and collector have addresses, and no [dns] names are set")
    chance = scene.chance(len(names) * CHANCE_BYTES)
    rounds = rounds_of(plan, names, settings.local_names, chance, direct=settings.resolver is not None)
    if scene.interface is not None:
        rounds = tuple(
            direct for one in rounds if (direct := tuple(each for each in one if isinstance(each, Question)))
        )
        if not rounds:
            raise CouldNotRun(f"the system's lookups cannot be pinned to {scene.interface}; set a [dns] resolver there")
    core = Lookups(plan, rounds, str(settings.resolver or ""), _system_resolvers())
    core.start(clock.mono_us())
    await drive(core, _ask_all(core, settings.resolver, clock, scene.interface), clock, scene.progress)
    return core.result()


def _names_of(*hosts: str | None) -> Iterator[str]:
    """Pass over hosts that are addresses: nobody looks them up."""
    for host in hosts:
        with suppress(ValueError):
            yield host_name(host or "")


def _system_resolvers() -> str:
    with suppress(OSError):
        return resolvers_in(RESOLV_CONF.read_text(encoding="utf-8", errors="replace"))
    return ""


async def _ask_all(core: Lookups, resolver: ResolverAddress | None, clock: Clock, interface: str | None) -> None:
    for lookups in core.rounds:
        core.begin(lookups, clock.mono_us())
        asking = [_asking(lookup, resolver, clock, interface) for lookup in lookups]
        async with asyncio.TaskGroup() as tasks:
            for one in asking:
                tasks.create_task(one)


def _asking(
    lookup: Lookup, resolver: ResolverAddress | None, clock: Clock, interface: str | None
) -> Coroutine[None, None, None]:
    if resolver is not None and isinstance(lookup, Question):
        return ask_directly(lookup, resolver, clock, interface)
    return _ask_the_system(lookup, look_up(lookup.name), clock)


async def _ask_the_system(lookup: Lookup, answer: asyncio.Future[list[Address]], clock: Clock) -> None:
    try:
        while (wake_us := lookup.next_wakeup(now_us := clock.mono_us())) is not None:
            await asyncio.wait({answer}, timeout=(wake_us - now_us) / 1_000_000)
            if answer.done():
                addresses = dict.fromkeys(str(where[0]) for _, _, where in answer.result())
                lookup.answered(Found(tuple(addresses), NONE), clock.mono_us())
    except OSError as exc:
        lookup.failed(trouble_of(exc, Stage.DNS), clock.mono_us())
    finally:
        answer.cancel()


class _Inbox(asyncio.DatagramProtocol):
    """Hands what arrives to the question, and wakes whoever waits."""

    def __init__(self, question: Question, clock: Clock) -> None:
        self._question = question
        self._clock = clock
        self.news = asyncio.Event()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self._question.receive(data, self._clock.mono_us())
        self.news.set()

    def error_received(self, exc: Exception) -> None:
        self._question.failed(trouble_of(exc, Stage.DNS), self._clock.mono_us())
        self.news.set()


async def ask_directly(
    question: Question, resolver: ResolverAddress, clock: Clock, interface: str | None = None
) -> None:
    """Ask a resolver a question that was started, until it is over; by one interface, if it is named."""
    inbox = _Inbox(question, clock)
    try:
        transport = await _datagrams_to(resolver, interface, inbox)
    except OSError as exc:
        question.failed(trouble_of(exc, Stage.DNS), clock.mono_us())
        return
    try:
        while (wake_us := question.next_wakeup(now_us := clock.mono_us())) is not None:
            left_s = (wake_us - now_us) / 1_000_000
            if question.by_stream:
                await _ask_by_stream(question, resolver, clock, left_s, interface)
                continue
            if (packet := question.to_send(now_us)) is not None:
                transport.sendto(packet)
                continue
            inbox.news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await inbox.news.wait()
    finally:
        transport.abort()
        await asyncio.sleep(0)  # asyncio closes a transport's socket one turn later


async def _datagrams_to(resolver: ResolverAddress, interface: str | None, inbox: _Inbox) -> asyncio.DatagramTransport:
    """What sends datagrams to a resolver and nowhere else; raises OSError and leaves no socket then."""
    sock = socket.socket(_family_of(resolver), socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)  # noqa: FBT003  (the standard library's own)
        bind(sock, interface)
        sock.connect((resolver.host, resolver.port))
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: inbox, sock=sock)
    except BaseException:
        sock.close()
        raise
    return transport


def _family_of(resolver: ResolverAddress) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in resolver.host else socket.AF_INET


async def _ask_by_stream(
    question: Question, resolver: ResolverAddress, clock: Clock, left_s: float, interface: str | None
) -> None:
    try:
        async with asyncio.timeout(left_s):
            address = _family_of(resolver), (resolver.host, resolver.port)
            sock = await connect([address], lambda _stage: None, interface)
            reader, writer = await asyncio.open_connection(sock=sock)
            try:
                packet = question.packet
                writer.write(len(packet).to_bytes(LENGTH_BYTES, "big") + packet)
                length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
                answer = await reader.readexactly(length) if length <= STREAM_BYTES else b""
                question.receive(answer, clock.mono_us(), stream=True)
            finally:
                writer.transport.abort()
    except (OSError, EOFError) as exc:
        question.failed(trouble_of(exc, Stage.DNS), clock.mono_us())
