"""The shell of `probe.measure.flows`: opens a transfer's connections and runs them until the core is satisfied."""

import asyncio
import socket
from collections.abc import Mapping, Sequence

from probe.measure.download import Download
from probe.measure.outcome import Measured
from probe.measure.transfer import PATH, SUBPROTOCOL
from probe.measure.upgrade import KEY_BYTES, Upgrade
from probe.measure.upload import Upload
from probe.net import tcpinfo
from probe.net.connect import Entered, Found, Origin, address_of, connect, find, race
from probe.net.drive import drive
from probe.net.failures import trouble_of
from probe.net.lane import BUFFER_BYTES, CLOSE_GRACE_S, Lane, Stream
from probe.net.scene import Scene
from shared.failure import Stage


class Transfer:
    """One transfer under way: a core, and the connections that feed it."""

    def __init__(
        self,
        core: Download | Upload,
        scene: Scene,
        streams: Sequence[Stream] = (),
        query: Mapping[str, str] | None = None,
    ) -> None:
        """Take the core, what its handshakes say besides, and for an upload where each flow's bytes come from.

        Raises CouldNotRun if the peer's address is none.
        """
        self._core, self._scene, self._query = core, scene, dict(query or {})
        self._origin = Origin.of(scene)
        buffer = memoryview(bytearray(BUFFER_BYTES))
        self.lanes = [
            Lane(
                core,
                number,
                scene.clock,
                scene.chance,
                buffer,
                streams[number] if streams else None,
                self._settle,
                hashing=bool(query) and not streams,
            )
            for number in range(core.plan.flows)
        ]

    async def run(self) -> Measured:
        """Connect, transfer until the core is satisfied, close."""
        core, clock = self._core, self._scene.clock
        core.start(clock.mono_us())
        await drive(
            core,
            self._all(),
            clock,
            self._scene.progress,
            pulse=self._pulse,
            grace_s=2 * CLOSE_GRACE_S,
            tick_us=lambda: core.look_us(clock.mono_us()),
        )
        return core.result()

    def _pulse(self) -> None:
        for lane in self.lanes:
            lane.pulse()
            lane.look()

    def _settle(self) -> None:
        """Leave no connection open once the result is final."""
        if self._core.over:
            for lane in self.lanes:
                lane.part(at_once=self._core.in_trouble)

    async def _all(self) -> None:
        """All flows at once; a name is looked up once."""

        def entered(stage: Stage) -> None:
            for number in range(self._core.plan.flows):
                self._core.entered(number, stage, self._scene.clock.mono_us())

        try:
            addresses = await find(self._origin, entered)
        except (OSError, UnicodeError) as exc:
            self._core.failed(0, trouble_of(exc, Stage.DNS), self._scene.clock.mono_us())
            return
        winner: asyncio.Future[Sequence[Found]] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as flows:
            for number in range(self._core.plan.flows):
                flows.create_task(self._one(number, addresses, winner))

    async def _one(self, number: int, addresses: Sequence[Found], winner: "asyncio.Future[Sequence[Found]]") -> None:
        """One flow; the first one finds out which address answers, and the others go to the same."""
        core, clock, lane = self._core, self._scene.clock, self.lanes[number]

        def entered(stage: Stage) -> None:
            core.entered(number, stage, clock.mono_us())

        try:
            if number == 0:
                sock = await race(addresses, entered, self._origin.interface)
                winner.set_result([address_of(sock)])
            else:
                sock = await connect(await winner, entered, self._origin.interface)
            await self._begin(sock, lane, entered)
        except OSError as exc:  # an SSLError is one too
            core.failed(number, trouble_of(exc, core.flows[number].stage), clock.mono_us())
            winner.cancel()
            self._settle()
            return
        plan, origin = core.plan, self._origin
        path = f"{origin.prefix}/{PATH[plan.protocol]}/{core.NAME}"
        query = core.query(number) | self._query | ({"flow": str(number)} if self._query else {})
        key = self._scene.chance(KEY_BYTES)
        await lane.exchange(Upgrade(origin.authority, path, query, key, SUBPROTOCOL[plan.protocol]))

    async def _begin(self, sock: socket.socket, lane: Lane, entered: Entered) -> None:
        """Put a lane on a connected socket, with TLS if the peer's address says so."""
        core, context = self._core, self._origin.context
        if isinstance(core, Upload):
            if core.plan.congestion:
                tcpinfo.choose_congestion_control(sock, core.plan.congestion)
            if name := tcpinfo.congestion_control(sock):
                core.congestion.add(name)
            tcpinfo.limit_unsent(sock, 0)
        if context is not None:
            entered(Stage.TLS)
        host = self._origin.host if context is not None else None
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: lane, sock=sock, ssl=context, server_hostname=host)
        entered(Stage.REQUEST)
