"""The collector's configuration."""

import contextlib
from pathlib import Path

import pytest
from fakes.witness import FakeWitness

from collector.config import DEFAULT_PORT, Config, parse
from collector.errors import BadRequest
from collector.log.key import LogKey, Witness
from collector.store.address import LakeAddress
from collector.store.duck import DuckStore
from collector.store.limits import LAKE_RUN_ROWS, Limits

DATA = Path("data")
LAKE = 'catalog = "{}"\nlake = "{}"\nstream = {}'


def test_nothing_said() -> None:
    """Without a file and options the defaults hold: loopback only, and no TLS."""
    config = parse("", DATA, {})
    assert config == Config(DATA)
    assert (config.port, config.peer_port, config.peer_tls_port) == (DEFAULT_PORT, DEFAULT_PORT + 1, DEFAULT_PORT + 2)
    assert (config.host, config.peer_tls_cert, config.peer_tls_key) == ("127.0.0.1", None, None)


def test_a_peer_with_tls() -> None:
    """Certificate, key and port are read from the file; an option wins."""
    text = 'peer_tls_cert = "a.pem"\npeer_tls_key = "k.pem"\npeer_tls_port = 1'
    config = parse(text, DATA, {"peer_tls_cert": Path("b.pem"), "peer_tls_port": None})
    assert (config.peer_tls_cert, config.peer_tls_key, config.peer_tls_port) == (Path("b.pem"), Path("k.pem"), 1)


def test_the_index_is_bounded() -> None:
    """What the index may take is what the settings say, in the engine's own words."""
    assert parse("", DATA, {}).index == Limits(memory="1GB", threads=2)
    limits = parse('index_memory = "256MB"\nindex_threads = 1', DATA, {}).index
    with contextlib.closing(DuckStore(None, limits=limits)) as store:
        wanted = "SELECT current_setting('threads'), current_setting('memory_limit')"
        assert store._ask(wanted) == [(1, "244.1 MiB")]


def test_a_lake() -> None:
    """Catalog, place of the files and number of the stream are read as they are; without them the index is a file."""
    assert parse("", DATA, {}).lake_address is None
    config = parse(LAKE.format("postgresql://u@h/d", "s3://b/p/q?endpoint=http://h:1", 7), DATA, {})
    assert config.stream == 7
    assert parse("[ledgers]\n2 = '/shared/two/ledger'", DATA, {}).ledgers == {2: "/shared/two/ledger"}
    assert config.index == Limits(run_rows=LAKE_RUN_ROWS)
    assert config.lake_address == LakeAddress("postgresql://u@h/d", "s3://b/p/q?endpoint=http://h:1")
    assert config.lake_address.bucket == ("s3://b/p/q/", "http://h:1")
    assert LakeAddress("", "s3://b").bucket == ("s3://b/", "")
    assert LakeAddress("", "/b").bucket is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("peer_tls_port = 65536", "peer_tls_port"),
        ("peer_tls_port = true", "peer_tls_port"),
        ('peer_tls_key = "k.pem"', "peer_tls_key needs peer_tls_cert"),
        ('report_key = "k.pem"', "report_key needs report_cert"),
        ('peer_tls_certificate = "c.pem"', "unknown setting 'peer_tls_certificate'"),
        ("peer_host = 1", "peer_host"),
        ("slot_s = 1", "slot_s"),
        ("index_threads = 0", "index_threads"),
        ("index_memory = 512", "index_memory"),
        ('index_memory = "512 MB"', "index_memory"),
        ('index_memory = "255MB"', "at least 256MB"),
        ("= 1", "not TOML"),
        ('catalog = "postgresql://a/b"', "lake and stream is missing"),
        ("stream = 0", "catalog and lake is missing"),
        ('catalog = "postgresql://a/b"\nlake = "/x"', "stream is missing"),
        (LAKE.format("postgresql://a/b", "/x", -1), "stream"),
        (LAKE.format("postgresql://a/b", "/x", "true"), "stream"),
        (LAKE.format("host=a", "/x", 0), "catalog"),
        (LAKE.format("postgresql://a/b", "x", 0), "absolute folder"),
        (LAKE.format("postgresql://a/b", "s3:///x", 0), "s3://bucket"),
        (LAKE.format("postgresql://a/b", "s3://b/x?end=1", 0), "s3://bucket"),
        (LAKE.format("postgresql://a/b", "s3://b/x?endpoint=1", 0), "s3://bucket"),
        ("ledgers = 1", "ledgers"),
        ("[ledgers]\nx = '/a'", "ledgers"),
        ("[ledgers]\n-1 = '/a'", "ledgers"),
        ("[ledgers]\n2 = 'a'", "absolute folder"),
        ("[ledgers]\n2 = 3", "ledgers"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    """A setting that is unknown, out of bounds or half of a pair is refused by its name."""
    with pytest.raises(BadRequest, match=says):
        parse(text, DATA, {})


def test_the_address_for_probes() -> None:
    """The address that links carry is read as one, without a slash at its end; what is none is refused."""
    assert parse('url = "https://proof.example.net/"', DATA, {}).url == "https://proof.example.net"
    assert parse("", DATA, {"url": "http://a.example"}).url == "http://a.example"
    for wrong in ("proof.example.net", "ftp://a.example", "https://a.example/enrol#X"):
        with pytest.raises(BadRequest, match="https://host:port"):
            parse("", DATA, {"url": wrong})


W1, W2 = (FakeWitness(number).notary.public for number in range(2))
TABLE = '[[witness]]\nurl = "{}"\nvkey = "{}"\n'


def test_the_log() -> None:
    """Its name, and who is asked to cosign it; all of them unless fewer will do."""
    text = 'origin = "log2026.example.net"\nquorum = 1\n' + TABLE.format("https://w1.example/x/", W1.vkey)
    config = parse(text + TABLE.format("http://127.0.0.1:7", W2.vkey), DATA, {})
    assert (config.origin, config.quorum) == ("log2026.example.net", 1)
    assert config.witness == (Witness("https://w1.example/x", W1), Witness("http://127.0.0.1:7", W2))
    assert parse("", DATA, {}).witness == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('origin = "log"', "origin is a host's name"),
        ("origin = 7", "origin is a host's name"),
        ("quorum = 0\n" + TABLE.format("https://w.example", W1.vkey), "quorum is a whole number from 1 to 1"),
        ("quorum = 2\n" + TABLE.format("https://w.example", W1.vkey), "quorum is a whole number from 1 to 1"),
        ("witness = 7", "a witness is a table"),
        ('[[witness]]\nurl = "https://w.example"', "a witness is a table"),
        (TABLE.format("https://w.example", W1.vkey) + "more = 1", "a witness is a table"),
        (TABLE.format("ftp://w.example", W1.vkey), "witness ftp"),
        (TABLE.format("https://w.example", "a+b+c"), "witness https"),
        (TABLE.format("https://w.example", LogKey.generate().public.vkey), "not a key for cosignatures"),
        (
            TABLE.format("https://a.example", W1.vkey) + TABLE.format("https://b.example", W1.vkey),
            "two witnesses of one",
        ),
    ],
)
def test_what_no_log_can_be(text: str, says: str) -> None:
    """Names that are no host's, witnesses that are none, and quorums that can never be are refused by name."""
    with pytest.raises(BadRequest, match=says):
        parse(text, DATA, {})


def test_time_stamps() -> None:
    """Where an authority is and by what it is believed; a checkpoint every quarter of an hour unless more is asked for."""
    config = parse('tsa = "http://tsa.example/tsr/"\ntsa_roots = "roots.pem"', DATA, {})
    assert (config.tsa, config.tsa_roots) == ("http://tsa.example/tsr", Path("roots.pem"))
    assert (config.tsa_every, config.tsa_minutes, parse("", DATA, {}).tsa) == ("checkpoint", 15, None)
    more = 'tsa = "http://tsa.example"\ntsa_roots = "r"\ntsa_every = "batch"\ntsa_minutes = 60'
    assert (parse(more, DATA, {}).tsa_every, parse(more, DATA, {}).tsa_minutes) == ("batch", 60)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('tsa = "http://tsa.example"', "tsa_roots is missing"),
        ('tsa_roots = "r"', "tsa is missing"),
        ('tsa_every = "batch"', "tsa and tsa_roots is missing"),
        ('tsa = "tsa.example"\ntsa_roots = "r"', "tsa: "),
        ('tsa = "http://tsa.example"\ntsa_roots = 7', "path of a PEM file"),
        ('tsa = "http://tsa.example"\ntsa_roots = "r"\ntsa_every = "hour"', "checkpoint, batch"),
        ('tsa = "http://tsa.example"\ntsa_roots = "r"\ntsa_minutes = 0', "tsa_minutes"),
    ],
)
def test_what_no_authority_can_be(text: str, says: str) -> None:
    """Half a setting, an address that is none, a pace that is none: refused by name."""
    with pytest.raises(BadRequest, match=says):
        parse(text, DATA, {})
