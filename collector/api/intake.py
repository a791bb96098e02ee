"""Bodies on their way in: how much of them is held in memory, how long one may take, and who has to go if it is too much.

A body counts from its first byte until its request was answered. If the next part of one does not fit, or there are too
many, the one that has been coming in for longest is sent away, since it is the slowest; so a crowd of dawdlers cannot keep
others out. If nothing is still coming in, all that is held is whole and about to be written: then the new one is sent away,
to come again later.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.types import Receive

from collector.api.body import announced, inflate
from collector.errors import BadRequest, Overloaded, TooSlow
from shared.errors import TooLarge

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_BODIES: Final = 1000  # at a time: what the server itself has read of each is not in the bytes
SILENCE_S: Final = 30.0  # from one part of a body to the next
START_S: Final = 60.0  # for any body, besides what its length is given
SLOWEST_BYTES_S: Final = 1000  # an honest line that is almost dead: 8 kbit/s


@dataclass(slots=True, eq=False)
class _Coming:
    """One body that is not whole yet."""

    deadline: asyncio.Timeout
    size: int = 0
    sent_away: bool = False


class Intake:
    """The bodies one process holds."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_bodies: int = MOST_BODIES) -> None:
        """Hold at most so much."""
        self._most_bytes, self._most_bodies = most_bytes, most_bodies
        self._bodies = 0
        self._coming: dict[_Coming, None] = {}  # in the order in which they began
        self.held_bytes = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request, media_type: str, limit: int) -> AsyncIterator[bytes]:
        """The body of a request, inflated, for as long as it is needed.

        Raises TooLarge, BadMediaType or BadFormat (steps 1 and 2), TooSlow or Overloaded.
        """
        packed = announced(request, media_type, limit)
        async with self._held(request, limit) as (raw, is_whole):
            if not is_whole:
                raise TooLarge(1, f"more than {limit} bytes")
            yield inflate(raw, limit) if packed else raw

    @contextlib.asynccontextmanager
    async def beginning(self, request: Request, enough: int) -> AsyncIterator[tuple[bytes, bool]]:
        """A body as it came, or the beginning of a longer one, as soon as that is more than `enough`; and whether it is all.

        Raises TooSlow or Overloaded.
        """
        async with self._held(request, enough) as held:
            yield held

    @contextlib.asynccontextmanager
    async def _held(self, request: Request, enough: int) -> AsyncIterator[tuple[bytes, bool]]:
        if self._bodies >= self._most_bodies and not self._send_one_away():
            raise overloaded()
        self._bodies += 1
        try:
            raw, is_whole = await self._receive(request, enough)
            try:
                yield raw, is_whole
            finally:
                self.held_bytes -= len(raw)
        finally:
            self._bodies -= 1

    async def _receive(self, request: Request, enough: int) -> tuple[bytes, bool]:
        loop, parts = asyncio.get_running_loop(), list[bytes]()
        begun_s = loop.time()
        one = _Coming(asyncio.timeout(SILENCE_S))
        self._coming[one] = None
        try:
            async with one.deadline:
                is_whole = False
                while not is_whole and one.size <= enough:
                    part, is_whole = await next_part(request.receive)
                    if one.sent_away:  # this part was quicker than the word
                        raise overloaded()
                    one.size += len(part)
                    self.held_bytes += len(part)
                    parts.append(part)
                    self._make_room(one)
                    allowed_s = begun_s + START_S + one.size / SLOWEST_BYTES_S
                    one.deadline.reschedule(min(loop.time() + SILENCE_S, allowed_s))
        except BaseException as error:
            self.held_bytes -= one.size
            if isinstance(error, TimeoutError):
                raise (overloaded() if one.sent_away else TooSlow("the body stopped coming")) from error
            raise
        finally:
            del self._coming[one]
        return b"".join(parts), is_whole and one.size <= enough

    def _make_room(self, newest: _Coming) -> None:
        """Send away whoever has been coming in longest, until what is left fits; raises Overloaded if that is this one."""
        while self.held_bytes > self._most_bytes:
            if not self._send_one_away(newest):
                raise overloaded()

    def _send_one_away(self, newest: _Coming | None = None) -> bool:
        """Send away whoever has been coming in longest; False if that is the newest, or nobody."""
        for one in self._coming:
            if one is newest:
                return False
            if not one.sent_away:
                one.sent_away = True
                one.deadline.reschedule(asyncio.get_running_loop().time())
                self.held_bytes -= one.size
                one.size = 0
                return True
        return False


async def next_part(receive: Receive) -> tuple[bytes, bool]:
    """The next part of a body, and whether it is the last; raises BadRequest if none comes any more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise BadRequest("the sender left before the body was whole")
    return message.get("body", b""), not message.get("more_body", False)


def overloaded() -> Overloaded:
    """The answer to whoever has to come again."""
    return Overloaded("more is waiting here than fits; send it again later")
