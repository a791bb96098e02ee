"""What the desk is shown of one subscriber: plain values, ready for JSON and for a page.

Times are unix µs, rates bit/s, delays µs. `None` means that there is none, never zero. `provenance` is `signed` (by an
enrolled device, verified) or `imported` (somebody's log, unsigned); figures of the two are never added up.
"""

from dataclasses import dataclass, field
from typing import Literal

from collector.dating import TimesView
from collector.missing import DelayRow as DelayRow
from collector.missing import GapRow as GapRow
from collector.missing import OmissionView as OmissionView
from collector.missing import PlannedRow as PlannedRow
from collector.missing import WindowRow as WindowRow
from shared.favour import Favour

Provenance = Literal["signed", "imported"]
VerdictName = Literal["substantiated", "not_substantiated", "insufficient_evidence", "facts_only"]
# What is known of a slot; `collector.presence` has the rules.
Stand = Literal["measured", "failed", "down", "no_link", "held_back", "asleep", "off", "not_delivered", "unknown"]


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One measurement as the index holds it."""

    provenance: Provenance
    dev: str
    seq: int
    slot: int | None  # None: started by hand, or imported
    at_us: int
    method: str
    direction: str | None  # down, up, round_trip
    end: str  # ok, failed, aborted, not_started
    rate_bps: int | None
    rtt_us: int | None
    loss_pm: int | None
    received_bytes: int | None
    dur_us: int | None
    failure: str | None
    stage: str | None
    reason: str | None
    flaws: tuple[str, ...]
    network_type: str | None
    received_us: int = 0  # when the collector had it
    grade: str | None = None  # of a transfer: counter_signed, one_sided
    grade_reason: str | None = None  # why it is one_sided
    campaign: str | None = None  # the campaign that wanted it, in place of a slot
    k: int | None = None  # which of the campaign's starts
    says: str | None = None  # of a note, what happened; of a ladder, how far it reached
    skew_us: int | None = (
        None  # by how much the device's wall clock was off, if it said what cannot be; `at_us` and slot are mended
    )


@dataclass(frozen=True, slots=True)
class ComplaintRow:
    """A complaint in the customer's words; `said_us` by his device's clock, `received_us` by ours."""

    text: str
    said_us: int
    received_us: int
    dev: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """One of a device's keys: its id, where it is kept (`file`, `keystore`, `tpm`), since when it has signed."""

    id: str
    key_class: str
    since_us: int


@dataclass(frozen=True, slots=True)
class RevokedView:
    """That nothing is taken from a device any more, why, since when its key may have been in other hands.

    `contested`: how many of its measurements came since then; they are shown, and nothing is concluded from them.
    """

    at_us: int
    reason: str
    since_us: int | None = None
    contested: int = 0


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device that measures this line; `dev` is the id of its first key."""

    dev: str
    enrolled_us: int
    frozen: bool
    batches: int
    lost: int
    keys: tuple[KeyView, ...] = ()
    revoked: RevokedView | None = None


@dataclass(frozen=True, slots=True)
class RemovedRow:
    """What the collector's rule of retention has removed of a device: how many batches, records and which numbers.

    `until_us`: they were measured before that moment, by the device's clock and by ours.
    """

    dev: str
    batches: int
    records: int
    first_seq: int
    last_seq: int
    until_us: int


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """Something that must not happen to a chain and did."""

    at_us: int
    dev: str
    batch: int
    error: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many measurements of one provenance ended how. `missing_slots`: scheduled, and nothing was ever received."""

    ok: int = 0
    failed: int = 0
    not_started: int = 0
    aborted: int = 0
    flawed: int = 0
    by_hand: int = 0
    scheduled_slots: int = 0
    missing_slots: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring slots of which the same is known; `detail` says more: a reason, a failure, why it was off."""

    stand: Stand
    from_us: int
    to_us: int
    slots: int
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class PresenceView:
    """Every slot since a device was enrolled, in order, as stretches; `slots`: how many there are of each kind."""

    dev: str
    slot_s: int
    stretches: tuple[Stretch, ...] = ()
    slots: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GradeCount:
    """How many signed transfers in one direction have one grade; `reason` says why it is not counter_signed."""

    direction: str
    grade: str
    reason: str | None
    n: int


@dataclass(frozen=True, slots=True)
class FindingView:
    """What one rule says of one direction over one window, with the figures behind it."""

    direction: str
    verdict: VerdictName
    met: tuple[str, ...]
    failed: tuple[str, ...]
    samples_used: int
    samples_rejected: tuple[tuple[int, str], ...]
    because: tuple[str, ...]
    limits: tuple[str, ...]
    window_from_us: int | None
    window_to_us: int | None
    windows_looked_at: int
    phase: Literal["all", "after", "before"] = "all"  # which side of the complaint; `before` is shown, never decides
    campaign: str | None = None  # whose window was fixed beforehand; `windows_looked_at` then counts campaigns too


@dataclass(frozen=True, slots=True)
class VerdictView:
    """The verdict of one criterion over measurements of one provenance."""

    criterion: str
    version: str
    status: str
    provenance: Provenance
    verdict: VerdictName
    words: str
    findings: tuple[FindingView, ...]
    criterion_sha256: str = ""


@dataclass(frozen=True, slots=True)
class UndeliveredRow:
    """A transfer that a peer has signed and of which there is no record that could be about it.

    `seq`: the start it was for; `peer`: the id of the peer's key; `began_us`, `t_us`: its beginning and end by the peer's clock;
    `bytes`: by the peer's own count; `standing`: `denied`, `passed_over` or `overdue` (`shared.delivery`).
    """

    dev: str
    seq: int
    sid: str
    peer: str
    direction: str
    began_us: int
    t_us: int
    bytes: int | None
    standing: str


@dataclass(frozen=True, slots=True)
class TransfersView:
    """What became of the transfers that peers have signed: how many of each standing, and those never delivered."""

    standings: dict[str, int] = field(default_factory=dict)
    never: tuple[UndeliveredRow, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseView:
    """All that is shown of one subscriber."""

    subscriber: str
    time_zone: str
    contract: dict[str, dict[str, int]]  # {"down": {"advertised_bps": …}, "up": {…}}
    as_of_us: int
    complaints: tuple[ComplaintRow, ...] = ()
    devices: tuple[DeviceRow, ...] = ()
    alarms: tuple[AlarmRow, ...] = ()
    counts: dict[str, Counts] = field(default_factory=dict)  # by provenance
    verdicts: tuple[VerdictView, ...] = ()
    grades: tuple[GradeCount, ...] = ()  # by direction, grade and reason
    presence: tuple[PresenceView, ...] = ()  # by device
    times: tuple[TimesView, ...] = ()  # by device
    removed: tuple[RemovedRow, ...] = ()  # by device; of that time nothing else here speaks
    omission: OmissionView | None = None
    transfers: TransfersView = field(default_factory=TransfersView)
    delays: tuple[DelayRow, ...] = ()  # records that came late
    peers: tuple[Favour, ...] = ()  # beside ordinary hosts; in evidence only, for which every record is read
    behind_us: int = 0  # what arrived within so long before `as_of_us` may not be in it yet
