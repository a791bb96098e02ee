"""The index holds the grade that ledger and trusted peers give, however it was loaded, and whenever a peer was trusted."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest
from fakes.clock import FakeClock
from fakes.cosign import OTHER_PEER, PEER, SID, bearing, download, transfer, trust
from fakes.device import Device
from fakes.history import History
from fakes.streams import Streams
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.config import Config
from collector.ingest import Ingest
from collector.keychange import rotate
from collector.ledger.frame import Entry
from collector.rebuild import rebuild
from collector.services import INDEX, Services
from collector.store import queries
from collector.store.duck import DuckStore
from collector.view import GradeCount
from shared.grade import NOBODY, Peers, trusting
from shared.keys import FileKey
from shared.rotation import Whose, make_rotation
from shared.strictjson import JsonObject

Grades = list[tuple[str | None, str | None]]
COUNTER_SIGNED = ("counter_signed", None)
REUSED = ("one_sided", "session_reused")
UNKNOWN_PEER = ("one_sided", "unknown_peer")


@pytest.fixture
def history(config: Config, clock: FakeClock) -> Iterator[History]:
    """A collector that trusts one peer."""
    trust(config.data, PEER)
    with contextlib.closing(Services.over_folder(config, clock)) as services:
        yield History(services)


def grades(services: Services, line: str = "line-0") -> Grades:
    """The grades of a line's records in the order of devices' numbering."""
    services.indexer.catch_up()
    rows = sorted(services.store.timeline(line), key=lambda row: (row.dev, row.seq))
    return [(row.grade, row.grade_reason) for row in rows]


def with_sid(device: Device, sid: str) -> JsonObject:
    """A download in a session of this name."""
    return download(device.dev, sid=sid)


def test_each_record_has_its_grade(history: History) -> None:
    """A download the peer vouches for, one that nobody does, and a method without a transfer are told apart."""
    one = history.device("line-0")
    latency: JsonObject = {"end": "ok", "method": "latency", "rtt_us": [1, 2]}
    bare: JsonObject = {"end": "failed", "failure": "eof_error", "method": "upload"}
    history.batch(one, download(one.dev), bare, latency, {"end": "not_started", "method": "download"})
    found = grades(history.services)
    assert found == [COUNTER_SIGNED, ("one_sided", "no_counter_signature"), (None, None), (None, None)]
    assert history.services.store.grades("line-0") == [
        GradeCount("down", "counter_signed", None, 1),
        GradeCount("up", "one_sided", "no_counter_signature", 1),
    ]
    assert history.services.store.grades("line-1") == []


def test_a_session_counts_for_the_first_record_only(history: History) -> None:
    """In one batch, in one load and over loads, the first record in the ledger has the session."""
    one = history.device("line-0")
    history.batch(one, download(one.dev), download(one.dev))
    assert grades(history.services) == [COUNTER_SIGNED, REUSED]
    history.batch(one, download(one.dev))
    history.batch(one, download(one.dev), with_sid(one, "second"))
    history.batch(one, with_sid(one, "second"))
    assert grades(history.services) == [COUNTER_SIGNED, REUSED, REUSED, REUSED, COUNTER_SIGNED, REUSED]


def test_nobody_uses_up_the_session_of_another_device(history: History) -> None:
    """A copied counter-signature is worth nothing to the copier, and costs its owner nothing, whoever comes first."""
    one, two = history.device("line-0"), history.device("line-1")
    history.batch(two, download(one.dev))
    history.batch(one, download(one.dev))
    assert grades(history.services, "line-1") == [("one_sided", "other_device")]
    assert grades(history.services) == [COUNTER_SIGNED]


def test_a_resend_is_no_second_use(history: History) -> None:
    """A batch that is sent again, because its receipt was lost, keeps the grade of its records."""
    one = history.device("line-0")
    body = one.next(download(one.dev))
    for is_new in (True, False):
        assert asyncio.run(Ingest(history.services).take(body)).is_new is is_new
        assert grades(history.services) == [COUNTER_SIGNED]


def test_an_imported_record_has_no_grade(history: History) -> None:
    """Nobody signed a log that somebody supplied, so nobody counter-signs it."""
    one = history.device("line-0")
    history.imported("line-0", [download(one.dev)])
    assert grades(history.services) == [(None, None)]
    history.batch(one, download(one.dev))
    assert COUNTER_SIGNED in grades(history.services)


@pytest.mark.parametrize("said", [[], ["receiver_limited"], ["wifi"], ["receiver_limited", "wifi"]])
def test_what_the_peer_saw_is_a_flaw(history: History, said: list[str]) -> None:
    """A slow reader has its flaw on the row, once, beside what the device said of itself; a slow line has not."""
    one = history.device("line-0")
    slow = download(one.dev, rwnd_limited_pm=608) | {"flaws": [*said]}
    history.batch(one, slow, slow, download(one.dev, rwnd_limited_pm=1, sid="second"))
    grades(history.services)
    first, again, shaped = (row.flaws for row in history.services.store.timeline("line-0"))
    assert sorted(first) == sorted({*said, "receiver_limited"})
    assert again == tuple(said)
    assert shaped == ()
    assert history.services.store.counts("line-0")["signed"].flawed == 1 + bool(said)


def eventful(history: History) -> None:
    """Two devices, two peers, sessions used once and again, and records without any."""
    one, two = history.device("line-0"), history.device("line-0")
    foreign = bearing(download(one.dev), transfer(one.dev), OTHER_PEER)
    history.batch(one, download(one.dev), foreign, download(one.dev, rwnd_limited_pm=900, sid="slow"))
    history.batch(two, download(one.dev), download(two.dev), {"end": "ok", "method": "upload"})
    history.batch(one, foreign, download(one.dev, sid="slow"), download(one.dev, dur_us=9))


def over(folder: Path, *keys: FileKey) -> Services:
    """A collector over this folder that trusts these peers too."""
    trust(folder, *keys)
    return Services.over_folder(Config(data=folder), FakeClock())


def test_a_peer_trusted_later_counts_for_what_was_there_before(tmp_path: Path) -> None:
    """Trust is looked at as it is now: a key added or taken away regrades every record at the next start."""
    with contextlib.closing(over(tmp_path, PEER)) as services:
        eventful(History(services))
        before, digest = grades(services), services.store.digest()
        assert before.count(UNKNOWN_PEER) == 2
    with contextlib.closing(over(tmp_path, OTHER_PEER)) as services:
        found = grades(services)
        assert UNKNOWN_PEER not in found
        assert found.count(COUNTER_SIGNED) == before.count(COUNTER_SIGNED) + 1
        assert found.count(REUSED) == before.count(REUSED) + 1
    done = rebuild(Config(data=tmp_path), lambda *_: None)
    assert done.before == done.after != digest
    (tmp_path / "keys" / "peers" / f"{OTHER_PEER.public.key_id[:8]}.pem").unlink()
    with contextlib.closing(Services.over_folder(Config(data=tmp_path), FakeClock())) as services:
        assert (grades(services), services.store.digest()) == (before, digest)
        assert ["receiver_limited" in row.flaws for row in services.store.timeline("line-0")].count(True) == 1


def test_a_transfer_of_a_device_with_a_new_key(tmp_path: Path) -> None:
    """What a peer says of a device names the key that signed: it counts after a rotation, and after every regrading too."""
    for trusted in (False, True, True):
        if trusted:
            trust(tmp_path, PEER)
        with contextlib.closing(Services.over_folder(Config(data=tmp_path), FakeClock())) as services:
            if not trusted:
                history = History(services)
                old = history.device("line-0")
                new = Device()
                rotate(services, make_rotation(Whose.DEVICE, old.key, new.key))
                history.batch(new, download(new.dev))
            assert grades(services) == [COUNTER_SIGNED if trusted else UNKNOWN_PEER]


def test_an_index_is_compared_by_the_trust_of_today(tmp_path: Path) -> None:
    """A rebuild after a key was added finds the index the same, and a grade changed by hand not."""
    with contextlib.closing(over(tmp_path, PEER)) as services:
        eventful(History(services))
        services.indexer.catch_up()
    trust(tmp_path, OTHER_PEER)
    done = rebuild(Config(data=tmp_path), lambda *_: None)
    assert done.before == done.after
    with duckdb.connect(str(tmp_path / INDEX)) as connection:
        connection.execute("UPDATE hot SET grade = 'counter_signed', grade_reason = NULL")
    done = rebuild(Config(data=tmp_path), lambda *_: None)
    assert done.before is not None
    assert {name for name, value in done.after.items() if done.before[name] != value} == {"record"}


def test_an_index_made_before_is_filled_anew(tmp_path: Path) -> None:
    """An index that knows only the first two migrations is filled from the ledger by itself, and is then the one made anew."""
    with contextlib.closing(over(tmp_path, PEER)) as services:
        eventful(History(services))
        found = grades(services)
        last_no = services.ledger.last_no
    (tmp_path / INDEX).unlink()
    with duckdb.connect(str(tmp_path / INDEX)) as connection:
        connection.execute("CREATE TABLE migration (no INTEGER NOT NULL)")
        for no, sql in queries.migrations()[:2]:
            connection.execute(sql)
            connection.execute("INSERT INTO migration VALUES (?)", [no])
        connection.execute("INSERT INTO entry VALUES (?, 'batch', 1, '000001.ndjson', 0)", [last_no])
    with contextlib.closing(over(tmp_path)) as services:
        assert services.store.loaded_no() == 0
        assert grades(services) == found
    done = rebuild(Config(data=tmp_path), lambda *_: None)
    assert done.before == done.after


def test_many_records_are_regraded_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session used in one piece is used in the next."""
    with contextlib.closing(over(tmp_path)) as services:
        eventful(History(services))
        services.indexer.catch_up()
    monkeypatch.setattr("collector.store.regrade._AT_ONCE", 2)
    trust(tmp_path, PEER, OTHER_PEER)
    done = rebuild(Config(data=tmp_path), lambda *_: None)
    assert done.before == done.after


PIECES = st.lists(st.integers(0, 12), max_size=6)
WORDS = st.lists(
    st.tuples(
        st.integers(0, 1), st.sampled_from(["", SID, "b", "c"]), st.sampled_from([PEER, OTHER_PEER]), st.booleans()
    ),
    max_size=8,
)


def loaded(entries: Sequence[Entry], ends: Sequence[int], peers: Peers) -> dict[str, tuple[int, str]]:
    """The digest of an index loaded in these pieces."""
    with contextlib.closing(DuckStore(None, peers)) as store:
        for start, end in itertools.pairwise([0, *sorted(end % (len(entries) + 1) for end in ends), len(entries)]):
            store.load(entries[start:end])
        return store.digest()


@given(words=WORDS, pieces=PIECES, trusted=st.sampled_from([NOBODY, trusting([PEER.public])]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_grades_do_not_hang_on_how_the_index_grew(
    words: list[tuple[int, str, FileKey, bool]], pieces: list[int], trusted: Peers
) -> None:
    """Loaded in any pieces, whatever sessions are borne by whom, the index is the one that is loaded at once."""
    streams = Streams()
    for line in ("line-0", "line-1"):
        streams.line(line)
        streams.device(line)
    for at_us, (number, sid, key, honest) in enumerate(words):
        one, dev = streams.devices[number], streams.devices[number if honest else 1 - number].dev
        record = bearing(download(dev), transfer(dev, sid=sid), key) if sid else {"end": "ok", "method": "upload"}
        streams.batch(one, [record], at_us)
    assert loaded(streams.entries[0], pieces, trusted) == loaded(streams.entries[0], (), trusted)
