"""One real case with two devices, complaints, a refused batch and an import, and its evidence file."""

import contextlib
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pytest
from fakes.case import Case
from fakes.clock import FakeClock
from fakes.history import History
from fakes.scripted import NODE, Scripts, scripts, told_alike

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.services import Services


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture
def zip_of() -> Callable[[Mapping[str, bytes]], bytes]:
    """Make a zip."""
    return zipped


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    """The scripts of `verify.html` under Node."""
    with scripts(tmp_path_factory.mktemp("node")) as started:
        yield started


@pytest.fixture(autouse=True)
def _one_verdict(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the tests of this folder check, the page is asked too, and has to tell the same."""
    if NODE is not None and hasattr(request.module, "check_evidence"):
        asked: Scripts = request.getfixturevalue("node")
        monkeypatch.setattr(request.module, "check_evidence", partial(told_alike, asked))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """The case of `line-0`."""
    config = Config(data=tmp_path_factory.mktemp("data"))
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        history = History(services)
        history.eventful()
        yield Case(services, history, make_evidence(services, "line-0"))
