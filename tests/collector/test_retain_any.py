"""Whatever happened to a collector, whatever the rule and wherever its run is cut off: what proves stays, what is held is whole."""

import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from fakes.aged import aged, checked, entries_of, retain_all_of
from fakes.clock import FakeClock
from fakes.history import History
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import record_members

from collector.ledger.frame import Entry, EntryKind
from collector.ledger.names import segments
from collector.ledger.seals import seal_beside
from collector.ledger.snapshot import chains_of
from collector.rebuild import rebuild
from collector.retain import DAY_US, candidates, retain
from collector.services import Services
from shared.strictjson import JsonObject

Happened = tuple[str, int, list[JsonObject], int]
STEPS = ("prepare", "enter", "put in place", "forget", "remove", "end")
LINES = tuple(f"line-{number}" for number in range(3))


@st.composite
def happenings(draw: st.DrawFn) -> list[Happened]:
    """What happens: a kind, to which device, the records it carries, how many days pass after it."""
    kinds = ["device", "batch", "batch", "batch", "batch", "fork", "complaint", "import"]
    return [
        (
            draw(st.sampled_from(kinds)),
            draw(st.integers(0, 3)),
            draw(st.lists(record_members(0), min_size=1, max_size=3)),
            draw(st.integers(0, 4)),
        )
        for _ in range(draw(st.integers(4, 12)))
    ]


def happen(history: History, clock: FakeClock, happened: Sequence[Happened]) -> None:
    """Let it happen."""
    history.device(LINES[0])
    for kind, number, records, days in happened:
        device = history.devices[number % len(history.devices)]
        frozen = history.services.registry.devices[device.dev].frozen_us
        match kind:
            case "device":
                history.device(LINES[number % len(LINES)])
            case "fork":
                history.refused(device.seal(*records, prev="2" * 64))
                if device.batch:
                    history.refused(device.seal(*records, batch=0, prev="0" * 64, first_seq=0))
            case "batch" if not frozen:
                history.batch(device, *records)
            case "complaint" if not frozen:
                history.complaint(device, f"It is slow, I said {number} times")
            case "import":
                history.imported(LINES[0], records)
        clock.advance(days * DAY_US)


def wanted_gone(services: Services, entries: Sequence[Entry], days: int, now_us: int) -> set[int]:
    """Which batches the rule removes, by a look at all entries of all segments that are sealed and not the newest."""
    since_us = now_us - days * DAY_US
    line_of = {dev: device.subscriber for dev, device in services.registry.devices.items()}
    holding = {one.meta["subscriber"] for one in entries if one.kind is EntryKind.COMPLAINT and one.at_us >= since_us}
    gone: set[int] = set()
    for path in segments(services.ledger.folder)[:-1]:
        batches = [one for one in entries if one.segment == path.name and one.kind is EntryKind.BATCH]
        if seal_beside(path) is not None and all(one.at_us < since_us for one in batches):
            gone |= {one.no for one in batches if line_of[str(one.meta["dev"])] not in holding}
    return gone


def known_of(services: Services) -> dict[str, Any]:
    """What a collector knows without its index."""
    chains, _ = chains_of(services.ledger.folder, services.ledger.last_no)
    found: dict[str, Any] = {"standings": chains.standings, "refused": chains.refused}
    for name in ("subscribers", "devices", "codes", "complaints", "refused", "imports", "readings"):
        found[f"registry {name}"] = getattr(services.registry, name)
    return found


def figures_of(services: Services) -> list[Any]:
    """The figures of days, and what was accepted."""
    services.indexer.catch_up()
    store, found = services.store, list[Any]()
    for line in LINES:
        found += [store.line_days(line), store.devices(line), store.complaints(line), store.alarms(line)]
    return [*found, store.cell_days("23001", 1), [store.accepted(dev, 0) for dev in services.registry.devices]]


@pytest.mark.slow
@given(
    happened=happenings(),
    segment_bytes=st.integers(1, 12_000),
    days=st.integers(1, 20),
    at=st.sampled_from(STEPS),
    place=st.integers(0, 8),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whatever_happened(
    tmp_path_factory: pytest.TempPathFactory,
    happened: list[Happened],
    segment_bytes: int,
    days: int,
    at: str,
    place: int,
) -> None:
    """All headers stay; held and young bodies stay byte for byte; chains, lines and figures are unchanged; a check finds nothing."""
    data, clock = tmp_path_factory.mktemp("any") / "data", FakeClock()

    def stop(step: str) -> None:
        if step == at:
            raise InterruptedError

    with aged(data, clock, segment_bytes) as services:
        happen(History(services), clock, happened)
        before, known, figures = entries_of(services), known_of(services), figures_of(services)
        names = candidates(services)
        with contextlib.suppress(InterruptedError):
            for name in names[place % len(names) :][:1] if names else ():
                retain(services, name, days, stop)
        assert checked(services) == []
    with aged(data, clock, segment_bytes) as services:
        while any(one.removed for one in retain_all_of(services, days)):
            pass  # a run adds entries, so a segment that was the newest may be treated by the next one
        assert checked(services) == []
        gone = wanted_gone(services, before, days, clock.wall_us())
        assert figures_of(services) == figures
        digest = services.store.digest()
    with aged(data, clock, segment_bytes) as services:
        after = entries_of(services)
        assert known_of(services) == known
        config = services.config
    assert {entry.no for entry in after if entry.gone} == gone
    for old, new in zip(before, after, strict=False):
        assert (old.no, old.kind, old.at_us, old.meta) == (new.no, new.kind, new.at_us, new.meta)
        assert new.body == (old.body.partition(b"\n")[0] + b"\n" if new.no in gone else old.body)
    assert rebuild(config, lambda *_: None).after == digest
    with aged(data, clock, segment_bytes) as services:
        assert figures_of(services) == figures
