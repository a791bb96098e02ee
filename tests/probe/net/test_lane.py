"""One flow on a connection that is only pretended: what is read, written, answered and dropped."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from fakes.clock import FakeClock
from fakes.rude_peer import switched

from probe.measure.download import Download
from probe.measure.transfer import SUBPROTOCOL, Protocol, TransferPlan
from probe.measure.upgrade import Upgrade
from probe.measure.upload import TALK_LIMIT_BYTES, Upload
from probe.net.lane import BUFFER_BYTES, Lane
from shared.frames import NORMAL, FrameReader, Opcode, Told, frame

PLAN = TransferPlan("test", 1_000_000, 100_000, 0, 2_000_000)
UPGRADE = Upgrade("peer", "/ndt/v7/download", {}, bytes(16), SUBPROTOCOL[Protocol.NDT7])


class FakeTransport(asyncio.Transport):
    """Keeps what is written; never has a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.aborted = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Wait for room after every write."""
        assert high in {0, 1}

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += data

    def abort(self) -> None:
        """Count it."""
        self.aborted += 1

    def is_closing(self) -> bool:
        """Say whether it was dropped."""
        return self.aborted > 0


@dataclass
class Ends:
    """A lane, and what is at its two ends."""

    core: Download | Upload
    hashing: bool = False
    transport: FakeTransport = field(default_factory=FakeTransport)
    settled: int = 0
    lane: Lane = field(init=False)

    def __post_init__(self) -> None:
        """Connect."""
        buffer = memoryview(bytearray(BUFFER_BYTES))
        stream = None
        self.core.start(0)
        self.lane = Lane(self.core, 0, FakeClock(), bytes, buffer, stream, self._settle, hashing=self.hashing)
        self.lane.connection_made(self.transport)

    def _settle(self) -> None:
        self.settled += 1

    def arrives(self, data: bytes) -> int:
        """Let bytes arrive as the event loop does it; how many were taken at once at most."""
        most = 0
        while data:
            room = self.lane.get_buffer(-1)
            piece = data[: len(room)]
            room[: len(piece)] = piece
            most = max(most, len(piece))
            self.lane.buffer_updated(len(piece))
            data = data[len(piece) :]
        return most

    def told(self) -> list[Told]:
        """The frames that were written since the last look."""
        frames = list(FrameReader(masked=True).feed(memoryview(bytes(self.transport.written))))
        self.transport.written.clear()
        return cast("list[Told]", frames)


Happening = Callable[..., Any]


@pytest.fixture
async def lanes() -> Any:
    """Open lanes; they are left in the end."""
    made: list[tuple[Ends, asyncio.Task[None]]] = []

    async def make(core: Download | Upload, *, hashing: bool = False) -> Ends:
        ends = Ends(core, hashing)
        task = asyncio.create_task(ends.lane.exchange(UPGRADE))
        await asyncio.sleep(0)
        assert bytes(ends.transport.written) == UPGRADE.request()
        ends.transport.written.clear()
        ends.arrives(switched({"sec-websocket-key": UPGRADE.nonce, "sec-websocket-protocol": UPGRADE.subprotocol}))
        made.append((ends, task))
        return ends

    yield make
    for ends, task in made:
        ends.lane.connection_lost(None)
        await task


async def test_load_is_counted_and_hashed_as_it_comes(lanes: Happening) -> None:
    """Half a message counts as half a message; the digest is of exactly what was counted."""
    ends = await lanes(Download(PLAN), hashing=True)
    message = frame(Opcode.BINARY, bytes(range(256)) * 4)
    ends.arrives(message[:500])
    assert ends.core.total_bytes == 500 - 4
    ends.arrives(message[500:])
    assert ends.core.total_bytes == 1024
    assert ends.lane.digest == hashlib.sha256(bytes(range(256)) * 4).digest()
    assert ends.settled > 0


async def test_no_more_is_read_than_the_cap_leaves(lanes: Happening) -> None:
    """What is taken from the kernel, heads and all, is never more than the plan's cap."""
    ends = await lanes(Download(PLAN))
    left_bytes = len(ends.lane.get_buffer(-1))
    assert 0 < PLAN.cap_bytes - left_bytes < 1000  # the answer to the handshake
    ends.arrives(frame(Opcode.BINARY, bytes(60_000)))
    assert len(ends.lane.get_buffer(-1)) == left_bytes - 60_004
    ends.arrives(frame(Opcode.TEXT, b"{}") + frame(Opcode.PING, b"x" * 100) + frame(Opcode.BINARY, b""))
    assert len(ends.lane.get_buffer(-1)) == left_bytes - 60_004 - 4 - 102 - 2
    ends.arrives(frame(Opcode.BINARY, bytes(70_000))[: ends.core.allowance_bytes])
    assert (ends.core.over, ends.core.allowance_bytes) == (True, 0)
    assert ends.core.total_bytes < PLAN.cap_bytes


async def test_an_upload_takes_little_from_its_peer(lanes: Happening) -> None:
    """A peer that only pings an upload has an end too."""
    ends = await lanes(Upload(PLAN))
    pings = frame(Opcode.PING, bytes(125)) * 1000
    while not ends.core.over:
        ends.arrives(pings[: ends.core.allowance_bytes])
        ends.transport.written.clear()
    assert TALK_LIMIT_BYTES - len(pings) < ends.core._talk_bytes <= TALK_LIMIT_BYTES


async def test_a_ping_is_answered_and_masked(lanes: Happening) -> None:
    """A pong brings back what the ping said."""
    ends = await lanes(Download(PLAN))
    ends.arrives(frame(Opcode.PING, b"are you there"))
    assert ends.told() == [Told(Opcode.PONG, b"are you there")]


async def test_pings_of_a_peer_that_does_not_read_are_not_answered(lanes: Happening) -> None:
    """What waits to be written does not grow with what a peer sends."""
    ends = await lanes(Download(PLAN))
    ends.lane.pause_writing()
    ends.arrives(frame(Opcode.PING, b"1") * 50)
    assert ends.told() == []
    ends.lane.resume_writing()
    ends.arrives(frame(Opcode.PING, b"2"))
    assert ends.told() == [Told(Opcode.PONG, b"2")]


async def test_a_goodbye_is_said_once(lanes: Happening) -> None:
    """Whoever leaves politely says so one time, and waits for the answer before the connection is dropped."""
    ends = await lanes(Download(PLAN))
    ends.lane.part(at_once=False)
    ends.lane.part(at_once=True)
    (told,) = ends.told()
    assert (told.opcode, told.close_code) == (Opcode.CLOSE, NORMAL)
    assert not ends.transport.aborted
    await asyncio.sleep(0.35)
    assert ends.transport.aborted


async def test_a_goodbye_is_answered(lanes: Happening) -> None:
    """A peer's closing frame ends the flow, and gets one of ours."""
    ends = await lanes(Download(PLAN))
    ends.arrives(frame(Opcode.BINARY, b"x") + frame(Opcode.CLOSE, b"\x03\xe8"))
    (told,) = ends.told()
    assert told.opcode is Opcode.CLOSE
    assert ends.core.over
    ends.lane.part(at_once=True)
    assert not ends.transport.aborted, "the peer has said goodbye and may close first"


async def test_whoever_is_in_trouble_leaves_at_once(lanes: Happening) -> None:
    """After a failure nothing more is said or waited for."""
    ends = await lanes(Download(PLAN))
    ends.lane.part(at_once=True)
    assert (ends.told(), ends.transport.aborted) == ([], 1)


async def test_nothing_is_read_after_garbage(lanes: Happening) -> None:
    """Bytes that are no frames end the flow and the connection."""
    ends = await lanes(Download(PLAN))
    ends.arrives(b"\xff" * 20)
    assert ends.core.over
    assert ends.transport.aborted
    assert ends.core.result().members["failure"] == "unknown_failure"


async def test_an_end_without_a_goodbye_is_an_end_of_the_stream(lanes: Happening) -> None:
    """A connection that is lost without an error is closed for the core, with an error it has failed by name."""
    for exc, failure in ((None, "eof_error"), (ConnectionResetError(), "connection_reset")):
        ends = await lanes(Download(PLAN))
        ends.lane.connection_lost(exc)
        assert ends.core.result().members["failure"] == failure
