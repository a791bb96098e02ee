"""The soak that kills a collector on purpose: a short one, and that it would notice what must not happen."""

import random
from collections import Counter
from pathlib import Path

import pytest

from collector.ledger.frame import Entry, EntryKind
from scripts.bench.moments import Said, Situation, at_random, situations, table
from scripts.bench.soak import CLERK, PARENT, WORKER, Broken, Soak, check_chains, kept_chains

KILLS = 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finding processes needs /proc")
def test_a_short_soak(tmp_path: Path) -> None:
    """In whichever situation what is killed, nothing acknowledged is missing, nothing is there twice, and the index agrees."""
    seed = random.SystemRandom().randrange(1, 2**31)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    names = situations(lake=False, workers=True)
    soak = Soak(tmp_path / "run" / "data", chance, pace_s=0.05)
    try:
        soak.enrol(3)
        for name in chance.sample(sorted(names), KILLS):
            soak.kill_in(name, names[name])
        assert (soak.inside + soak.beside).total() == KILLS
        assert soak.check_all() > 3
        soak.uploaders[0].acknowledged.append("a batch that is not there")
        with pytest.raises(Broken, match="missing"):
            soak.check_ledger()
    finally:
        soak.end()


def test_all_processes_and_all_moments() -> None:
    """Every process has its turn, and every time at which the index or the ledger's files change in a way of their own."""
    names = situations(lake=True, workers=True)
    victims = {one.keywords["victim"] for one in names.values() if getattr(one, "func", None) is at_random}  # type: ignore[attr-defined]
    assert victims == {PARENT, CLERK, WORKER}
    for word in (
        "sort",
        "compaction",
        "checkpoint",
        "migrating",
        "starting",
        "backup",
        "archive",
        "rebuild",
        "migrate-store",
    ):
        assert any(word in name for name in names), word
    assert set(situations(lake=False, workers=False)) < set(names)


def test_what_is_going_on(tmp_path: Path) -> None:
    """Something goes on from when its beginning is logged until its end is; what was logged before is not looked at."""
    log = tmp_path / "log"
    assert not Said(log, "compaction", 0).is_going()
    log.write_text("INFO compaction begins: 7 records\n")
    old, new = Said(log, "compaction", 0), Said(log, "compaction", log.stat().st_size)
    assert (old.is_going(), new.is_going()) == (True, False)
    log.write_text(log.read_text() + "INFO checkpoint begins\nINFO compaction ended: 7 records\n")
    assert not old.is_going()
    assert Said(log, "checkpoint", 0).is_going()
    log.write_text(log.read_text() + "INFO compaction begins: 9 records\n")
    assert (old.is_going(), new.is_going()) == (True, True)


def test_a_situation_that_was_never_hit_is_named(tmp_path: Path) -> None:
    """The table counts kills that fell inside and those that did not, and says which situation none fell into."""
    names: dict[str, Situation] = {"one": lambda _: True, "two": lambda _: False, "three": lambda _: True}
    soak = Soak(tmp_path, random.Random(1))
    soak.inside.update({"one": 2})
    soak.beside.update({"one": 1, "two": 3})
    _, one, two, three = table(soak, names, Counter()).splitlines()
    assert (one.split()[:3], two.split()[:3]) == (["one", "2", "1"], ["two", "0", "3"])
    assert ["NEVER HIT" in line for line in (one, two, three)] == [False, True, True]


def entry(no: int, batch: int, body: bytes = b"x") -> Entry:
    """A batch of one device in the ledger."""
    envelope = (
        b'{"payload":"eA==","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"%b","sig":"eA=="}]}\n'
    )
    return Entry(no, EntryKind.BATCH, 0, {"dev": "d", "batch": batch}, envelope % (body * 64))


def test_it_notices_a_batch_out_of_place() -> None:
    """A batch that is in the ledger twice, or without the one before it, is not passed over, however the ledger is read."""
    one, two = entry(1, 0, b"0"), entry(2, 1, b"1")
    chains = kept_chains([one, two])
    assert list(chains) == ["d"]
    assert kept_chains([two], kept_chains([one])) == chains
    for wrong, before in (([one, one], None), ([entry(1, 1)], None), ([one], kept_chains([one]))):
        with pytest.raises(Broken):
            kept_chains(wrong, before)


def test_it_notices_what_was_not_sent_or_not_kept() -> None:
    """One batch may be kept that was not acknowledged yet; not two, none twice, none missing, and no refusal."""
    check_chains({"d": ["a", "b", "c"]}, {"d": ["a"]}, {"d": ["a", "b"]})
    for kept, known, later in (
        (["a"], ["a", "b"], ["a", "b"]),
        (["b", "a"], ["a", "b"], ["a", "b"]),
        (["a", "b", "c"], ["a"], ["a"]),
        (["a", "a"], ["a"], ["a", "a"]),
    ):
        with pytest.raises(Broken):
            check_chains({"d": kept}, {"d": known}, {"d": later})
    with pytest.raises(Broken, match="refused"):
        check_chains({}, {}, {}, [(409, b"chain_gap")])
