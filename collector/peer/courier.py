"""The courier: hands every statement in the journal over to a collector, in order, for as long as the peer runs.

It waits for nobody and nobody waits for it: what it reads is on disk, what it has handed over it notes there, and what the
collector does not take now it brings again later. So a peer that was cut off at any moment goes on where it was or a little
before, and whatever a device does with its record, the collector's log gets the peer's word.
"""

import asyncio
import gzip
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from aiohttp import web

from collector.peer.delivery import LOOK_S, READ_BYTES, Answer, next_lines, read_answers, settled, wait_s
from collector.peer.handed import Handed
from collector.peer.statements import StatementFile
from shared.errors import Malformed
from shared.transfer import STATEMENTS_MEDIA_TYPE

PATH: Final = "/v1/transfers"
_ANSWER_BYTES: Final = 1 << 20
_PATIENCE_S: Final = 60.0
_OK: Final = 200
_LOG: Final = logging.getLogger(__name__)


class NotHanded(Exception):
    """The collector did not take what was sent, or nobody knows whether it did; `after_s`: not before so long."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


Send = Callable[[list[bytes]], Awaitable[list[Answer]]]


@dataclass(slots=True)
class Courier:
    """One journal on its way to one collector. `send` raises NotHanded."""

    journal: StatementFile
    handed: Handed
    send: Send
    chance: random.Random
    _failures: int = field(default=0, init=False)
    _said: str = field(default="", init=False)

    async def step(self) -> float:
        """Hand over what is next; how long to wait before the next step (s). Raises OSError if the disk is at fault."""
        waiting = await asyncio.to_thread(self.journal.read, self.handed.end, READ_BYTES)
        lines = next_lines(waiting)
        if not lines:
            return LOOK_S
        try:
            answers = await self.send(lines)
        except NotHanded as error:
            return self._later(str(error), error.after_s)
        number = settled(answers)
        if number:
            end = self.handed.end + sum(map(len, lines[:number]))
            await asyncio.to_thread(self.handed.put, end, lines[number - 1])
            self._failures, self._said = 0, ""
        for line, one in zip(lines[:number], answers, strict=False):
            if one.answer == "refused":
                _LOG.error("the collector will never keep this statement (%s: %s): %s", one.error, one.detail, line)
        if number < len(lines):
            return self._later(f"{answers[number].error}: {answers[number].detail}")
        return 0.0

    def _later(self, why: str, after_s: float = 0.0) -> float:
        """Try again another time; the same reason is told once."""
        self._failures += 1
        if why != self._said:
            _LOG.warning("statements wait for the collector: %s", why)
            self._said = why
        return wait_s(self._failures, after_s, self.chance.random())

    async def run(self) -> None:
        """Step for ever."""
        while True:
            try:
                wait = await self.step()
            except OSError as error:
                wait = self._later(f"the journal or its mark: {error}")
            await asyncio.sleep(wait)


def posting(client: aiohttp.ClientSession, collector: str) -> Send:
    """How lines get to the collector at this address (`http://HOST:PORT`)."""
    url = collector.rstrip("/") + PATH
    headers = {"Content-Type": STATEMENTS_MEDIA_TYPE, "Content-Encoding": "gzip"}

    async def send(lines: list[bytes]) -> list[Answer]:
        try:
            body = await asyncio.to_thread(gzip.compress, b"".join(lines), 6, mtime=0)
            async with client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                if answer.status != _OK:
                    raise NotHanded(f"it answered {answer.status}", _seconds(answer.headers.get("Retry-After", "")))
                return read_answers(await _whole(answer), len(lines))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotHanded(f"it cannot be reached: {error or type(error).__name__}") from error
        except Malformed as error:
            raise NotHanded(f"its answer cannot be read: {error}") from error

    return send


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """The body of an answer; raises NotHanded for one that is longer than any is."""
    body = b""
    async for part in answer.content.iter_any():
        body += part
        if len(body) > _ANSWER_BYTES:
            raise NotHanded("its answer is longer than any is")
    return body


def _seconds(told: str) -> float:
    return min(float(told), _PATIENCE_S) if told.isascii() and told.isdigit() else 0.0


def on_its_way(
    journal: StatementFile, collector: str, chance: random.Random
) -> Callable[[web.Application], AsyncIterator[None]]:
    """What an application runs beside itself so that the journal gets to the collector."""

    async def running(_app: web.Application) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            handed = await asyncio.to_thread(Handed.beside, journal, collector)
            task = asyncio.create_task(Courier(journal, handed, posting(client, collector), chance).run())
            yield
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return running
