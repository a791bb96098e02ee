"""The core of loaded latency over a simulated line, with packets and probes beside the load."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fakes.load_link import Line, LoadLink
from fakes.reflector import FakeReflector
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.measure.loaded_latency import CHANCE_BYTES, PLANS, LoadedLatency
from probe.measure.loaded_plan import DOWNLOAD, DOWNLOAD_LIGHT, UPLOAD, UPLOAD_LIGHT, LoadedLatencyPlan
from probe.measure.outcome import Measured, Trouble
from probe.measure.responsiveness import Probes, responsiveness
from probe.measure.round_trips import RoundTrips, ToldDownload, round_trip_told
from probe.measure.train import Seen
from probe.measure.transfer import TINY
from shared import kpi
from shared.failure import Failure, Stage
from shared.record import read_record, write_record

CHANCE = bytes(range(CHANCE_BYTES))
IDLE = Seen("stamp", (90_000, *[40_000] * 10), kernel_stamps=True)
MUTE = Seen("stamp", (-1,) * 11, Trouble(Failure.TIMEOUT, Stage.CONNECT))
BY_TCP = Seen("tcp", (40_000,) * 11)
WALL_US = 1_800_000_000_000_000
TICK_US = 5_000
Delay = Callable[[int], int | None]
LIGHT = pytest.mark.parametrize("plan", [DOWNLOAD_LIGHT, UPLOAD_LIGHT], ids=lambda plan: plan.name)


def full_queue(_now_us: int) -> int:
    """A queue that is always as long."""
    return 180_000


@dataclass
class Beside:
    """What the shell does beside a load, in simulated time; every delay is the line's, by the time of sending."""

    core: LoadedLatency
    link: LoadLink
    delay: Delay = full_queue
    trains: bool = True
    secured: bool = False
    reflector: FakeReflector = field(default_factory=FakeReflector)
    met: dict[int, int | None] = field(default_factory=dict)  # when a packet was sent: what it met
    _started: bool = False

    def tick(self) -> None:
        """Do what is due, and come back."""
        core, events = self.core, self.link.events
        now_us = events.now_us
        if core.next_wakeup(now_us) is None:
            return
        if self.trains and not self._started and core.load.zero_us is not None:
            self._started = True
            core.start_train(now_us, now_us + WALL_US)
        if self._started:
            for packet in core.stamp.to_send(now_us):
                self._send(packet, now_us)
        for number, flow in enumerate(core.load.flows):
            core.heard(number, 150_000 if flow.zero_us is not None else 0, now_us)
        if (number_begun := core.to_probe(now_us)) is not None:
            self._probe(number_begun, now_us)
        events.at(now_us + TICK_US, self.tick)

    def _send(self, packet: bytes, now_us: int) -> None:
        delay_us = self.met[now_us] = self.delay(now_us)
        if delay_us is not None:
            there_us = now_us + WALL_US + delay_us // 2
            reply = self.reflector.reply(packet, "client", there_us, there_us)
            assert reply is not None
            at_us = now_us + delay_us
            self.link.events.at(at_us, lambda: self.core.stamp.receive(reply, at_us, 0))

    def _probe(self, number: int, now_us: int) -> None:
        core, events, delay_us = self.core, self.link.events, self.delay(now_us)
        if delay_us is None:
            timeout = Trouble(Failure.TIMEOUT, Stage.CONNECT)
            events.at(now_us + 3_000_000, lambda: core.foreign.failed(number, timeout))
            return
        at_us = now_us + delay_us
        if self.secured:
            tls_us = at_us
            events.at(tls_us, lambda: core.entered_tls(number, tls_us))
            at_us += delay_us
        events.at(at_us, lambda: core.foreign.enter(number, Stage.REQUEST, at_us))
        events.at(at_us + delay_us, lambda: core.foreign.done(number, at_us + delay_us))


def tell_round_trips(_number: int, told: dict[str, Any]) -> bytes:
    """Let the peer's kernel tell a round trip."""
    told["TCPInfo"] = told.get("TCPInfo", {}) | {"RTT": 150_000}
    return json.dumps(told).encode()


def run(
    plan: LoadedLatencyPlan, line: Line | None = None, *, idle: tuple[Seen, ...] = (IDLE,), **beside: Any
) -> tuple[Measured, Beside]:
    """Run a plan over a line, to the end of everything."""
    core = LoadedLatency(plan, CHANCE)
    core.idle += idle
    link = LoadLink(core.load, line or Line(say=tell_round_trips))
    seen = Beside(core, link, **beside)
    link.events.at(0, seen.tick)
    link.run()
    core.ended(link.events.now_us)
    while core.next_wakeup(link.events.now_us) is not None:
        link.events.step()
    return core.result(), seen


def values(outcome: Measured, name: str) -> list[int]:
    """A list of a record."""
    found = outcome.members[name]
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, int)]


@LIGHT
def test_a_line_that_never_answers(plan: LoadedLatencyPlan) -> None:
    """Where nothing at all comes back the failure is the load's, and the idle train that failed before it is kept."""
    silent = replace(MUTE, via="tcp")
    outcome, _ = run(plan, Line(mute=frozenset({0})), idle=(MUTE, silent), trains=False)
    members = outcome.members
    assert (outcome.end, members["failure"], members["stage"]) == ("failed", "generic_timeout_error", "connect")
    assert (members["via"], members["tried"], members["idle_rtt_us"]) == ("tcp", "stamp", [-1] * 10)
    assert "idle_first_rtt_us" not in members
    assert "loaded_rtt_us" not in members
    assert "rpm" not in members


@LIGHT
def test_what_was_sent_under_load_counts_and_nothing_else(plan: LoadedLatencyPlan) -> None:
    """Every round trip in the list is one the line really had, of a packet sent while it was full."""
    outcome, seen = run(plan)
    zero_us, sent_us = seen.core.load.zero_us, values(outcome, "loaded_sent_us")
    from_us, until_us = outcome.members["loaded_from_us"], outcome.members["loaded_until_us"]
    assert zero_us is not None and isinstance(from_us, int) and isinstance(until_us, int)
    assert outcome.end == "ok"
    assert 800_000 == from_us < until_us <= 2_000_000
    assert sent_us == [at_us - zero_us for at_us in seen.met if from_us <= at_us - zero_us < until_us]
    assert len(sent_us) > 20
    assert values(outcome, "loaded_rtt_us") == [180_000] * len(sent_us)
    assert values(outcome, "idle_rtt_us") == [40_000] * 10
    assert (outcome.members["via"], outcome.members["idle_first_rtt_us"]) == ("stamp", 90_000)
    assert "rtt_us" not in outcome.members


def test_a_download_ends_a_round_trip_earlier() -> None:
    """A packet must still meet load at the peer, whose sender stops by its own clock."""
    outcome, _ = run(DOWNLOAD_LIGHT)
    assert outcome.members["loaded_until_us"] == 2_000_000 - 40_000


@pytest.mark.parametrize("plan", [DOWNLOAD, UPLOAD], ids=lambda plan: plan.name)
def test_a_whole_test_has_its_rpm(plan: LoadedLatencyPlan) -> None:
    """A line that is always as slow has that RPM with high confidence; anybody finds the same in the record."""
    outcome, _ = run(plan)
    members = outcome.members
    assert outcome.end == "ok"
    assert (members["rpm_foreign"], members["rpm_self"], members["rpm"]) == (333, 400, 366)
    assert (members["rpm_confidence"], members["rpm_band"]) == ("high", "fair")
    assert members["self_via"] == {"download": "peer", "upload": "kernel"}[plan.direction]
    from_us, until_us = members["loaded_from_us"], members["loaded_until_us"]
    assert isinstance(from_us, int) and isinstance(until_us, int)
    assert until_us - from_us > 8_000_000
    probes = Probes(
        t_us=values(outcome, "foreign_t_us"),
        tcp_us=values(outcome, "foreign_tcp_us"),
        http_us=values(outcome, "foreign_http_us"),
        self_t_us=values(outcome, "self_t_us"),
        self_rtt_us=values(outcome, "self_rtt_us"),
    )
    line = write_record({**members, "end": outcome.end, "seq": 1, "method": "loaded_latency"})  # type: ignore[dict-item]
    record = read_record(line.rstrip(b"\n"))
    series, edges = kpi.flow_series(record), range(from_us, until_us + 1, 1_000_000)
    arrived = [sum(kpi.bytes_at(times, counts, edge) for times, counts in series) for edge in edges]
    again = responsiveness(probes, from_us, until_us, arrived)
    assert (again.figures.rpm, again.confidence.value) == (members["rpm"], members["rpm_confidence"])
    assert kpi.rate_bps(record) == pytest.approx(20_000_000, rel=0.05)
    assert kpi.rtt_median_us(record) is None
    assert len(line) < 32_768


def test_tls_is_a_stage_of_its_own() -> None:
    """With TLS there are three stages to each probe, and the record says how many round trips the handshake had."""
    outcome, _ = run(DOWNLOAD_LIGHT, secured=True)
    assert set(values(outcome, "foreign_tls_us")) == {180_000}
    assert outcome.members["tls_trips"] == 1
    assert outcome.members["rpm_foreign"] == 333
    plain, _ = run(DOWNLOAD_LIGHT)
    assert "foreign_tls_us" not in plain.members


def test_where_the_reflector_is_mute_the_probes_connections_count() -> None:
    """Without STAMP the loaded round trips are those of TCP connections, and the record says so."""
    outcome, _ = run(DOWNLOAD_LIGHT, idle=(MUTE, BY_TCP), trains=False)
    members = outcome.members
    assert (outcome.end, members["via"], members["tried"]) == ("ok", "tcp", "stamp")
    assert members["loaded_rtt_us"] == members["foreign_tcp_us"]
    assert members["loaded_sent_us"] == members["foreign_t_us"]
    assert "train_sent" not in members


def test_packets_lost_under_load_keep_their_places() -> None:
    """A reflector that answered before and is drowned by the load is a result: losses, and RPM of what came through."""
    outcome, _ = run(UPLOAD_LIGHT, delay=lambda now_us: None if now_us < 1_500_000 else 180_000)
    assert outcome.end == "ok"
    rtt_us, sent_us = values(outcome, "loaded_rtt_us"), values(outcome, "loaded_sent_us")
    lost = [rtt == -1 for rtt in rtt_us]
    assert any(lost) and not all(lost)
    assert lost == sorted(lost, reverse=True)
    assert len(rtt_us) == len(sent_us)
    assert outcome.members["train_lost_up"] != 0
    assert (outcome.members["foreign_failure"], outcome.members["foreign_stage"]) == (
        "generic_timeout_error",
        "connect",
    )


def test_nothing_comes_back_under_load() -> None:
    """A load that runs while nothing else gets through at all is a failure, with what was seen kept."""
    outcome, _ = run(UPLOAD_LIGHT, delay=lambda _now_us: None)
    assert (outcome.end, outcome.members["failure"]) == ("failed", "generic_timeout_error")
    assert set(values(outcome, "loaded_rtt_us")) == {-1}
    assert outcome.members["received_bytes"] != 0
    assert outcome.members["foreign_failed"] == len(values(outcome, "foreign_t_us")) > 0
    assert "rpm" not in outcome.members
    assert outcome.members["rpm_self"] == 400


@LIGHT
def test_a_line_that_dies_keeps_what_was_seen(plan: LoadedLatencyPlan) -> None:
    """The failure is the load's; loaded round trips from before the death stay, and none is taken from after it."""
    line = Line(dies_us=1_500_000, say=tell_round_trips)
    outcome, _ = run(plan, line, delay=lambda now_us: 180_000 if now_us < 1_500_000 else None)
    assert (outcome.end, outcome.members["failure"]) == ("failed", "generic_timeout_error")
    assert 180_000 in values(outcome, "loaded_rtt_us")
    assert max(values(outcome, "loaded_sent_us")) < 2_000_000


def test_a_line_that_dies_before_it_was_full_has_no_loaded_round_trip() -> None:
    """What was sent before the line was full is never taken for loaded."""
    outcome, _ = run(DOWNLOAD_LIGHT, Line(dies_us=500_000))
    assert outcome.end == "failed"
    assert outcome.members["loaded_rtt_us"] == []


def test_a_cap_that_comes_too_early_leaves_no_figure() -> None:
    """A line so fast that the cap is reached before the warm-up ends is measured without a loaded round trip."""
    plan = replace(DOWNLOAD_LIGHT, load=replace(DOWNLOAD_LIGHT.load, cap_bytes=200_000))
    outcome, _ = run(plan, delay=full_queue)
    assert outcome.end == "ok"
    assert 190_000 < outcome.members["received_bytes"] <= 200_000  # type: ignore[operator]
    assert outcome.members["loaded_rtt_us"] == outcome.members["foreign_t_us"] == []


def test_each_way_tells_its_own_delay() -> None:
    """The variation of each way stands beside the round trips, place by place."""
    outcome, _ = run(DOWNLOAD_LIGHT, delay=lambda now_us: 40_000 if now_us < 600_000 else 180_000)
    places = len(values(outcome, "loaded_rtt_us"))
    for way in ("up", "down"):
        above_us = values(outcome, f"loaded_{way}_pdv_us")
        assert len(above_us) == places
        assert set(above_us) == {70_000}


@settings(deadline=None, max_examples=20)
@given(st.lists(st.one_of(st.none(), st.integers(1_000, 2_500_000)), min_size=1, max_size=40), st.booleans())
def test_any_line_ends_and_invents_nothing(delays: list[int | None], upload: bool) -> None:
    """Whatever packets and probes meet, it ends, and every loaded round trip is one that a packet really had."""
    plan = UPLOAD_LIGHT if upload else DOWNLOAD_LIGHT
    outcome, seen = run(plan, delay=lambda now_us: delays[now_us // TICK_US % len(delays)])
    zero_us = seen.core.load.zero_us
    assert zero_us is not None
    pairs = zip(values(outcome, "loaded_sent_us"), values(outcome, "loaded_rtt_us"), strict=True)
    for at_us, rtt_us in pairs:
        truly_us = seen.met[at_us + zero_us]
        assert rtt_us in {-1 if truly_us is None else truly_us, -1}
    assert len(seen.core.foreign.start_us) == len(seen.core.foreign.http_us)
    assert seen.link.events.now_us <= plan.limit_us


def test_plans_say_what_they_cost() -> None:
    """A glance costs a fraction of a whole test, and neither more than load, packets and probes can."""
    assert PLANS.keys() == {"download-light", "upload-light", "download", "upload"}
    for name, plan in PLANS.items():
        assert plan.name == name
        assert plan.load.cost_bytes < plan.cost_bytes < plan.load.cost_bytes * 6 // 5
        assert plan.limit_us < 90_000_000
    assert DOWNLOAD_LIGHT.cost_bytes * 4 < DOWNLOAD.cost_bytes


@pytest.mark.parametrize(
    ("text", "rtt_us"),
    [
        (b'{"TCPInfo":{"RTT":5000}}', 5000),
        (b'{"TCPInfo":{"RTT":true}}', 0),
        (b'{"TCPInfo":{"RTT":5.5}}', 0),
        (b'{"TCPInfo":{}}', 0),
        (b'{"TCPInfo":7}', 0),
        (b"{}", 0),
        (b"[]", 0),
        (b"\xff", 0),
    ],
)
def test_round_trips_in_texts(text: bytes, rtt_us: int) -> None:
    """Only a whole number in its place is a round trip."""
    assert round_trip_told(text) == rtt_us


@given(st.binary(max_size=200))
def test_any_text_is_read_or_is_none(text: bytes) -> None:
    """Whatever a peer says, it is a number or nothing."""
    assert isinstance(round_trip_told(text), int)


def test_a_round_trip_longer_than_the_test_is_not_believed() -> None:
    """What a peer's kernel cannot have seen is not kept; nor what it tells too often."""
    core = ToldDownload(TINY)
    core.start(0)
    core.opened(0, 50_000)
    core.text(0, b'{"TCPInfo":{"RTT":900000}}', 500_000)
    assert core.round_trips == RoundTrips()
    for at_us in (500_000, 600_000, 700_000):
        core.text(0, b'{"TCPInfo":{"RTT":30000}}', at_us)
    assert (core.round_trips.at_us, core.round_trips.rtt_us) == ([500_000, 700_000], [30_000, 30_000])


def test_progress_has_the_methods_name() -> None:
    """Whoever watches is told of this method, with the load's rate."""
    core = LoadedLatency(DOWNLOAD_LIGHT, CHANCE)
    core.load.start(0)
    core.load.opened(0, 1000)
    core.load.moved(0, 5000, 2000)
    told = core.progress(2000)
    assert (told.method, told.moved_bytes) == ("loaded_latency", 5000)
