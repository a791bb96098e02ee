"""Sending: what an answer means, and that nothing is let go before its receipt."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.collector import FakeCollector, serving
from fakes.peer import free_port, mute_port
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import COLLECTOR, DEVICE, OTHER_DEVICE, json_objects, ring

from probe.answers import Blocked, Kept, Later, expected_of, understand
from probe.clock import BUILT_US
from probe.errors import CollectorSilent
from probe.net import collector as net
from probe.net import exchange
from probe.net.collector import Collector, Told
from probe.outbox import Outbox, Stored, Waiting
from probe.packed import Packed
from probe.seal import question, seal
from probe.upload import Uploader, stuck_since_us
from shared import strictjson
from shared.batch import open_batch
from shared.chain import START, Head
from shared.complaint import make_complaint
from shared.errors import Malformed
from shared.failure import Stage
from shared.lineage import Lineage
from shared.receipt import Receipt, make_receipt
from shared.record import write_record


def batch(number: int = 0) -> Waiting:
    """Seal a batch of one record."""
    head = Head(number, number, START.pae_sha256)
    stored = [Stored(number, write_record({"end": "ok", "seq": number}), "boot")]
    sealed = seal(stored, head, "boot", 1, 2, DEVICE)
    return Waiting(number, Packed.of(sealed.body), sealed.pae_sha256)


WAITING, OTHER = batch(0), batch(1)
BELIEVED = Lineage.alone(COLLECTOR.public)


def receipt_of(waiting: Waiting = WAITING, signer: object = COLLECTOR) -> strictjson.JsonObject:
    """Sign a receipt for a batch."""
    opened = open_batch(waiting.body, ring(DEVICE))
    return strictjson.decode(make_receipt(opened, 5, signer))  # type: ignore[arg-type]


GOOD = receipt_of()


def test_a_good_receipt_lets_the_body_go() -> None:
    """Both the first answer and its repetition are proof that the batch is kept."""
    for status in (200, 201):
        outcome = understand(Told(status, {"receipt": GOOD}), WAITING, BELIEVED)
        assert isinstance(outcome, Kept)
        assert outcome.line == strictjson.encode(GOOD)
        assert outcome.receipt.batch == 0
        assert outcome.receipt.pae_sha256 == WAITING.pae_sha256


NO_RECEIPTS: dict[str, strictjson.JsonObject] = {
    "an empty answer": {},
    "a text": {"receipt": "yes"},
    "an empty receipt": {"receipt": {}},
    "a receipt of another batch": {"receipt": receipt_of(OTHER)},
    "a receipt of another collector": {"receipt": receipt_of(signer=OTHER_DEVICE)},
    "a receipt and more": {"receipt": {**GOOD, "more": 1}},
    "a receipt in another place": {"answer": GOOD},
}


@pytest.mark.parametrize("fields", NO_RECEIPTS.values(), ids=NO_RECEIPTS)
@pytest.mark.parametrize("status", [200, 201])
def test_what_is_no_receipt_is_for_later(status: int, fields: strictjson.JsonObject) -> None:
    """A success without this collector's receipt for these very bytes is none."""
    assert isinstance(understand(Told(status, fields), WAITING, BELIEVED), Later)


@given(data=st.data())
@settings(deadline=None)
def test_a_receipt_with_a_flipped_character(data: st.DataObject) -> None:
    """No change to a receipt's payload or signature goes unseen."""
    line = strictjson.encode(GOOD)
    place = data.draw(st.integers(0, len(line) - 1))
    damaged = line[:place] + bytes([line[place] ^ 1 << data.draw(st.integers(0, 6))]) + line[place + 1 :]
    outcome = understand(Told(201, net._fields(b'{"receipt":%b}' % damaged)), WAITING, BELIEVED)
    assert not isinstance(outcome, Kept) or _only_keyid_differs(outcome.line, line)


def _only_keyid_differs(one: bytes, other: bytes) -> bool:
    """The key's id is a hint that no signature covers; the key is the one from enrolment in any case."""
    first, second = (strictjson.decode(line) for line in (one, other))
    return first["payload"] == second["payload"] and first["signatures"][0]["sig"] == second["signatures"][0]["sig"]  # type: ignore[index,call-overload]


ANSWERS = [
    (409, {"error": "chain_gap", "detail": "missing", "expect_batch": 3}, Blocked, "waits for batch 3, we hold 0"),
    (409, {}, Blocked, "409"),
    (403, {"error": "unknown_key", "detail": "nobody enrolled this key"}, Blocked, "unknown_key"),
    (400, {"error": "bad_format"}, Blocked, "bad_format"),
    (404, {}, Blocked, "404"),
    (413, {"detail": "too large"}, Blocked, "too large"),
    (422, {"error": "bad_signature", "step": 4}, Blocked, "bad_signature"),
    (429, {}, Later, "429"),
    (408, {}, Later, "408"),
    (500, {}, Later, "500"),
    (503, {"detail": "the disk is full"}, Later, "the disk is full"),
    (302, {}, Later, "302"),
    (204, {}, Later, "204"),
    (999, {}, Later, "999"),
]


@pytest.mark.parametrize(("status", "fields", "kind", "why"), ANSWERS)
def test_what_an_answer_means(
    status: int, fields: strictjson.JsonObject, kind: type[Later | Blocked], why: str
) -> None:
    """Only the collector's own no needs a person; everything else passes."""
    outcome = understand(Told(status, fields), WAITING, BELIEVED)
    assert type(outcome) is kind
    assert why in outcome.why


def test_the_collectors_wish_is_passed_on() -> None:
    """Retry-After comes through."""
    assert understand(Told(503, {}, 7_000_000), WAITING, BELIEVED) == Later("answer 503", 7_000_000)


@given(status=st.integers(100, 599), fields=json_objects | st.just({"receipt": "x"}), body=st.binary(max_size=60))
def test_nothing_but_a_receipt_is_a_receipt(status: int, fields: strictjson.JsonObject, body: bytes) -> None:
    """No status and no words make a receipt."""
    for told in (Told(status, fields), Told(status, net._fields(body))):
        assert not isinstance(understand(told, WAITING, BELIEVED), Kept)


@given(
    st.binary(max_size=100) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b'{"detail":"\\ud800"}', b"9" * 5000])
)
def test_any_answer_reads_as_an_object(body: bytes) -> None:
    """Whatever bytes an answer holds, reading them ends in an object."""
    assert isinstance(net._fields(body), dict)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """Give an outbox with three sealed batches."""
    with closing(Outbox(tmp_path / "outbox", lambda: bytes(32))) as box:
        for _ in range(3):
            add(box)
        yield box


def add(box: Outbox) -> None:
    """Measure and seal once more."""
    seq = box.start(lambda _: b"")
    box.finish(seq, write_record({"end": "ok", "seq": seq}), "boot")
    sealed = seal(box.sealable(), box.head, "boot", 1, 2, DEVICE)
    box.seal(sealed.body, sealed.pae_sha256, sealed.head, 1)


Make = Callable[[str], Uploader]


@pytest.fixture
def kept() -> list[Receipt]:
    """Give the list of receipts an uploader told of."""
    return []


@pytest.fixture
def make(outbox: Outbox, kept: list[Receipt]) -> Make:
    """Make an uploader of the outbox to an address."""
    return lambda url: Uploader(outbox, Collector(url), COLLECTOR.public, kept.append)


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for an answer as long as a test can bear."""
    monkeypatch.setattr(net, "_PATIENCE_S", 0.3)


async def test_oldest_first(outbox: Outbox, make: Make, kept: list[Receipt]) -> None:
    """Batches arrive in the order of their chain, each once, and only their receipts stay."""
    async with serving(FakeCollector()) as there:
        assert await make(there.url).send_all() is None
    assert there.seqs == [0, 1, 2]
    assert [one.batch for one in kept] == [0, 1, 2]
    assert [line for _, line in outbox.receipts()] == list(there.receipts.values())
    assert (outbox.tally().unsent, outbox.tally().unsent_bytes) == (0, 0)


TROUBLES = ["reset", "endless", "redirect", "garbage", "cut off", "503", "403", "500", "hang", "kept, but not said"]


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("at", [0, 1])
async def test_stops_at_the_first_trouble_and_goes_on_later(
    trouble: str, at: int, outbox: Outbox, make: Make, kept: list[Receipt]
) -> None:
    """Whatever goes wrong, no later batch is tried, no body goes, and the next time everything arrives exactly once."""
    async with serving(FakeCollector(script=["honest"] * at + [trouble])) as there:
        before = dict(enumerate(batch.body for batch in _waiting(outbox)))
        outcome = await make(there.url).send_all()
        assert isinstance(outcome, Blocked if trouble == "403" else Later)
        assert there.asked == ["batch"] * (at + 1)
        assert outbox.tally().unsent == 3 - at
        waiting = outbox.oldest_unsent()
        assert waiting is not None
        assert waiting.body == before[at]
        assert await make(there.url).send_all() is None
        assert there.seqs == [0, 1, 2]
        assert "elsewhere" not in there.asked
    assert [one.batch for one in kept] == [0, 1, 2]


def _waiting(box: Outbox) -> list[Waiting]:
    log = box._log
    return [Waiting(row.batch, Packed(log.read(row.body)), row.pae_sha256) for row in log.catch_up().sealed.values()]


async def test_the_collectors_retry_after(make: Make) -> None:
    """A full collector says when to come again."""
    async with serving(FakeCollector(script=["503"])) as there:
        assert await make(there.url).send_all() == Later("the disk is full", 7_000_000)


@pytest.mark.parametrize("header", ["-1", "²", "soon", "9" * 4000, "Wed, 21 Oct 2026 07:28:00 GMT", "1.5", ""])
def test_a_strange_retry_after(header: str) -> None:
    """Only a plain number of seconds is a wish."""
    assert net._SECONDS.fullmatch(header) is None


@pytest.mark.usefixtures("short_patience")
async def test_nobody_there(outbox: Outbox, make: Make) -> None:
    """A port without listener, a mute one and a name that is none are silence, and nothing is lost."""
    async with mute_port() as mute:
        for url in (f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{mute}", "http://no..name:1", "http://[:1"):
            outcome = await make(url).send_all()
            assert isinstance(outcome, Later), url
            assert "does not answer" in outcome.why
    assert outbox.tally().unsent == 3


async def test_a_fork_waits_for_a_person(outbox: Outbox, make: Make) -> None:
    """A collector that holds another batch of this number is told nothing more."""
    async with serving(FakeCollector()) as there:
        there.head = Head(1, 1, "f" * 64)
        outcome = await make(there.url).send_all()
    assert isinstance(outcome, Blocked)
    assert "chain_fork" in outcome.why
    assert outbox.tally().unsent == 3


async def test_complaints_follow_the_batches(outbox: Outbox, make: Make) -> None:
    """What measurements show is there before the words about it, and each complaint is sent once."""
    for words in ("slow since Monday", "still slow"):
        outbox.add_complaint(make_complaint(words, 5, DEVICE))
    async with serving(FakeCollector()) as there:
        assert await make(there.url).send_all() is None
        assert await make(there.url).send_all() is None
    assert there.asked == ["batch"] * 3 + ["complaint"] * 2
    assert there.complaints == ["slow since Monday", "still slow"]
    assert outbox.unsent_complaints() == []


@pytest.mark.parametrize(("trouble", "kind"), [("503", Later), ("403", Blocked), ("redirect", Later), ("reset", Later)])
async def test_a_complaint_in_trouble_is_kept(trouble: str, kind: type, outbox: Outbox, make: Make) -> None:
    """A complaint that was not taken is sent again, and arrives once."""
    outbox.add_complaint(make_complaint("slow", 5, DEVICE))
    async with serving(FakeCollector(script=[trouble])) as there:
        assert type(await make(there.url).send_complaints()) is kind
        assert len(outbox.unsent_complaints()) == 1
        assert await make(there.url).send_complaints() is None
    assert there.complaints == ["slow"]


class Sending:
    """A device as the uploader knows it."""

    clock = FakeClock(wall_us=70)

    def question(self) -> bytes:
        """Ask."""
        return question("boot", 1, 2, DEVICE)

    def seal_all(self) -> int:
        """Seal nothing."""
        return 0


async def test_since_when_sending_is_stuck(outbox: Outbox) -> None:
    """The first failure is remembered until something is taken; without anything that waits nothing is stuck."""
    async with serving(FakeCollector(script=["503", "503", "honest", "500"])) as there:
        device = Sending()
        uploader = Uploader(outbox, Collector(there.url), COLLECTOR.public, lambda _: None, device=device)
        assert stuck_since_us(outbox) is None
        for wall_us in (BUILT_US + 70, BUILT_US + 80):
            device.clock = FakeClock(wall_us=wall_us)
            assert isinstance(await uploader.send_all(), Later)
            assert stuck_since_us(outbox) == BUILT_US + 70
        device.clock = FakeClock(wall_us=BUILT_US + 90)
        assert isinstance(await uploader.send_all(), Later)
        assert stuck_since_us(outbox) == BUILT_US + 90
        assert await uploader.send_all() is None
        assert stuck_since_us(outbox) is None


async def test_what_was_sent_is_counted(outbox: Outbox) -> None:
    """Every body that went out is counted with the bytes it had on the way, one that nobody took a connection for is not."""
    sent: list[int] = []
    async with serving(FakeCollector(script=["503"])) as there:
        uploader = Uploader(outbox, Collector(there.url), COLLECTOR.public, lambda _: None, on_sent=sent.append)
        lengths = [len(waiting.packed.gzip) for waiting in _waiting(outbox)]
        await uploader.send_all()
        await uploader.send_all()
        assert sent == [lengths[0], *lengths]
    add(outbox)
    sent.clear()
    assert isinstance(await uploader.send_all(), Later)
    assert sum(sent) == 0


async def test_a_doubtful_outbox_asks_first(outbox: Outbox, tmp_path: Path) -> None:
    """An outbox in doubt hands out nothing before the collector said where the chain stands, over a real socket."""
    outbox.close()
    (tmp_path / "outbox" / "place").unlink()
    with closing(Outbox(tmp_path / "outbox", lambda: bytes(32))) as box:
        async with serving(FakeCollector(script=["503", "500", "honest"])) as there:
            alone = Uploader(box, Collector(there.url), COLLECTOR.public, lambda _: None)
            assert isinstance(await alone.send_all(), Blocked)
            uploader = Uploader(box, Collector(there.url), COLLECTOR.public, lambda _: None, device=Sending())
            assert await uploader.send_all() == Later("the disk is full", 7_000_000)
            assert isinstance(await uploader.send_all(), Later)
            assert box.tally().is_asking
            assert await uploader.send_all() is None
        assert there.asked == ["batch"] * 6
        assert there.seqs == [0, 1, 2]


@pytest.mark.parametrize(
    "fields", [{}, {"expect_batch": 1, "expect_seq": 2}, {"expect_batch": -1, "expect_seq": 0, "head": "a" * 64}]
)
def test_what_is_no_answer_to_the_question(fields: strictjson.JsonObject) -> None:
    """A conflict without a place in the chain is for later, and the collector's own no is for a person."""
    assert isinstance(expected_of(Told(409, fields)), Later)
    assert isinstance(expected_of(Told(403, fields)), Blocked)
    assert isinstance(expected_of(Told(200, fields)), Later)


async def test_cancelling_keeps_everything(outbox: Outbox, make: Make) -> None:
    """An upload that is told to stop leaves no task and loses nothing."""
    async with serving(FakeCollector(script=["honest", "hang"])) as there:
        task = asyncio.create_task(make(there.url).send_all())
        await there.hanging.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert outbox.tally().unsent == 2
        assert await make(there.url).send_all() is None
    assert there.seqs == [0, 1, 2]


async def test_who_takes_no_connection_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that does not even take a connection is given up before one that is slow to answer."""

    async def away(_addresses: object, entered: Callable[[Stage], None], _interface: object) -> None:
        entered(Stage.CONNECT)
        await asyncio.Event().wait()

    monkeypatch.setattr(net, "_CONNECT_S", 0.05)
    monkeypatch.setattr(exchange, "race", away)
    async with asyncio.timeout(20):
        with pytest.raises(CollectorSilent, match="does not answer"):
            await Collector("http://127.0.0.1:9").post_complaint(b"{}")


async def test_an_answer_may_take_longer_than_a_connection(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a connection is there, its limit is over."""
    monkeypatch.setattr(net, "_CONNECT_S", 0.3)
    there = FakeCollector(script=["hang"])
    async with serving(there):
        task = asyncio.create_task(make(there.url).send_all())
        await there.hanging.wait()
        await asyncio.sleep(0.6)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_without_tls_no_authority_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector in the clear needs nobody to believe, but a file of certificates that is none is always told."""

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", refuse)
    Collector("http://127.0.0.1:9")
    with pytest.raises(AssertionError):
        Collector("https://127.0.0.1:9")
    with pytest.raises(Malformed):
        Collector("http://127.0.0.1:9", "no-such-file.pem")
