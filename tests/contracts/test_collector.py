"""The real collector and the fake one of the probe's tests keep the same promises to a probe."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import served
from fakes.collector import CODE, FakeCollector, serving_aside

from collector.config import Config
from collector.services import Services
from probe.answers import REVOKED, Blocked, Kept, expected_of, understand
from probe.enrol import enrol
from probe.errors import EnrolRefused, RotationRefused
from probe.home import Home
from probe.net.collector import Collector, Told
from probe.outbox import Stored, Waiting
from probe.packed import Packed
from probe.seal import question, seal
from shared import strictjson
from shared.chain import START, Head
from shared.complaint import make_complaint
from shared.keys import FileKey
from shared.lineage import Lineage
from shared.record import write_record
from shared.rotation import Whose, make_rotation

UNKNOWN_CODE = "ZZZZZZZZZZ"


@dataclass(frozen=True, slots=True)
class There:
    """A collector that listens, and a code that is good at it."""

    url: str
    code: str


@contextmanager
def _fake(home: Home) -> Iterator[There]:
    with serving_aside(FakeCollector(home.key_for_enrolment())) as fake:
        yield There(fake.url, CODE)


@contextmanager
def _real(folder: Path) -> Iterator[There]:
    with closing(Services.over_folder(Config(folder))) as services, served.serving(services) as client:
        services.peer = {"host": "", "key_id": "0" * 64, "name": "fake", "port": 9}
        client.add("anna")
        yield There(f"http://127.0.0.1:{client.port}", client.code_for("anna"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give a new device."""
    return Home(tmp_path / "probe")


@pytest.fixture(params=["fake", "real"])
def there(request: pytest.FixtureRequest, home: Home, tmp_path: Path) -> Iterator[There]:
    """Give each collector in turn."""
    with _fake(home) if request.param == "fake" else _real(tmp_path / "collector") as there:
        yield there


async def enrolled(home: Home, there: There) -> Collector:
    """Enrol the device."""
    await enrol(home, there.url, there.code, None, None, secrets.token_bytes)
    return Collector.of(home.enrolled())


def batch(home: Home, head: Head = START, end: str = "ok") -> tuple[Waiting, Head]:
    """Seal one record after a head."""
    stored = [Stored(head.seq, write_record({"end": end, "method": "fetch", "seq": head.seq}), "boot")]
    sealed = seal(stored, head, "boot", 1, 2, home.key())
    return Waiting(head.batch, Packed.of(sealed.body), sealed.pae_sha256), sealed.head


async def test_enrolment(home: Home, there: There) -> None:
    """A good code enrols, as often as the same key asks; a code nobody gave out is refused in words."""
    with pytest.raises(EnrolRefused, match="not known"):
        await enrol(home, there.url, UNKNOWN_CODE, None, None, secrets.token_bytes)
    for _ in range(2):
        await enrolled(home, there)
    assert home.enrolled().subscriber == "anna"
    assert home.enrolled().peer.udp_port == 9


async def test_a_batch_and_its_repetition(home: Home, there: There) -> None:
    """A new batch is answered 201 with a receipt, the same again 200 with the same receipt."""
    collector = await enrolled(home, there)
    waiting, _ = batch(home)
    first, second = [await collector.post_batch(waiting.packed) for _ in range(2)]
    assert (first.status, second.status) == (201, 200)
    assert first.fields["receipt"] == second.fields["receipt"]
    key = Lineage.alone(home.enrolled().collector)
    assert isinstance(understand(first, waiting, key), Kept)
    assert isinstance(understand(second, waiting, key), Kept)


async def test_a_gap_and_a_fork(home: Home, there: There) -> None:
    """A batch that does not come next is refused with what is waited for."""
    collector = await enrolled(home, there)
    first, head = batch(home)
    second, after = batch(home, head)
    gap = await collector.post_batch(second.packed)
    assert _waited(gap) == ("chain_gap", 0, 0, START.pae_sha256)
    assert isinstance(understand(gap, second, Lineage.alone(home.enrolled().collector)), Blocked)
    for waiting in (first, second):
        assert (await collector.post_batch(waiting.packed)).status == 201
    fork = await collector.post_batch(batch(home, head, "failed")[0].packed)
    assert _waited(fork) == ("chain_fork", 2, 2, after.pae_sha256)


async def test_the_question_where_a_chain_stands(home: Home, there: There) -> None:
    """Whoever asks with the last number there is is told what is waited for, and nothing of it is kept."""
    collector = await enrolled(home, there)
    asked = Packed.of(question("boot", 1, 2, home.key()))
    assert expected_of(await collector.post_batch(asked)) == START
    first, head = batch(home)
    assert (await collector.post_batch(first.packed)).status == 201
    for _ in range(2):
        assert expected_of(await collector.post_batch(asked)) == head
    second, after = batch(home, head)
    assert (await collector.post_batch(second.packed)).status == 201
    assert expected_of(await collector.post_batch(asked)) == after


def _waited(told: Told) -> tuple[object, ...]:
    assert told.status == 409
    return tuple(told.fields[name] for name in ("error", "expect_batch", "expect_seq", "head"))


async def test_a_changed_batch(home: Home, there: There) -> None:
    """A batch whose records are not the signed ones is refused by the name of its defect."""
    collector = await enrolled(home, there)
    waiting, _ = batch(home)
    told = await collector.post_batch(Packed.of(waiting.body.replace(b'"ok"', b'"no"')))
    assert (told.status, told.fields["error"]) == (422, "bad_digest")


async def test_a_complaint_and_its_repetition(home: Home, there: There) -> None:
    """A complaint is taken once, and its repetition is no error."""
    collector = await enrolled(home, there)
    line = make_complaint("slow since Monday", 5, home.key())
    assert [(await collector.post_complaint(line)).status for _ in range(2)] == [201, 200]


async def test_a_new_key(home: Home, there: There) -> None:
    """A key that takes another's place goes on with the chain; asked again the answer is the same; the old key is refused."""
    collector, old = await enrolled(home, there), home.key()
    first, head = batch(home)
    assert (await collector.post_batch(first.packed)).status == 201
    new = home.make_key_to_come()
    line = make_rotation(Whose.DEVICE, old, new)
    late, _ = batch(home, head)
    for _ in range(2):
        await collector.rotate(line, new.public.key_id)
    home.put_key(strictjson.decode(line), old.public.key_id)
    refused = await collector.post_batch(late.packed)
    assert (refused.status, refused.fields["error"]) == (403, "revoked_key")
    said = understand(refused, late, Lineage.alone(home.enrolled().collector))
    assert isinstance(said, Blocked)
    assert said.error == REVOKED
    assert expected_of(await collector.post_batch(Packed.of(question("boot", 1, 2, home.key())))) == head
    assert (await collector.post_batch(batch(home, head)[0].packed)).status == 201
    with pytest.raises(RotationRefused):
        await collector.rotate(make_rotation(Whose.DEVICE, old, FileKey.generate()), "0" * 64)
