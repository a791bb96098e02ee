"""Tiny batches of one device in a row: a short run, and that it would notice what is missing."""

import contextlib
import json
from pathlib import Path

import pytest

from collector.config import Config
from collector.services import Services
from scripts.bench.devices import Device, enrolled
from scripts.bench.soak import Broken, started
from scripts.bench.tiny import Tiny
from shared.keys import FileKey


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finding processes needs /proc")
def test_a_short_run(tmp_path: Path) -> None:
    """Every batch is acknowledged and in the ledger in its place, and each process's memory is told from beginning to end."""
    said: list[str] = []
    one = Tiny(tmp_path / "data", FileKey.generate(), said.append)
    with contextlib.closing(Services.over_folder(Config(one.data))) as services:
        enrolled(services, [Device(one.key)])
    collector = started(one.data, 1)
    try:
        sent = one.send(collector, 40)
    finally:
        collector.end()
    one.check(sent)
    for wrong in (sent[:-1], [*sent, "another"], sent[::-1]):
        with pytest.raises(Broken, match="acknowledged"):
            one.check(wrong)
    told = json.loads(one.told())
    assert (told["batches"], len(sent)) == (40, 40)
    assert set(told["most_mib"]) == {"collector 1", "clerk 1", "worker 1"}
    assert said[0].split()[:2] == ["s", "batches"]
    assert said[-1].split()[1] == "40"
