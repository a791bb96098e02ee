"""The check of a ledger in which keys change: quiet over rotations and revocations, loud about batches behind them."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.commanded import commanded
from fakes.device import Device, download
from fakes.running import running
from fakes.served import Client, serving

from collector.check import Check
from collector.config import Config
from collector.ledger.chains import Chains, Standing
from collector.ledger.frame import Draft, EntryKind
from collector.ledger.inforce import InForce
from collector.registry import Registry
from collector.services import Services
from shared.keys import FileKey
from shared.revocation import make_revocation
from shared.rotation import Whose, make_rotation
from shared.strictjson import decode, encode


def rotated(client: Client, device: Device) -> Device:
    """The device with a new key."""
    newer = Device(batch=device.batch, seq=device.seq, prev=device.prev)
    line = make_rotation(Whose.DEVICE, device.key, newer.key)
    assert client.post_json("/v1/rotations", encode({"rotation": decode(line)})).status == 201
    return newer


@pytest.mark.slow
def test_all_agrees(tmp_path: Path) -> None:
    """A device with three keys, one of them revoked: ledger, chains, index and log agree, column by column."""
    with running(tmp_path / "data") as collector:
        device = collector.enrolled("anna")
        for _ in range(3):
            assert collector.post_batch(device.next()).status == 201
            device = rotated(collector, device)
        assert collector.post_batch(device.next(download(slot=2_000_001))).status == 201
        assert collector.command("revoke", {"device": device.dev, "reason": "sold", "stolen_since": "1h"}).status == 200
        collector.whole_case("anna")
        for more in ([], ["--rows", "all"]):
            done = commanded(tmp_path / "data", "check", "--json", *more)
            assert (done.returncode, json.loads(done.stdout)["found"]) == (0, []), done.stderr
        assert collector.stop() == 0
    rebuilt = commanded(tmp_path / "data", "rebuild", "--json")
    assert json.loads(rebuilt.stdout)["same_as_before"]


@pytest.mark.threat("T17")
def test_batches_behind_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that went on taking batches of keys that were replaced or revoked is named, entry by entry."""

    def known(self: Chains, dev: str) -> Standing:
        return replace(self.standings[dev], revoked=False, successor="")

    monkeypatch.setattr(Chains, "standing_of", known)
    monkeypatch.setattr(Registry, "key_of", lambda self, dev: self.devices[dev].key)
    with contextlib.closing(Services.over_folder(Config(data=tmp_path), FakeClock())) as services:
        with serving(services) as served:
            one, two = served.enrolled("anna"), served.enrolled("berta")
            rotated(served, one)
            assert served.command("revoke", {"device": two.dev, "reason": "sold"}).status == 200
            for device in (one, two):
                assert served.post_batch(device.next()).status == 201
            portal = make_revocation(two.dev, "no", 1, FileKey.generate())
            services.keep(lambda: Draft(EntryKind.REVOCATION, {"dev": two.dev}, portal + b"\n"))
        done = Check(services.ledger.folder, InForce(services.server_keys.lines))
        done.run(lambda *_: None)
    told = [one.what for one in done.found]
    assert [one.partition("before that ")[2] for one in told[:2]] == ["another key took its place", "it was revoked"]
    assert [one.startswith("a change of keys that is none: ") for one in told[2:]] == [True]
