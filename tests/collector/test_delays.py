"""Acceptance that is delayed shows, and on whose side (T15): a real probe's agent before a collector that lets it wait."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.days import HOUR, MINUTE, Days, of
from fakes.history import History
from strategies import COLLECTOR, DEVICE

from collector.case import case_of, page_of
from collector.config import Config
from collector.delays import delays_of
from collector.enrol import Portal
from collector.ingest import Ingest
from collector.services import Services
from collector.view import DelayRow, RecordRow
from collector.web.missing import whose
from collector.web.page import render_page
from probe.errors import CollectorSilent
from probe.net.collector import Told
from probe.packed import Packed
from shared.enrolment import NONCE_BYTES, make_request
from shared.record import Record


@dataclass
class Stalling(Days):
    """A device whose batches a collector takes, or does not, as the test says."""

    services: Services | None = None
    answer: str = "take"  # put_off, silent

    async def post_batch(self, packed: Packed) -> Any:
        """Do as it is said."""
        self.tried_us.append(self.clock.mono_us())
        if self.answer == "silent":
            raise CollectorSilent("nobody answers")
        if self.answer == "put_off":
            return Told(503, {"error": "storage_full", "detail": "no room"}, 60_000_000)
        assert self.services is not None
        with ThreadPoolExecutor(1) as aside:  # the ledger's threads keep real time, this loop does not
            told = aside.submit(asyncio.run, Ingest(self.services).take(packed.body)).result()
        return Told(201, {"receipt": json.loads(told.receipt)})


@pytest.fixture
def stalling(tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stalling]:
    """A device that is enrolled with a collector, both by one clock."""
    config = Config(data=tmp_path / "collector")
    (config.data / "keys").mkdir(parents=True, mode=0o700)
    (config.data / "keys" / "collector.pem").write_bytes(COLLECTOR.to_pem())
    (config.data / "keys" / "collector.pem").chmod(0o600)
    services = Services.over_folder(config, clock)
    portal = Portal(services)
    code, _ = portal.give_code(History(services).line("line-0"))
    portal.enrol(code, make_request(code, bytes(NONCE_BYTES), DEVICE))
    device = Stalling(tmp_path / "probe", clock, services=services)
    device.folder.mkdir()
    device.put(monkeypatch)
    yield device
    services.close()


def told_of(records: list[Record]) -> list[Record]:
    """The device's own accounts of delays."""
    return [one for one in of(records, "presence") if one.text("event") == "not_accepted"]


@pytest.mark.threat("T15")
def test_six_hours_of_no_room(stalling: Stalling) -> None:
    """A collector that answers 503 for six hours is named by the records it let wait: how late, how often put off, whose side."""

    def answer(how: str) -> None:
        stalling.answer = how

    records = stalling.run(10 * HOUR, (HOUR, lambda: answer("put_off")), (7 * HOUR, lambda: answer("take")))
    (account,) = told_of(records)
    assert (account.integer("put_off") or 0) >= 6
    assert account.integer("silent") is None
    assert stalling.services is not None
    case, rows, days = page_of(stalling.services, "line-0")
    (delay,) = case.delays
    assert 5 * HOUR < delay.longest_us < 7 * HOUR
    assert delay.records >= 3 * 15
    assert delay.put_off == account.integer("put_off")
    page = render_page(case, rows, days)
    assert f"this collector answered {delay.put_off} times that it would not take them now" in page
    assert "The delay was on the collector’s side" in page
    assert case.verdicts == case_of(stalling.services, "line-0")[0].verdicts
    assert case.counts["signed"].missing_slots <= 1  # nothing of it was lost


@pytest.mark.threat("T15")
def test_nobody_answers(stalling: Stalling) -> None:
    """Of silence nobody can say whose it was, and the page does not."""

    def answer(how: str) -> None:
        stalling.answer = how

    records = stalling.run(5 * HOUR, (HOUR, lambda: answer("silent")), (4 * HOUR, lambda: answer("take")))
    (account,) = told_of(records)
    assert (account.integer("silent") or 0) >= 3
    assert stalling.services is not None
    (delay,) = case_of(stalling.services, "line-0")[0].delays
    assert delay.silent == account.integer("silent")
    assert "look the same" in whose(delay)


def test_a_short_wait_is_none(stalling: Stalling) -> None:
    """A few minutes of 503, as a collector that is started anew answers, are no delay."""

    def answer(how: str) -> None:
        stalling.answer = how

    records = stalling.run(3 * HOUR, (HOUR, lambda: answer("put_off")), (HOUR + 5 * MINUTE, lambda: answer("take")))
    assert told_of(records) == []
    assert stalling.services is not None
    assert case_of(stalling.services, "line-0")[0].delays == ()


ROW = RecordRow("signed", "d" * 64, 0, 1, 1_800_000_000_000_000, "latency", "round_trip", "ok", None, 1, 0, None, None, None, None, None, (), None)  # fmt: skip


def row(seq: int, late_us: int, **changed: Any) -> RecordRow:
    """A record that was received so much later."""
    at_us = ROW.at_us + seq * 900_000_000
    return replace(ROW, seq=seq, at_us=at_us, received_us=at_us + late_us, **changed)


def test_without_an_account() -> None:
    """Late records of which the device says nothing are told as such; a clock that was never set makes none late."""
    rows = [row(0, 60_000_000), row(1, 2 * HOUR), row(2, HOUR + 1), row(3, HOUR), replace(row(4, 9 * HOUR), at_us=7)]
    assert delays_of(rows, {}) == (DelayRow("d" * 64, 2, rows[1].at_us, rows[1].received_us, 2 * HOUR),)
    assert whose(delays_of(rows, {})[0]) == "the device recorded no try in vain: it may have been off, or kept them"


@pytest.mark.parametrize("note", [{}, {"event": "not_accepted"}, {"event": "not_accepted", "since_wall_us": "x"}])
def test_accounts_that_cannot_be_read(note: dict[str, Any]) -> None:
    """A note that is none is passed over, and a count that is none is nought."""
    rows = [row(1, 2 * HOUR), row(2, 0, method="presence")]
    assert delays_of(rows, {"d" * 64: {2: note}})[0].put_off == 0
    spoilt = {"event": "not_accepted", "since_wall_us": 0, "put_off": "many", "refused": 2, "silent": 1}
    (delay,) = delays_of(rows, {"d" * 64: {2: spoilt}})
    assert (delay.put_off, delay.refused, delay.silent) == (0, 2, 1)
    assert "answered 2 times that it would not take them at all; 1 try had no answer. The delay" in whose(delay)
