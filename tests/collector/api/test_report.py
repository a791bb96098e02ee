"""The report and the evidence file over HTTP: for whoever may see the page, and nobody else."""

import contextlib
import json
from collections.abc import Iterator

import pytest
from fakes.clock import FakeClock
from fakes.history import History
from fakes.served import Answer, Served, serving

from collector.config import Config
from collector.evidence.archive import read_archive
from collector.evidence.check import check_evidence
from collector.evidence.logged import Trust
from collector.evidence.report import check_report
from collector.services import Services


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A collector that listens, with a case."""
    config = Config(tmp_path_factory.mktemp("data"))
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        History(services).eventful()
        with serving(services) as made:
            yield made


def get(served: Served, path: str, token: str | None = None) -> Answer:
    """Look as a browser that has the desk's cookie, or another."""
    return served.send("GET", path, headers={"Cookie": f"speedproof_desk={token or served.token}"})


def test_both_files(served: Served) -> None:
    """The files come as attachments, and hold."""
    report, evidence = (get(served, f"/subscriber/line-0/{name}") for name in ("report.pdf", "evidence.zip"))
    assert (report.status, evidence.status) == (200, 200)
    assert report.headers["content-type"] == "application/pdf"
    assert report.headers["content-disposition"] == 'attachment; filename="report.pdf"'
    assert check_report(report.body, Trust()).holds
    assert all(step.holds for step in check_evidence(read_archive(evidence.body)))


@pytest.mark.parametrize("name", ["report.pdf", "evidence.zip"])
def test_not_for_everybody(served: Served, name: str) -> None:
    """Without the desk's token there is nothing, of a stranger there is nothing, and a key in the address goes away."""
    assert get(served, f"/subscriber/line-0/{name}", "wrong").error == "not_allowed"
    assert get(served, f"/subscriber/nobody/{name}").error == "not_found"
    moved = get(served, f"/subscriber/line-0/{name}?key={served.token}")
    assert (moved.status, moved.headers["location"]) == (303, f"/subscriber/line-0/{name}")


def test_the_page_leads_to_them(served: Served) -> None:
    """The page of a line links both."""
    page = get(served, "/subscriber/line-0").body.decode()
    assert 'href="/subscriber/line-0/report.pdf"' in page
    assert 'href="/subscriber/line-0/evidence.zip"' in page


def test_the_command_says_what_it_made(served: Served) -> None:
    """The desk's command tells length, kind of signature, and whether all is in it."""
    told = json.loads(served.command("report", {"subscriber": "line-0"}).body)
    assert (told["signature"], told["whole"]) == ("PAdES-B-B", True)
    assert told["bytes"] < 2_000_000
