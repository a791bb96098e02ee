"""From errors to answers: every error has its row, and is answered with it over HTTP."""

import contextlib
from collections.abc import Iterator

import pytest
from fakes.clock import FakeClock
from fakes.served import Served, serving

from collector import commands
from collector import errors as ours
from collector.api.problems import MEDIA_TYPE, RETRY_AFTER_S, STATUS, problem, status_of
from collector.command import CommandFailed
from collector.config import Config
from collector.crew import CrewFailed, DidNotComeUp
from collector.services import Services
from collector.up import CannotStart
from shared import errors as theirs
from shared.errors import ChainGap, Expected, Refused, SpeedproofError

for each in commands.COMMANDS:  # so that every error of this side is known
    commands.command(each)
NEVER_OVER_HTTP = {CommandFailed, CannotStart, CrewFailed, DidNotComeUp}  # the command line's own


def leaves(kind: type[SpeedproofError]) -> Iterator[type[SpeedproofError]]:
    """The errors that are really raised: those nobody derives from, of shared and of this side."""
    below = [one for one in kind.__subclasses__() if one.__module__.split(".")[0] in ("shared", "collector")]
    for one in below:
        yield from leaves(one)
    if not below or kind is theirs.Malformed:
        yield kind


def of_modules(*modules: object) -> set[type[SpeedproofError]]:
    """The errors two modules define."""
    found = {value for module in modules for value in vars(module).values() if isinstance(value, type)}
    return {one for one in found if issubclass(one, SpeedproofError)}


KINDS = sorted(set(leaves(SpeedproofError)) - NEVER_OVER_HTTP, key=lambda kind: kind.__name__)


def test_every_error_has_its_row() -> None:
    """No error of either side is answered by accident: each leaf of both trees stands in the table itself."""
    assert set(KINDS) <= set(STATUS)
    assert of_modules(ours, theirs) - {SpeedproofError, ours.CollectorError, Refused} <= set(STATUS)


def test_names_are_those_of_the_errors() -> None:
    """A refusal has one name, wherever it is told."""
    for kind, (_, name) in STATUS.items():
        if issubclass(kind, Refused):
            assert name == kind.error


def test_unknown_error_is_not_a_refusal() -> None:
    """An error without a row is the server's fault and says nothing else."""
    assert status_of(SpeedproofError("x"))[0] == 500


def test_problem_of_a_gap() -> None:
    """A 409 of a chain carries what the chain waits for."""
    status, headers, body = problem(ChainGap(11, "missing", Expected(3, 9, "ab")))
    assert (status, headers) == (409, {"Content-Type": MEDIA_TYPE})
    assert body == {
        "type": "about:blank", "title": "Conflict", "status": 409, "error": "chain_gap", "detail": "missing", "step": 11,
        "expect_batch": 3, "expect_seq": 9, "head": "ab",
    }  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One collector for all errors of this module."""
    config = Config(data=tmp_path_factory.mktemp("data"))
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services, serving(services) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_error_over_http(served: Served, monkeypatch: pytest.MonkeyPatch, kind: type[SpeedproofError]) -> None:
    """Raised behind a route, an error arrives as the status and name of its row; a browser gets a page instead."""

    def fail(*_: object) -> None:
        raise kind(4, "as told") if issubclass(kind, Refused) else kind("as told")

    monkeypatch.setattr("collector.desk.run", fail)
    answer = served.command("judge", {})
    status, name = STATUS[kind]
    assert (answer.status, answer.error) == (status, name)
    assert "as told" in answer.told["detail"]
    waits_s = {one.headers.get("retry-after") for one in (answer, served.command("judge", {}))}
    assert (waits_s == {None}) is (status != 503)
    assert all(RETRY_AFTER_S <= int(one) <= 2 * RETRY_AFTER_S for one in waits_s if one is not None)
    headers = {"Authorization": f"Bearer {served.token}", "Content-Type": "application/json", "Accept": "text/html"}
    page = served.send("POST", "/v1/desk/judge", b"{}", headers)
    assert (page.status, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert ("retry-after" in page.headers) is (status == 503)


def test_waits_are_drawn() -> None:
    """Those who are sent away are not all told the same moment."""
    assert len({problem(ours.Overloaded("x"))[1]["Retry-After"] for _ in range(60)}) > 10
