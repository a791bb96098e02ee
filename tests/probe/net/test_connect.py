"""Several addresses of one name: whichever answers first is taken, and nobody waits long for one that leads nowhere."""

import asyncio
import socket
from collections.abc import Sequence

import pytest
from fakes.clock import FakeClock
from fakes.peer import free_port

from probe.net import connect as net
from probe.net.address import PeerAddress
from probe.net.connect import Entered, Found, Origin, connect, find, race
from probe.net.scene import Scene
from shared.failure import Stage

AWAY: Found = (socket.AF_INET, ("192.0.2.1", 80))
REFUSED: Found = (socket.AF_INET, ("192.0.2.2", 80))
HERE: Found = (socket.AF_INET, ("192.0.2.3", 80))
LATE: Found = (socket.AF_INET, ("192.0.2.4", 80))


class World:
    """Addresses that answer, refuse, or say nothing; and who was asked."""

    def __init__(self) -> None:
        self.asked: list[Found] = []
        self.sockets: list[socket.socket] = []

    async def connect(
        self, addresses: Sequence[Found], _entered: Entered, _interface: str | None = None
    ) -> socket.socket:
        """Connect as the address does it."""
        (address,) = addresses
        self.asked.append(address)
        if address is AWAY:
            await asyncio.Event().wait()
        if address is REFUSED:
            raise ConnectionRefusedError
        self.sockets.append(socket.socket())
        return self.sockets[-1]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a world in place of the network's."""
    world = World()
    monkeypatch.setattr(net, "connect", world.connect)
    monkeypatch.setattr(net, "HEAD_START_S", 0.01)
    return world


@pytest.mark.parametrize(
    ("addresses", "asked"),
    [
        ([HERE, LATE], [HERE]),
        ([REFUSED, HERE, LATE], [REFUSED, HERE]),
        ([AWAY, HERE, LATE], [AWAY, HERE]),
        ([AWAY, REFUSED, AWAY, HERE], [AWAY, REFUSED, AWAY, HERE]),
    ],
)
async def test_the_first_that_answers(world: World, addresses: list[Found], asked: list[Found]) -> None:
    """An address that is silent or refuses makes way for the next, and no more are asked than needed."""
    before = asyncio.all_tasks()
    sock = await race(addresses, lambda _stage: None)
    assert world.asked == asked
    assert world.sockets == [sock]
    sock.close()
    assert asyncio.all_tasks() == before


async def test_whoever_comes_second_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When two answer at once one is taken and the other closed."""
    both = asyncio.Event()

    async def together(addresses: Sequence[Found], entered: Entered, _interface: str | None) -> socket.socket:
        await both.wait()
        return await world.connect(addresses, entered)

    monkeypatch.setattr(net, "connect", together)
    task = asyncio.create_task(race([HERE, LATE], lambda _stage: None))
    await asyncio.sleep(0.1)
    both.set()
    sock = await task
    assert [one.fileno() >= 0 for one in world.sockets].count(True) == 1
    sock.close()


async def test_when_all_refuse(world: World) -> None:
    """What the last one said is what is told; a name without any address is an error of connecting too."""
    stages: list[Stage] = []
    with pytest.raises(ConnectionRefusedError):
        await race([REFUSED, REFUSED], stages.append)
    assert (world.asked, stages) == ([REFUSED, REFUSED], [Stage.CONNECT])
    for way in (race, connect):
        with pytest.raises(OSError, match="no address"):
            await way([], stages.append)


async def test_cancelling_leaves_nothing(world: World) -> None:
    """Whoever stops waiting leaves no attempt behind."""
    before = asyncio.all_tasks()
    task = asyncio.create_task(race([AWAY, AWAY], lambda _stage: None))
    await asyncio.sleep(0.05)
    assert world.asked == [AWAY, AWAY]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


def origin_of(url: str) -> Origin:
    """The origin of a peer at this address."""
    return Origin.of(Scene(PeerAddress(url, "peer.example", 9, "peer"), FakeClock(), bytes))


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "prefix", "tls"),
    [
        ("http://peer.example", "peer.example", 80, "peer.example", "", False),
        ("http://peer.example:8080/under/", "peer.example", 8080, "peer.example:8080", "/under", False),
        ("https://peer.example", "peer.example", 443, "peer.example", "", True),
        ("http://[2001:db8::1]:81", "2001:db8::1", 81, "[2001:db8::1]:81", "", False),
        ("http://[2001:db8::1]", "2001:db8::1", 80, "[2001:db8::1]", "", False),
    ],
)
def test_an_origin_is_read_from_the_peers_address(
    url: str, host: str, port: int, authority: str, prefix: str, tls: bool
) -> None:
    """Host, port, path and TLS are those of the URL, and the Host header is spelt for them."""
    origin = origin_of(url)
    assert (origin.host, origin.port, origin.authority, origin.prefix) == (host, port, authority, prefix)
    assert (origin.context is not None) is tls


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://192.0.2.1:81", (socket.AF_INET, ("192.0.2.1", 81))),
        ("http://[2001:db8::1]:81", (socket.AF_INET6, ("2001:db8::1", 81))),
    ],
)
async def test_an_address_is_not_looked_up(url: str, found: Found) -> None:
    """An address in place of a name is its own answer, and no stage of looking up is entered."""
    stages: list[Stage] = []
    assert await find(origin_of(url), stages.append) == [found]
    assert stages == []


async def test_a_name_is_looked_up() -> None:
    """A name has its own stage, and gives the addresses of its host."""
    stages: list[Stage] = []
    found = await find(origin_of("http://localhost"), stages.append)
    assert stages == [Stage.DNS]
    assert {address[0] for _, address in found} <= {"127.0.0.1", "::1"}


async def test_a_refused_address_makes_way_for_the_next() -> None:
    """Each address is tried until one answers, over real sockets too; the socket neither blocks nor waits for company."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    nobody = free_port()
    try:
        sock = await connect(
            [(socket.AF_INET, ("127.0.0.1", nobody)), (socket.AF_INET, ("127.0.0.1", port))], lambda _stage: None
        )
        assert (sock.getpeername()[1], sock.getblocking()) == (port, False)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.close()
        with pytest.raises(ConnectionRefusedError):
            await connect([(socket.AF_INET, ("127.0.0.1", nobody))], lambda _stage: None)
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)
