"""A campaign through the whole collector: from a batch to the index, the verdict and the page."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.campaigns import campaign_of
from fakes.clock import FakeClock
from fakes.device import Device, download
from fakes.history import History

from collector.case import case_of
from collector.config import Config
from collector.services import Services
from collector.view import CaseView, RecordRow
from collector.web import words
from collector.web.page import render_page
from shared.campaign import stopped
from shared.criteria.files import shipped
from shared.sampling import read_rule
from shared.strictjson import JsonObject

RULE = read_rule(shipped()["cz-mobile-cert.toml"], "cz-mobile-cert.toml")
NOW_US = 1_800_000_000_000_000
CAMPAIGN = campaign_of(RULE, "Europe/Prague", NOW_US)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A collector that is three hours older than the campaign's plan."""
    with contextlib.closing(Services.over_folder(Config(data=tmp_path / "data"), FakeClock(NOW_US))) as services:
        yield History(services)


def downloads_of(*ks: int) -> list[JsonObject]:
    """Downloads of the campaign's starts."""
    return [
        {name: value for name, value in download(wall_us=CAMPAIGN.starts_us[k]).items() if name != "slot"}
        | {"campaign": CAMPAIGN.id, "k": k}
        for k in ks
    ]


def told_by(history: History, device: Device, *records: JsonObject) -> tuple[CaseView, list[RecordRow]]:
    """The case after one more batch, which arrives when the campaign is over."""
    history.batch(device, CAMPAIGN.members() | {"wall_us": NOW_US})
    clock = history.services.clock
    assert isinstance(clock, FakeClock)
    clock.advance(CAMPAIGN.until_us - NOW_US)
    history.batch(device, *records)
    return case_of(history.services, "line-0")


def test_a_campaign_is_judged_from_what_was_received(history: History) -> None:
    """Plan and tests come through the index as they were signed; nothing of it was started by hand."""
    case, rows = told_by(history, history.device("line-0"), *downloads_of(*range(6)))
    finding = case.verdicts[0].findings[0]
    assert (finding.campaign, finding.windows_looked_at) == (CAMPAIGN.id, 1)
    assert {"count", "duration_60min"}.isdisjoint(finding.failed)
    assert "received before its first start" in finding.because[-1]
    assert case.counts["signed"].by_hand == 0
    assert [(row.campaign, row.k) for row in rows if row.method == "download"] == [(CAMPAIGN.id, k) for k in range(6)]


def test_the_page_says_which_campaign(history: History) -> None:
    """Its name, that it was fixed beforehand, how many were tried; records say what wanted them."""
    page = render_page(*told_by(history, history.device("line-0"), *downloads_of(0, 1), stopped(CAMPAIGN.id)))
    assert f"<bdi>{CAMPAIGN.id}</bdi>, fixed beforehand" in page
    assert "Campaigns and windows tried" in page
    assert "a plan of tests was fixed beforehand, or given up" in page
    assert "signed by the device only, campaign" in page
    assert "given up before its end" in page


def test_members_of_another_kind_are_no_campaign(history: History) -> None:
    """Whatever a device writes there, the page and the verdict stand."""
    odd = [one | {"campaign": 5, "k": "x"} for one in downloads_of(0)]
    slotted = download(wall_us=NOW_US) | {"campaign": CAMPAIGN.id, "k": 0}
    case, rows = told_by(history, history.device("line-0"), *odd, slotted)
    assert render_page(case, rows)
    assert [row.campaign for row in rows if row.slot is not None] == [None]
    assert [row.k for row in rows if row.campaign == "5"] == [None]


def test_every_reason_has_words() -> None:
    """No reason of a campaign is shown by its code name."""
    for reason in ("campaign", "campaign_unknown", "campaign_mismatch", "campaign_repeated", "campaign_stopped"):
        ((_, told),) = words.left_out([(0, reason)])
        assert told != reason.replace("_", " ")


def test_a_campaigns_test_is_marked_as_wanted() -> None:
    """It is no test by hand, in words as in the chart."""
    row = RecordRow(
        "signed", "a" * 64, 1, None, NOW_US, "download", "down", "ok", 1, None, None, 1, 1, None, None, None, (), "mobile",
        campaign="c", k=0,
    )  # fmt: skip
    assert words.origin(row) == "signed, campaign"
    assert words.origin(replace(row, campaign=None)) == "signed, by hand"
