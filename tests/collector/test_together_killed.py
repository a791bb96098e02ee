"""Two real collectors over one PostgreSQL, killed at random moments; and the PostgreSQL that goes away and comes back."""

import asyncio
import contextlib
import http.client
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fakes import postgres
from fakes.device import Device, download
from fakes.history import CONTRACT
from fakes.running import Running, command, running
from fakes.together import configs

from collector.config import Config
from collector.enrol import Portal
from collector.errors import CatalogAway, IndexUnusable
from collector.ingest import Answer, Ingest
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.lines import add_subscriber
from collector.services import Services
from collector.store.lake import LakeStore
from shared.batch import pae_sha256_of
from shared.enrolment import read_code
from shared.errors import SpeedproofError

KILLS = 4
DEVICES = 4
RECORDS = 3
PAUSE_S = 0.02
PATIENCE_S = 60
LINE = {"id": "anna", "time_zone": "Europe/Prague", "criterion": "cz-mobile-cert", "contract": CONTRACT}


@dataclass
class Sender:
    """One device that sends its next batch to whichever collector is there until it is acknowledged, then to the other."""

    device: Device
    acknowledged: list[str] = field(default_factory=list)
    refused: list[tuple[int, bytes]] = field(default_factory=list)

    def one(self, collectors: list[Running | None], at: int) -> bool:
        """Hand over the next batch, once; whether it was acknowledged."""
        collector = collectors[at % len(collectors)]
        if collector is None:
            return False
        body = self.device.seal(*(download(slot=self.device.seq + number) for number in range(RECORDS)))
        try:
            answer = collector.post_batch(body)
        except (OSError, http.client.HTTPException):
            return False
        if answer.status not in (200, 201):
            if answer.status != 503:
                self.refused.append((answer.status, answer.body))
            return False
        self.acknowledged.append(pae_sha256_of(body))
        self.device.told(body, RECORDS)
        return True

    def send(self, collectors: list[Running | None], stop: threading.Event) -> None:
        """Go on until told to stop, never in such a hurry that the machine does nothing else."""
        at = 0
        while not (stop.wait(PAUSE_S) or self.refused):
            self.one(collectors, at)
            at += 1


def chains(config_of_all: list[Config]) -> dict[str, dict[int, tuple[str, str]]]:
    """The batches in all ledgers, by device and number: what each is, and what it names as the one before."""
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for config in config_of_all:
        for entry in read_entries(config.data / "ledger"):
            if entry.kind is EntryKind.BATCH:
                dev, number = str(entry.meta["dev"]), int(str(entry.meta["batch"]))
                assert number not in found.setdefault(dev, {}), (dev, number)
                found[dev][number] = str(entry.meta["head"]), pae_sha256_of(entry.body)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", ["0", "1"])
def test_killed_again_and_again(tmp_path: Path, workers: str) -> None:
    """Devices change between two collectors of which one is killed and started again: nothing acknowledged is missing, no row is there twice, each chain is one line."""
    seed = int(os.environ.get("SPEEDPROOF_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    print(f"seed {seed} (set SPEEDPROOF_SEED to repeat)")  # noqa: T201 - so that a failure can be repeated
    chance, both = random.Random(seed), configs(tmp_path)
    with contextlib.ExitStack() as opened:

        def start(at: int) -> Running:
            return opened.enter_context(running(both[at].data, "--workers", workers))

        first, second = start(0), start(1)
        collectors: list[Running | None] = [first, second]
        senders = [Sender(first.enrolled("anna")) for _ in range(DEVICES)]
        stop = threading.Event()
        threads = [threading.Thread(target=one.send, args=(collectors, stop)) for one in senders]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.1, 1.0))
            at = chance.randrange(2)
            killed, collectors[at] = collectors[at], None
            assert killed is not None
            killed.kill()
            time.sleep(chance.uniform(0.0, 0.5))
            collectors[at] = start(at)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert [one.refused for one in senders] == [[]] * DEVICES
        deadline = time.monotonic() + PATIENCE_S
        for one in senders:
            at = 0
            while not one.one(collectors, at):
                assert time.monotonic() < deadline
                at += 1
        found = chains(both)
        batches = sum(len(chain) for chain in found.values())
        for collector in collectors:
            assert collector is not None
            while collector.case("anna")["counts"]["signed"]["ok"] < RECORDS * batches:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            assert collector.case("anna")["counts"]["signed"]["ok"] == RECORDS * batches
            assert collector.stop() == 0
    for one in senders:
        chain = chains(both)[one.device.dev]
        assert sorted(chain) == list(range(len(chain)))
        assert one.acknowledged == [chain[number][0] for number in range(len(one.acknowledged))]
    assert min(len(one.acknowledged) for one in senders) > KILLS
    assert all(any(entry.kind is EntryKind.BATCH for entry in read_entries(one.data / "ledger")) for one in both)
    for config in both:
        done = command(config.data, "check", "--data", str(config.data), "--json")
        assert done.returncode == 0, done.stdout + done.stderr
    with contextlib.closing(LakeStore(both[0].lake_address, tmp_path / "look", 9)) as lake:  # type: ignore[arg-type]
        for table, columns in (
            ("record", "device, seq"),
            ("batch", "device, batch"),
            ("device", "dev"),
            ("line", "subscriber"),
        ):
            assert lake._ask(f"SELECT {columns} FROM {table} GROUP BY ALL HAVING count(*) > 1") == []
        assert lake.digest()["batch"][0] == batches


@pytest.fixture
def cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL of the test's own."""
    made = postgres.begin()
    yield made
    postgres.end(made)


def in_the_end(call: Callable[[], Answer]) -> Answer:
    """What comes of it once it is not refused for the catalog's sake any more."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call()
        except (CatalogAway, IndexUnusable):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.slow
def test_the_catalog_goes_away(cluster: postgres.Cluster, tmp_path: Path) -> None:
    """Without the catalog nothing is acknowledged and nothing kept, and what to do is said; when it is back, so is everything."""
    catalog, folder = cluster.database(), tmp_path / "files"
    configured = [replace(Config(tmp_path / "1"), catalog=catalog, lake=str(folder), stream=1)]
    with contextlib.closing(Services.over_folder(configured[0])) as services:
        device, ingest = Device(), Ingest(services)
        add_subscriber(services, LINE)
        code, _ = Portal(services).give_code("anna")
        Portal(services).enrol(read_code(code), device.request(code))
        assert asyncio.run(ingest.take(device.next())).is_new
        before_no = services.ledger.newest_no()
        cluster.stop()
        body = device.next()
        for call in (
            lambda: asyncio.run(ingest.take(body)),
            lambda: Portal(services).give_code("anna"),
            lambda: add_subscriber(services, LINE | {"id": "berta"}),
        ):
            with pytest.raises(SpeedproofError) as refused:
                call()
            assert isinstance(refused.value, CatalogAway | IndexUnusable)
        assert services.ledger.newest_no() == before_no == len(list(read_entries(services.ledger.folder)))
        cluster.start()
        assert in_the_end(lambda: asyncio.run(ingest.take(body))).is_new
        stop, sent = threading.Event(), list[bytes]()

        def go_on() -> None:
            while not stop.is_set():
                following = device.seal()
                try:
                    asyncio.run(ingest.take(following))
                except (CatalogAway, IndexUnusable):
                    stop.wait(PAUSE_S)
                else:
                    sent.append(device.told(following))

        thread = threading.Thread(target=go_on)
        thread.start()
        for _ in range(2):
            time.sleep(0.5)
            cluster.stop()
            cluster.start()
        counted = len(sent)
        deadline = time.monotonic() + PATIENCE_S
        while len(sent) < counted + 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        stop.set()
        thread.join()
        in_the_end(lambda: asyncio.run(ingest.take(device.next())))
    kept = chains(configured)[device.dev]
    assert sorted(kept) == list(range(len(kept)))
    assert {pae_sha256_of(one) for one in sent} <= {head for head, _ in kept.values()}
