"""A worker: verifies batches beside its fellows, and hands them to the process that writes the ledger.

It has no database and knows no chain. What it cannot tell (a batch again, a fork) and every request that brings no
batch it passes on to the process with the index.

    python -m collector.worker --data DIR --listener FD --ledger SOCKET --desk SOCKET     ends when stdin does
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import Receive, Scope, Send

from collector import logs
from collector.api.connection import Connection
from collector.api.door import PATH, Door, Passed, refuse
from collector.api.intake import Intake
from collector.clock import SystemClock
from collector.entrance import Answer, Entrance
from collector.keyfiles import load_or_create
from collector.ledger.line import LedgerLine
from collector.log.key import log_key
from collector.metrics import Metrics
from collector.passing import Desk
from collector.verify import Verified
from shared import batch
from shared.errors import ChainFork, SpeedproofError
from shared.keys import PublicKey, Signer
from shared.note import NoteKey

MOST_KEYS: Final = 50_000  # remembered by one worker, about a kilobyte each


class _NotKnown(Exception):
    """A key that has to be asked for."""

    def __init__(self, dev: str) -> None:
        super().__init__(dev)
        self.dev = dev


@dataclass(slots=True)
class Keys:
    """The keys of the devices that were here lately. Whether one may still sign is asked where the ledger is written."""

    line: LedgerLine
    most: int = MOST_KEYS
    _known: OrderedDict[str, PublicKey] = field(default_factory=OrderedDict)

    def of(self, dev: str) -> PublicKey:
        """A key that is remembered."""
        key = self._known.get(dev)
        if key is None:
            raise _NotKnown(dev)
        self._known.move_to_end(dev)
        return key

    async def fetch(self, dev: str) -> None:
        """Remember a key; raises UnknownKey or FrozenKey."""
        self._known[dev] = await self.line.key_of(dev)
        while len(self._known) > self.most:
            self._known.popitem(last=False)


class Worker:
    """The application of one worker."""

    def __init__(
        self, line: LedgerLine, desk: Desk, signer: Signer, log_id: bytes, witnesses: Sequence[NoteKey] = ()
    ) -> None:
        """Serve between the line to the ledger's writer and the desk."""
        self._line, self._desk = line, desk
        self._keys = Keys(line)
        self._entrance = Entrance(self._keys.of, line.append, SystemClock(), signer, log_id, witnesses)
        self._intake = Intake()
        self._door = Door(self.take, self._intake, Metrics())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""
        if scope["type"] != "http":
            return
        if scope["path"] == PATH and scope["method"] == "POST":
            await self._door(scope, receive, send)
            return
        try:
            await self._desk.pass_on(scope, receive, send, self._intake)
        except SpeedproofError as error:
            await refuse(send, error)

    async def take(self, body: bytes) -> Answer | Passed:
        """Keep a batch and give its receipt; raises a Refused naming the step, or what stands in the way."""
        try:
            answer = await self._entrance.keep(await self._verified(body))
        except ChainFork:
            return await self._passed(body)
        return answer if isinstance(answer, Answer) else await self._passed(body)

    async def _verified(self, body: bytes) -> Verified:
        try:
            return self._entrance.verified(body)
        except _NotKnown as question:
            await self._keys.fetch(question.dev)
            return self._entrance.verified(body)

    async def _passed(self, body: bytes) -> Passed:
        return Passed(*await self._desk.post(PATH, batch.MEDIA_TYPE, body))

    async def close(self) -> None:
        """Hang up."""
        self._line.close()
        await self._desk.close()


class _Server(uvicorn.Server):
    """uvicorn, that says when it answers and ends when stdin does."""

    def __init__(self, config: uvicorn.Config, worker: Worker) -> None:
        super().__init__(config)
        self._worker = worker

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._end)
        with contextlib.suppress(OSError):  # whoever started this is gone already; stdin tells, too
            os.write(sys.stdout.fileno(), json.dumps({"ready": self.started}).encode() + b"\n")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: whoever started this ends it."""
        yield

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self._worker.close()


def main() -> int:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description="One worker of a collector; started by `speedproof-collector up`.")
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--listener", type=int, required=True, help="descriptor of the socket probes connect to")
    parser.add_argument("--ledger", required=True, help="socket of the process that writes the ledger")
    parser.add_argument("--desk", required=True, help="socket of the process that has the index")
    parser.add_argument("--witness", action="append", default=[], help="vkey of a witness whose beacons are checked")
    parser.add_argument("--log-format", choices=logs.FORMATS, default="text")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="warning")
    options = parser.parse_args()
    logs.begin(options.log_format, options.log_level)
    signer = load_or_create(options.data / "keys" / "collector.pem")
    log_id = log_key(options.data / "keys").public.whole_id
    witnesses = [NoteKey.from_vkey(one) for one in options.witness]
    worker = Worker(LedgerLine(options.ledger), Desk(options.desk), signer, log_id, witnesses)
    config = uvicorn.Config(
        worker, log_config=None, access_log=False, lifespan="off", ws="none", http=Connection,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=3,
    )  # fmt: skip
    server = _Server(config, worker)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.set_threshold(100_000, 50, 100)  # records come as thousands of small objects and leave nothing behind in circles
    with socket.socket(fileno=options.listener) as listener:
        server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
