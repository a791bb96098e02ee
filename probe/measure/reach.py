"""A ladder: what still works, from the device's own interface to hosts far away, when a test has failed.

Pure: told by the shell what each rung showed, and when; opens nothing, waits for nothing. The rungs, from the ground up:

    link         the interface is up and has a carrier
    address      it has an address that is good for more than its own cable or radio
    route        the system knows a way out, by IPv4 or IPv6
    gateway      the next hop answered: an echo, a connection, or a refusal of either
    dns          the system found an address for the collector's or the peer's name
    resolver     the resolver that is set answered a question about one of these names
    collector    a connection to the collector opened
    peer         a connection to the measurement peer opened
    object       the peer's object is what it has to be, so nothing else answers in the peer's place
    independent  a connection to one of the ordinary hosts that are set opened

A rung this system does not let anybody look at (Android hides its routing table), or for which nothing is set, is not in the
record: unknown is absent. `reached` is the last rung that held or from which anything came back: a host that refuses
has been reached. Below `gateway` the rungs are the device's word about itself; `dns` may be answered by a cache next door.

The first four carry all others. A gateway that keeps silent while a host beyond it answers is silent by its own choice:
its place in the lists says so, but the measurement has not failed for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from probe.measure.outcome import CouldNotRun, Measured, Progress, Trouble, Value, measured
from shared.failure import Failure, Stage

NAME = "reach"
VERSION = 1
NONE = -1
OBJECT_BYTES = 64
OK_STATUS = 200
LOGIN_STATUS = 511  # RFC 6585, section 6: Network Authentication Required

RungName = Literal[
    "link", "address", "route", "gateway", "dns", "resolver", "collector", "peer", "object", "independent"
]
CARRYING: tuple[RungName, ...] = ("link", "address", "route", "gateway")
NEAR: tuple[RungName, ...] = (*CARRYING, "dns", "resolver")
FAR: tuple[RungName, ...] = ("collector", "peer", "object", "independent")
RUNGS: tuple[RungName, ...] = (*NEAR, *FAR)
LOOKUPS: tuple[RungName, ...] = ("dns", "resolver")
# A packet came back from each of these when it held; the others are told by this device or by a cache.
PROVEN_BY_PACKETS: tuple[RungName, ...] = ("gateway", "resolver", *FAR)
# Failures that somebody at the other end caused by answering; those of a lookup are the answers of the one that was asked.
ANSWERS = frozenset(
    {
        Failure.CONNECTION_REFUSED,
        Failure.CONNECTION_RESET,
        Failure.EOF,
        Failure.HTTP_REQUEST_FAILED,
        Failure.HTTP_UNEXPECTED_REDIRECT,
        Failure.HTTP_UNEXPECTED_STATUS,
        Failure.TLS_FAILED_HANDSHAKE,
        Failure.TLS_INVALID_CERTIFICATE,
        Failure.TLS_INVALID_HOSTNAME,
        Failure.TLS_UNKNOWN_AUTHORITY,
    }
)
ANSWERS_OF_A_RESOLVER = frozenset(
    {
        Failure.CONNECTION_REFUSED,
        Failure.DNS_BOGON,
        Failure.DNS_MISBEHAVING,
        Failure.DNS_NO_ANSWER,
        Failure.DNS_NXDOMAIN,
        Failure.DNS_REFUSED,
        Failure.DNS_SERVFAIL,
        Failure.DNS_WRONG_QUERY_ID,
    }
)
# A portal that answers TLS in the peer's place has no certificate for the peer's name.
TLS_OF_ANOTHER = frozenset({Failure.TLS_INVALID_HOSTNAME, Failure.TLS_UNKNOWN_AUTHORITY})
Portal = Literal["redirect", "status_511", "other_object", "certificate"]


@dataclass(frozen=True, slots=True)
class ReachPlan:
    """How long the near rungs may take together, and then the far ones."""

    name: str
    near_us: int
    far_us: int

    @property
    def limit_us(self) -> int:
        """How long the whole may take."""
        return self.near_us + self.far_us

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, all rungs tried in vain for as long as their patience lasts.

        Lookups (A and AAAA, asked twice, of two names twice over and of the resolver), three packets to the gateway, and
        four connections with their repeated handshakes, one of them with TLS and an object.
        """
        lookups_bytes = 5 * 2 * 2 * 2 * 600
        connections_bytes = 4 * 6 * 94
        tls_bytes = 10_000
        return lookups_bytes + 3 * 94 + connections_bytes + tls_bytes + OBJECT_BYTES + 1_000


# Ours: a radio that sleeps takes up to 2 s to wake, a SYN is repeated after 1 s and after 3 s (RFC 6298).
LADDER = ReachPlan("ladder", near_us=3_300_000, far_us=4_200_000)
PLANS = {LADDER.name: LADDER}


@dataclass(slots=True)
class Rung:
    """One rung: what it is about, since when it is tried, and what came of it."""

    name: RungName
    target: str = ""
    start_us: int = NONE
    stage: Stage = Stage.CONNECT
    took_us: int = NONE
    trouble: Trouble | None = None
    over: bool = False

    @property
    def answered(self) -> bool:
        """Whether it held, or anything came back from it."""
        answers = ANSWERS_OF_A_RESOLVER if self.name == "resolver" else ANSWERS
        return self.over and (self.trouble is None or self.trouble.failure in answers)


@dataclass(slots=True)
class Ladder:
    """All rungs of one climb; those that were never begun are not in the record."""

    plan: ReachPlan
    facts: dict[str, Value] = field(default_factory=dict)
    _rungs: dict[RungName, Rung] = field(default_factory=dict)
    _start_us: int = 0
    _end_us: int = 0
    _over: bool = False

    def start(self, now_us: int) -> None:
        """Begin at the ground."""
        self._start_us = now_us

    def begin(self, name: RungName, now_us: int, target: str = "") -> None:
        """Try a rung; `target` is what it is about, in ASCII and without a comma."""
        self._rungs[name] = Rung(name, target, now_us, Stage.DNS if name in LOOKUPS else Stage.CONNECT)

    def entered(self, name: RungName, stage: Stage) -> None:
        """Take the news that a rung has come to its next stage, in which its patience may end."""
        self._rungs[name].stage = stage

    def stage_of(self, name: RungName) -> Stage:
        """Say which stage a rung is in."""
        return self._rungs[name].stage

    def held(self, name: RungName, now_us: int) -> None:
        """Take the news that a rung that was begun holds; only the first news of a rung counts."""
        rung = self._rungs[name]
        if not rung.over:
            rung.over, rung.took_us = True, now_us - rung.start_us

    def failed(self, name: RungName, trouble: Trouble) -> None:
        """Take the news that a rung does not hold, and why."""
        rung = self._rungs[name]
        if not rung.over:
            rung.over, rung.trouble = True, trouble

    def untried(self, name: RungName) -> None:
        """Take the news that this device could not even try a rung."""
        self._rungs.pop(name, None)

    def object_came(self, status: int, received_bytes: int, now_us: int) -> None:
        """Judge the answer that came in the peer's name: its status, and how long its body is."""
        portal: Portal | None = None
        if 300 <= status < 400:  # noqa: PLR2004  (the redirection class of RFC 9110)
            portal, failure = "redirect", Failure.HTTP_UNEXPECTED_REDIRECT
        elif status == LOGIN_STATUS:
            portal, failure = "status_511", Failure.HTTP_UNEXPECTED_STATUS
        elif status != OK_STATUS:  # the peer's own trouble: nobody puts that in its place
            failure = Failure.HTTP_UNEXPECTED_STATUS
        elif received_bytes != OBJECT_BYTES:
            portal, failure = "other_object", Failure.HTTP_REQUEST_FAILED
        else:
            self.held("object", now_us)
            return
        if portal is not None:
            self.facts["portal"] = portal
        self.failed("object", Trouble(failure, Stage.REQUEST))

    def give_up(self, names: Sequence[RungName]) -> None:
        """Take the end of patience: what is still tried of these has timed out."""
        for name in names:
            if name in self._rungs:
                self.failed(name, Trouble(Failure.TIMEOUT, self._rungs[name].stage))

    def end(self, now_us: int) -> None:
        """Take the end of the climb."""
        if not self._over:
            self.give_up(RUNGS)
            self._over, self._end_us = True, now_us

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when the last patience ends; None exactly when the result is final."""
        end_us = self._start_us + self.plan.limit_us
        if not self._over and now_us >= end_us:
            self.end(now_us)
        return None if self._over else end_us

    def progress(self, now_us: int) -> Progress:
        """Say how far the climb is."""
        return Progress(NAME, now_us - self._start_us, self.plan.limit_us, 0, 0)

    def result(self) -> Measured:
        """Give each rung its place in every list; raises CouldNotRun if there was none to try."""
        tried = [self._rungs[name] for name in RUNGS if name in self._rungs]
        if not tried:
            raise CouldNotRun("nothing to reach: this system shows nothing of its links, and no host is known")
        if any(one.trouble is not None and one.trouble.failure in TLS_OF_ANOTHER for one in tried):
            self.facts.setdefault("portal", "certificate")
        members: dict[str, Value] = {"plan": self.plan.name, "ver": VERSION, "dur_us": self._end_us - self._start_us}
        members["rungs"] = ",".join(one.name for one in tried)
        members["targets"] = ",".join(one.target for one in tried)
        members["rung_us"] = [one.took_us for one in tried]
        members["failures"] = ",".join(one.trouble.failure.value if one.trouble else "" for one in tried)
        members |= {"reached": reached} if (reached := _highest(tried)) else {}
        return measured(_trouble_of(tried), {**members, **_known(self.facts)})


def _highest(tried: Sequence[Rung]) -> str:
    return next((one.name for one in reversed(tried) if one.answered), "")


def _trouble_of(tried: Sequence[Rung]) -> Trouble | None:
    """Give the lowest rung's trouble, past carrying ones on which something above has stood."""
    proven = [place for place, one in enumerate(tried) if one.answered and one.name in PROVEN_BY_PACKETS]
    top = max(proven, default=NONE)
    for place, one in enumerate(tried):
        if one.trouble is not None and not (one.name in CARRYING and place < top):
            return one.trouble
    return None


def _known(facts: Mapping[str, Value]) -> dict[str, Value]:
    """Leave out what is not known."""
    return {name: value for name, value in facts.items() if value != ""}
