"""A device watches its collector's log: an honest one is followed quietly, one that says two things is told of, for good."""

import copy
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes.device import Device, download
from fakes.keeper import drive
from fakes.log import FakeLog
from fakes.notary import LOG, WITNESSES, checkpoint_note
from hypothesis import given
from hypothesis import strategies as st
from strategies import COLLECTOR, DEVICE, PORTAL

from probe import beacons
from probe.beacons import Held
from probe.logwatch import LogWatch, known_log, with_proof, without_proof
from probe.net.collector import Told
from probe.outbox import Outbox
from probe.schedule import DAY_S, Draw
from probe.transparency import MOST_LOOSE, MOST_TRIES, NAME, TRY_US, Known, Loose
from shared.batch import pae_sha256_of
from shared.beacon import beacon_of
from shared.bundle import check_bundle, read_bundle
from shared.checkpoint import Checkpoint
from shared.errors import Malformed
from shared.lineage import Lineage
from shared.note import Note, Signature, read_note
from shared.strictjson import JsonObject

BEACON = beacon_of(
    checkpoint_note(Checkpoint(LOG.name, 3, bytes(32)), 900).data, LOG.public, WITNESSES[0].public, mono_us=7
)


class Watching:
    """A device, a log, and what the one knows of the other."""

    def __init__(self, outbox: Outbox) -> None:
        """Begin with nothing known."""
        self.outbox, self.log, self.device = outbox, FakeLog(), Device(DEVICE)
        self.mono_us = 7

    @property
    def known(self) -> Known:
        """What is kept."""
        found = known_log(self.outbox)
        assert found is not None
        return found

    def batch(self, log: FakeLog | None = None, size: int | None = None) -> bytes | None:
        """Send the next batch; what is kept of its proof."""
        log, body = log or self.log, self.device.next(download())
        return self.receive(body, log.bundle(body, DEVICE.public, size), log)

    def receive(self, body: bytes, bundle: "JsonObject | None", log: FakeLog | None = None) -> bytes | None:
        """Take in a proof."""
        there, keys = log or self.log, Lineage.alone(COLLECTOR.public)
        watch = LogWatch(self.outbox, there, DEVICE.public, lambda: ("boot", self.mono_us), lambda: keys)  # type: ignore[arg-type]
        return drive(watch.proof_of(bundle, pae_sha256_of(body)))


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """A new device."""
    with closing(Outbox(tmp_path / "outbox", lambda: bytes(32))) as outbox:
        yield Watching(outbox)


def test_an_honest_log(watching: Watching) -> None:
    """However it grows between batches, each proof is kept and every checkpoint linked."""
    for more in (0, 0, 1, 5, 30, 0, 64):
        watching.log.grow(more)
        proof = watching.batch()
        assert proof is not None
        check_bundle(read_bundle(proof), DEVICE.public, watching.log.key.public)
    known = watching.known
    assert (known.wrong, known.loose, known.proven) == ("", (), 7)
    assert known.checkpoint is not None
    assert known.checkpoint.size == len(watching.log.leaves)
    assert known.words.startswith("7 of this device's batches proven; one log of 107 leaves")


def test_published_a_little_later(watching: Watching) -> None:
    """A log whose tiles are behind its word is asked again with the next batch; nothing is lost by it."""
    watching.batch()
    watching.log.grow(3)
    watching.log.shows = 2
    assert watching.batch() is not None
    assert [one.tries for one in watching.known.loose] == [1]
    assert "1 more to be linked" in watching.known.words
    watching.log.shows = None
    watching.batch()
    assert (watching.known.loose, watching.known.wrong) == ((), "")


def test_away_in_between(watching: Watching) -> None:
    """While the log cannot be asked a proof is kept by itself; who it is has to be known first."""
    watching.log.is_away = True
    assert watching.batch() is None
    assert known_log(watching.outbox) is None
    watching.log.is_away = False
    assert watching.batch() is not None
    watching.log.grow(2)
    watching.log.is_away = True
    assert watching.batch() is not None
    assert len(watching.known.loose) == 1
    watching.log.is_away = False
    watching.batch()
    assert watching.known.loose == ()


@pytest.mark.threat("T13")
def test_a_fork_of_one_size(watching: Watching) -> None:
    """T13: two trees of one size, both signed, are told at once, with both notes."""
    other = copy.deepcopy(watching.log.leaves)
    watching.batch()
    forked = FakeLog(watching.log.key, other)
    watching.batch(forked)
    known = watching.known
    assert known.wrong == "two logs of 1 leaves were shown"
    assert len(known.notes) == 2
    assert known.notes[0] != known.notes[1]
    assert known.words.startswith("NOT TO BE TRUSTED: two logs of 1 leaves")


@pytest.mark.threat("T13")
def test_a_fork_that_grew(watching: Watching) -> None:
    """T13: a tree that does not begin with the one shown before has no proof that it does."""
    watching.log.grow(4)
    watching.batch()
    forked = FakeLog(watching.log.key, [b"others", *watching.log.leaves[1:]])
    forked.grow(3)
    watching.batch(forked)
    assert watching.known.wrong == "its 9 leaves do not begin with the 5 that were shown before"
    watching.batch(forked)
    assert watching.known.wrong == "its 9 leaves do not begin with the 5 that were shown before"


def test_a_log_that_shrank(watching: Watching) -> None:
    """A smaller tree than was shown before must be its beginning; one that cannot show that for long is told of."""
    watching.log.grow(9)
    watching.batch()
    shrunk = FakeLog(watching.log.key, watching.log.leaves[:3])
    for _ in range(MOST_TRIES + 5):
        watching.batch(shrunk)
        if watching.known.wrong:
            break
    assert watching.known.wrong
    assert len(watching.known.notes) == 2


def test_an_older_tree_of_the_same_log(watching: Watching) -> None:
    """A receipt that comes again may be proven in a smaller tree than was shown already: linked, no alarm."""
    body = watching.device.next(download())
    small = watching.log.bundle(body, DEVICE.public)
    watching.log.grow(5)
    watching.batch()
    assert watching.receive(body, small) is not None
    known = watching.known
    assert (known.wrong, known.loose) == ("", ())
    assert known.checkpoint is not None
    assert known.checkpoint.size == 7


def test_it_shows_nothing_for_ever(watching: Watching) -> None:
    """Whoever never links what he said is not believed in the end; a day of that is not enough, nor are many batches at once."""
    watching.batch()
    watching.log.grow(1)
    watching.log.shows = 0
    for _ in range(10 * MOST_TRIES):
        watching.batch()
    assert (watching.known.wrong, watching.known.loose[0].tries, len(watching.known.loose)) == ("", 1, MOST_LOOSE)
    for _ in range(MOST_TRIES - 1):
        assert watching.known.wrong == ""
        watching.mono_us += TRY_US
        watching.batch()
    assert "are one log" in watching.known.wrong


def test_it_always_shows_one_more(watching: Watching) -> None:
    """A log whose every answer brings a further checkpoint is not asked without end."""
    watching.log.witnesses, watching.log.times_s = WITNESSES[:1], (5,)
    watching.batch()
    good = watching.log.get_log

    async def growing(since: int | None = None, at: int | None = None) -> Told:
        watching.log.grow()
        return await good(since, at)

    watching.log.get_log = growing  # type: ignore[method-assign]
    watching.log.asked.clear()
    watching.log.grow()
    watching.batch()
    assert len(watching.log.asked) == MOST_LOOSE


def test_another_log(watching: Watching) -> None:
    """A collector that begins another log, as after a restore, is told of; the new one is followed."""
    watching.batch()
    first, watching.log = watching.log, FakeLog()
    watching.log.grow(2)
    assert watching.batch() is not None
    known = watching.known
    assert known.past == (first.key.public.vkey,)
    assert known.wrong == ""
    assert known.words.startswith("ANOTHER LOG than before")
    assert (known.proven, known.checkpoint and known.checkpoint.size) == (2, 3)


def test_a_log_that_leads_to_another(watching: Watching) -> None:
    """Where the old log, the new one and the collector say so, a device goes on quietly, over several at once too."""
    watching.log.grow(3)
    assert watching.batch()
    first = watching.log
    first.grow(2)
    second = first.followed(COLLECTOR)
    third = second.followed(COLLECTOR)
    third.grow(4)
    assert watching.batch(third)
    known = watching.known
    assert (known.vkey, known.past, known.wrong) == (third.key.public.vkey, (), "")
    assert known.led == (first.key.public.vkey, second.key.public.vkey)
    assert known.proven == 2
    assert "ANOTHER LOG" not in known.words
    assert watching.batch(third)
    assert watching.known.loose == ()


def test_its_end_is_not_shown_yet(watching: Watching) -> None:
    """As long as the old log's end is not linked nothing is followed and nothing is wrong; then it is."""
    watching.log.grow(3)
    assert watching.batch()
    first = watching.log
    first.grow(2)
    second = first.followed(COLLECTOR)
    second.past[first.key.public.name].shows = 0
    assert watching.batch(second) is None
    known = watching.known
    assert (known.vkey, known.led, known.past, known.wrong) == (first.key.public.vkey, (), (), "")
    assert len(known.loose) == 1
    second.past[first.key.public.name].shows = None
    assert watching.batch(second)
    assert (watching.known.led, watching.known.wrong) == ((first.key.public.vkey,), "")


@pytest.mark.threat("T22")
@pytest.mark.parametrize("how", ["nothing said", "by another", "elsewhere", "nonsense"])
def test_a_log_that_nothing_leads_to(watching: Watching, how: str) -> None:
    """Where nothing that holds leads to the new log it is another one, and that is told."""
    watching.log.grow(3)
    assert watching.batch()
    first, stranger = watching.log, FakeLog()
    second = {"by another": first.followed(PORTAL), "elsewhere": stranger.followed(COLLECTOR)}.get(
        how, first.followed(COLLECTOR)
    )
    if how in ("nothing said", "nonsense"):
        second.history = [] if how == "nothing said" else [3, {"payload": ""}]
    assert watching.batch(second)
    assert watching.known.past == (first.key.public.vkey,)
    assert "ANOTHER LOG" in watching.known.words


@pytest.mark.threat("T22")
@pytest.mark.parametrize("how", ["shorter", "forked"])
def test_an_end_that_is_none(watching: Watching, how: str) -> None:
    """A log that is said to have ended before what was shown of it, or in another tree, is wrong for good."""
    watching.log.grow(5)
    assert watching.batch()
    first = watching.log
    other = copy.copy(first)
    other.leaves = first.leaves[:3] if how == "shorter" else [b"x", *first.leaves[1:], b"y"]
    second = other.followed(COLLECTOR)
    watching.batch(second)
    known = watching.known
    assert known.wrong
    assert known.notes
    assert known.led == (first.key.public.vkey,)
    assert "NOT TO BE TRUSTED" in known.words


def spoilt(bundle: JsonObject, how: str) -> JsonObject:
    """A bundle that is wrong in one way."""
    bad = copy.deepcopy(bundle)
    entry = bad["verificationMaterial"]["tlogEntries"][0]  # type: ignore[index,call-overload]
    match how:
        case "hash":
            entry["inclusionProof"]["hashes"][0] = "A" * 43 + "="  # type: ignore[index,call-overload]
        case "root":
            entry["inclusionProof"]["rootHash"] = "A" * 43 + "="  # type: ignore[index,call-overload]
        case "leaf":
            entry["canonicalizedBody"] = "e30="  # type: ignore[index,call-overload]
        case "index":
            entry["logIndex"] = entry["inclusionProof"]["logIndex"] = "0"  # type: ignore[index,call-overload]
        case "no bundle":
            return {"mediaType": "x"}
    return bad


@pytest.mark.parametrize("how", ["hash", "root", "leaf", "index", "no bundle"])
def test_a_proof_that_does_not_hold(watching: Watching, how: str) -> None:
    """What does not prove that the batch is in the log is not kept as if it did, and is told of."""
    watching.log.grow(6)
    body = watching.device.next(download())
    assert watching.receive(body, spoilt(watching.log.bundle(body, DEVICE.public), how)) is None
    assert watching.known.wrong
    assert watching.batch() is not None  # later ones are checked all the same
    assert watching.known.wrong


def test_a_proof_for_another_batch(watching: Watching) -> None:
    """A good proof of something else proves nothing of this."""
    one, other = watching.device.next(download()), watching.device.next(download())
    assert watching.receive(one, watching.log.bundle(other, DEVICE.public)) is None
    assert "another batch" in watching.known.wrong


def test_no_proof(watching: Watching) -> None:
    """A collector without a log is none that is wrong."""
    assert watching.receive(watching.device.next(), None) is None
    assert known_log(watching.outbox) is None
    assert watching.log.asked == []


@pytest.mark.parametrize("proof", [["!"], ["AA=="], []])
def test_a_link_that_is_none(watching: Watching, proof: list[str]) -> None:
    """Nonsense is asked for again; hashes that prove nothing are told of."""
    watching.batch()
    watching.log.grow(4)
    watching.log.proof = proof
    watching.batch()
    known = watching.known
    assert bool(known.wrong) == (proof != ["!"])
    assert len(known.loose) == 1


@given(
    st.builds(
        Known, st.text(), st.text(), st.lists(st.builds(Loose, st.text(), st.integers(0, 99), st.text(), st.integers(0, 99))).map(tuple), st.integers(0),
        st.text(), st.lists(st.text()).map(tuple), st.lists(st.text()).map(tuple), st.lists(st.text()).map(tuple),
    )
)  # fmt: skip
def test_kept_and_read(known: Known) -> None:
    """What is kept reads back."""
    try:
        data = known.data
    except Malformed:  # a number or a text that no file of ours can hold
        return
    assert Known.read(data) == known


@pytest.mark.parametrize(
    "kept", [b"", b"{}", b'{"vkey":1}', b"\xff", Known("no key").data, Known(LOG.public.vkey, "no note").data]
)
def test_damaged(watching: Watching, kept: bytes) -> None:
    """A damaged value begins anew."""
    watching.outbox.keep(NAME, kept)
    assert known_log(watching.outbox) is None
    assert watching.batch() is not None


def test_receipt_and_proof() -> None:
    """They are kept together and come apart again."""
    assert without_proof(with_proof(b"{}", b"{1}")) == (b"{}", b"{1}")
    assert without_proof(with_proof(b"{}", None)) == (b"{}", b"")


def test_beacons(watching: Watching) -> None:
    """What a witness has cosigned is held: the newest for batches, the first of the day for drawing; and linked like all else."""
    watching.log.witnesses, watching.log.times_s = WITNESSES[:1], (DAY_S + 5, DAY_S + 65)
    for _ in range(2):
        assert watching.batch() is not None
    held = Held.read(watching.outbox.kept(beacons.NAME))
    assert held.newest is not None
    assert (held.newest.t_s, held.newest.checkpoint.size, held.newest.mono_us, held.boot) == (DAY_S + 65, 1, 7, "boot")
    held.newest.check(WITNESSES[0].public)
    assert [one.t_s for one in held.draws] == [DAY_S + 5]
    watching.log.times_s = (DAY_S + 5, DAY_S + 200)
    watching.log.grow(3)
    watching.batch()
    watching.batch()
    held = Held.read(watching.outbox.kept(beacons.NAME))
    assert held.newest is not None
    assert (held.newest.t_s, [one.t_s for one in held.draws]) == (DAY_S + 200, [DAY_S + 5])
    assert watching.known.wrong == ""
    assert watching.known.witnesses == (WITNESSES[0].public.vkey,)


def test_a_witness_is_believed_once(watching: Watching) -> None:
    """Whoever comes later under other names makes no beacon."""
    watching.log.witnesses, watching.log.times_s = WITNESSES[:1], (5,)
    watching.batch()
    watching.log.witnesses, watching.log.times_s = WITNESSES[1:2], (500,)
    for _ in range(2):
        watching.log.grow()
        watching.batch()
    held = Held.read(watching.outbox.kept(beacons.NAME))
    assert held.newest is not None
    assert held.newest.t_s == 5
    assert watching.known.wrong == ""


def test_a_cosignature_of_something_else(watching: Watching) -> None:
    """A checkpoint with a spoilt cosignature is told of, and makes no beacon."""
    watching.log.witnesses, watching.log.times_s = WITNESSES[:1], (5,)
    watching.batch()
    forged = read_note(watching.log.cosigned(900))
    blob = bytearray(forged.signatures[1].blob)
    blob[11] ^= 1
    spoilt_note = Note(forged.text, (forged.signatures[0], Signature(WITNESSES[0].name, bytes(blob)))).data
    watching.log.cosigned = lambda time_s, size=None: spoilt_note  # type: ignore[method-assign]
    for _ in range(2):
        watching.log.grow()
        watching.batch()
    assert "did not cosign" in watching.known.wrong
    held = Held.read(watching.outbox.kept(beacons.NAME))
    assert held.newest is not None
    assert held.newest.t_s == 5


def test_a_boot_later() -> None:
    """In another boot the beacon is named without the clock of the one it came in."""
    held = Held().learn(BEACON, "one")
    assert held.named("one") == BEACON.fields
    assert held.named("two") == {name: value for name, value in BEACON.fields.items() if name != "mono_us"}
    assert Held.read(held.data) == held
    assert Held().named("one") is None
    assert Held().draw(b"seed") == Draw(b"seed")


@pytest.mark.parametrize("kept", [None, b"", b"{}", b'{"draws":[],"newest":{},"boot":""}', b"\xff"])
def test_nothing_held(kept: bytes | None) -> None:
    """What cannot be read is nothing."""
    assert Held.read(kept) == Held()
