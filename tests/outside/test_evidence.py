"""A bundle out of an evidence file, as a collector with a time-stamping authority makes it, before Sigstore's own verifier (npm)."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.case import Case
from fakes.clock import FakeClock
from fakes.history import History
from fakes.stamping import stamping
from fakes.tsa import Tsa

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import steps_of
from collector.evidence.enclosed import ROOT
from collector.evidence.found import Found
from collector.evidence.logged import Trust
from collector.evidence.sigstore import TRUSTED_ROOT, taken_out
from collector.evidence.stamped import TOKENS, sigstore_bundle
from collector.log.key import LogKey
from collector.services import Services
from shared.dsse import b64
from shared.keys import FileKey, PublicKey

from .test_sigstore import CHANGES, ED25519_SPKI, Given, Spelt, changed, said_of, sigstore

__all__ = ["sigstore"]  # the fixture
PASSED_OVER = (
    "root",
    "size",
    "checkpoint's size",
    "checkpoint's origin",
)  # said elsewhere too; or for another log than this one's
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
pytest.importorskip("rfc3161_client", reason="the extra tsa is not installed")


@dataclass(frozen=True, slots=True)
class Stamped:
    """A case with the authority that has stamped its newest batch."""

    case: Case
    tsa: Tsa
    roots: Path

    def given(self, bundle: bytes, root: Spelt) -> Given:
        """This bundle, and whom to trust."""
        told = json.loads(bundle)
        dev = told["verificationMaterial"]["publicKey"]["hint"]
        device = next(one for one in self.case.history.devices if one.dev == dev)
        return Given(told, device, self.case.services.log_key, self.tsa, root)


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stamped]:
    """A case of which the collector asked for a token for the newest batch when it made the evidence."""
    folder = tmp_path_factory.mktemp("x")
    tsa = Tsa.begin(folder / "tsa")
    with stamping(tsa) as there, contextlib.ExitStack() as opened:
        config = Config(data=folder / "data", tsa=there.url, tsa_roots=there.roots)
        services = opened.enter_context(contextlib.closing(Services.over_folder(config, FakeClock())))
        history = History(services)
        history.eventful()
        services.stamps.start()
        yield Stamped(Case(services, history, make_evidence(services, "line-0")), tsa, there.roots)


@pytest.fixture(scope="module")
def given(stamped: Stamped) -> Given:
    """The newest batch's bundle, and the root of trust that our own checker writes for others."""
    case, roots = stamped.case, stamped.roots
    name = json.loads(case.files[TOKENS].splitlines()[0])["of"]
    key = next(one for one in case.history.devices if one.dev in name).key.public
    found = Found(case.files, Trust(vkey=case.services.log_key.public.vkey, tsa_roots=roots.read_bytes()))
    assert all(one.holds for one in steps_of(found))
    root = json.loads(taken_out(found)[TRUSTED_ROOT])
    return stamped.given(sigstore_bundle(case.files, name, key, case.services.log_key.public), root)


@pytest.mark.usefixtures("sigstore")
def test_a_bundle_out_of_evidence(given: Given) -> None:
    """Sigstore's verifier accepts it by the root of trust that `speedproof-verify --bundles` writes; not with a change."""
    assert given.ours(given.bundle)
    assert given.outside(given.bundle) == ["ok"]
    changes = {name: change for name, change in CHANGES.items() if name not in PASSED_OVER}
    assert "ok" not in given.outside(*(changed(given.bundle, change) for change in changes.values()))


@pytest.mark.usefixtures("sigstore")
def test_what_is_in_the_zip_itself(stamped: Stamped) -> None:
    """Straight out of the zip, with its root of trust and its keys: accepted, the time too where there is a token; no change is."""
    files = stamped.case.files
    root = json.loads(files[ROOT])
    names = sorted(name for name in files if name.endswith(".sigstore.json"))
    keys = {
        name.split("/")[1]: b64(PublicKey.from_pem(data).spki)
        for name, data in files.items()
        if name.endswith("/key.pem")
    }
    bundles = [json.loads(files[name]) for name in names]
    assert (len(bundles), len(keys)) == (4, 2)
    assert said_of({"root": root, "keys": keys, "bundles": bundles, "stamps": 0}) == ["ok"] * 4
    has_token = ["timestampVerificationData" in one["verificationMaterial"] for one in bundles]
    said = said_of({"root": root, "keys": keys, "bundles": bundles})
    assert (sum(has_token), [one == "ok" for one in said]) == (1, has_token)
    newest = stamped.given(files[names[has_token.index(True)]], root)
    changes = [change for name, change in CHANGES.items() if name not in PASSED_OVER]
    assert "ok" not in newest.outside(*(changed(newest.bundle, change) for change in changes))
    assert newest.outside(newest.bundle, key=FileKey.generate()) != ["ok"]
    assert said_of({"root": other_log(root), "keys": keys, "bundles": bundles, "stamps": 0}).count("ok") == 0


def other_log(root: Spelt) -> Spelt:
    """The root of trust with the key of a log of the same name."""
    other: Spelt = json.loads(json.dumps(root))
    (log,) = other["tlogs"]
    key = LogKey.generate(log["baseUrl"].removeprefix("https://")).public
    log["publicKey"]["rawBytes"], log["logId"]["keyId"] = b64(ED25519_SPKI + key.key), b64(key.whole_id)
    return other
