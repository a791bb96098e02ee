"""One run of speedtest-cli against the peer, which counts, or against a public server, where nobody does but the client.

Pure: told that the run was opened, how the client ended and what it printed, and what the peer logged, with their times.
Three phases follow each other, each with its own patience: opening the run at the peer, the client, and asking the
peer what it counted until nothing of the run is under way there any more. A public run has only the second. What the
run comes to is said in `ookla_judge`.

`down_bps` and `up_bps`, the peer's, are there only if nothing failed; bytes and times are there whenever the peer told
them; the client's own figures are `claimed_`. `dur_us` is the time until the client had ended.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from probe.measure.attempt import Attempt
from probe.measure.ookla_judge import SLACK_US, OoklaPlan, Seen, members_of, trouble_with
from probe.measure.ookla_report import Log, Report, read_log, read_report
from probe.measure.outcome import Measured, Progress, Trouble, Value, measured
from shared import strictjson
from shared.errors import Malformed
from shared.failure import Failure, Stage

NAME = "ookla"
VERSION = 1
PATIENCE_US: Final = 10_000_000  # for opening the run
KILL_US: Final = 500_000  # for the client to be gone once it was told to
CREATED: Final = 201
OK: Final = 200

Phase = Literal["opening", "client", "counting", "over"]

# Ten images of 1 MB; posts of 262144, 524288, 1048576 and 7340032 bytes.
METERED = OoklaPlan(
    "metered", 3_000_000, 10_000_000, 9_175_040, images=10, posts=4, client_us=45_000_000, tail_us=10_000_000
)
# What speedtest.net tells its clients: 102 MB of images, four times; 17 posts each of 524288, 1048576 and 7340032 bytes.
FULL = OoklaPlan(
    "full", 10_000_000, 409_373_932, 151_519_232, images=40, posts=51, client_us=75_000_000, tail_us=20_000_000
)
# The same against whichever public server the client chooses. What that server tells the client is not in our hands.
PUBLIC = OoklaPlan(
    "public", 10_000_000, 409_373_932, 151_519_232, images=40, posts=51, client_us=120_000_000, tail_us=0
)
PLANS = {plan.name: plan for plan in (METERED, FULL, PUBLIC)}


@dataclass(slots=True)
class Ookla:
    """One run, from its opening to the peer's last word on it."""

    plan: OoklaPlan
    phase: Phase = "opening"
    attempt: Attempt = field(default_factory=Attempt)
    _start_us: int = 0
    _since_us: int = 0
    _end_us: int = 0
    _status: int | None = None
    _exit_code: int | None = None
    _spoke: bool = False
    _report: Report | None = None
    _log: Log | None = None
    _log_trouble: Trouble | None = None
    _trouble: Trouble | None = None

    @property
    def over(self) -> bool:
        """Whether the result is final."""
        return self.phase == "over"

    @property
    def stage(self) -> Stage:
        """The stage the probe's own connection is in."""
        return self.attempt.stage

    def start(self, now_us: int) -> None:
        """Begin; a public run begins with the client."""
        self._start_us = now_us
        self._enter("client" if self.plan.public else "opening", now_us)

    def entered(self, stage: Stage, now_us: int) -> None:
        """Take the news that the probe's own connection has come to its next stage."""
        self.attempt.enter(stage, now_us)

    def opened(self, status: int, body: bytes, now_us: int) -> None:
        """Take the peer's answer to the opening: it must offer the run that the plan describes, and no dearer one."""
        if self.phase != "opening":
            return
        if status != CREATED:
            self._status = status
            self._finish(Trouble(Failure.HTTP_UNEXPECTED_STATUS, Stage.REQUEST), now_us)
            return
        try:
            offer = strictjson.decode(body)
        except Malformed:
            self._finish(Trouble(Failure.JSON_PARSE, Stage.BODY), now_us)
            return
        wanted = {"down_bytes": self.plan.down_bytes, "test_us": self.plan.test_us, "up_bytes": self.plan.up_bytes}
        if any(offer.get(name) != value for name, value in wanted.items()):
            self._finish(Trouble(Failure.UNKNOWN, Stage.BODY, "the peer offers another run"), now_us)
            return
        self._enter("client", now_us)

    def failed(self, trouble: Trouble, now_us: int) -> None:
        """Take that the run could not be opened, or the log not be read just now."""
        if self.phase == "opening":
            self._finish(trouble, now_us)
        elif self.phase == "counting":
            self._log_trouble = Trouble(trouble.failure, Stage.CLOSE, trouble.note)

    def client_ended(self, exit_code: int | None, output: bytes, now_us: int) -> None:
        """Take how the client ended (None: it had to be ended) and what it printed."""
        if self.phase != "client":
            return
        self._exit_code, self._spoke, self._end_us = exit_code, bool(output), now_us
        try:
            self._report = read_report(output)
        except Malformed:
            self._report = None
        if self.plan.public:
            self._judge(now_us)
        else:
            self._enter("counting", now_us)

    def logged(self, status: int, body: bytes, now_us: int) -> None:
        """Take the peer's log; it is the last when nothing runs there any more."""
        if self.phase != "counting":
            return
        if status != OK:
            self._log_trouble = Trouble(Failure.HTTP_UNEXPECTED_STATUS, Stage.CLOSE)
            return
        try:
            self._log = read_log(body)
        except Malformed:
            self._log_trouble = Trouble(Failure.JSON_PARSE, Stage.CLOSE)
            return
        if not self._log.running:
            self._judge(now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when patience will end; None exactly when the result is final."""
        if self.phase == "over":
            return None
        waits_us = {
            "opening": PATIENCE_US,
            "client": self.plan.client_us + KILL_US,
            "counting": self.plan.tail_us,
        }
        wake_us = self._since_us + waits_us[self.phase]
        if now_us < wake_us:
            return wake_us
        if self.phase == "counting":
            self._judge(now_us)
        else:
            self._finish(Trouble(Failure.TIMEOUT, self.stage), now_us)
        return None

    def progress(self, now_us: int) -> Progress:
        """Say how far the run is; what moved is known only in the end."""
        expected_us = 2 * self.plan.test_us + SLACK_US
        return Progress(NAME, now_us - self._start_us, expected_us, 0, 0)

    def result(self) -> Measured:
        """Give what was counted and what was claimed, and the failure if there was one."""
        members: dict[str, Value] = {"plan": self.plan.name, "ver": VERSION}
        members |= {"counted": "client" if self.plan.public else "peer", "server": self._server()}
        members["dur_us"] = self._end_us - self._start_us
        if self._status is not None:
            members["status"] = self._status
        members |= members_of(self._seen(), self.plan, good=self._trouble is None)
        return measured(self._trouble, members)

    def _server(self) -> str:
        if not self.plan.public:
            return "peer"
        return self._report.server if self._report is not None and self._report.server else "public"

    def _seen(self) -> Seen:
        return Seen(self._exit_code, self._spoke, self._report, self._log, self._log_trouble)

    def _judge(self, now_us: int) -> None:
        self._finish(trouble_with(self._seen(), self.plan), now_us)

    def _enter(self, phase: Phase, now_us: int) -> None:
        self.phase, self._since_us, self.attempt = phase, now_us, Attempt(now_us, now_us)

    def _finish(self, trouble: Trouble | None, now_us: int) -> None:
        self._end_us = self._end_us or now_us
        self.phase, self._trouble = "over", trouble
