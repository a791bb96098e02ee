"""Two collectors load into one lake at once while one of them is killed again and again: every record is there once."""

import contextlib
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from fakes.device import download
from fakes.engines import lake_of
from fakes.streams import Streams

from collector.store.address import LakeAddress
from collector.store.duck import DuckStore
from collector.store.lake import LakeStore
from collector.store.limits import Limits

KILLS, BATCHES, RECORDS, PIECE, RUN_ROWS = 5, 160, 10, 4, 200
DISTINCT = "SELECT count(*), count(DISTINCT (stream, entry_no, seq)) FROM record"
SEGMENTS = 'SELECT count(*), count(DISTINCT (stream, segment, "offset")) FROM batch'
CHILD = """
    import pickle
    import sys
    import time
    from pathlib import Path

    from collector.errors import IndexLags
    from collector.store.address import LakeAddress
    from collector.store.lake import LakeStore
    from collector.store.limits import Limits

    catalog, files, folder, stream, piece = *sys.argv[1:5], int(sys.argv[5])
    entries = pickle.loads((Path(folder) / "entries").read_bytes())
    store = LakeStore(LakeAddress(catalog, files), Path(folder), int(stream), limits=Limits(run_rows=int(sys.argv[6])))
    while (loaded := store.loaded_no(int(stream))) < len(entries):
        try:
            store.load(entries[loaded : loaded + piece], int(stream))
        except IndexLags:
            time.sleep(0.1)  # the enrolment is in the other ledger
            continue
        print(store.loaded_no(int(stream)), flush=True)
        store.compact()
    store.close()
"""


class Collector:
    """A process that loads one ledger and tells how far it is after every load it was promised."""

    def __init__(self, folder: Path, address: LakeAddress, stream: int, streams: Streams) -> None:
        """Give it its ledger."""
        folder.mkdir()
        (folder / "entries").write_bytes(pickle.dumps(streams.entries[stream]))
        child = folder / "child.py"
        child.write_text(textwrap.dedent(CHILD))
        told = (address.catalog, address.files, folder, stream, PIECE, RUN_ROWS)
        self._command = [sys.executable, str(child), *(str(one) for one in told)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        environ = {**os.environ, "PYTHONPATH": str(Path.cwd())}
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, env=environ)

    def told(self) -> int:
        """How far it says it is now, 0 if it has ended."""
        assert self.process is not None
        assert self.process.stdout is not None
        return int(self.process.stdout.readline() or 0)

    def kill(self, after_s: float) -> None:
        """Kill it so long from now, wherever it is then."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(after_s)
        self.process.kill()
        self.process.communicate()

    def ends(self) -> int:
        """Let it come to its end."""
        assert self.process is not None
        self.process.communicate(timeout=120)
        return self.process.returncode


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path: Path) -> None:
    """What was promised is there, nothing is there twice, and the lake is what one collector would have made of both ledgers."""
    streams = Streams()
    streams.line("line-0")
    device = streams.device("line-0")
    for number in range(BATCHES):
        streams.batch(device, [download(wall_us=number)] * RECORDS, 5 + number, number % 2)
    (tmp_path / "check").mkdir()
    address = lake_of(tmp_path)
    with contextlib.closing(LakeStore(address, tmp_path / "check", 9)) as watching:
        steady, killed = (Collector(tmp_path / f"c{stream}", address, stream, streams) for stream in (0, 1))
        steady.start()
        for kill in range(KILLS):
            killed.start()
            promised = killed.told()
            killed.kill(0.023 * kill)
            assert promised <= watching.loaded_no(1) < len(streams.entries[1])
        killed.start()
        assert (killed.ends(), steady.ends()) == (0, 0)
        rows, batches = BATCHES * RECORDS, BATCHES
        assert watching._ask(DISTINCT) == [(rows, rows)]
        assert watching._ask(SEGMENTS) == [(batches, batches)]
        found = watching.digest()
        days = watching.line_days("line-0")
    with contextlib.closing(DuckStore(None, limits=Limits(run_rows=RUN_ROWS))) as wanted:
        for stream, entries in streams.entries.items():
            wanted.load(entries, stream)
        assert found == wanted.digest()
        assert days == wanted.line_days("line-0")
