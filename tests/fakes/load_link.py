"""A simulated line under load: several TCP flows share one bottleneck, and arithmetic takes the place of waiting.

The core of a transfer is on one side, the peer's own core (`collector.peer.loadtest`) on the other. Windows open as in
slow start, up to twice the line's share; a lost packet is sent again a round trip later, and what came behind it waits
in the receiver's kernel until then. Losses, deaths, stalls, early ends and lies are what the line is told to do.
"""

import heapq
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from collector.peer import ndt7, throughput1
from collector.peer.account import End
from collector.peer.loadtest import Direction, LoadTest
from probe.measure.download import Download
from probe.measure.held import Kernel
from probe.measure.transfer import Ending, Protocol
from probe.measure.upload import DONE, Upload
from shared.failure import Stage

DIALECTS = {Protocol.NDT7: ndt7.DIALECT, Protocol.THROUGHPUT1: throughput1.DIALECT}
CONNECTION = {"CC": "bbr", "Client": "192.0.2.1:5", "Server": "192.0.2.2:6", "UUID": "0", "StartTime": "0"}
FIRST_WINDOW = 10
POLL_US = 25_000
SEGMENT_BYTES = 1448

Say = Callable[[int, dict[str, Any]], bytes | None]
NEVER = 1 << 60


def say_truly(_number: int, told: dict[str, Any]) -> bytes:
    """Let a text of the peer pass as it is."""
    return json.dumps(told).encode()


@dataclass(frozen=True)
class Line:
    """A line of so many bit/s of payload; times are since the start of the attempt."""

    rate_bps: int = 20_000_000
    round_trip_us: int = 40_000
    packet_bytes: int = SEGMENT_BYTES
    loses: Callable[[int], bool] = lambda _number: False  # asked for each packet of the line, in turn
    dies_us: int = NEVER
    mute: frozenset[int] = frozenset()  # flows whose handshake is never answered
    stalls: Mapping[int, tuple[int, int]] = field(default_factory=dict)  # flow: nothing of it arrives from .. until
    ends: Mapping[int, tuple[int, Ending]] = field(default_factory=dict)  # flow: when its peer ends it, and how
    say: Say = say_truly


@dataclass
class Seen:
    """What really happened: when it was over, and what had arrived of each flow, in order or not, by when."""

    end_us: int = 0
    zero_us: int = 0
    arrivals: list[list[tuple[int, int]]] = field(default_factory=list)  # flow: (time, all its bytes so far)
    in_order: list[int] = field(default_factory=list)

    def arrived_bytes(self, at_us: int = NEVER) -> int:
        """All bytes that had arrived by a moment since t = 0."""
        told = [[so_far for t_us, so_far in flow if t_us <= at_us] for flow in self.arrivals]
        return sum(flow[-1] for flow in told if flow)


class Events:
    """What is going to happen, in order."""

    def __init__(self) -> None:
        self.now_us = 0
        self._queue: list[tuple[int, int, Callable[[], object]]] = []
        self._order = count()

    def at(self, at_us: int, happen: Callable[[], object]) -> None:
        """Let something happen at a time, or now if that has passed."""
        heapq.heappush(self._queue, (max(at_us, self.now_us), next(self._order), happen))

    def step(self) -> None:
        """Let the next thing happen."""
        self.now_us, _, happen = heapq.heappop(self._queue)
        happen()


class Pipe:
    """One flow's bytes, from a sender's buffer through the bottleneck to the reader."""

    def __init__(self, link: "LoadLink", number: int, deliver: Callable[[int], None]) -> None:
        self._link, self._number, self._deliver = link, number, deliver
        self.unsent_bytes = self.written_bytes = self.acked_bytes = self.in_order_bytes = self.segments = 0
        self.room: Callable[[], None] = lambda: None
        self.arrivals: list[tuple[int, int]] = []
        self._window, self._in_flight, self._sequence, self._next = FIRST_WINDOW, 0, 0, 0
        self._waiting: dict[int, int] = {}
        self._pushed = False
        self._marks: list[tuple[int, Callable[[], object]]] = []

    def write(self, n_bytes: int) -> None:
        """Give bytes to the sender's socket."""
        self.unsent_bytes += n_bytes
        self.written_bytes += n_bytes
        self._pump()

    def push(self) -> None:
        """Send what there is without waiting for more."""
        self._pushed = True
        self._pump()

    def behind(self, happen: Callable[[], object]) -> None:
        """Let something reach the reader behind all bytes written so far."""
        self._marks.append((self.written_bytes, happen))
        link = self._link
        link.events.at(link.events.now_us + link.line.round_trip_us // 2, self._pass_marks)

    @property
    def kernel(self) -> Kernel:
        """What the receiver's kernel tells."""
        return Kernel(self.in_order_bytes, self.segments, self._link.line.packet_bytes)

    def _pump(self) -> None:
        line = self._link.line
        while self.unsent_bytes and self._in_flight < self._window:
            if self.unsent_bytes < line.packet_bytes and self._in_flight and not self._pushed:
                return  # a part of a packet waits for company
            n_bytes = min(self.unsent_bytes, line.packet_bytes)
            self.unsent_bytes -= n_bytes
            self._in_flight += 1
            self._send(self._sequence, n_bytes)
            self._sequence += 1
        if self.unsent_bytes < self._link.least_unsent_bytes:
            self.room()

    def _send(self, sequence: int, n_bytes: int) -> None:
        link = self._link
        arrives_us, lost = link.carry(n_bytes)
        if link.dead(arrives_us):
            return
        if lost:
            link.events.at(arrives_us + link.line.round_trip_us, lambda: self._send(sequence, n_bytes))
            return
        from_us, until_us = link.line.stalls.get(self._number, (NEVER, NEVER))
        if from_us <= arrives_us < until_us:
            arrives_us = until_us
        link.events.at(arrives_us, lambda: self._arrive(sequence, n_bytes))

    def _arrive(self, sequence: int, n_bytes: int) -> None:
        self.segments += 1
        self._waiting[sequence] = n_bytes
        link, fresh_bytes = self._link, 0
        before_bytes = self.arrivals[-1][1] if self.arrivals else 0
        self.arrivals.append((link.events.now_us - link.zero_us, before_bytes + n_bytes))
        while self._next in self._waiting:
            fresh_bytes += self._waiting.pop(self._next)
            self._next += 1
        if fresh_bytes:
            self.in_order_bytes += fresh_bytes
            self._deliver(fresh_bytes)
            self._pass_marks()
        link.events.at(link.events.now_us + link.line.round_trip_us // 2, lambda: self._acknowledged(n_bytes))

    def _pass_marks(self) -> None:
        if self._link.dead(self._link.events.now_us):
            return
        while self._marks and self._marks[0][0] <= self.in_order_bytes:
            self._marks.pop(0)[1]()

    def _acknowledged(self, n_bytes: int) -> None:
        self.acked_bytes += n_bytes
        self._in_flight -= 1
        self._window = min(self._window + 1, self._link.most_window)
        self._pump()


class PeerSide:
    """The peer's end of one flow: its own core, and the pipe it writes to or reads from."""

    def __init__(self, link: "LoadLink", number: int) -> None:
        self._link, self._number = link, number
        core = link.core
        dialect = DIALECTS[core.plan.protocol]
        self._words, self._direction = dialect.words, Direction(core.NAME)
        fields = {name: str(value) for name, value in core.query(number).items()}
        self.test = LoadTest(self._direction, dialect.parse_plan(fields), random.Random(number))
        self._began_us, self._due_us, self._spoken, self._parted = link.events.now_us, NEVER, False, False
        self.down = Pipe(link, number, lambda n_bytes: link.arrived(number, n_bytes))
        self.up = Pipe(link, number, self._take)
        self.down.room = self._serve
        link.events.at(link.events.now_us, self._poll)
        at_us, self._ending = link.line.ends.get(number, (NEVER, Ending.CLOSE))
        if at_us < NEVER:
            link.events.at(at_us, self._end_early)
        self._serve()

    @property
    def _t_us(self) -> int:
        return self._link.events.now_us - self._began_us

    def closed(self) -> None:
        """The client has said goodbye, behind all that it sent."""
        self.test.stop(End.CLIENT_CLOSED)
        self._serve()

    def _end_early(self) -> None:
        self.test.stop(End.PEER_FAILED)
        self._serve()

    def _poll(self) -> None:
        if self._parted:
            return
        self.test.passed(self._t_us)
        self.test.crossed(self.down.acked_bytes, self._t_us)
        self._serve()
        self._link.events.at(self._link.events.now_us + POLL_US, self._poll)

    def _take(self, n_bytes: int) -> None:
        if self.test.end is None:
            self.test.moved(n_bytes)
            self.test.hasten_text(self._t_us)
            self._later()

    def _serve(self) -> None:
        """Do what is due: texts, messages, the end."""
        test, link = self.test, self._link
        while test.end is None:
            if test.take_text(self._t_us):
                self._text()
            if self._direction is Direction.UPLOAD:
                self._later()
                return
            if self.down.unsent_bytes >= link.least_unsent_bytes:
                return
            n_bytes = test.next_message_bytes(self._t_us)
            if n_bytes == 0:
                self._later()
                return
            test.moved(n_bytes)
            room, self.down.room = self.down.room, lambda: None
            self.down.write(n_bytes)
            self.down.room = room
        if not self._parted:
            self._parted = True
            if test.end is not End.PEER_FAILED:
                self._text()
            self.down.push()
            self.down.behind(lambda: link.ended(self._number, self._ending))

    def _later(self) -> None:
        """Come back when the next thing is due; only the soonest such appointment is kept."""
        due_us = self._began_us + self.test.next_wakeup_us(self._t_us)
        if due_us < self._due_us:
            self._due_us = due_us
            self._link.events.at(due_us, lambda: self._awake(due_us))

    def _awake(self, due_us: int) -> None:
        if due_us == self._due_us:
            self._due_us = NEVER
            self._serve()

    def _text(self) -> None:
        pipe = self.up
        kernel = {
            "BytesReceived": pipe.in_order_bytes,
            "DataSegsIn": pipe.segments,
            "RcvMSS": pipe.kernel.segment_bytes,
        }
        told = self._words(self.test, self._t_us, CONNECTION, kernel, not self._spoken)
        self._spoken = True
        text = self._link.line.say(self._number, told)
        if text is not None:
            self.down.behind(lambda: self._link.told(self._number, text))


class LoadLink:
    """Runs one core over one line, to the end."""

    def __init__(self, core: Download | Upload, line: Line) -> None:
        self.core, self.line, self.events = core, line, Events()
        self.zero_us = 0
        share = line.rate_bps * line.round_trip_us // 8_000_000 // line.packet_bytes // core.plan.flows
        self.most_window = 2 * share + FIRST_WINDOW
        self.least_unsent_bytes = max(16_384, 2 * line.packet_bytes)
        self._free_ns = self._carried = 0
        self._peers: dict[int, PeerSide] = {}
        self._said_close: set[int] = set()

    def run(self) -> Seen:
        """Let everything happen until the core is satisfied."""
        core, line, events = self.core, self.line, self.events
        core.start(0)
        for number in range(core.plan.flows):
            core.entered(number, Stage.CONNECT, 0)
            if number not in line.mute:
                events.at(line.round_trip_us, self._connected(number))
        self._pulse()
        while not core.over:
            events.step()
        pipes = [
            self._peers[number].down if isinstance(core, Download) else self._peers[number].up for number in self._peers
        ]
        in_order = [pipe.in_order_bytes for pipe in pipes]
        return Seen(events.now_us, self.zero_us, [pipe.arrivals for pipe in pipes], in_order)

    def carry(self, n_bytes: int) -> tuple[int, bool]:
        """Take a packet into the queue; when it arrives, and whether it is lost."""
        self._carried += 1
        self._free_ns = max(self._free_ns, self.events.now_us * 1000) + n_bytes * 8_000_000_000 // self.line.rate_bps
        return self._free_ns // 1000 + self.line.round_trip_us // 2, self.line.loses(self._carried - 1)

    def dead(self, at_us: int) -> bool:
        """Whether nothing crosses any more."""
        return at_us >= self.line.dies_us

    # what reaches the core

    def arrived(self, number: int, n_bytes: int) -> None:
        """Load has reached a downloading probe."""
        room_bytes = self.core.allowance_bytes
        self.core.moved(number, min(n_bytes, room_bytes), self.events.now_us)

    def told(self, number: int, text: bytes) -> None:
        """A text has reached the probe."""
        self.core.text(number, text, self.events.now_us)
        self._look()

    def ended(self, number: int, ending: Ending) -> None:
        """The peer's end has reached the probe."""
        self.core.closed(number, ending, self.events.now_us)

    def _connected(self, number: int) -> Callable[[], None]:
        half_us = self.line.round_trip_us // 2

        def connected() -> None:
            if not self.dead(self.events.now_us):
                self.core.entered(number, Stage.REQUEST, self.events.now_us)
                self.events.at(self.events.now_us + half_us, asked)

        def asked() -> None:
            if not self.dead(self.events.now_us):
                self.events.at(self.events.now_us + half_us, opened)
                self._peers[number] = PeerSide(self, number)

        def opened() -> None:
            if self.dead(self.events.now_us):
                return
            if self.core.zero_us is None:
                self.zero_us = self.events.now_us
                for peer in self._peers.values():
                    peer.down.arrivals.clear()
            self.core.opened(number, self.events.now_us)
            self._peers[number].up.room = lambda: self._give(number)
            self._give(number)

        return connected

    def _give(self, number: int) -> None:
        """Let an upload give messages to the socket while there is room."""
        core, pipe = self.core, self._peers[number].up
        if not isinstance(core, Upload):
            return
        pipe.room = lambda: None
        while pipe.unsent_bytes < self.least_unsent_bytes:
            step = core.step(number, self.events.now_us)
            if step == DONE:
                self._look()
                return
            if step.wait_us is not None:
                self.events.at(step.wait_us, lambda: self._give(number))
                return
            pipe.write(step.n_bytes)
        pipe.room = lambda: self._give(number)

    def _look(self) -> None:
        for number, peer in self._peers.items():
            if number not in self._said_close and self.core.wants_close(number):
                self._said_close.add(number)
                peer.up.behind(peer.closed)

    def _pulse(self) -> None:
        core, now_us = self.core, self.events.now_us
        for number, peer in self._peers.items():
            if core.flows[number].zero_us is None:
                continue
            if isinstance(core, Upload):
                core.heard(number, peer.up.acked_bytes, now_us)
            else:
                core.looked(number, peer.down.kernel, now_us)
        self._look()
        wake_us = core.next_wakeup(now_us)
        if wake_us is not None:
            self.events.at(min(wake_us, now_us + core.look_us(now_us)), self._pulse)


def run_over(line: Line, core: Download | Upload) -> Seen:
    """Run a core over a line; what really happened there."""
    return LoadLink(core, line).run()
