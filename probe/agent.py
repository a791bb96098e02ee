"""Measuring for the record: intent on disk, context, method, flaws, record on disk, seal, send."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from probe.boot import boot_id
from probe.catalogue import METHODS, Method
from probe.clock import Clock
from probe.context import Lull, ended_as
from probe.flaws import HostFacts
from probe.home import Enrolled
from probe.measure.outcome import CouldNotRun, Progress
from probe.net.address import PeerAddress
from probe.net.chance import Chance
from probe.net.scene import Scene
from probe.net.tickets import Tickets
from probe.outbox import Outbox
from probe.platform.host import facts_on_the_way_to, snapshot
from probe.seal import seal
from probe.settings import Settings
from shared import strictjson
from shared.batch import boot_name
from shared.keys import Signer
from shared.record import End, write_record
from shared.strictjson import JsonObject

TICKETED = ("download", "upload", "loaded_latency")
LOADING = (*TICKETED, "ookla")
LOOKS, LOOK_S = 10, 0.1  # at the link, before load is put on it


@dataclass(frozen=True, slots=True)
class Agent:
    """One enrolled device with everything it needs to measure, and to seal what it measured."""

    enrolled: Enrolled
    signer: Signer
    outbox: Outbox
    clock: Clock
    chance: Chance
    settings: Settings = field(default_factory=Settings)

    @property
    def boot(self) -> str:
        """This boot's name in records."""
        return boot_name(self.signer.public.key_id, boot_id(self.clock))

    def close_open_intents(self) -> int:
        """Turn every start without an end, left by a crash, into an aborted record; how many there were."""
        intents = self.outbox.open_intents()
        for seq, line in intents:
            told = strictjson.decode(bytes(line))
            boot = told.pop("boot")
            self.outbox.finish(seq, write_record(told | {"end": End.ABORTED.value}), str(boot))
        return len(intents)

    async def measure(
        self, name: str, plan: str, slot: int | None, watch: Callable[[Progress], None] | None = None
    ) -> JsonObject:
        """Run one method for the record, whatever comes of it; its members as stored.

        A cancelled measurement is recorded as aborted at once. Raises StateUnusable if the disk takes no intent: then
        nothing was measured.
        """
        method = METHODS[name]
        members: JsonObject = {
            "method": name,
            "mono_us": self.clock.mono_us(),
            "peer": self.enrolled.peer.name,
            "plan": plan,
            "ver": method.version,
            "wall_us": self.clock.wall_us(),
        }
        if slot is not None:
            members["slot"] = slot
        intent = b""

        def write_intent(number: int) -> bytes:
            nonlocal intent
            intent = strictjson.encode(members | {"boot": self.boot, "seq": number})
            return intent

        seq = self.outbox.start(write_intent)
        members["seq"] = seq
        tickets = self._tickets(intent, seq) if name in TICKETED else None
        boot = self.boot
        line = write_record(members | {"end": End.ABORTED.value})
        try:
            members |= await self._run(method, plan, watch, tickets)
            write_record(members | {"boot": boot})  # sealed after the next boot it carries its boot, and must fit
            line = write_record(members)
        finally:
            self.outbox.finish(seq, line, boot)
        return members

    async def _run(
        self, method: Method, plan: str, watch: Callable[[Progress], None] | None, tickets: Tickets | None
    ) -> JsonObject:
        peer = self.enrolled.peer
        before = await asyncio.to_thread(_host_facts, peer)
        lull = await self._lull(before.interface) if method.name in LOADING else None
        start_us = self.clock.mono_us()
        scene = Scene(
            peer=replace(peer, tls_ca=self.settings.ca or peer.tls_ca),
            clock=self.clock,
            chance=self.chance,
            progress=watch,
            settings=self.settings,
            collector_url=self.enrolled.collector_url,
            tickets=tickets,
        )
        try:
            measured = await method.run(method.plans[plan], scene)
        except CouldNotRun as error:
            return {"end": End.NOT_STARTED.value, "reason": "could_not_run", "note": error.reason[:200]}
        after = await asyncio.to_thread(_host_facts, peer)
        took_us = self.clock.mono_us() - start_us
        return ended_as(method.name, measured, before, after, took_us, lull)

    def _tickets(self, intent: bytes, seq: int) -> Tickets | None:
        """What this start needs to ask the peer for its counter-signature; None where enrolment named no key of it."""
        peer, enrolment = self.enrolled.peer, self.enrolled.enrolment
        if peer.key_id is None or enrolment is None:
            return None
        trusted = replace(peer, tls_ca=self.settings.ca or peer.tls_ca)
        return Tickets(trusted, self.signer, enrolment, intent, seq, self.clock)

    async def _lull(self, interface: str | None) -> Lull:
        """Watch the link for a moment before a heavy test: what others do there, and for how long nobody did anything."""
        start_us = quiet_from_us = self.clock.mono_us()
        first = last = snapshot(interface)
        for _ in range(LOOKS):
            await asyncio.sleep(LOOK_S)
            now = snapshot(interface)
            if (now.rx_bytes, now.tx_bytes) != (last.rx_bytes, last.tx_bytes):
                quiet_from_us = self.clock.mono_us()
            last = now
        now_us = self.clock.mono_us()
        if first.rx_bytes is None or last.rx_bytes is None or first.tx_bytes is None or last.tx_bytes is None:
            return Lull(now_us - start_us, None, None, None)
        rx_bytes, tx_bytes = last.rx_bytes - first.rx_bytes, last.tx_bytes - first.tx_bytes
        return Lull(now_us - start_us, rx_bytes, tx_bytes, now_us - quiet_from_us)

    def seal_all(self) -> int:
        """Seal everything that can be sealed; how many batches that made."""
        made = 0
        while records := self.outbox.sealable():
            sealed = seal(records, self.outbox.head, self.boot, self.clock.mono_us(), self.clock.wall_us(), self.signer)
            self.outbox.seal(sealed.body, sealed.pae_sha256, sealed.head, len(records))
            made += 1
        return made


def _host_facts(peer: PeerAddress) -> HostFacts:
    """The host now; in a thread of its own, because a name may have to be looked up for the route."""
    return facts_on_the_way_to(peer.udp_host, peer.udp_port)
