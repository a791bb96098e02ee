"""A bundle out of an evidence file, as a collector with a time-stamping authority makes it, before Sigstore's own verifier (npm)."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.case import Case
from fakes.clock import FakeClock
from fakes.history import History
from fakes.stamping import stamping
from fakes.tsa import Tsa

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import steps_of
from collector.evidence.found import Found
from collector.evidence.logged import Trust
from collector.evidence.sigstore import TRUSTED_ROOT, taken_out
from collector.evidence.stamped import TOKENS, sigstore_bundle
from collector.services import Services

from .test_sigstore import CHANGES, Given, changed, sigstore

__all__ = ["sigstore"]  # the fixture
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """The newest batch of a case, of which the collector asked for a token when it made the evidence."""
    folder = tmp_path_factory.mktemp("x")
    tsa = Tsa.begin(folder / "tsa")
    with stamping(tsa) as there, contextlib.ExitStack() as opened:
        config = Config(data=folder / "data", tsa=there.url, tsa_roots=there.roots)
        services = opened.enter_context(contextlib.closing(Services.over_folder(config, FakeClock())))
        history = History(services)
        history.eventful()
        services.stamps.start()
        case = Case(services, history, make_evidence(services, "line-0"))
        name = json.loads(case.files[TOKENS].splitlines()[0])["of"]
        device = next(one for one in history.devices if one.dev in name)
        bundle = sigstore_bundle(case.files, name, device.key.public, services.log_key.public)
        yield Given(json.loads(bundle), device, services.log_key, tsa, trusted_of(case, there.roots))


def trusted_of(case: Case, roots: Path) -> dict[str, Any]:
    """The root of trust that our own checker writes for others."""
    found = Found(case.files, Trust(vkey=case.services.log_key.public.vkey, tsa_roots=roots.read_bytes()))
    assert all(one.holds for one in steps_of(found))
    told: dict[str, Any] = json.loads(taken_out(found)[TRUSTED_ROOT])
    return told


@pytest.mark.usefixtures("sigstore")
def test_a_bundle_out_of_evidence(given: Given) -> None:
    """Sigstore's verifier accepts it by the root of trust that `speedproof-verify --bundles` writes; not with a change."""
    assert given.ours(given.bundle)
    assert given.outside(given.bundle) == ["ok"]
    changes = {
        name: change
        for name, change in CHANGES.items()
        if name not in ("root", "size", "checkpoint's size", "checkpoint's origin")
    }
    assert "ok" not in given.outside(*(changed(given.bundle, change) for change in changes.values()))
