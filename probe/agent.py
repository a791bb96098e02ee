"""Measuring for the record: intent on disk, context, method, flaws, record on disk, seal, send."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from probe.beacons import NAME, Held
from probe.boot import boot_id
from probe.catalogue import METHODS, Method
from probe.clock import Clock
from probe.context import LOADING, ended_as
from probe.errors import StateUnusable
from probe.history import History
from probe.home import Enrolled
from probe.lookout import Look, Lookout, look_nowhere
from probe.measure.outcome import CouldNotRun, Progress
from probe.net.bind import bindable
from probe.net.chance import Chance
from probe.net.scene import Scene
from probe.net.tickets import Tickets
from probe.outbox import Outbox
from probe.seal import question, seal
from probe.selftest import KEPT, passed_bps
from probe.settings import Settings
from shared import strictjson
from shared.batch import boot_name
from shared.errors import Malformed
from shared.keys import Signer
from shared.record import End, write_record
from shared.strictjson import JsonObject

TICKETED = ("download", "upload", "loaded_latency")


@dataclass(frozen=True, slots=True)
class Begun:
    """A start whose intent is on disk: its number, that line, and what the record will say of it whatever comes."""

    seq: int
    intent: bytes
    members: JsonObject


@dataclass(frozen=True, slots=True)
class Agent:
    """One enrolled device with everything it needs to measure, and to seal what it measured."""

    enrolled: Enrolled
    signer: Signer
    outbox: Outbox
    clock: Clock
    chance: Chance
    settings: Settings = field(default_factory=Settings)
    look: Look = look_nowhere
    history: History | None = None  # for the owner's own report; nothing signed rests on it
    lookout: Lookout = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put up the lookout."""
        lookout = Lookout(self.enrolled.peer, self.clock, self.settings.interface, self.look)
        object.__setattr__(self, "lookout", lookout)

    @property
    def device(self) -> str:
        """What this device is called, by its first key: slots and campaigns are drawn by it, whichever key signs now."""
        return self.enrolled.device or self.signer.public.key_id

    @property
    def boot(self) -> str:
        """This boot's name in records."""
        return boot_name(self.signer.public.key_id, boot_id(self.clock))

    def close_open_intents(self) -> int:
        """Turn every start without an end, left by a crash, into an aborted record; how many there were."""
        intents = self.outbox.open_intents()
        for seq, line in intents:
            try:
                told = strictjson.decode(bytes(line))
            except Malformed:  # damaged on the disk: that it was begun is all that is known
                told = {}
            boot = told.pop("boot", self.boot)
            self._finish(told | {"end": End.ABORTED.value, "seq": seq}, str(boot))
        return len(intents)

    def _finish(
        self, members: JsonObject, boot: str, keep: Mapping[str, bytes] | None = None, *, with_next: bool = False
    ) -> None:
        """Put the record of a start on disk, and beside it what is kept; then into the history."""
        self.outbox.finish(int(str(members["seq"])), write_record(members), boot, keep, with_next=with_next)
        self._remember(members)

    def _remember(self, members: JsonObject) -> None:
        if self.history is not None:
            self.history.add(members)

    async def measure(
        self,
        name: str,
        plan: str,
        slot: int | None,
        watch: Callable[[Progress], None] | None = None,
        *,
        why: "JsonObject | None" = None,
    ) -> JsonObject:
        """Run one method for the record, whatever comes of it; its members as stored.

        `why` are members that say what asked for it, beside a slot or in its place. Raises StateUnusable if the disk takes
        no intent: then nothing was measured.
        """
        (begun,) = self.begin([(name, plan)], slot, why)
        return await self.run(begun, watch)

    def begin(self, tests: Sequence[tuple[str, str]], slot: int | None, why: "JsonObject | None" = None) -> list[Begun]:
        """Put the intents of tests that follow each other on disk, all of them or none; raises StateUnusable.

        Each must be run or held back; what is left open is aborted.
        """
        asked = [self._asked(name, plan, slot) | (why or {}) for name, plan in tests]
        boot, intents = self.boot, [b""] * len(tests)

        def writer(place: int) -> Callable[[int], bytes]:
            def write(number: int) -> bytes:
                intents[place] = strictjson.encode(asked[place] | {"boot": boot, "seq": number})
                return intents[place]

            return write

        first = self.outbox.start(*(writer(place) for place in range(len(tests))))
        return [Begun(first + place, intents[place], members) for place, members in enumerate(asked)]

    async def run(
        self, begun: Begun, watch: Callable[[Progress], None] | None = None, *, with_next: bool = False
    ) -> JsonObject:
        """Run a test whose intent is on disk; its members as stored. A cancelled one is recorded as aborted at once.

        `with_next`: the caller writes something else at once, and the record is on disk with that.
        """
        members = begun.members | {
            "mono_us": self.clock.mono_us(), "seq": begun.seq, "wall_us": self.clock.wall_us(),
        }  # fmt: skip
        name, plan, boot = str(members["method"]), str(members["plan"]), self.boot
        tickets = self._tickets(begun.intent, begun.seq) if name in TICKETED else None
        aborted = members | {"end": End.ABORTED.value}
        try:
            told = members | await self._run(METHODS[name], plan, watch, tickets)
            write_record(told | {"boot": boot})  # sealed after the next boot it carries its boot, and must fit
        except asyncio.CancelledError:
            with contextlib.suppress(StateUnusable):  # a full disk must not stand in the way of a stop
                self._finish(aborted, boot)
            raise
        except BaseException:
            self._finish(aborted, boot)
            raise
        self._finish(told, boot, with_next=with_next)
        return told

    def hold_back(self, begun: Begun, reason: str) -> JsonObject:
        """Record that a test was due and, for this reason, not started; on disk with whatever is written next."""
        told = begun.members | {"end": End.NOT_STARTED.value, "reason": reason, "seq": begun.seq}
        self._finish(told, self.boot, with_next=True)
        return told

    def _asked(self, name: str, plan: str, slot: int | None) -> JsonObject:
        """What is known of a test before it starts."""
        members: JsonObject = {
            "method": name,
            "mono_us": self.clock.mono_us(),
            "peer": self.enrolled.peer.name,
            "plan": plan,
            "ver": METHODS[name].version,
            "wall_us": self.clock.wall_us(),
        }
        return members if slot is None else members | {"slot": slot}

    def note(self, members: JsonObject, keep: Mapping[str, bytes] | None = None, boot: str | None = None) -> JsonObject:
        """Record what is no test (that a person said "now", that the agent started); as stored. Raises StateUnusable.

        Moment and end are those of now unless the members say otherwise, and the boot that of now unless it is named; `keep`
        is kept in the same transaction.
        """
        now: JsonObject = {"end": End.OK.value, "mono_us": self.clock.mono_us(), "wall_us": self.clock.wall_us()}
        boot, told = boot or self.boot, now | members

        def write_intent(number: int) -> bytes:
            told["seq"] = number
            return strictjson.encode(told | {"boot": boot})

        with self.outbox.together():  # or a disk that was full for a moment would have it twice
            self.outbox.start(write_intent)
            self.outbox.finish(int(str(told["seq"])), write_record(told), boot, keep)
        self._remember(told)
        return told

    async def _run(
        self, method: Method, plan: str, watch: Callable[[Progress], None] | None, tickets: Tickets | None
    ) -> JsonObject:
        peer, loads = self.enrolled.peer, method.name in LOADING
        shell, chosen = method.run, method.plans[plan]  # loading them takes an old board long, and is no test's work
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
            bindable(scene.interface)
            before, lull = await self.lookout.before(loads=loads)
            measured = await shell(chosen, scene)
            after = await self.lookout.after(loads=loads)
        except CouldNotRun as error:
            return {"end": End.NOT_STARTED.value, "reason": "could_not_run", "note": error.reason[:200]}
        clean_bps = passed_bps(self.outbox.kept(KEPT)) if loads else None
        return ended_as(method.name, measured, before, after, lull, clean_bps, pinned=scene.interface is not None)

    def _tickets(self, intent: bytes, seq: int) -> Tickets | None:
        """What this start needs to ask the peer for its counter-signature; None where enrolment named no key of it."""
        peer, enrolment = self.enrolled.peer, self.enrolled.enrolment
        if peer.key_id is None or enrolment is None:
            return None
        trusted = replace(peer, tls_ca=self.settings.ca or peer.tls_ca)
        rotations, interface = self.enrolled.rotations, self.settings.interface
        return Tickets(trusted, self.signer, enrolment, intent, seq, self.clock, interface, rotations)

    def question(self) -> bytes:
        """A body that asks the collector where this device's chain stands."""
        return question(self.boot, self.clock.mono_us(), self.clock.wall_us(), self.signer)

    def seal_all(self) -> int:
        """Seal everything that can be sealed; how many batches that made."""
        made = 0
        while records := self.outbox.sealable():
            boot, mono_us, wall_us = self.boot, self.clock.mono_us(), self.clock.wall_us()
            beacon = Held.read(self.outbox.kept(NAME)).named(boot)
            sealed = seal(records, self.outbox.head, boot, mono_us, wall_us, self.signer, beacon)
            self.outbox.seal(sealed.body, sealed.pae_sha256, sealed.head, len(records))
            made += 1
        return made
