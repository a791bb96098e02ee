"""Making a report from a collector's data."""

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.history import History
from fakes.reported import Reported
from fakes.stamping import stamping
from fakes.tsa import Tsa

from collector.config import Config
from collector.errors import BadRequest, NotFound, NoTimeStamp
from collector.report.make import WITH_TIME, WITHOUT, make_report
from collector.services import Services
from shared.errors import NoKey, NoTool


def test_with_and_without_an_authority(report: Reported) -> None:
    """With an authority in the settings the report bears its time-stamp, without one it is a lesser signature, and says so."""
    assert (report.made.level, report.plain.level) == (WITH_TIME, WITHOUT)
    assert report.made.whole and report.plain.whole
    assert len(report.made.pdf) < 2_000_000


def test_nobody(report: Reported) -> None:
    """There is no report on somebody who is not there."""
    with pytest.raises(NotFound):
        make_report(report.services, "nobody")


@pytest.mark.parametrize("module", ["fpdf", "pyhanko"])
def test_without_the_extra(report: Reported, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """A collector without the extra says what to install."""
    for name in ("collector.report.pages", "collector.report.picture", "collector.report.sign"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NoTool, match=r"pip install 'speedproof\[report\]'"):
        make_report(report.services, "line-0")


@pytest.mark.parametrize("wrong", ["500", "nonsense", "other bytes"])
def test_an_authority_that_fails(tmp_path: Path, wrong: str) -> None:
    """No report goes out that says it is stamped and is not: an authority that does not answer as it should is named."""
    with stamping(Tsa.begin(tmp_path / "tsa")) as stamps:
        config = Config(tmp_path / "data", tsa=stamps.url, tsa_roots=stamps.roots)
        with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
            History(services).line("line-0")
            stamps.wrong = wrong
            with pytest.raises(NoTimeStamp, match="time-stamping authority http"):
                make_report(services, "line-0")


def test_a_line_of_which_nothing_is_known(tmp_path: Path) -> None:
    """A subscriber without a device has a report all the same."""
    with contextlib.closing(Services.over_folder(Config(tmp_path), FakeClock())) as services:
        History(services).line("line-0")
        assert make_report(services, "line-0").whole


def test_settings_that_do_not_fit(tmp_path: Path, report: Reported) -> None:
    """A certificate or roots that cannot be read are named, and nothing is made."""
    services = report.services
    config = services.config
    try:
        services.config = replace(config, report_cert=tmp_path / "none.pem")
        with pytest.raises(NoKey, match="report_cert"):
            make_report(services, "line-0")
        services.config = replace(config, tsa_roots=tmp_path / "none.pem")
        with pytest.raises(BadRequest, match="tsa_roots"):
            make_report(services, "line-0")
    finally:
        services.config = config
