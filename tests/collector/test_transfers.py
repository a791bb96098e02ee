"""The entrance for peers' statements: each trusted one is kept once, as a leaf of the log, and every other is refused by name."""

import contextlib
import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fakes.clock import FakeClock
from fakes.commanded import commanded
from fakes.cosign import OTHER_PEER, PEER, transfer, trust
from fakes.device import Device, download
from fakes.served import Answer, Served, serving

from collector.config import Config
from collector.errors import StorageFull
from collector.ledger.frame import Entry, EntryKind
from collector.ledger.segments import read_entries
from collector.log.leaves import leaf_in
from collector.rebuild import rebuild
from collector.services import INDEX, Services
from shared import dsse
from shared.dsse import b64, read_envelope
from shared.leaf import leaf_of
from shared.statement import Kind, Statement
from shared.strictjson import decode, encode
from shared.transfer import MAX_STATEMENTS, STATEMENTS_MEDIA_TYPE

N_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
def trusting(config: Config, clock: FakeClock) -> Iterator[Served]:
    """A collector that trusts a peer."""
    trust(config.data, PEER)
    with contextlib.closing(Services.over_folder(config, clock)) as services, serving(services) as running:
        yield running


def post(collector: Served, *lines: bytes, **headers: str) -> Answer:
    """Hand over these lines."""
    body = b"".join(line + b"\n" for line in lines)
    return collector.send("POST", "/v1/transfers", body, {"Content-Type": STATEMENTS_MEDIA_TYPE} | headers)


def answers(answer: Answer) -> list[str]:
    """What came of each line: kept, repeat, or the name of its refusal."""
    assert answer.status == 200, answer.body
    return [one.get("error", one["answer"]) for one in answer.told["answers"]]


def kept(collector: Served) -> list[Entry]:
    """The statements in the ledger."""
    return [one for one in read_entries(collector.services.ledger.folder) if one.kind is EntryKind.TRANSFER]


def test_a_statement_is_a_leaf_of_its_own(trusting: Served) -> None:
    """A trusted peer's statement is in the ledger as it came, and in the log by the peer's key, without any record."""
    device = trusting.enrolled("anna")
    line = transfer(device.dev, seq=7).seal(PEER)
    assert answers(post(trusting, line)) == ["kept"]
    (entry,) = kept(trusting)
    envelope = read_envelope(line)
    assert (entry.body, entry.signer) == (line + b"\n", PEER.public.spki)
    assert leaf_in(entry) == leaf_of(envelope.pae_sha256, envelope.signature, PEER.public.spki)
    assert entry.tree is not None


def test_a_repeat_is_kept_once(trusting: Served) -> None:
    """A statement that comes again, in one request, in another, or with the other signature that fits, is a repeat."""
    device = trusting.enrolled("anna")
    line, more = transfer(device.dev).seal(PEER), transfer(device.dev, sid="another").seal(PEER)
    assert answers(post(trusting, line, line)) == ["kept", "repeat"]
    assert answers(post(trusting, line, more)) == ["repeat", "kept"]
    assert answers(post(trusting, turned(line))) == ["repeat"]
    assert len(kept(trusting)) == 2


def turned(line: bytes) -> bytes:
    """The same statement with (r, n - s)."""
    told, (r, s) = decode(line), decode_dss_signature(read_envelope(line).signature)
    told["signatures"][0]["sig"] = b64(encode_dss_signature(r, N_P256 - s))  # type: ignore[index,call-overload]
    assert encode(told) != line
    return encode(told)


def test_strangers_are_refused_by_name(trusting: Served) -> None:
    """Whatever is no statement of a trusted peer about a device of ours is refused by its name; its neighbours are kept."""
    device = trusting.enrolled("anna")
    good = transfer(device.dev).seal(PEER)
    told = decode(good)
    told["signatures"][0]["keyid"] = OTHER_PEER.public.key_id  # type: ignore[index,call-overload]
    wrong = replace(transfer(device.dev), sid="x").seal(OTHER_PEER)
    forged = decode(wrong)
    forged["signatures"][0]["keyid"] = PEER.public.key_id  # type: ignore[index,call-overload]
    no_transfer = Statement(Kind.TICKET, "transfer", "0" * 64, {}).encode()
    cases = [
        (b"", "bad_format"),
        (b"{}", "bad_format"),
        (b"\xff", "bad_format"),
        (b"[" * 20_000, "bad_format"),
        (wrong, "unknown_key"),
        (encode(told), "unknown_key"),
        (encode(forged), "bad_signature"),
        (dsse.seal(no_transfer, PEER), "bad_statement"),
        (transfer("ab" * 32).seal(PEER), "not_found"),
        (good, "kept"),
    ]
    assert answers(post(trusting, *(line for line, _ in cases))) == [name for _, name in cases]
    assert len(kept(trusting)) == 1


def test_a_peer_is_known_by_its_whole_key(trusting: Served) -> None:
    """A key that only begins like a trusted one is a stranger's."""
    device = trusting.enrolled("anna")
    told = decode(transfer(device.dev).seal(PEER))
    told["signatures"][0]["keyid"] = PEER.public.key_id[:16] + "0" * 48  # type: ignore[index,call-overload]
    assert answers(post(trusting, encode(told))) == ["unknown_key"]


def test_bodies_are_bounded(trusting: Served) -> None:
    """Too many lines, too many bytes, no lines, another type: refused as a whole, and nothing is kept."""
    line = transfer(trusting.enrolled("anna").dev).seal(PEER)
    many = post(trusting, *[line] * (MAX_STATEMENTS + 1))
    assert (many.status, many.error) == (413, "too_large")
    bomb = gzip.compress(b"\n" * (1 << 21))
    large = trusting.send(
        "POST", "/v1/transfers", bomb, {"Content-Type": STATEMENTS_MEDIA_TYPE, "Content-Encoding": "gzip"}
    )
    assert (large.status, large.error) == (413, "too_large")
    for body in (b"", line):
        torn = trusting.send("POST", "/v1/transfers", body, {"Content-Type": STATEMENTS_MEDIA_TYPE})
        assert (torn.status, torn.error) == (400, "bad_format")
    other = trusting.send("POST", "/v1/transfers", line + b"\n", {"Content-Type": "application/json"})
    assert (other.status, other.error) == (415, "bad_media_type")
    assert not kept(trusting)
    packed = trusting.send(
        "POST",
        "/v1/transfers",
        gzip.compress(line + b"\n"),
        {"Content-Type": STATEMENTS_MEDIA_TYPE, "Content-Encoding": "gzip"},
    )
    assert answers(packed) == ["kept"]


def test_a_full_disk_keeps_nothing_it_answers_503_to(trusting: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk has no room the peer is told to come again, and what it brings then is kept once."""
    line = transfer(trusting.enrolled("anna").dev).seal(PEER)
    ledger = trusting.services.ledger
    book = ledger._book  # type: ignore[attr-defined]
    with monkeypatch.context() as full:
        full.setattr(book, "_short", lambda: StorageFull("nothing was kept: the disk is full"))
        answer = post(trusting, line)
    assert (answer.status, answer.error) == (503, "storage_full")
    assert "retry-after" in answer.headers
    assert not kept(trusting)
    assert answers(post(trusting, line)) == ["kept"]


def test_transfers_are_in_the_index_made_anew(tmp_path: Path, clock: FakeClock) -> None:
    """The index that is rebuilt has the same statements as the one that grew, and knows them as repeats."""
    config = Config(data=tmp_path / "data")
    trust(config.data, PEER)
    with contextlib.closing(Services.over_folder(config, clock)) as services, serving(services) as running:
        device = running.enrolled("anna")
        assert answers(post(running, transfer(device.dev).seal(PEER))) == ["kept"]
        assert running.post_batch(device.next(download())).status == 201
    rebuilt = rebuild(config, lambda _done, _of: None)
    assert rebuilt.before == rebuilt.after
    assert rebuilt.after["transfer"][0] == 1
    with contextlib.closing(Services.over_folder(config, clock)) as services, serving(services) as running:
        assert answers(post(running, transfer(device.dev).seal(PEER))) == ["repeat"]


@pytest.mark.slow
@pytest.mark.threat("T12")
@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("UPDATE transfer SET bytes = 1", "a row of transfer: bytes is 1, the ledger says 1252000"),
        ("DELETE FROM transfer", "makes 1 rows of transfer, the index has 0"),
    ],
)
def test_a_statement_edited_in_the_index_is_named(tmp_path: Path, clock: FakeClock, sql: str, words: str) -> None:
    """The audit names a peer's statement that somebody changed or took out of the index, and nothing before that."""
    config = Config(data=tmp_path / "data")
    trust(config.data, PEER)
    with contextlib.closing(Services.over_folder(config, clock)) as services, serving(services) as running:
        assert answers(post(running, transfer(running.enrolled("anna").dev).seal(PEER))) == ["kept"]
        services.indexer.caught_up(services.ledger.newest_no())
    assert commanded(config.data, "audit", "--rows", "all").returncode == 0
    with contextlib.closing(duckdb.connect(str(config.data / INDEX))) as index:
        index.execute(sql)
    done = commanded(config.data, "audit", "--rows", "all")
    assert done.returncode == 1
    assert words in done.stdout


def test_nobody_reads_transfers_at_the_start(trusting: Served) -> None:
    """Transfers are as many as measurements, so what every start reads has none of them."""
    device = trusting.enrolled("anna")
    before = trusting.services.ledger.others()
    assert answers(post(trusting, transfer(device.dev).seal(PEER))) == ["kept"]
    assert trusting.services.ledger.others() == before


def test_a_frozen_device_is_no_reason(trusting: Served) -> None:
    """The peer's word about a device whose key was frozen is kept: it is the peer's, not the device's."""
    device = trusting.enrolled("anna")
    other = Device(device.key)
    assert trusting.post_batch(device.next(download())).status == 201
    assert trusting.post_batch(other.next(download(dur_us=2))).status == 409
    assert answers(post(trusting, transfer(device.dev).seal(PEER))) == ["kept"]
