"""One HTTP object, as a page's picture would be fetched: each stage timed, each failure named. One attempt.

Pure: told of stages, status and bytes, with their times. The peer's object is a number of incompressible bytes at a known
address, so its length is known beforehand and an early end shows. An ordinary host's object (`host` foreign) is as long as its
Content-Length says; without one it ends where its encoding or its connection ends (RFC 9112, section 6.3) and
nobody can tell whether that was early. Of a foreign object no more than `foreign_cap_bytes` is read: one that goes on is
good as far as it was read, and marked `capped`.

A redirect is not followed but named: the object behind it is another one, perhaps another host's, and on a line that
ran out of data it is the operator's own page. Whoever sets an address names the last one. Each stage, and each pause
within the body, has the same patience; the whole has a limit besides.

`dns_us`, `connect_us`, `tls_us` are the lengths of those stages; `first_byte_us` (the set-up time of ETSI TS
102 250-2, method A: up to the first content) and `dur_us` count from the start of the attempt, and so do the
samples. Method A's mean data rate is therefore `received_bytes` over `dur_us` less `first_byte_us`.
"""

from dataclasses import dataclass, field

from probe.measure.attempt import Attempt
from probe.measure.outcome import Measured, Progress, Trouble, Value, measured
from probe.measure.samples import Samples
from shared.failure import Failure, Stage

NAME = "fetch"
VERSION = 2
OK_STATUS = 200
ATTEMPTS = 1
TIMED = {Stage.DNS: "dns_us", Stage.CONNECT: "connect_us", Stage.TLS: "tls_us"}
OVERHEAD_BYTES = 262_144 + 65_536  # handshake and headers, and what one more read may bring
IN_FLIGHT_BYTES = 1_048_576  # on its way when reading stops: 100 Mbit/s for 80 ms


@dataclass(frozen=True, slots=True)
class FetchPlan:
    """Which object, how long a silence may be, and how long the whole."""

    name: str
    expected_bytes: int | None  # None: an ordinary host's object
    patience_us: int
    limit_us: int
    foreign_cap_bytes: int = 2_000_000

    @property
    def path(self) -> str:
        """Where the peer serves the object."""
        return f"/object/{self.expected_bytes}"

    @property
    def is_foreign(self) -> bool:
        """Whether the object is an ordinary host's."""
        return self.expected_bytes is None

    @property
    def cost_bytes(self) -> int:
        """What it may cost at most: the body with an eighth for packet headers, and what comes beside and after it."""
        if self.expected_bytes is None:
            return self.foreign_cap_bytes * 9 // 8 + OVERHEAD_BYTES + IN_FLIGHT_BYTES
        return self.expected_bytes * 9 // 8 + OVERHEAD_BYTES


# Ours: what a light slot of 100 kB on the air has room for, a picture, a light page, a short film; and the same patience for
# what is not the peer's.
ICON = FetchPlan("icon", 50_000, patience_us=10_000_000, limit_us=20_000_000)
SMALL = FetchPlan("small", 100_000, patience_us=10_000_000, limit_us=20_000_000)
PAGE = FetchPlan("page", 1_000_000, patience_us=10_000_000, limit_us=40_000_000)
LARGE = FetchPlan("large", 10_000_000, patience_us=10_000_000, limit_us=120_000_000)
HOST = FetchPlan("host", None, patience_us=10_000_000, limit_us=40_000_000)
PLANS = {plan.name: plan for plan in (ICON, SMALL, PAGE, LARGE, HOST)}


@dataclass(slots=True)
class Fetch:
    """One GET of one object."""

    plan: FetchPlan
    url: str
    over: bool = False
    attempt: Attempt = field(default_factory=Attempt)
    _samples: Samples = field(default_factory=Samples)
    _alive_us: int = 0
    _first_us: int | None = None
    _status: int | None = None
    _http: str = ""
    _expected_bytes: int | None = None
    _capped: bool = False
    _trouble: Trouble | None = None
    _end_us: int = 0

    def __post_init__(self) -> None:
        """Expect what the plan knows."""
        self._expected_bytes = self.plan.expected_bytes

    @property
    def stage(self) -> Stage:
        """The stage the connection is in."""
        return self.attempt.stage

    def start(self, now_us: int) -> None:
        """Begin the attempt."""
        self.attempt.start(now_us)
        self._alive_us = now_us

    def entered(self, stage: Stage, now_us: int) -> None:
        """Take the news that the connection has come to its next stage."""
        if not self.over:
            self.attempt.enter(stage, now_us)
            self._alive_us = now_us

    def answered(self, status: int, declared_bytes: int | None, http: str, now_us: int) -> None:
        """Take the head of the answer: its status, its Content-Length, its version. Only a 200 goes on."""
        if self.over:
            return
        self._status, self._http = status, http
        if self.plan.is_foreign and status == OK_STATUS:
            self._expected_bytes = declared_bytes
        if 300 <= status < 400:  # noqa: PLR2004  (the redirection class of RFC 9110)
            self._end(Trouble(Failure.HTTP_UNEXPECTED_REDIRECT, Stage.REQUEST), now_us)
        elif status != OK_STATUS:
            self._end(Trouble(Failure.HTTP_UNEXPECTED_STATUS, Stage.REQUEST), now_us)
        elif declared_bytes is not None and self._exceeds(declared_bytes):
            self._end(Trouble(Failure.HTTP_REQUEST_FAILED, Stage.REQUEST), now_us)
        else:
            self.entered(Stage.BODY, now_us)

    def moved(self, n_bytes: int, now_us: int) -> None:
        """Count content; more than there was to be is another object, and a foreign one's cap is its end."""
        if self.over:
            return
        self._alive_us = now_us
        self._first_us = now_us if self._first_us is None else self._first_us
        self._samples.add(n_bytes, now_us - self.attempt.start_us)
        if self._exceeds(self._samples.total_bytes):
            self._end(Trouble(Failure.HTTP_REQUEST_FAILED, Stage.BODY), now_us)
        elif self.plan.is_foreign and self._goes_on_beyond_the_cap():
            self._capped = True
            self._end(None, now_us)

    def _exceeds(self, count_bytes: int) -> bool:
        return self._expected_bytes is not None and count_bytes > self._expected_bytes

    def _goes_on_beyond_the_cap(self) -> bool:
        total_bytes, expected_bytes = self._samples.total_bytes, self._expected_bytes
        return total_bytes >= self.plan.foreign_cap_bytes and total_bytes != expected_bytes

    def ended(self, now_us: int) -> None:
        """Take the end of the body as the server declared it."""
        if not self.over:
            complete = self._expected_bytes in {None, self._samples.total_bytes}
            self._end(None if complete else Trouble(Failure.EOF, Stage.BODY), now_us)

    def failed(self, trouble: Trouble, now_us: int) -> None:
        """Take a failure that has a name."""
        if not self.over:
            self._end(trouble, now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when patience will end; None exactly when the result is final."""
        if self.over:
            return None
        wake_us = min(self._alive_us + self.plan.patience_us, self.attempt.start_us + self.plan.limit_us)
        if now_us < wake_us:
            return wake_us
        self._end(Trouble(Failure.TIMEOUT, self.stage), now_us)
        return None

    def progress(self, now_us: int) -> Progress:
        """Say how far the fetch is."""
        elapsed_us = now_us - self.attempt.start_us
        rate_bps, moved_bytes = self._samples.rate_bps(), self._samples.total_bytes
        return Progress(NAME, elapsed_us, self.plan.limit_us, moved_bytes, rate_bps)

    def result(self) -> Measured:
        """Give what was seen of the object, and the failure if there was one."""
        members: dict[str, Value] = {"plan": self.plan.name, "ver": VERSION, "url": self.url}
        members |= {"host": "foreign" if self.plan.is_foreign else "peer", "attempt": ATTEMPTS}
        members |= {} if self._expected_bytes is None else {"expected_bytes": self._expected_bytes}
        members["received_bytes"] = self._samples.total_bytes
        members["dur_us"] = self._end_us - self.attempt.start_us
        members |= {TIMED[stage]: spent for stage, spent in self.attempt.spent_us.items() if stage in TIMED}
        members |= {"capped": True} if self._capped else {}
        members |= {"http": self._http} if self._http else {}
        if self._status is not None:
            members["status"] = self._status
        if self._first_us is not None:
            members["first_byte_us"] = self._first_us - self.attempt.start_us
            members |= {"t_us": list(self._samples.t_us), "bytes": list(self._samples.counts)}
        return measured(self._trouble, members)

    def _end(self, trouble: Trouble | None, now_us: int) -> None:
        self.over, self._trouble, self._end_us = True, trouble, now_us
        self._samples.close()
