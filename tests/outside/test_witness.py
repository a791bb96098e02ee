"""Our log before a witness that is not ours (`aics-witness`, C2SP tlog-witness), and what it serves before `aics-tlog`.

It cosigns what grows, and nothing else: neither a fork, by whoever has the log's real key, nor a tree that shrank.
"""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes.case import Case
from fakes.clock import FakeClock
from fakes.device import download
from fakes.history import History
from fakes.outside import ask_python
from fakes.real_witness import RealWitness, real_witness
from fakes.served import serving

from collector.config import Config
from collector.evidence.bundle import make_evidence
from collector.evidence.check import check_evidence
from collector.evidence.logged import CHECKPOINT, Trust
from collector.log.key import LogKey
from collector.log.witness import Cosigned, Witnesses
from collector.services import Services
from shared.checkpoint import open_checkpoint
from shared.note import Note, read_note
from shared.tree import consistency


@dataclass
class Logging:
    """A collector whose log the witness knows."""

    services: Services
    history: History

    def grow(self, count: int) -> None:
        """Further batches, published."""
        for _ in range(count):
            self.history.batch(self.history.devices[0], download(), download(end="failed", failure="eof_error"))
        self.services.indexer.catch_up()
        self.services.publisher.catch_up()

    @property
    def note(self) -> bytes:
        """Its newest checkpoint."""
        assert self.services.publisher.published is not None
        return self.services.publisher.published.note

    @property
    def size(self) -> int:
        """How many leaves that has."""
        return self.services.publisher.files.size

    def proof(self, old: int) -> list[bytes]:
        """That its tree begins with that of so many leaves."""
        return consistency(self.services.publisher.files.node, old, self.size)

    def asks(self) -> Cosigned | None:
        """One round."""
        return self.services.witnesses.go_round()


@pytest.fixture
def witness(tmp_path: Path) -> RealWitness:
    """The real one."""
    return real_witness(tmp_path / "witness")


@contextlib.contextmanager
def logging_to(witness: RealWitness, data: Path, keys_of: Path | None = None) -> Iterator[Logging]:
    """A collector over a new folder, with the keys of another if told: its log has the same name and key."""
    if keys_of is not None:
        data.mkdir()
        shutil.copytree(keys_of / "keys", data / "keys")
    config = Config(data=data, witness=(witness.asked_at,))
    with contextlib.closing(Services.over_folder(config, FakeClock())) as services:
        made = Logging(services, History(services))
        made.history.device("line-0")
        made.grow(1)
        yield made


@pytest.fixture
def ours(witness: RealWitness, tmp_path: Path) -> Iterator[Logging]:
    """An honest collector, which the witness knows and has listened to since."""
    with logging_to(witness, tmp_path / "ours") as made:
        witness.knows(made.services.log_key.public)
        with witness.serving():
            yield made


def test_it_cosigns_what_grows(ours: Logging, witness: RealWitness) -> None:
    """Round after round, with its own clock's time; what it said is kept, and is there after a start."""
    sizes = []
    for count in (0, 1, 5):
        ours.grow(count)
        found = ours.asks()
        assert found is not None
        told = open_checkpoint(found.note, ours.services.log_key.public, [witness.key])
        assert (told.checkpoint.size, told.by_quorum_s(1)) == (ours.size, found.time_s)
        assert found.time_s > 1_600_000_000
        sizes.append(found.size)
    assert sizes == sorted(set(sizes))
    assert ours.services.witnesses.contradictions == {}
    services = ours.services
    folder, asked = services.config.data / "log", services.config.witness
    again = Witnesses(folder, services.publisher, services.log_key.public, asked, 1)
    with contextlib.closing(again):
        assert again.newest == services.witnesses.newest


@pytest.mark.threat("T13")
def test_a_forked_log(ours: Logging, witness: RealWitness, tmp_path: Path) -> None:
    """T13: who drops an entry and signs anew with the log's real key is answered 409 or 422, and what he sent is kept as evidence."""
    ours.grow(4)
    assert ours.asks() is not None
    seen = ours.size
    with logging_to(witness, tmp_path / "forked", ours.services.config.data) as forked:
        assert forked.services.log_key.public == ours.services.log_key.public
        forked.grow(seen)
        assert forked.size > seen
        assert witness.post(0, forked.note) == (409, b"%d\n" % seen)
        assert witness.post(seen, forked.note, *forked.proof(seen))[0] == 422
        equal = forked.services.log_key.checkpoint(seen, forked.services.publisher.files.root(seen))
        assert witness.post(seen, equal)[0] == 422
        assert forked.asks() is None
        assert forked.services.witnesses.newest is None
        assert set(forked.services.witnesses.contradictions) == {witness.key.name}
    assert len(witness.evidence()) >= 2
    ours.grow(1)
    assert ours.asks() is not None  # the honest one goes on


@pytest.mark.threat("T13")
def test_a_log_that_shrank(ours: Logging, witness: RealWitness) -> None:
    """A smaller tree than it has seen, rightly signed, is answered 409; one that is said to be larger than it is, 400."""
    ours.grow(4)
    assert ours.asks() is not None
    seen, files = ours.size, ours.services.publisher.files
    less = ours.services.log_key.checkpoint(seen - 2, files.root(seen - 2))
    assert witness.post(seen - 2, less) == (409, b"%d\n" % seen)
    assert witness.post(seen - 3, less, *consistency(files.node, seen - 3, seen - 2))[0] == 409
    assert witness.post(seen, less)[0] == 400


def test_what_it_does_not_know(ours: Logging, witness: RealWitness) -> None:
    """Another log is unknown to it (404), another key under this log's name is not this log (403)."""
    name, files = ours.services.log_key.public.name, ours.services.publisher.files
    stranger = LogKey.generate()
    assert witness.post(0, stranger.checkpoint(ours.size, files.root()))[0] == 404
    assert witness.post(0, LogKey.generate(name).checkpoint(ours.size, files.root()))[0] == 403
    assert witness.post(0, ours.note)[0] == 200


@pytest.mark.threat("T14")
def test_another_tree_for_the_court(ours: Logging, witness: RealWitness, tmp_path: Path) -> None:
    """T14: evidence holds for whoever trusts the witness; that of a fork with the same keys holds only for whoever asks for none."""
    ours.grow(4)
    assert ours.asks() is not None
    vkey = ours.services.log_key.public.vkey
    trust = Trust(vkey=vkey, witnesses=(witness.key.vkey,))
    files = Case(ours.services, ours.history, make_evidence(ours.services, "line-0")).files
    steps = check_evidence(files, trust)
    assert all(step.holds for step in steps), steps[-1]
    with logging_to(witness, tmp_path / "forked", ours.services.config.data) as forked:
        forked.grow(9)
        assert forked.asks() is None
        for_the_court = Case(forked.services, forked.history, make_evidence(forked.services, "line-0")).files
        assert all(step.holds for step in check_evidence(for_the_court, Trust(vkey=vkey)))
        last = check_evidence(for_the_court, trust)[-1]
        assert (last.name, last.holds) == ("log", False)
        cosigned = read_note(files[CHECKPOINT])
        moved = Note(
            read_note(for_the_court[CHECKPOINT]).text,
            (*read_note(for_the_court[CHECKPOINT]).signatures, cosigned.signatures[1]),
        )
        case = Case(forked.services, forked.history, b"")
        last = check_evidence(case.signed_anew(for_the_court | {CHECKPOINT: moved.data}), trust)[-1]
        assert (last.name, last.holds) == ("log", False)


def test_what_is_served(ours: Logging, witness: RealWitness) -> None:
    """aics-tlog fetches our tiles over HTTP, comes to the cosigned root by every hash and entry, and counts the witness."""
    ours.grow(300)
    assert ours.asks() is not None
    log = ours.services.log_key.public
    with serving(ours.services) as served:
        url = f"http://127.0.0.1:{served.port}/log/"
        note = served.send("GET", "/log/checkpoint").body.decode()
        tiles = {"tool": "aics-tlog tiles", "url": url, "vkey": log.vkey, "least": 300}
        quorum = {
            "tool": "aics-tlog note",
            "note": note,
            "vkey": log.vkey,
            "witnesses": [witness.key.vkey],
            "quorum": 1,
        }
        other = LogKey.generate(log.name).public.vkey
        said = ask_python([tiles, quorum, {**tiles, "vkey": other}, {**quorum, "vkey": other}, {**quorum, "quorum": 2}])
    assert said[:2] == ["ok", "ok"]
    assert "ok" not in said[2:]
