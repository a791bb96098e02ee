"""A collector that is killed again and again while devices upload: nothing acknowledged is lost, nothing counted twice."""

import http.client
import json
import os
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest
from fakes.device import Device, download
from fakes.logged import log_of, proven
from fakes.running import Running, command, is_there, running
from fakes.served import Client

from collector.ledger.frame import EntryKind
from collector.ledger.segments import read_entries
from shared.batch import pae_sha256_of
from shared.checkpoint import Checkpoint, open_checkpoint
from shared.dsse import b64_exact
from shared.note import NoteKey
from shared.tree import check_consistency

KILLS = int(os.environ.get("SPEEDPROOF_KILLS", "4"))  # `scripts/soak_kill.py` kills for as long as one likes
DEVICES = 5
RECORDS = 3


@dataclass
class Uploader:
    """One device that sends its next batch until it is acknowledged, wherever the collector is just then."""

    device: Device
    acknowledged: list[str] = field(default_factory=list)
    refused: list[tuple[int, bytes]] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)  # that batches were proven in

    def send(self, client: Client, stop: threading.Event, log: NoteKey) -> None:
        """Upload until told to stop or until the collector is gone; a batch under way is sent again next time."""
        while not stop.is_set():
            body = self.device.seal(*(download(slot=self.device.seq + number) for number in range(RECORDS)))
            try:
                answer = client.post_batch(body)
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 503:  # of several processes another was gone before this one
                return
            if answer.status not in (200, 201):
                self.refused.append((answer.status, answer.body))
                return
            self.acknowledged.append(pae_sha256_of(body))
            if b'{"bundle":' in answer.body:
                self.checkpoints.append(proven(answer, self.device, log)[1].checkpoint)
            self.device.told(body, RECORDS)


def one_life(collector: Running, uploaders: Sequence[Uploader], life_s: float) -> None:
    """Let all devices upload for so long, then kill the collector; its peer has to go with it."""
    below, stop = [pid for pids in collector.children.values() for pid in pids], threading.Event()
    log = log_of(collector)
    threads = [threading.Thread(target=one.send, args=(collector, stop, log)) for one in uploaders]
    for thread in threads:
        thread.start()
    time.sleep(life_s)
    collector.kill()
    stop.set()
    for thread in threads:
        thread.join()
    deadline = time.monotonic() + 5
    while any(map(is_there, below)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_there, below))


def one_log(collector: Running, checkpoints: Sequence[Checkpoint]) -> None:
    """Every checkpoint that anybody was shown, before whatever kill, is of the log that there is now."""
    seen = {checkpoint.size: checkpoint.root for checkpoint in checkpoints}
    assert len(seen) > KILLS
    assert {(checkpoint.size, checkpoint.root) for checkpoint in checkpoints} == set(seen.items())  # no two of one size
    for size, root in random.Random(1).sample(sorted(seen.items()), KILLS):
        told = collector.send("GET", f"/v1/log?since={size}").told
        now = open_checkpoint(told["checkpoint"].encode(), log_of(collector)).checkpoint
        check_consistency(size, now.size, [b64_exact(one) for one in told["proof"]], root, now.root)


def kept(data: Path) -> list[str]:
    """The identities of the batches in the ledger."""
    return [pae_sha256_of(entry.body) for entry in read_entries(data / "ledger") if entry.kind is EntryKind.BATCH]


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_killed_again_and_again(tmp_path: Path, workers: str) -> None:
    """After each kill every acknowledged batch is in the ledger; in the end each record is counted once."""
    seed = int(os.environ.get("SPEEDPROOF_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    print(f"seed {seed} (set SPEEDPROOF_SEED to repeat)")  # noqa: T201 - so that a failure can be repeated
    chance = random.Random(seed)
    data = tmp_path / "data"
    with running(data, "--workers", workers) as collector:
        uploaders = [Uploader(collector.enrolled("anna")) for _ in range(DEVICES)]
        one_life(collector, uploaders, chance.uniform(0.1, 0.4))
    for _ in range(KILLS - 1):
        assert {identity for one in uploaders for identity in one.acknowledged} <= set(kept(data))
        with running(data, "--workers", workers) as collector:
            one_life(collector, uploaders, chance.uniform(0.0, 0.4))
    identities = kept(data)
    assert len(set(identities)) == len(identities)
    acknowledged = {identity for one in uploaders for identity in one.acknowledged}
    assert acknowledged <= set(identities)
    assert [one.refused for one in uploaders] == [[]] * DEVICES
    assert len(acknowledged) > KILLS
    with running(data, "--workers", workers) as collector:
        for one in uploaders:
            body = one.device.seal(*(download(slot=one.device.seq + number) for number in range(RECORDS)))
            assert collector.post_batch(body).status in (200, 201)
        counts = collector.whole_case("anna")["counts"]["signed"]
        assert counts["ok"] == RECORDS * len(kept(data))
        one_log(collector, [checkpoint for one in uploaders for checkpoint in one.checkpoints])
        assert collector.stop() == 0
    with duckdb.connect(str(data / "index.duckdb"), read_only=True) as index:
        twice = index.execute("SELECT device, seq FROM record GROUP BY ALL HAVING count(*) > 1").fetchall()
    assert twice == []
    done = command(data, "rebuild", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["same_as_before"] is True
