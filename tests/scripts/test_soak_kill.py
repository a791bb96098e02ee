"""The soak that kills a collector's processes: a short one, and that it would notice what must not happen."""

import random
from pathlib import Path

import pytest

from collector.ledger.frame import Entry, EntryKind
from scripts.bench.soak import CLERK, PARENT, WORKER, Broken, Soak, kept_chains

KILLS = 6


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finding processes needs /proc")
def test_a_short_soak(tmp_path: Path) -> None:
    """Whichever process is killed whenever, nothing acknowledged is missing, nothing is there twice, and the index agrees."""
    seed = random.SystemRandom().randrange(1, 2**31)
    print(f"seed {seed}")  # noqa: T201 - so that a failure can be repeated
    soak = Soak(tmp_path / "data", random.Random(seed))
    try:
        soak.enrol(4)
        for _ in range(KILLS):
            soak.kill_once(0.4)
        assert soak.check_all() > KILLS
        assert set(soak.killed) <= {PARENT, CLERK, WORKER}
        soak.uploaders[0].acknowledged.append("a batch that is not there")
        with pytest.raises(Broken, match="missing"):
            soak.check_ledger()
    finally:
        soak.end()


def test_it_notices_a_batch_out_of_place() -> None:
    """A batch that is in the ledger twice, or without the one before it, is not passed over."""
    meta = {"dev": "d", "batch": 0}
    body = (
        b'{"payload":"eA==","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"%b","sig":"eA=="}]}\n'
        % (b"0" * 64)
    )
    one = Entry(1, EntryKind.BATCH, 0, {**meta}, body)
    assert list(kept_chains([one])) == ["d"]
    with pytest.raises(Broken):
        kept_chains([one, one])
    with pytest.raises(Broken):
        kept_chains([Entry(1, EntryKind.BATCH, 0, {**meta, "batch": 1}, body)])
