"""Measuring for the record: intent on disk, context, method, flaws, record on disk, seal, send."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from probe.boot import boot_id
from probe.catalogue import METHODS, Method
from probe.clock import Clock
from probe.flaws import HostFacts, cpu_busy_per_mille, flaws
from probe.home import Enrolled
from probe.measure.outcome import CouldNotRun, Measured, Progress
from probe.net.address import PeerAddress
from probe.net.chance import Chance
from probe.net.scene import Scene
from probe.outbox import Outbox
from probe.platform.host import facts_on_the_way_to
from probe.seal import seal
from shared import strictjson
from shared.batch import boot_name
from shared.keys import Signer
from shared.record import End, write_record
from shared.strictjson import Json, JsonObject

HEAVY = ("download", "upload")
LIGHT = ("latency", "fetch")
PEER_BUSY = 503  # HTTP: the peer has too many tests running
ORDER = ("latency", "download", "upload", "fetch")
NETWORK_TYPE = {"cellular": "mobile", "wifi": "wifi", "loopback": "none"}


@dataclass(frozen=True, slots=True)
class Agent:
    """One enrolled device with everything it needs to measure, and to seal what it measured."""

    enrolled: Enrolled
    signer: Signer
    outbox: Outbox
    clock: Clock
    chance: Chance

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
        seq = self.outbox.start(lambda number: strictjson.encode(members | {"boot": self.boot, "seq": number}))
        members["seq"] = seq
        boot = self.boot
        line = write_record(members | {"end": End.ABORTED.value})
        try:
            members |= await self._run(method, plan, watch)
            write_record(members | {"boot": boot})  # sealed after the next boot it carries its boot, and must fit
            line = write_record(members)
        finally:
            self.outbox.finish(seq, line, boot)
        return members

    async def _run(self, method: Method, plan: str, watch: Callable[[Progress], None] | None) -> JsonObject:
        peer = self.enrolled.peer
        before = await asyncio.to_thread(_host_facts, peer)
        start_us = self.clock.mono_us()
        try:
            scene = Scene(peer, self.clock, self.chance, watch)
            measured = await method.run(method.plans[plan], scene)
        except CouldNotRun as error:
            return {"end": End.NOT_STARTED.value, "reason": "could_not_run", "note": error.reason[:200]}
        after = await asyncio.to_thread(_host_facts, peer)
        took_us = self.clock.mono_us() - start_us
        return ended_as(method.name, measured, before, after, took_us)

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


def ended_as(method: str, measured: Measured, before: HostFacts, after: HostFacts, took_us: int) -> JsonObject:
    """The members of a measurement that ran: its own, its context, its flaws."""
    members: JsonObject = {name: _plain(value) for name, value in measured.members.items()}
    own_rx, own_tx = own_bytes(method, members)
    status = members.get("status")
    if status == PEER_BUSY:
        return {"ctx": context(before, after), "end": End.NOT_STARTED.value, "reason": "peer_busy", "status": status}
    failure = members.get("failure")
    found = flaws(
        before,
        after,
        own_rx,
        own_tx,
        took_us,
        failure if isinstance(failure, str) else None,
        status if isinstance(status, int) else None,
    )
    if found:
        members["flaws"] = list(found)
    return members | {"ctx": context(before, after), "end": measured.end}


def own_bytes(method: str, members: Mapping[str, Json]) -> tuple[int, int]:
    """The bytes a measurement itself received and sent."""

    def count(name: str) -> int:
        value = members.get(name, 0)
        return value if isinstance(value, int) else 0

    if "tcp_rx_bytes" in members:
        return count("tcp_rx_bytes"), count("tcp_tx_bytes")
    match method:
        case "upload":
            return 0, count("sent_bytes")
        case "download" | "fetch":
            return count("received_bytes"), 0
        case _:
            return 0, 0


def context(before: HostFacts, after: HostFacts) -> JsonObject:
    """What is known of host and link around a measurement; what is not known is absent."""
    told: dict[str, Json | None] = {
        "cpu_pm": cpu_busy_per_mille(before, after),
        "if_rx_bytes": _grown(before.rx_bytes, after.rx_bytes),
        "if_tx_bytes": _grown(before.tx_bytes, after.tx_bytes),
        "interface": after.interface,
        "load_pm": after.load_per_mille,
        "mem_available_bytes": after.memory_available_bytes,
        "network_type": NETWORK_TYPE.get(after.kind, "other"),
    }
    return {name: value for name, value in told.items() if value is not None}


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None or after < before else after - before


def _plain(value: "int | str | bool | list[int]") -> Json:
    return list(value) if isinstance(value, list) else value
