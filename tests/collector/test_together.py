"""Collectors that share a catalog: what is made at one is known at the others, and a device may send to any of them."""

import asyncio
import contextlib
import hashlib
import io
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.device import Device, download
from fakes.history import CONTRACT, History
from fakes.together import configs, write_toml

from collector.__main__ import main
from collector.case import case_of
from collector.complain import Complaints
from collector.config import Config
from collector.enrol import Portal
from collector.errors import (
    AlreadyRunning,
    ArchiveAway,
    BadRequest,
    CodeRefused,
    Conflict,
    IndexLags,
    LedgerDamaged,
    Misdirected,
    NotFound,
)
from collector.evidence.__main__ import main as verify_evidence
from collector.evidence.bundle import make_evidence
from collector.imports import keep_import
from collector.ingest import Answer, Ingest
from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from collector.lines import add_subscriber
from collector.migrate import migrate_store
from collector.services import Services
from shared.batch import pae_sha256_of
from shared.enrolment import read_code
from shared.errors import ChainFork, ChainGap, FrozenKey, UnknownKey
from shared.receipt import read_receipt
from shared.record import write_record

LINE = {"id": "anna", "time_zone": "Europe/Prague", "criterion": "cz-mobile-cert", "contract": CONTRACT}


@pytest.fixture
def collectors(tmp_path: Path) -> Iterator[list[Services]]:
    """Two collectors over one catalog."""
    with opened_all(tmp_path) as found:
        yield found


@contextlib.contextmanager
def opened_all(folder: Path) -> Iterator[list[Services]]:
    """Two collectors over one catalog, as long as the block lasts."""
    with contextlib.ExitStack() as opened:
        yield [
            opened.enter_context(contextlib.closing(Services.over_folder(one, FakeClock()))) for one in configs(folder)
        ]


def send(services: Services, body: bytes) -> Answer:
    """Hand over a batch."""
    return asyncio.run(Ingest(services).take(body))


def enrolled(services: Services, device: Device | None = None) -> Device:
    """A device enrolled here for the line `anna`."""
    made = device or Device()
    add_subscriber(services, LINE)
    code, _ = Portal(services).give_code("anna")
    Portal(services).enrol(read_code(code), made.request(code))
    return made


def caught_up(*collectors: Services) -> None:
    """Have everything in the index, whoever's turn it is first."""
    for services in collectors:
        services.indexer.catch_up()


def test_a_device_sends_to_either(collectors: list[Services]) -> None:
    """A device's batches go on as one chain whichever collector takes them; each is acknowledged once and kept once."""
    one, two = collectors
    device = enrolled(one)
    bodies = device.chain(6)
    answers = [send(collectors[number % 2], body) for number, body in enumerate(bodies)]
    assert all(answer.is_new for answer in answers)
    again = [send(services, bodies[-1]) for services in collectors]
    assert [(answer.is_new, answer.receipt) for answer in again] == [(False, answers[-1].receipt)] * 2
    key = two.collector_key.public
    assert [
        read_receipt(answer.receipt, key, pae_sha256_of(body)).batch
        for answer, body in zip(answers, bodies, strict=True)
    ] == [*range(6)]
    caught_up(two, one)
    for services in collectors:
        case, rows = case_of(services, "anna")
        assert (case.counts["signed"].ok, len(rows)) == (6, 6)
    kept = [
        (entry.meta["dev"], entry.meta["batch"])
        for one in collectors
        for entry in read_entries(one.ledger.folder)
        if entry.kind is EntryKind.BATCH
    ]
    assert sorted(kept) == [(device.dev, number) for number in range(6)]


def test_what_one_makes_the_other_knows(collectors: list[Services]) -> None:
    """A line, a code, a device, a complaint made at one are found at the other as soon as they are asked for."""
    one, two = collectors
    add_subscriber(one, LINE)
    assert add_subscriber(two, LINE) == (one.registry.subscribers["anna"], False)
    with pytest.raises(Conflict):
        add_subscriber(two, LINE | {"criterion": "cz-fixed-cert"})
    code, _ = Portal(one).give_code("anna")
    device = Device()
    assert Portal(two).enrol(read_code(code), device.request(code)).subscriber == "anna"
    assert Portal(one).enrol(read_code(code), device.request(code)).subscriber == "anna"
    other = Device()
    for services in (one, two):
        with pytest.raises(CodeRefused):
            Portal(services).enrol(read_code(code), other.request(code))
    assert send(one, device.next()).is_new
    complaint = device.complaint("Slow.")
    first, is_new = asyncio.run(Complaints(one).take(complaint))
    assert is_new
    assert asyncio.run(Complaints(two).take(complaint)) == (first, False)
    with pytest.raises(NotFound):
        case_of(two, "nobody")
    with pytest.raises(UnknownKey):
        send(two, Device().next())


def test_both_at_once(collectors: list[Services]) -> None:
    """Lines added, codes redeemed, devices enrolled and files imported at both in the same moment are there once, at both."""
    one, two = collectors

    def both(call: "object") -> list[object]:
        def tried(services: Services) -> object:
            try:
                return call(services)  # type: ignore[operator]
            except (CodeRefused, Conflict) as error:
                return type(error)

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(tried, collectors))

    for number in range(4):
        line = LINE | {"id": f"line-{number}"}
        assert sorted(new for _, new in both(lambda services, line=line: add_subscriber(services, line))) == [
            False,
            True,
        ]  # type: ignore[misc]
        contracts = {id(one): {"down": {"min_bps": 1}}, id(two): {"down": {"min_bps": 2}}}
        other = LINE | {"id": f"other-{number}"}
        told = both(
            lambda services, other=other, c=contracts: add_subscriber(services, other | {"contract": c[id(services)]})[
                1
            ]
        )
        assert sorted(map(str, told)) == sorted(map(str, [True, Conflict]))
        code, _ = Portal(one).give_code(f"line-{number}")
        devices = {id(services): Device() for services in collectors}
        told = both(
            lambda services, d=devices, code=code: (
                Portal(services).enrol(read_code(code), d[id(services)].request(code)).subscriber
            )
        )
        assert sorted(map(str, told)) == sorted(map(str, [f"line-{number}", CodeRefused]))
        body = write_record({**download(), "seq": number})
        sha = hashlib.sha256(body).hexdigest()
        told = both(
            lambda services, body=body, sha=sha: keep_import(
                services, services.registry.subscribers["line-0"], "ucc", "f", sha, "as is", body
            )["kept"]
        )
        assert sorted(told) == [0, 1]  # type: ignore[type-var]
    for services in collectors:
        services.learning.learn()
    assert one.registry == two.registry
    caught_up(one, two)
    for table in ("line", "device", "import"):
        rows = one.store.digest()[table][0]
        assert rows == {"line": 8, "device": 4, "import": 4}[table]


def test_forks_and_gaps(collectors: list[Services]) -> None:
    """A fork is a fork wherever it arrives; it is kept once, and freezes the key at all; gaps say what all wait for."""
    one, two = collectors
    device = enrolled(one)
    first = device.next()
    fork = device.seal(download(dur_us=3), batch=0, prev="0" * 64, first_seq=0)
    assert send(one, first).is_new
    with pytest.raises(ChainGap) as gap:
        send(two, device.seal(batch=5))
    assert gap.value.expected is not None
    assert gap.value.expected.batch == 1
    with pytest.raises(ChainFork):
        send(two, device.seal(prev="1" * 64))
    with pytest.raises(ChainFork):
        send(one, device.seal(prev="1" * 64))
    with pytest.raises(ChainFork):
        send(two, fork)
    for services in collectors:
        with pytest.raises(FrozenKey):
            send(services, device.next())
    kept = [
        entry.meta["freeze"]
        for one in collectors
        for entry in read_entries(one.ledger.folder)
        if entry.kind is EntryKind.REFUSED
    ]
    assert sorted(kept) == [False, True]
    caught_up(one, two)
    for services in collectors:
        assert case_of(services, "anna")[0].devices[0].frozen


def test_an_older_batch(collectors: list[Services], tmp_path: Path) -> None:
    """An older batch of another ledger is waited for until the index has it, and is never taken for a fork before that; with its folder named, evidence holds all."""
    one, two = collectors
    device = enrolled(one)
    bodies = device.chain(3)
    first = send(one, bodies[0])
    for body in bodies[1:]:
        send(two, body)
    with pytest.raises(IndexLags):
        send(two, bodies[0])
    caught_up(one, two)
    assert send(one, bodies[0]).receipt == first.receipt
    with pytest.raises(ArchiveAway, match="ledgers"):
        send(two, bodies[0])
    two.config = replace(two.config, ledgers={1: str(one.ledger.folder)})
    assert send(two, bodies[0]).receipt == first.receipt
    for services in collectors:
        asyncio.run(Complaints(services).take(device.complaint(f"Slow at {services.config.stream}.")))
    caught_up(one, two)
    with zipfile.ZipFile(io.BytesIO(make_evidence(two, "anna"))) as evidence:
        names = evidence.namelist()
        (tmp_path / "evidence.zip").write_bytes(make_evidence(two, "anna"))
    assert (
        sum(name.startswith("batches/") for name in names) == sum(name.startswith("receipts/") for name in names) == 3
    )
    assert sum(name.startswith("complaints/") for name in names) == 2
    key = two.collector_key.public.key_id
    assert verify_evidence([str(tmp_path / "evidence.zip"), "--collector-key", key]) == 0
    two.config = replace(two.config, ledgers={1: str(one.ledger.folder) + "-not"})
    with pytest.raises(ArchiveAway, match="not there"):
        make_evidence(two, "anna")
    with pytest.raises(ChainFork):
        send(two, device.seal(download(dur_us=3), batch=0, prev="0" * 64, first_seq=0))


def test_the_index_needs_no_other_collector(collectors: list[Services]) -> None:
    """A collector loads batches of a device that was enrolled at another, which has loaded nothing: and that later adds nothing."""
    one, two = collectors
    device = enrolled(one)
    for body in device.chain(3):
        assert send(two, body).is_new
    caught_up(two)
    assert len(two.store.timeline("anna")) == 3
    caught_up(one)
    digest = {table: rows for table, (rows, _) in two.store.digest().items() if rows}
    assert (digest["line"], digest["device"], digest["batch"], digest["record"]) == (1, 1, 3, 3)


def test_one_folder_one_stream(tmp_path: Path) -> None:
    """A stream's number is taken, whether its collector runs or not, and whatever folder asks for it."""
    with opened_all(tmp_path) as (one, two):
        enrolled(one)
        enrolled(two)
        stranger = replace(two.config, data=tmp_path / "stranger", stream=1)
        with pytest.raises(AlreadyRunning, match="stream 1"):
            Services.over_folder(stranger, FakeClock())
    with pytest.raises(LedgerDamaged, match="newest backup"):
        Services.over_folder(replace(stranger, data=tmp_path / "another"), FakeClock())
    moved = replace(two.config, data=tmp_path / "moved", stream=1)
    two.config.data.joinpath("ledger").rename(tmp_path / "kept")
    (tmp_path / "moved").mkdir()
    (tmp_path / "kept").rename(tmp_path / "moved" / "ledger")
    with pytest.raises(BadRequest, match="stream 1"):
        Services.over_folder(moved, FakeClock())


def test_other_keys(collectors: list[Services], tmp_path: Path) -> None:
    """A collector with another key does not take a device whose probe would not believe its receipt; it says why."""
    one, _ = collectors
    device = enrolled(one)
    stranger = replace(one.config, data=tmp_path / "stranger", stream=3)
    with contextlib.closing(Services.over_folder(stranger, FakeClock())) as third:
        with pytest.raises(Misdirected, match="same keys"):
            send(third, device.next())
        mine = Device()
        code, _ = Portal(third).give_code("anna")
        Portal(third).enrol(read_code(code), mine.request(code))
        assert send(third, mine.next()).is_new


@pytest.fixture
def alone(tmp_path: Path) -> Config:
    """The folder of a collector with a history, ended in good order."""
    config = Config(data=tmp_path / "collector-1")
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        History(services).eventful()
        services.indexer.catch_up()
    return config


def test_two_that_were_alone(alone: Config, tmp_path: Path) -> None:
    """Collectors with a history of their own join, and each knows what the other has; their devices go on at either."""
    joined = configs(tmp_path)
    with contextlib.closing(
        Services.over_folder(replace(joined[1], catalog=None, lake=None, stream=0), FakeClock())
    ) as services:
        device = enrolled(services)
        send(services, device.next())
    for one in joined:
        migrate_store(one, lambda _done, _of: None)
    with contextlib.ExitStack() as opened:
        one, two = [
            opened.enter_context(contextlib.closing(Services.over_folder(each, FakeClock()))) for each in joined
        ]
        assert send(one, device.next()).is_new
        caught_up(one)
        assert case_of(two, "anna")[0].counts["signed"].ok == 2
        assert set(two.registry.subscribers) == {"anna", "line-0", "line-1"}
        forks = (entry for entry in read_entries(one.ledger.folder) if entry.meta.get("freeze"))
        with pytest.raises(FrozenKey):
            send(two, next(forks).body)


def test_checked_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` of one folder holds though half of each chain is in another ledger, and names what is wrong."""
    with opened_all(tmp_path) as collectors:
        one, two = collectors
        device = enrolled(one)
        for number, body in enumerate(device.chain(6)):
            send(collectors[number % 2], body)
        caught_up(one, two)
    for services in collectors:
        assert main(["check", "--data", str(services.config.data), "--json"]) == 0, capsys.readouterr()
    segment = two.ledger.folder / "000001.ndjson"
    segment.write_bytes(segment.read_bytes().replace(b'"batch":3,', b'"batch":4,', 1))
    assert main(["check", "--data", str(two.config.data), "--json"]) == 1
    write_toml(two.config)
