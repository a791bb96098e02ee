"""What is missing of a line is in its evidence, as the checker finds it again, and whoever paints it over is found out."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.case import Case
from fakes.clock import FakeClock
from fakes.cosign import bearing, transfer
from fakes.device import Device, download
from fakes.history import History

from collector.case import case_of
from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.keyfiles import load_or_create
from collector.services import Services
from shared.slots import HEAVY_EVERY, is_heavy
from shared.strictjson import JsonObject

SLOT_US = 900_000_000
FIRST = 2_000_000  # the slot in which the collector begins


def in_slot(slot: int, **members: Any) -> JsonObject:
    """A download of a slot, of 10 Mbit/s where 40 are promised."""
    return download(slot=slot, wall_us=slot * SLOT_US + 1_000_000, **members)


def latency(slot: int, **members: Any) -> JsonObject:
    """A latency test of a slot."""
    record = {"end": "ok", "method": "latency", "rtt_us": [30_000], "slot": slot, "wall_us": slot * SLOT_US + 2_000_000}
    return record | members  # type: ignore[operator]


def fast(slot: int) -> JsonObject:
    """A download as fast as promised."""
    return in_slot(slot, received_bytes=5_000_000)


PUT_OFF: JsonObject = {
    "end": "ok", "event": "not_accepted", "method": "presence", "wall_us": FIRST * SLOT_US + 5, "put_off": 7, "silent": 2,
}  # fmt: skip


def heavy_slots(device: Device, n: int) -> list[int]:
    """The first slots in which the schedule wants a download."""
    return [slot for slot in range(FIRST, FIRST + n * HEAVY_EVERY) if is_heavy(device.dev, slot)]


@pytest.fixture
def clock() -> FakeClock:
    """The collector's."""
    return FakeClock(FIRST * SLOT_US)


@pytest.fixture
def case(tmp_path_factory: pytest.TempPathFactory, clock: FakeClock) -> Iterator[Case]:
    """A line of which slots are missing, records are lost, a chain forked, and tests were made by hand."""
    config = Config(data=tmp_path_factory.mktemp("data"))
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        history = History(services)
        one, two = history.device("line-0"), history.device("line-0")
        slow, good, failed, flawed, *_ = heavy_slots(one, 6)
        clock.advance(6 * HEAVY_EVERY * SLOT_US)
        history.batch(one, in_slot(slow), fast(good), in_slot(failed, end="failed", failure="eof_error"))
        body = one.seal(in_slot(flawed, flaws=["cross_traffic"]), latency(FIRST), lost=2)
        history.refused(body)  # taken
        one.told(body, 2, 2)
        by_hand = {name: value for name, value in fast(FIRST).items() if name != "slot"}
        history.batch(one, latency(FIRST + 1), by_hand, PUT_OFF)
        history.batch(two, latency(FIRST + 3, end="failed", failure="generic_timeout_error"))
        history.refused(two.seal(latency(FIRST + 4), batch=0, prev="0" * 64, first_seq=0))
        clock.advance(3 * SLOT_US)
        yield Case(services, history, make_evidence(services, "line-0"))


def step_of(files: dict[str, bytes]) -> Step:
    """The step that asks what is missing, which is the first one that may fail here."""
    steps = check_evidence(files)
    assert all(step.holds for step in steps if step.name != "omission")
    return next(step for step in steps if step.name == "omission")


def test_what_is_missing_is_told(case: Case) -> None:
    """Bound, coverage, numbers, forks and tests by hand are in the checker's words; the figures are those of the case."""
    step = step_of(case.files)
    assert step.holds, step.detail
    one, two = case.history.devices
    ends = {one.dev: FIRST + 6 * HEAVY_EVERY + 3, two.dev: FIRST + 6 * HEAVY_EVERY}
    wanted = sum(is_heavy(dev, slot) for dev, end in ends.items() for slot in range(FIRST, end))
    assert f"of {wanted} that were wanted (2 are shown, {wanted - 3} are missing; coverage" in step.detail
    assert f"2 numbers without a record ({one.dev[:8]}: 5 to 6)" in step.detail
    assert f"a fork: two batches 0 of {two.dev[:8]}" in step.detail
    assert step.detail.endswith("1 tests by hand, in no statistics")
    assert "records came more than an hour after they were made (at most 24.0 h)" in step.detail
    assert "the devices recorded: 7 put off by the collector, 0 refused, 2 unanswered" in step.detail
    view = case_of(case.services, "line-0")[0].omission
    assert view is not None
    told = json.loads(case.files["case.json"])["omission"]
    assert [one["day"] for one in told["windows"]] == [window.day for window in view.windows]
    assert sum(window.slow for window in view.windows if window.way == "down") == 2
    assert (
        sum(window.slow for window in view.windows if window.way == "any") == 2
    )  # a download and a latency test failed


def test_a_forked_device_has_no_slots_after_that(case: Case) -> None:
    """Nothing is taken from a frozen key, so nothing of it is missing."""
    view = case_of(case.services, "line-0")[0].omission
    assert view is not None
    assert sorted(one.stop_slot - one.first_slot for one in view.planned) == [6 * HEAVY_EVERY, 6 * HEAVY_EVERY + 3]


def told_otherwise(case: Case, change: Callable[[Any], object]) -> dict[str, bytes]:
    """The evidence with another account of what is missing, signed anew by the collector."""
    files = case.files
    told = json.loads(files["case.json"])
    change(told)
    files["case.json"] = json.dumps(told).encode()
    return case.signed_anew(files)


def shorten(told: Any) -> None:
    """Ask about fewer slots, with windows that fit."""
    told["omission"]["planned"][0]["first_slot"] += 200
    told["omission"]["windows"] = []


LIES: dict[str, tuple[Callable[[Any], object], str]] = {
    "fewer_missing": (lambda told: told["omission"]["windows"][0].update(missing=0), "the bound it tells is not that"),
    "more_slow": (lambda told: told["omission"]["windows"][0].update(slow=5), "the bound it tells is not that"),
    "a_window_less": (lambda told: told["omission"]["windows"].pop(), "the bound it tells is not that"),
    "no_gaps": (lambda told: told["omission"].update(gaps=[]), "the gaps it tells"),
    "less_by_hand": (
        lambda told: told["counts"]["signed"].update(by_hand=0),
        "it tells of 0 tests by hand, there are 1",
    ),
    "fewer_slots": (shorten, "it asks about slots"),
    "a_device_less": (lambda told: told["omission"]["planned"].pop(), "each device once"),
    "another_promise": (lambda told: told["omission"]["least_bps"].update(down=1), "no readable way"),
    "huge": (lambda told: told["omission"]["planned"][0].update(stop_slot=2**52), "no readable way"),
    "no_heavy_slots": (lambda told: told["omission"].update(heavy_every=0), "no readable way"),
    "text": (lambda told: told["omission"]["planned"][0].update(slot_s="x"), "no readable way"),
    "no_list": (lambda told: told["omission"].update(windows={}), "no readable way"),
    "nobody": (lambda told: told["omission"]["planned"][0].update(dev=None), "no readable way"),
    "no_number_by_hand": (lambda told: told["counts"]["signed"].update(by_hand=None), "no readable way"),
    "a_fraction_by_hand": (lambda told: told["counts"]["signed"].update(by_hand=1.0), "no readable way"),
    "hardly_any_heavy_slots": (
        lambda told: told["omission"].update(heavy_every=10**30),
        "the bound it tells is not that",
    ),
    "slots_without_end": (lambda told: told["omission"]["planned"][0].update(slot_s=10**30), "it asks about slots"),
    "ends_early": (
        lambda told: [one.update(stop_slot=one["stop_slot"] - 1) for one in told["omission"]["planned"]],
        "it asks about slots",
    ),
    "a_word": (lambda told: told.update(omission="none"), "no readable way"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_what_is_missing(case: Case, lie: str) -> None:
    """Whoever holds the collector's key and tells of less, or of more, than the signed records show fails this step."""
    change, why = LIES[lie]
    step = step_of(told_otherwise(case, change))
    assert not step.holds
    assert why in step.detail


def test_evidence_from_before(case: Case) -> None:
    """A case that was made before this was asked holds, and says so; forks are told all the same."""
    step = step_of(told_otherwise(case, lambda told: told.pop("omission")))
    assert step.holds
    assert step.detail.startswith("the case was made before it told of what is missing; a fork: two batches 0")


def test_what_was_kept_aside_was_signed_by_a_device(case: Case) -> None:
    """A batch that is shown as contradicting the chain must be one: an invented one is named."""
    files = case.files
    name = next(name for name in files if name.startswith("refused/"))
    files[name] = files[name].replace(b'"ok"', b'"no"').replace(b"30000", b"30001")
    step = step_of(case.signed_anew(files))
    assert not step.holds
    assert step.detail.startswith(f"{name}: ")


def test_what_a_slow_reader_or_a_late_test_shows(tmp_path: Path, clock: FakeClock) -> None:
    """A transfer whose peer waited for the reader counts in nothing; one that ran into the next slot does, no later one."""
    with contextlib.closing(Services.over_folder(Config(data=tmp_path / "data"), clock)) as services:
        history = History(services)
        device = history.device("line-0")
        peer = load_or_create(services.config.data / "keys" / "peer.pem")
        waited, next_one, too_late = heavy_slots(device, 4)[:3]
        said = transfer(device.dev, seq=0, rwnd_limited_pm=900)
        late = [in_slot(slot) | {"wall_us": (slot + by) * SLOT_US + 5} for slot, by in ((next_one, 1), (too_late, 2))]
        clock.advance(4 * HEAVY_EVERY * SLOT_US)
        history.batch(device, bearing(in_slot(waited), said, peer), *late)
        step = step_of(Case(services, history, make_evidence(services, "line-0")).files)
    assert "(1 are shown, 3 are missing" in step.detail, step.detail
