"""Keep a small evidence file of today for good: every later version must verify it.

    tests/vectors/evidence/NAME.zip      the file
    tests/vectors/evidence/NAME.json     what its reader was told elsewhere: the collector's key, the log's, and as it was first

Usage: keep_evidence.py NAME [--rotate KEY …]. With `--rotate` that key of the collector (collector, portal, peer, …) is followed
by another after the first batch. Made once for each release: what is there is never made anew, and keys are drawn each time.
"""

import argparse
import asyncio
import contextlib
import json
import tempfile
from pathlib import Path

from collector.complain import Complaints
from collector.config import Config
from collector.enrol import Portal
from collector.evidence.bundle import make_evidence
from collector.ingest import Ingest
from collector.lines import add_subscriber
from collector.rotate import rotate, rotate_log
from collector.services import Services
from shared.batch import FIRST_PREV, Sealing, pae_sha256_of, seal_batch
from shared.complaint import make_complaint
from shared.enrolment import NONCE_BYTES, make_request
from shared.keys import FileKey
from shared.record import write_record
from shared.rotation import Whose

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "vectors" / "evidence"
WALL_US = 1_800_000_000_000_000
CONTRACT = {"down": {"advertised_bps": 40_000_000}, "up": {"advertised_bps": 10_000_000}}


class Line:
    """A line with one device, at a collector over a folder that comes and goes."""

    def __init__(self, data: Path) -> None:
        """Enrol the device."""
        self.config, self.key = Config(data=data), FileKey.generate()
        self._prev, self._batch = FIRST_PREV, 0
        with self._open() as services:
            told = {"id": "line-0", "time_zone": "Europe/Prague", "criterion": "cz-mobile-cert", "contract": CONTRACT}
            add_subscriber(services, told)
            portal = Portal(services)
            code, _ = portal.give_code("line-0")
            portal.enrol(code, make_request(code, bytes(NONCE_BYTES), self.key))
            self.told = {
                "first_collector": services.collector_key.public.key_id,
                "first_log": services.log_key.public.vkey,
            }

    def _open(self) -> contextlib.closing[Services]:
        return contextlib.closing(Services.over_folder(self.config))

    def measures(self) -> None:
        """Two records in a batch, and a complaint."""
        first, last = 2 * self._batch, 2 * self._batch + 1
        good = {"dur_us": 1_000_000, "end": "ok", "method": "download", "received_bytes": 1_250_000}
        bad = {"end": "failed", "failure": "connection_refused", "method": "fetch", "stage": "connect"}
        lines = [
            write_record({**members, "seq": seq, "slot": 2_000_000 + seq, "wall_us": WALL_US + seq})
            for seq, members in ((first, good), (last, bad))
        ]
        body = seal_batch(
            lines, Sealing("vectors/0", self._batch, "boot", self._prev, first, last, 1, WALL_US), self.key
        )
        self._prev, self._batch = pae_sha256_of(body), self._batch + 1
        with self._open() as services:
            asyncio.run(Ingest(services).take(body))
            asyncio.run(Complaints(services).take(make_complaint(f"Slow again, {last}.", WALL_US + last, self.key)))

    def evidence(self) -> bytes:
        """The evidence of the line."""
        with self._open() as services:
            self.told["collector"] = services.collector_key.public.key_id
            self.told["log"] = services.log_key.public.vkey
            return make_evidence(services, "line-0")


def main() -> None:
    """Write both files; refuses to write over what is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("name", help="such as 0.1.0")
    parser.add_argument("--rotate", nargs="*", default=[], metavar="KEY", help="keys that are followed by others")
    options = parser.parse_args()
    file = FOLDER / f"{options.name}.zip"
    if file.exists():
        parser.error(f"{file} is kept as it is")
    with tempfile.TemporaryDirectory() as folder:
        line = Line(Path(folder) / "data")
        line.measures()
        for whose in options.rotate:
            if whose == "log":
                rotate_log(line.config, None)
            else:
                rotate(line.config, Whose(whose))
        line.measures()
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_bytes(line.evidence())
        file.with_suffix(".json").write_text(json.dumps(line.told, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
