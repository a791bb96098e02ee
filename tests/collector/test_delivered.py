"""Transfers that only the peer tells of are shown, and count against the claimant and never for him."""

import asyncio

import pytest
from fakes.clock import FakeClock
from fakes.cosign import bearing
from fakes.criteria import COUNT, DAYS, GAP, HEAD, SPAN
from fakes.device import WALL_US, download
from fakes.history import History, sid_of
from fakes.rules import SHORT
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.delivered import transfers_of
from collector.findings import OMITTED, judge_line
from collector.ingest import Ingest
from collector.judge.criterion import Criterion, load_criterion
from collector.keyfiles import load_or_create
from collector.registry import Subscriber
from collector.services import Services
from collector.store.answers import TransferFact
from collector.view import RecordRow, TransfersView, UndeliveredRow
from shared.delivery import PATIENCE_US
from shared.slots import SlotPlan

DEV, PLAN, SLOT_US, FIRST = "a" * 64, SlotPlan(900, 60), 900_000_000, 2_000_000
LINE = Subscriber(
    "line-1", "Europe/Prague", "short", {"down": {"min_bps": 10_000_000, "advertised_bps": 40_000_000}}, None, 0
)
FACT = TransferFact(DEV, "p" * 64, "sid", 7, "down", 100, 40, 5, None, 200, (), passed=True, removed=False)


MADE = HEAD.replace("down = {}, up = {}", 'down = { needs = ["min_bps"] }')
HALF = """
[[deviation]]
name = "slow"
primitive = "share"
limit = { op = "<", percent = 80, of = "min_bps" }
share_percent = { op = ">=", n = 50 }
"""
RULES = {
    name: load_criterion(text.replace("[basis]", ""), name)
    for name, text in {
        "all": SHORT,
        "run": MADE + COUNT % ("==", 3) + GAP % ("", ">=", 900, "set", "") + SPAN % ("<=", 3600) + HALF,
        "days": MADE + COUNT % (">=", 3) + DAYS % ("", 'window_days = { op = "<=", n = 1 }') + HALF,
    }.items()
}


@pytest.fixture(scope="module")
def rule() -> Criterion:
    """A rule that names no flaw and knows nothing of slots."""
    return load_criterion(SHORT, "short.toml")


def shown(services: Services, line: str = "line-0") -> TransfersView:
    """What the case of a line says."""
    services.indexer.catch_up()
    peers = {key.key_id for key in services.peers.values()}
    return transfers_of(services.store.transfers(line), peers, services.clock.wall_us())


def standings(services: Services) -> list[tuple[int, str]]:
    """Start and standing of what was never delivered."""
    return [(one.seq, one.standing) for one in shown(services).never]


def test_the_two_cases_are_told_apart(services: Services, clock: FakeClock) -> None:
    """A start that later batches pass over is told of at once; one after the last batch when it is long overdue."""
    history = History(services)
    device = history.device("line-0")
    history.batch(device, download(slot=1), download(slot=2))
    history.transfer(device, 1)
    history.transfer(device, 2)
    history.transfer(device, 5)
    assert standings(services) == []
    lost = device.seal(download(slot=4), lost=1)  # the record is number 2; 3 is declared lost
    asyncio.run(Ingest(services).take(device.told(lost, 1, 1)))
    history.transfer(device, 3)
    assert standings(services) == [(3, "passed_over")]
    clock.advance(PATIENCE_US + 1)
    assert standings(services) == [(3, "passed_over"), (5, "overdue")]
    assert shown(services).standings == {"delivered": 2, "overdue": 1, "passed_over": 1}


@pytest.mark.threat("T1")
def test_a_record_that_denies_what_the_peer_has_signed(services: Services) -> None:
    """A good result that a device delivers as not started is told of, whatever reason it gives; so is one under a false name."""
    history = History(services)
    device = history.device("line-0")
    denied = {"end": "not_started", "method": "download", "reason": "battery_low", "slot": 2}
    history.batch(device, denied, {"end": "ok", "method": "latency", "rtt_us": [1]}, download(slot=3))
    for seq in range(3):
        history.transfer(device, seq)
    assert standings(services) == [(0, "denied"), (1, "denied")]


@pytest.mark.threat("T1")
@pytest.mark.parametrize("bears", [True, False])
def test_a_device_put_back_to_before_a_good_result(services: Services, bears: bool) -> None:
    """Measured again under the same number after a good result was thrown away: the first transfer is not delivered by that."""
    history = History(services)
    device = history.device("line-0")
    first = history.transfer(device, 0, sid=sid_of(100), t_us=WALL_US - 9)
    again = history.transfer(device, 0, sid=sid_of(101))
    members = download(slot=1)
    if bears:
        peer = load_or_create(services.config.data / "keys" / "peer.pem")
        members = bearing(members, again, peer)
    history.batch(device, members)
    assert standings(services) == [(0, "denied")]
    assert [one.sid for one in shown(services).never] == [(first if bears else again).sid]


def test_what_retention_has_removed_is_no_omission(services: Services) -> None:
    """Of a start whose batch the collector has removed by its rule nothing is said; nor when that is loaded anew."""
    history = History(services)
    device = history.device("line-0")
    history.batch(device, download(slot=1))
    history.transfer(device, 0)
    services.indexer.catch_up()
    (batch,) = services.store.held_batches(0, 99)
    services.store.forget([batch.entry_no])
    assert shown(services) == TransfersView({"removed": 1})


def test_only_trusted_peers_are_listened_to() -> None:
    """A statement of a peer who is not trusted any more says nothing; the same by a trusted one does."""
    assert transfers_of([FACT], set(), 0) == TransfersView()
    (row,) = transfers_of([FACT], {"p" * 64}, 0).never
    assert (row.seq, row.began_us, row.t_us, row.bytes, row.standing) == (7, 60, 100, 5, "passed_over")


def row(number: int = 0, **changed: object) -> RecordRow:
    """A scheduled download of 1 Mbit/s in slot `FIRST + number`, received at once."""
    at_us = (FIRST + number) * SLOT_US + 1
    told: dict[str, object] = {
        "provenance": "signed", "dev": DEV, "seq": number, "slot": FIRST + number, "at_us": at_us,
        "method": "download", "direction": "down", "end": "ok", "rate_bps": 1_000_000, "rtt_us": None, "loss_pm": None,
        "received_bytes": 1, "dur_us": 1, "failure": None, "stage": None, "reason": None, "flaws": (),
        "network_type": "mobile", "received_us": at_us + 1,
    }  # fmt: skip
    return RecordRow(**told | changed)  # type: ignore[arg-type]


def never(slot: int, standing: str = "overdue", direction: str = "down", seq: int = 1_000) -> UndeliveredRow:
    """A transfer in slot `FIRST + slot` of which only the peer's word came."""
    began_us = (FIRST + slot) * SLOT_US + 5
    return UndeliveredRow(DEV, seq, "sid", "p" * 64, direction, began_us, began_us + 10, 9, standing)


def verdict(rule: Criterion, rows: list[RecordRow], *told: UndeliveredRow) -> str:
    """The verdict over signed rows, with the peer's word."""
    return judge_line(rule, LINE, rows, {}, {DEV: PLAN}, None, never=told)[0].verdict


def slow(*slots: int) -> list[RecordRow]:
    """Slow results in these slots, numbered without a hole."""
    return [row(slot, seq=number) for number, slot in enumerate(slots)]


@pytest.mark.threat("T1")
def test_a_start_kept_back_counts_against_the_claimant(rule: Criterion) -> None:
    """Transfers that only the peer tells of, in free slots, are as good as promised when it comes to a verdict for him."""
    rows = slow(0, 1, 2, 3)
    assert verdict(rule, rows) == "substantiated"
    assert verdict(rule, rows, *(never(slot) for slot in range(4, 8))) == "substantiated"
    told = judge_line(rule, LINE, rows, {}, {DEV: PLAN}, None, never=[never(slot) for slot in range(4, 9)])[0]
    assert (told.verdict, told.findings[0].failed) == ("insufficient_evidence", (OMITTED,))
    assert any("of 5 only the peer's word came" in one for one in told.findings[0].because)


def test_only_free_slots_of_its_direction_are_doubted(rule: Criterion) -> None:
    """A transfer in a slot that shows a test of its direction was another one; one of the other direction is no download."""
    rows = slow(0, 1, 2, 3)
    assert verdict(rule, rows, *(never(slot % 4) for slot in range(9))) == "substantiated"
    assert verdict(rule, rows, *(never(slot, direction="up") for slot in range(4, 13))) == "substantiated"


def test_a_denied_start_is_as_good_as_promised(rule: Criterion) -> None:
    """What the device says was not started, and the peer has signed, counts as if the claimant had stopped it."""
    denied = [row(slot, seq=slot, end="not_started", reason="battery_low", rate_bps=None) for slot in range(4, 9)]
    rows = [*slow(0, 1, 2, 3), *denied]
    assert verdict(rule, rows) == "substantiated"
    assert verdict(rule, rows, *(never(one.seq, "denied", seq=one.seq) for one in denied)) == "insufficient_evidence"


RESULTS = st.lists(st.sampled_from(["slow", "fast", "none", "battery_low"]), min_size=3, max_size=10)
TOLD = st.lists(
    st.tuples(
        st.integers(0, 14), st.sampled_from(["overdue", "passed_over", "denied"]), st.sampled_from(["down", "up"])
    ),
    max_size=8,
)


@given(
    results=RESULTS, told=TOLD, more=TOLD, which=st.sampled_from(sorted(RULES)), opened=st.none() | st.integers(0, 5)
)
@settings(max_examples=300, deadline=None)
def test_more_of_the_peers_words_never_help_the_claimant(
    results: list[str],
    told: list[tuple[int, str, str]],
    more: list[tuple[int, str, str]],
    which: str,
    opened: int | None,
) -> None:
    """Whatever peers add to what was delivered, no verdict becomes one in the claimant's favour."""
    rows = [
        row(
            slot,
            seq=slot,
            **({"end": "not_started", "reason": result, "rate_bps": None} if result == "battery_low" else {}),
        )
        if result != "fast"
        else row(slot, seq=slot, rate_bps=40_000_000)
        for slot, result in enumerate(results)
        if result != "none"
    ]
    opened_us = None if opened is None else (FIRST + opened) * SLOT_US
    found = [
        judge_line(
            RULES[which],
            LINE,
            rows,
            {},
            {DEV: PLAN},
            opened_us,
            never=[never(slot, how, way, slot) for slot, how, way in some],
        )
        for some in ([], told, [*told, *more])
    ]
    favours = [one[0].verdict == "substantiated" for one in found]
    assert favours == sorted(favours, reverse=True)
    assert [len(one) for one in found] == [1, 1, 1]
