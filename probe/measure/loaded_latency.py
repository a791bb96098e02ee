"""Latency while a download or an upload fills the line, beside the idle line's, and round trips per minute (RPM).

Pure; the load is a transfer of `probe.measure.flows`, the packets are a train of `probe.measure.stamp`, both unchanged.
First a short train on the idle line; then load, and beside it a train that goes on, and probes on connections of their
own (`probe.measure.foreign`). Only what was sent while the line was loaded counts: from the end of the warm-up, or when
the windows have had six round trips to open if that is later, until the sender stopped; of a download a round trip less,
since a packet must meet the load at the peer. Where STAMP had no answer on the idle line, TCP connections stand in: a
train of them idle, the probes' own under load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add

from probe.measure.foreign import Foreign
from probe.measure.loaded_plan import PLANS as PLANS
from probe.measure.loaded_plan import LoadedLatencyPlan
from probe.measure.outcome import Measured, Progress, Trouble, Value, measured
from probe.measure.responsiveness import INTERVAL_US, Probes, responsiveness
from probe.measure.round_trips import RoundTrips, ToldDownload
from probe.measure.stamp import CHANCE_BYTES as STAMP_CHANCE_BYTES
from probe.measure.stamp import Stamp
from probe.measure.train import Seen
from probe.measure.transfer import LEAST_RAMP_US, MOST_RAMP_US, RAMP_ROUND_TRIPS
from probe.measure.upload import Upload
from shared import kpi
from shared.failure import Failure, Stage
from shared.record import LOST

NAME = "loaded_latency"
VERSION = 1
NAME_BYTES = SEED_BYTES = 16
PROBE_ROUND_TRIPS = 3
CHANCE_BYTES = NAME_BYTES + STAMP_CHANCE_BYTES + SEED_BYTES


@dataclass(slots=True)
class LoadedLatency:
    """One measurement; `idle` is what each way tried on the idle line saw, the last one counts."""

    plan: LoadedLatencyPlan
    chance: bytes
    load: ToldDownload | Upload = field(init=False)
    stamp: Stamp = field(init=False)
    foreign: Foreign = field(init=False)
    round_trips: RoundTrips = field(init=False)
    idle: list[Seen] = field(default_factory=list)
    _trains: bool = False  # packets go beside the load
    _tls: bool = False

    def __post_init__(self) -> None:
        """Make the load, the train and the prober."""
        name, rest = self.chance[:NAME_BYTES].hex(), self.chance[NAME_BYTES:]
        if self.plan.direction == "download":
            self.load = ToldDownload(self.plan.load, name)
            self.round_trips = self.load.round_trips
        else:
            self.load = Upload(self.plan.load, name)
            self.round_trips = RoundTrips()
        self.stamp = Stamp(NAME, self.plan.pace, rest[:STAMP_CHANCE_BYTES], self.plan.packets)
        self.foreign = Foreign(rest[STAMP_CHANCE_BYTES:])

    def start_train(self, now_us: int, wall_us: int) -> None:
        """Begin the train beside the load."""
        self._trains = True
        self.stamp.start(now_us, wall_us)

    def heard(self, number: int, rtt_us: int, now_us: int) -> None:
        """Take our own kernel's round trip of one connection; it tells of load only where we send."""
        if self.plan.direction == "upload":
            self.round_trips.note(number, rtt_us, now_us)

    def to_probe(self, now_us: int) -> int | None:
        """Begin the probe that is due, if one is; its number."""
        due_us = self._probe_due_us(now_us)
        return None if due_us is None or due_us > now_us else self.foreign.begin(now_us)

    def entered_tls(self, number: int, now_us: int) -> None:
        """Take the news that a probe is connected and speaks TLS."""
        self._tls = True
        self.foreign.enter(number, Stage.TLS, now_us)

    def ended(self, now_us: int) -> None:
        """Take the end of the load: no packet more goes beside it."""
        self.stamp.stop(now_us)

    def next_wakeup(self, now_us: int) -> int | None:
        """Say when to ask again; None exactly when the result is final."""
        load_us = self.load.next_wakeup(now_us)
        if load_us is None:
            self.stamp.stop(now_us)
        train_us = self.stamp.next_wakeup(now_us) if self._trains else None
        moments = (load_us, train_us, self.foreign.open_until_us, self._probe_due_us(now_us))
        return min((moment for moment in moments if moment is not None), default=None)

    def progress(self, now_us: int) -> Progress:
        """Say how far the load is: the rest takes little time."""
        return replace(self.load.progress(now_us), method=NAME)

    def _probe_due_us(self, now_us: int) -> int | None:
        """When the next probe is due; None once too little loaded time is left for it, or if there never was load."""
        zero_us = self.load.zero_us
        if zero_us is None or self.load.over or self.load.stopped_us is not None:
            return None
        due_us = self.foreign.due_us(self.load.progress(now_us).rate_bps)
        if due_us is None:
            return None
        due_us = max(due_us, zero_us + self._from_us)
        until_us = zero_us + self._planned_until_us - max(self.foreign.longest_us, PROBE_ROUND_TRIPS * self._idle_us)
        return due_us if max(due_us, now_us) < until_us else None

    @property
    def _from_us(self) -> int:
        """When the line is full, counted from t = 0."""
        trips_us = [flow.round_trip_us for flow in self.load.flows if flow.round_trip_us is not None]
        ramp_us = min(max(RAMP_ROUND_TRIPS * min(trips_us, default=0), LEAST_RAMP_US), MOST_RAMP_US)
        return max(self.plan.load.warm_us, self.load.wake_us + ramp_us)

    @property
    def _planned_until_us(self) -> int:
        """Until when what we send meets load, as planned."""
        if isinstance(self.load, Upload):
            return self.plan.load.duration_us
        return self.plan.load.duration_us - self._idle_us

    @property
    def _idle_us(self) -> int:
        """The idle line's median round trip; 0 if nothing is known."""
        return kpi.percentile([rtt for rtt in self.idle[-1].rtts_us[1:] if rtt != LOST], 500) or 0

    @property
    def _until_us(self) -> int:
        """Until when there was load: an end that came early ends what counts."""
        sent = isinstance(self.load, Upload)
        grown_us = max((flow.given if sent else flow.samples).grown_us for flow in self.load.flows)
        return min(self._planned_until_us, grown_us)

    def result(self) -> Measured:
        """Give what the idle and the loaded line showed, the load itself, and the figures; a failure keeps all of it."""
        load = self.load.result()
        members: dict[str, Value] = {**load.members, "plan": self.plan.name, "ver": VERSION}
        members |= {"direction": self.plan.direction} | self._idle_members()
        if self.load.zero_us is None:
            return Measured(load.end, members)
        from_us, until_us = self._from_us, max(self._until_us, self._from_us)
        members |= {"loaded_from_us": from_us, "loaded_until_us": until_us}
        probes = self._probes(self.load.zero_us).between(from_us, until_us)
        loaded = self._loaded_members(self.load.zero_us, from_us, until_us)
        if self._by_tcp:
            loaded = {"loaded_sent_us": list(probes.t_us), "loaded_rtt_us": list(probes.tcp_us)}
        members |= loaded | self._probe_members(probes) | self._figures(probes, from_us, until_us)
        if load.end == "failed":
            return Measured("failed", members)
        return measured(self._silence(loaded, probes), members)

    @property
    def _by_tcp(self) -> bool:
        return self.idle[-1].via != "stamp"

    def _idle_members(self) -> dict[str, Value]:
        *vain, last = self.idle
        seen = last.members()
        members: dict[str, Value] = {"via": seen["via"], "stamps": seen["stamps"], "idle_rtt_us": seen["rtt_us"]}
        if vain:
            members["tried"] = ",".join(one.via for one in vain)
        if "first_rtt_us" in seen:
            members["idle_first_rtt_us"] = seen["first_rtt_us"]
        return members | {"interval_us": self.plan.pace.mean_us, "patience_us": self.plan.pace.patience_us}

    def _loaded_members(self, zero_us: int, from_us: int, until_us: int) -> dict[str, Value]:
        """What the packets beside the load met that were sent while the line was loaded."""
        seen = self.stamp.result()
        sent_us = [at_us - zero_us for at_us in self.stamp.sent_us]
        # The first packet stands apart, as it does on the idle line.
        places = [place for place, at_us in enumerate(sent_us) if place and from_us <= at_us < until_us]
        members: dict[str, Value] = {
            "loaded_sent_us": [sent_us[place] for place in places],
            "loaded_rtt_us": [seen.rtts_us[place] for place in places],
        }
        for way in ("up_pdv_us", "down_pdv_us"):
            above_us = seen.more.get(way)
            if isinstance(above_us, list):
                members[f"loaded_{way}"] = _integers([above_us[place - 1] for place in places])
        if self._trains:
            members["train_sent"] = len(sent_us)
            members |= {f"train_{name}": value for name, value in seen.more.items() if not isinstance(value, list)}
        return members

    def _probes(self, zero_us: int) -> Probes:
        foreign = self.foreign
        return Probes(
            t_us=[at_us - zero_us for at_us in foreign.start_us],
            tcp_us=foreign.tcp_us,
            tls_us=foreign.tls_us if self._tls else (),
            http_us=foreign.http_us,
            tls_trips=foreign.tls_trips,
            self_t_us=[at_us - zero_us for at_us in self.round_trips.at_us],
            self_rtt_us=self.round_trips.rtt_us,
        )

    def _probe_members(self, probes: Probes) -> dict[str, Value]:
        members: dict[str, Value] = {"foreign_t_us": list(probes.t_us), "foreign_tcp_us": list(probes.tcp_us)}
        if probes.tls_us:
            members |= {"foreign_tls_us": list(probes.tls_us), "tls_trips": probes.tls_trips}
        members["foreign_http_us"] = list(probes.http_us)
        members |= {"self_t_us": list(probes.self_t_us), "self_rtt_us": list(probes.self_rtt_us)}
        members["self_via"] = "kernel" if self.plan.direction == "upload" else "peer"
        trouble = self.foreign.commonest_trouble()
        if trouble is not None:
            members |= {"foreign_failed": probes.failed, "foreign_failure": trouble.failure.value}
            members["foreign_stage"] = trouble.stage.value
        return members | ({} if self.foreign.status is None else {"foreign_status": self.foreign.status})

    def _figures(self, probes: Probes, from_us: int, until_us: int) -> dict[str, Value]:
        found = responsiveness(probes, from_us, until_us, self._arrived_bytes(from_us, until_us))
        figures = {"rpm_foreign": found.figures.foreign, "rpm_self": found.figures.own, "rpm": found.figures.rpm}
        members: dict[str, Value] = {name: value for name, value in figures.items() if value is not None}
        if found.band is not None:
            members |= {"rpm_confidence": found.confidence.value, "rpm_band": found.band.value}
        return members

    def _arrived_bytes(self, from_us: int, until_us: int) -> Sequence[int]:
        """What all flows had moved at the edges of the whole intervals, what waited behind a lost packet included."""
        series = [flow.samples.until_grown() for flow in self.load.flows]
        moved = [(times, list(map(add, counts, held))) for times, counts, held in series]
        edges = range(from_us, until_us + 1, INTERVAL_US)
        return [sum(kpi.bytes_at(times, counts, edge) for times, counts in moved) for edge in edges]

    def _silence(self, loaded: Mapping[str, Value], probes: Probes) -> Trouble | None:
        """Why there is no figure although the load ran: nothing that was sent under it came back."""
        answered = [value for value in (*_integers(loaded["loaded_rtt_us"]), *probes.http_us) if value != LOST]
        if answered or not (probes.t_us or loaded["loaded_rtt_us"]):
            return None
        return self.foreign.commonest_trouble() or Trouble(Failure.TIMEOUT, Stage.CONNECT)


def _integers(value: object) -> list[int]:
    return [one for one in value if isinstance(one, int)] if isinstance(value, list) else []
