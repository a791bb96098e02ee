"""One name, looked up: by the system's own way, or by a question put to one resolver directly.

Pure: told of times, datagrams and the system's answers; opens nothing. A direct question is asked for A, and for AAAA where
there is no A. It is sent a second time after half the patience, on the same socket with the same number, so that a late answer
to the first still counts. A truncated answer is fetched again by TCP (RFC 7766). What does not answer our question (another
number, another name, no DNS at all) is waited past, since anybody may send it, and names the failure only if nothing
better comes.

Bogon: an address that no public name can have (`BOGONS`, from the special purpose registries of RFC 6890). One such address
fails the lookup, unless the name is local: without a dot, or equal to or below one of `LOCAL` or of those set as local.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import ClassVar, Literal

from probe.measure.dns_message import Found, Kind, Message, found_in, name_of, query, read_message
from probe.measure.outcome import Trouble
from shared.errors import Malformed
from shared.failure import Failure, Stage

NONE = -1  # in its place in a list: no time, no TTL, no number
NOTHING = Found((), NONE)
TRIES = 2
ID_BYTES = 2
KINDS = (Kind.A, Kind.AAAA)
RCODES = {2: Failure.DNS_SERVFAIL, 3: Failure.DNS_NXDOMAIN, 5: Failure.DNS_REFUSED}
BOGONS = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip
LOCAL = ("localhost", "local", "internal", "home.arpa")  # RFC 6761, RFC 6762, ICANN (2024), RFC 8375

Via = Literal["system", "direct"]


class _WrongQueryId(Exception):
    """An answer to nothing that we asked."""


@dataclass(slots=True)
class Lookup:
    """One name, looked up by the system's own way; over with addresses, or with a trouble."""

    via: ClassVar[Via] = "system"

    name: str
    patience_us: int
    local: bool = False
    over: bool = False
    start_us: int = NONE
    end_us: int = NONE
    tries: int = NONE
    found: Found = NOTHING
    trouble: Trouble | None = None

    def start(self, now_us: int) -> None:
        """Begin."""
        self.start_us = now_us

    def answered(self, found: Found, now_us: int) -> None:
        """Take addresses; none of them may be one that the name cannot have. Such a one is put first, to be seen."""
        if self.over:
            return
        bogus = () if self.local else tuple(filter(is_bogon, found.addresses))
        self.found = Found(tuple(dict.fromkeys((*bogus, *found.addresses))), found.ttl_s)
        if bogus or not found.addresses:
            self.failed(_trouble(Failure.DNS_BOGON if bogus else Failure.DNS_NO_ANSWER), now_us)
        else:
            self.over, self.end_us = True, now_us

    def failed(self, trouble: Trouble, now_us: int) -> None:
        """Take a failure that has a name; only the first counts."""
        if not self.over:
            self.over, self.trouble, self.end_us = True, trouble, now_us

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when patience will end; None exactly when the lookup is over."""
        if self.over:
            return None
        end_us = self.start_us + self.patience_us
        if now_us < end_us:
            return end_us
        self.failed(_trouble(self._silence()), now_us)
        return None

    def _silence(self) -> Failure:
        return Failure.TIMEOUT


@dataclass(slots=True)
class Question(Lookup):
    """One name, asked of one resolver directly; `ids` holds a number for each kind of address, hard to guess."""

    via: ClassVar[Via] = "direct"

    ids: tuple[int, ...] = (0,) * len(KINDS)
    by_stream: bool = False  # the answer is to be fetched by TCP
    tries: int = 0
    _kind: int = 0
    _sent: int = 0
    _due_us: int = 0
    _strange: Failure | None = None

    @property
    def packet(self) -> bytes:
        """The question in wire form, without the length that goes before it in a stream."""
        return query(self.ids[self._kind], name_of(self.name), KINDS[self._kind])

    def start(self, now_us: int) -> None:
        """Begin, with the first datagram due."""
        self.start_us = self._due_us = now_us

    def to_send(self, now_us: int) -> bytes | None:
        """Give the datagram that is due, if one is."""
        if self.over or self.by_stream or self._sent == TRIES or now_us < self._due_us:
            return None
        self._due_us = now_us + self.patience_us // TRIES
        self._sent += 1
        self.tries += 1
        return self.packet

    def receive(self, packet: bytes, now_us: int, *, stream: bool = False) -> None:
        """Take a datagram, or the answer that a stream brought; what does not answer this question is waited past."""
        if self.over or self._sent == 0 or now_us - self.start_us >= self.patience_us:
            return
        if int.from_bytes(packet[:ID_BYTES], "big") in self._answered_ids():
            return
        try:
            message = self._answer(packet)
            if message.is_truncated and stream:
                raise Malformed("truncated where there is room")
        except Malformed:
            self._strange = Failure.DNS_MISBEHAVING
        except _WrongQueryId:
            self._strange = self._strange or Failure.DNS_WRONG_QUERY_ID
        else:
            self._take(message, now_us)
            return
        if stream:  # the resolver itself said it, and nothing more will come
            self.failed(_trouble(self._strange), now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when a datagram is due or patience ends; None exactly when the lookup is over."""
        end_us = Lookup.next_wakeup(self, now_us)
        if end_us is None or self.by_stream or self._sent == TRIES:
            return end_us
        return min(end_us, self._due_us)

    def _answer(self, packet: bytes) -> Message:
        """Give the message if it answers this question (RFC 5452, section 9.1)."""
        if len(packet) >= ID_BYTES and int.from_bytes(packet[:ID_BYTES], "big") != self.ids[self._kind]:
            raise _WrongQueryId
        message = read_message(packet)
        asked = (name_of(self.name), int(KINDS[self._kind]))
        is_bare_error = message.question is None and message.rcode != 0
        if not message.is_answer or not (is_bare_error or message.question == asked):
            raise Malformed("not an answer to this question")
        return message

    def _answered_ids(self) -> set[int]:
        """Give the numbers of questions that were answered; their answers may come twice."""
        return set(self.ids[: self._kind]) - {self.ids[self._kind]}

    def _take(self, message: Message, now_us: int) -> None:
        if message.is_truncated:
            self.tries += not self.by_stream
            self.by_stream = True
            return
        self.by_stream = False
        if message.rcode != 0:
            self.failed(_trouble(RCODES.get(message.rcode, Failure.DNS_MISBEHAVING)), now_us)
            return
        found = found_in(message, name_of(self.name), KINDS[self._kind])
        if found.addresses or self._kind + 1 == len(KINDS):
            self.answered(found, now_us)
        else:
            self._kind, self._sent, self._due_us, self._strange = self._kind + 1, 0, now_us, None

    def _silence(self) -> Failure:
        return self._strange or Failure.TIMEOUT


def is_bogon(address: str) -> bool:
    """Tell an address that no public name can have."""
    one = ip_address(address)
    return any(one in block for block in BOGONS)


def is_local(name: str, local: Iterable[str]) -> bool:
    """Tell a name that may have a private address."""
    return "." not in name or any(name == end or name.endswith(f".{end}") for end in (*LOCAL, *local))


def _trouble(failure: Failure) -> Trouble:
    return Trouble(failure, Stage.DNS)
