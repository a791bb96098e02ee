"""Who is being served: how many at once, how long at most, and an account of how each ended.

A client may leave at any time in any way; that is an end like others, noted and not raised. Each transfer has
a time after which its connection is dropped, so that a slow or dead client never holds the peer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from collector.clock import Clock
from collector.peer.account import End, Meter, Transfer, address_text
from collector.peer.errors import Busy, Declined

KEPT_SHARE = 4  # one place in so many is kept for those who have a ticket


def drop(request: web.BaseRequest) -> None:
    """Drop the connection at once, with whatever has not been sent yet."""
    if request.transport is not None:
        request.transport.abort()


def client_of(request: web.BaseRequest) -> str:
    """The client's address as text."""
    return address_text(request.transport and request.transport.get_extra_info("peername"))


class Transfers:
    """The places for transfers, and the journal of those that ended."""

    def __init__(self, max_clients: int, clock: Clock, journal: Callable[[Transfer], None]) -> None:
        """Allow `max_clients` at once; `journal` is told of each end."""
        self._max_clients = max_clients
        self._clock = clock
        self._journal = journal
        self._running: set[asyncio.Task[object]] = set()

    @asynccontextmanager
    async def running(self, request: web.BaseRequest, kind: str, limit_us: int) -> AsyncIterator[Meter]:
        """Hold a place during one transfer; raises Busy when there is none.

        A lost connection and the time limit end the block and are not raised. Being stopped is.
        """
        task = asyncio.current_task()
        places = self._max_clients if "sid" in request.query else self._max_clients - self._max_clients // KEPT_SHARE
        if task is None or len(self._running) >= places:
            raise Busy(f"{places} transfers are running, no more are taken at once")
        self._running.add(task)
        client, meter = client_of(request), Meter()
        began_wall_us, began_us = self._clock.wall_us(), self._clock.mono_us()
        try:
            async with asyncio.timeout(limit_us / 1_000_000):
                yield meter
        except TimeoutError:
            meter.end = End.HARD_STOP
            drop(request)
        except ConnectionError:
            meter.end = End.CLIENT_GONE
        except asyncio.CancelledError:
            meter.end = End.PEER_STOPPED
            drop(request)
            raise
        except Declined:
            meter.end = End.DECLINED
            raise
        except BaseException:
            meter.end = End.PEER_FAILED
            raise
        finally:
            self._running.discard(task)
            self._journal(
                Transfer(
                    kind=kind,
                    client=client,
                    wall_us=began_wall_us,
                    dur_us=self._clock.mono_us() - began_us,
                    sent_bytes=meter.sent_bytes,
                    received_bytes=meter.received_bytes,
                    end=meter.end,
                    cc=meter.cc,
                )
            )

    def stop(self) -> None:
        """End every transfer now."""
        for task in self._running:
            task.cancel()
