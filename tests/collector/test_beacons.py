"""Beacons in batches, from the witness to the ledger and back: none that does not fit is taken (step 10, T5)."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.notary import LOG, WITNESSES, checkpoint_note
from fakes.served import Served, serving
from fakes.witness import FakeWitness
from fakes.witness import serving as witnessing

from collector.config import Config
from collector.log.key import Witness
from collector.services import Services
from probe import beacons
from probe.beacons import Held
from probe.logwatch import LogWatch, known_log
from probe.net.collector import Collector
from probe.outbox import Outbox
from probe.packed import Packed
from shared import strictjson
from shared.batch import pae_sha256_of
from shared.beacon import beacon_of, read_beacon
from shared.checkpoint import Checkpoint
from shared.dsse import read_envelope
from shared.lineage import Lineage
from shared.strictjson import JsonObject


@dataclass
class There:
    """A collector that listens, and its witness."""

    served: Served
    witness: FakeWitness


@pytest.fixture
def there(tmp_path: Path) -> Iterator[There]:
    """A collector whose log one witness cosigns."""
    with contextlib.ExitStack() as opened:
        witness = opened.enter_context(witnessing(FakeWitness()))
        config = Config(tmp_path / "data", witness=(Witness(witness.url, witness.notary.public),))
        services = opened.enter_context(contextlib.closing(Services.over_folder(config, FakeClock())))
        witness.logs[services.log_key.public.name] = services.log_key.public
        yield There(opened.enter_context(serving(services)), witness)


GOOD = beacon_of(
    checkpoint_note(Checkpoint(LOG.name, 3, bytes(32)), 900).data, LOG.public, WITNESSES[0].public, mono_us=1
).fields
UNKNOWN = beacon_of(
    checkpoint_note(Checkpoint(LOG.name, 3, bytes(32)), 900, 901).data, LOG.public, WITNESSES[1].public
).fields


@pytest.mark.parametrize("beacon", [GOOD, UNKNOWN, GOOD | {"more": "of it"}, UNKNOWN | {"t_s": 1}])
def test_beacons_that_are_taken(there: There, beacon: JsonObject) -> None:
    """One of the witness, one of somebody who is not known here, one with further members."""
    device = there.served.enrolled("anna")
    device.beacon = beacon
    assert there.served.post_batch(device.next()).status == 201


@pytest.mark.threat("T5")
@pytest.mark.parametrize(
    "beacon",
    [
        GOOD | {"t_s": 899},
        GOOD | {"size": 4},
        GOOD | {"root": "/////////////////////////////////////////w8="},
        GOOD | {"origin": "other.example"},
        GOOD | {"cosig": "AAAA"},
        {},
        {"beacon": 7},
    ],
)
def test_beacons_that_are_not(there: There, beacon: JsonObject) -> None:
    """T5: an old time with a new root, or the reverse, or what is no beacon at all: 422 at step 10, and no trace."""
    device = there.served.enrolled("anna")
    device.beacon = beacon
    answer = there.served.post_batch(device.seal())
    assert (answer.status, answer.error, answer.told["step"]) == (422, "bad_beacon", 10)
    device.beacon = None
    assert there.served.post_batch(device.next()).status == 201


async def test_from_the_witness_to_the_ledger(there: There, tmp_path: Path) -> None:
    """A device learns the beacon with its receipts, names it in the next batch, and the collector finds that it is good."""
    served, device = there.served, there.served.enrolled("anna")
    with contextlib.closing(Outbox(tmp_path / "outbox", lambda: bytes(32))) as outbox:
        collector = Collector(f"http://127.0.0.1:{served.port}")
        watch = LogWatch(outbox, collector, device.key.public, lambda: ("boot", 5), lambda: Lineage(()))
        for _ in range(3):
            there.witness.now_s += 60
            body = device.next()
            told = await collector.post_batch(Packed.of(body))
            assert told.status == 201
            bundle = told.fields["bundle"]
            assert isinstance(bundle, dict)
            index = int(str(bundle["verificationMaterial"]["tlogEntries"][0]["logIndex"]))  # type: ignore[index,call-overload]
            assert served.services.publisher.holds(index, 20) is not None
            assert served.services.witnesses.go_round() is not None
            assert await watch.proof_of(bundle, pae_sha256_of(body)) is not None
            device.beacon = Held.read(outbox.kept(beacons.NAME)).named("boot")
            assert device.beacon is not None
        known = known_log(outbox)
        assert known is not None
        assert known.wrong == ""
    named = strictjson.decode(read_envelope(body.partition(b"\n")[0]).payload)["predicate"]
    assert isinstance(named, dict)
    beacon = read_beacon(named["beacon"])
    beacon.check(there.witness.notary.public)
    assert (beacon.t_s, beacon.mono_us) == (there.witness.now_s - 60, 5)
    assert index >= beacon.checkpoint.size  # a receipt of the same log is always behind what the batch names
