"""Probe and collector across a real emulated 4G link."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from line import Line, trace

pytestmark = [pytest.mark.root, pytest.mark.slow]
LineOver = Callable[..., Line]
SLOT_S = 16  # room for the methods of a whole slot with the tiny plan


def measured(line: Line) -> list[Any]:
    """Run the agent until three slots carry a download that reached the collector; the verdicts of the case."""
    agent = line.probe_started("run", "--plan", "tiny", "--heavy-every", "1")
    line.until(lambda: finished(line) >= 3, 150, "three scheduled downloads at the collector")
    agent.send_signal(signal.SIGTERM)
    agent.communicate(timeout=10)
    verdicts: list[Any] = line.case()["verdicts"]
    return verdicts


def finished(line: Line) -> int:
    """Downloads that the verdict counts."""
    return int(line.case()["verdicts"][0]["findings"][0]["samples_used"])


def test_a_good_lte_trace_shows_no_deviation(line_over: LineOver) -> None:
    """A complaint about a line that keeps its promise is not substantiated, and the page of the case says so."""
    line = line_over(slot_s=SLOT_S, rtt_ms=40, **trace("TMobile-LTE-short"))
    assert line.probe("complain", "nothing loads").returncode == 0
    verdict = measured(line)[0]
    assert verdict["verdict"] == "not_substantiated"
    assert verdict["provenance"] == "signed"
    assert verdict["findings"][0]["phase"] == "after"
    counts = line.case()["counts"]["signed"]
    assert counts["ok"] >= 12
    assert counts["missing_slots"] <= 1


def test_a_starved_link_is_substantiated_and_its_evidence_holds(line_over: LineOver) -> None:
    """A link shaped below the contract's minimum meets the rule, and the evidence of it is checked offline."""
    line = line_over(slot_s=SLOT_S, rtt_ms=40, down_mbps=1, up_mbps=5)
    verdict = measured(line)[0]
    assert verdict["verdict"] == "substantiated"
    assert verdict["findings"][0]["met"] == ["slow"]
    assert line.case()["verdicts"][0]["words"].count("would meet rule short") == 1
    evidence = line.folder / "evidence.zip"
    line.collector("evidence", "line-1", "--out", str(evidence), "--criteria", str(line.folder / "criteria"))
    done = line.emulator.run(
        [str(line.probe_command()[0]).replace("speedproof-probe", "speedproof-verify"), str(evidence), "--json"],
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["holds"] is True


def test_a_link_that_dies_in_mid_download_leaves_a_failed_record_that_arrives_later(line_over: LineOver) -> None:
    """The failure is measured, kept while the link is dead, and delivered once it is back."""
    line = line_over(slot_s=900, rtt_ms=40, **trace("TMobile-LTE-short"))
    download = line.probe_started("once", "--method", "download", "--plan", "quick", "--json")
    line.until(lambda: line.emulator.stats()["down"]["tx_bytes"] > 500_000, 20, "the download is under way")
    line.emulator.outage(on=True)
    out, _ = download.communicate(timeout=60)
    told = json.loads(out)
    assert download.returncode == 1
    assert told["receipts"] == []
    failed = told["records"][0]
    assert (failed["end"], failed["failure"], failed["stage"]) == ("failed", "generic_timeout_error", "body")
    assert failed["received_bytes"] > 100_000
    line.emulator.outage(on=False)
    again = json.loads(line.probe("once", "--method", "latency", "--json").stdout)
    assert [receipt["batch"] for receipt in again["receipts"]] == [0, 1]
    counts = line.case()["counts"]["signed"]
    assert (counts["ok"], counts["failed"], counts["by_hand"]) == (1, 1, 2)
