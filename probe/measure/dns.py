"""Lookups of names: by the system's own way, as every program does it, and by asking one resolver directly.

Pure: opens nothing; what one lookup is, and when it fails, says `probe.measure.dns_lookup`. The names are looked up one after
the other, so that only the first can have to wake the radio; the two ways of one name at the same moment, so that
neither finds the other's answer in a cache. Each lookup has the same patience, so the whole is over after `MOST_NAMES` times
that at the latest.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from probe.measure.dns_lookup import ID_BYTES, KINDS, NONE, TRIES, Lookup, Question, is_local
from probe.measure.dns_message import DATAGRAM_BYTES
from probe.measure.outcome import Measured, Progress, Value, measured

NAME = "dns"
VERSION = 1
MOST_NAMES = 8
CHANCE_BYTES = len(KINDS) * ID_BYTES  # for each name that is asked directly
STREAM_BYTES = 4096  # of one answer by TCP; the addresses of a name need less
# With IPv6 and link headers: around one datagram; the at most ten segments of a connection opened and closed.
DATAGRAM_WIRE_BYTES, STREAM_WIRE_BYTES = 62, 10 * 94
QUERY_BYTES = 288  # head, the longest name, EDNS


@dataclass(frozen=True, slots=True)
class DnsPlan:
    """How long one lookup may take."""

    name: str
    patience_us: int

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most, if the system asks no more than we do: every question twice, and by TCP."""
        by_datagram = TRIES * (QUERY_BYTES + DATAGRAM_BYTES + 2 * DATAGRAM_WIRE_BYTES)
        by_stream = QUERY_BYTES + STREAM_BYTES + STREAM_WIRE_BYTES
        return MOST_NAMES * 2 * len(KINDS) * (by_datagram + by_stream)


# RES_TIMEOUT, resolv.conf(5): how long the C library waits for one answer of one server.
STANDARD = DnsPlan("standard", patience_us=5_000_000)
PLANS = {STANDARD.name: STANDARD}


@dataclass(slots=True)
class Lookups:
    """All lookups of one measurement, in rounds: one name each, by every way there is."""

    plan: DnsPlan
    rounds: Sequence[Sequence[Lookup]]
    resolver: str = ""
    system_resolvers: str = ""
    _start_us: int = 0
    _all: tuple[Lookup, ...] = field(init=False)

    def __post_init__(self) -> None:
        """List the lookups in the order of the record."""
        self._all = tuple(chain.from_iterable(self.rounds))

    def start(self, now_us: int) -> None:
        """Begin."""
        self._start_us = now_us

    def begin(self, lookups: Sequence[Lookup], now_us: int) -> None:
        """Begin one round."""
        for lookup in lookups:
            lookup.start(now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when a running lookup wants something, or that the next round may begin; None when all are over."""
        waking_us = (one.next_wakeup(now_us) for one in self._all if one.start_us != NONE)
        first_us = min((at_us for at_us in waking_us if at_us is not None), default=now_us)
        return None if all(one.over for one in self._all) else first_us

    def progress(self, now_us: int) -> Progress:
        """Say how far the lookups are, each taken to last as long as those that are over."""
        done = sum(one.over for one in self._all)
        elapsed_us = now_us - self._start_us
        expected_us = elapsed_us * len(self._all) // done if done else self.plan.patience_us
        return Progress(NAME, elapsed_us, expected_us, 0, 0)

    def result(self) -> Measured:
        """Give every lookup its place in each list; the measurement failed when every lookup did."""
        members: dict[str, Value] = {"plan": self.plan.name, "ver": VERSION, "patience_us": self.plan.patience_us}
        members["dur_us"] = max(one.end_us for one in self._all) - self._start_us
        members["names"] = ",".join(one.name for one in self._all)
        members["via"] = ",".join(one.via for one in self._all)
        members["failures"] = ",".join(one.trouble.failure.value if one.trouble else "" for one in self._all)
        members["lookup_us"] = [NONE if one.trouble else one.end_us - one.start_us for one in self._all]
        members["answers"] = [len(one.found.addresses) for one in self._all]
        members["addresses"] = ",".join(next(iter(one.found.addresses), "") for one in self._all)
        members["ttl_s"] = [one.found.ttl_s if one.found.addresses else NONE for one in self._all]
        members["tries"] = [one.tries for one in self._all]
        members |= {"resolver": self.resolver} if self.resolver else {}
        members |= {"system_resolvers": self.system_resolvers} if self.system_resolvers else {}
        troubles = Counter(one.trouble for one in self._all)
        return measured(None if troubles[None] else troubles.most_common(1)[0][0], members)


def rounds_of(
    plan: DnsPlan, names: Iterable[str], local: Sequence[str], chance: bytes, *, direct: bool
) -> tuple[tuple[Lookup, ...], ...]:
    """Make a round for each name, the system's lookup first; `chance` is `CHANCE_BYTES` for each name.

    A name that is local by its form is no resolver's business but the system's own (RFC 6761), and is not asked directly.
    """
    rounds: list[tuple[Lookup, ...]] = []
    for number, name in enumerate(names):
        may_be_private = is_local(name, local)
        asked = direct and not is_local(name, ())
        lookup = Lookup(name, plan.patience_us, may_be_private)
        cuts = range(number * CHANCE_BYTES, (number + 1) * CHANCE_BYTES, ID_BYTES)
        ids = tuple(int.from_bytes(chance[at : at + ID_BYTES], "big") for at in cuts)
        question = Question(name, plan.patience_us, may_be_private, ids=ids)
        rounds.append((lookup, question) if asked else (lookup,))
    return tuple(rounds)


def resolvers_in(resolv_conf: str) -> str:
    """List the addresses of the `nameserver` lines of a resolv.conf(5)."""
    lines = (line.split() for line in resolv_conf.splitlines())
    return ",".join(words[1] for words in lines if len(words) > 1 and words[0] == "nameserver" and words[1].isascii())
