"""Evidence of devices whose keys changed: chains go on over rotations, the log's order decides, what is contested is counted."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.case import signed_anew
from fakes.clock import FakeClock
from fakes.cosign import PEER, trust
from fakes.cosign import download as vouched
from fakes.device import Device, download
from fakes.served import Served, serving
from strategies import PORTAL

from collector.config import Config
from collector.evidence.archive import read_archive
from collector.evidence.bundle import make_evidence
from collector.evidence.check import Step, check_evidence
from collector.evidence.logged import bundle_of
from collector.ledger.chains import Chains, Standing
from collector.registry import Registry
from collector.services import Services
from shared.bundle import check_bundle, read_bundle
from shared.keys import FileKey
from shared.revocation import make_revocation
from shared.rotation import Whose, make_rotation
from shared.strictjson import decode, encode

S = 1_000_000
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Services, list[Device], Files]]:
    """A line with a device of three keys that was stolen, and the one that was enrolled in its stead."""
    clock, data = FakeClock(), tmp_path_factory.mktemp("data")
    trust(data, PEER)
    with contextlib.closing(Services.over_folder(Config(data=data), clock)) as services:
        with serving(services) as served:
            first = served.enrolled("anna")
            assert served.post_batch(first.next()).status == 201
            second = _rotated(served, first)
            third = _rotated(served, second)
            assert served.post_batch(third.next(vouched(third.dev))).status == 201
            clock.advance(3600 * S)
            assert served.post_batch(third.next(download(slot=2_000_002), download(slot=2_000_003))).status == 201
            told = {"device": first.dev, "reason": "stolen on the train", "stolen_since": "1h"}
            clock.advance(1800 * S)
            assert served.command("revoke", told).status == 200
            newer = served.enrolled("anna")
            assert served.post_batch(newer.next(download(slot=2_000_004))).status == 201
            assert served.whole_case("anna")["behind_us"] == 0
        yield services, [first, second, third, newer], read_archive(make_evidence(services, "anna"))


def _rotated(served: Served, device: Device) -> Device:
    newer = Device(batch=device.batch, seq=device.seq, prev=device.prev)
    line = make_rotation(Whose.DEVICE, device.key, newer.key)
    assert served.post_json("/v1/rotations", encode({"rotation": decode(line)})).status == 201
    return newer


def failing(services: Services, files: Files) -> Step:
    """The step at which these files fail, once the collector has signed them as they are."""
    step = check_evidence(signed_anew(files, services.collector_key))[-1]
    assert not step.holds, step
    return step


def test_it_holds(made: tuple[Services, list[Device], Files]) -> None:
    """Two devices, one of them with three keys: all of it checks, keys, revocation and what is contested in words."""
    _, devices, files = made
    steps = {step.name: step for step in check_evidence(files)}
    assert [step.name for step in steps.values() if not step.holds] == []
    told = steps["enrolments"].detail
    assert told.startswith("2 devices; 2 keys took another's place; keys kept in: 4 × file; ")
    assert "was revoked (“stolen on the train”)" in told
    assert steps["chain"].detail.startswith("2 chains without a gap")
    assert "2 records in 1 batches are contested" in steps["receipts"].detail
    assert steps["counter-signatures"].detail.startswith("1 of 5 transfers counter-signed")
    assert steps["log"].detail.startswith("9 leaves of 9")
    case = json.loads(files["case.json"])
    assert [len(one["keys"]) for one in case["devices"]] == [3, 1]
    assert case["devices"][0]["revoked"]["contested"] == 2
    names = {f"rotations/{one.dev}.json" for one in devices[1:3]}
    assert names == {name for name in files if name.startswith("rotations/")}
    assert sum(name.startswith("revocations/") for name in files) == 1


def test_each_key_has_its_bundles(made: tuple[Services, list[Device], Files]) -> None:
    """A bundle is signed by the key that signed the batch, which stands beside it: of each key of a device its newest batch at least."""
    services, devices, files = made
    signing = [device for device in devices if any(name.startswith(f"batches/{device.dev}/") for name in files)]
    assert [device.dev for device in signing] == [devices[0].dev, devices[2].dev, devices[3].dev]
    for device in signing:
        assert files[f"bundles/{device.dev}/key.pem"] == device.key.public.to_pem()
        newest = max(name for name in files if name.startswith(f"batches/{device.dev}/"))
        check_bundle(read_bundle(files[bundle_of(newest)][:-1]), device.key.public, services.log_key.public)
    assert {step.name: step for step in check_evidence(files)}["log"].detail.endswith("; 4 Sigstore bundles")
    swapped = files | {f"bundles/{signing[0].dev}/key.pem": signing[1].key.public.to_pem()}
    assert failing(services, swapped).detail.startswith(f"bundles/{signing[0].dev}/key.pem: not what the batch")


Change = Callable[[list[Device], Files], object]


@pytest.mark.parametrize(
    ("change", "step", "why"),
    [
        (lambda d, f: f.pop(f"rotations/{d[1].dev}.json"), "enrolments", "not enrolled here"),
        (
            lambda d, f: f.update({"rotations/x.json": make_rotation(Whose.DEVICE, d[0].key, FileKey.generate())}),
            "enrolments",
            "a second key takes the place",
        ),
        (
            lambda d, f: f.update({"rotations/x.json": make_rotation(Whose.DEVICE, d[2].key, d[3].key)}),
            "enrolments",
            "not the key its name says",
        ),
        (
            lambda d, f: f.update(
                {f"rotations/{d[3].dev}.json": make_rotation(Whose.DEVICE, d[2].key, d[3].key) + b"\n"}
            ),
            "enrolments",
            "known already",
        ),
        (
            lambda d, f: f.update({f"rotations/{d[1].dev}.json": make_rotation(Whose.PEER, d[0].key, d[1].key)}),
            "enrolments",
            "another kind",
        ),
        (
            lambda d, f: f.update({"revocations/x.json": make_revocation(d[3].dev, "no", 1, PORTAL)}),
            "enrolments",
            "another key",
        ),
        (lambda _, f: f.update({"revocations/x.json": b"{}"}), "enrolments", "envelope"),
    ],
)
def test_keys_that_are_not_what_is_said(
    made: tuple[Services, list[Device], Files], change: Change, step: str, why: str
) -> None:
    """A rotation left out, a second one, one of another key or purpose, a revocation by somebody else: named."""
    services, devices, files = made
    changed = dict(files)
    change(devices, changed)
    found = failing(services, changed)
    assert (found.name, why in found.detail) == (step, True), found.detail


@pytest.mark.threat("T17")
def test_a_revocation_left_out(made: tuple[Services, list[Device], Files]) -> None:
    """Without the revocation the case's slots are not those that follow from what is there: what was contested is not hidden."""
    services, _, files = made
    fewer = {name: data for name, data in files.items() if not name.startswith("revocations/")}
    step = failing(services, fewer)
    assert step.name in {"log", "omission"}


@pytest.mark.threat("T17")
def test_batches_behind_the_revocation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that takes a batch of a revoked key, and one of a key that was replaced, has it shown by its own log."""
    _blind(monkeypatch)
    with contextlib.closing(Services.over_folder(Config(data=tmp_path), FakeClock())) as services:
        with serving(services) as served:
            first = served.enrolled("anna")
            assert served.post_batch(first.next()).status == 201
            assert served.command("revoke", {"device": first.dev, "reason": "stolen"}).status == 200
            assert served.post_batch(first.next(download(slot=2_000_001))).status == 201
            other = served.enrolled("berta")
            assert served.post_batch(other.next()).status == 201
            _rotated(served, other)
            assert served.post_batch(other.next(download(slot=2_000_001))).status == 201
            for line in ("anna", "berta"):
                assert served.whole_case(line)["behind_us"] == 0
        told = {line: check_evidence(read_archive(make_evidence(services, line)))[-1] for line in ("anna", "berta")}
    assert (told["anna"].name, "by which its key was revoked" in told["anna"].detail) == ("log", True)
    assert (told["berta"].name, "before what it follows" in told["berta"].detail) == ("log", True)


def _blind(patch: pytest.MonkeyPatch) -> None:
    """A collector that forgets what was said of keys when a batch comes."""

    def known(self: Chains, dev: str) -> Standing:
        return replace(self.standings[dev], revoked=False, successor="")

    patch.setattr(Chains, "standing_of", known)
    patch.setattr(Registry, "key_of", lambda self, dev: self.devices[dev].key)
