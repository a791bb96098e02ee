"""Places for transfers and the account of their ends."""

import asyncio
from typing import NoReturn

import pytest
from aiohttp.test_utils import make_mocked_request

from collector.clock import SystemClock
from collector.peer.account import End, Transfer
from collector.peer.errors import Busy, TooLarge
from collector.peer.transfers import Transfers

REQUEST = make_mocked_request("GET", "/")
LIMIT_US = 20_000


def _fail(error: BaseException) -> NoReturn:
    raise error


@pytest.mark.parametrize(
    ("error", "end", "raised"),
    [
        (ConnectionResetError(), End.CLIENT_GONE, False),
        (TooLarge("much"), End.DECLINED, True),
        (ValueError("unforeseen"), End.PEER_FAILED, True),
        (asyncio.CancelledError(), End.PEER_STOPPED, True),
    ],
)
async def test_each_error_is_an_end(error: BaseException, end: End, *, raised: bool) -> None:
    """Whatever happens in a transfer is accounted for once; only a lost connection is not raised."""
    journal: list[Transfer] = []
    transfers = Transfers(1, SystemClock(), journal.append)
    caught: BaseException | None = None
    try:
        async with transfers.running(REQUEST, "object", LIMIT_US) as meter:
            meter.sent_bytes = 5
            _fail(error)
    except BaseException as seen:  # noqa: BLE001 - the error itself is what is looked at
        caught = seen
    assert caught is (error if raised else None)
    assert [(transfer.sent_bytes, transfer.end) for transfer in journal] == [(5, end)]


async def test_the_time_limit_ends_a_transfer() -> None:
    """A transfer that does not move is ended at its limit, not raised, and frees its place."""
    journal: list[Transfer] = []
    transfers = Transfers(1, SystemClock(), journal.append)
    for _ in range(2):
        async with transfers.running(REQUEST, "object", LIMIT_US):
            await asyncio.sleep(5)
    assert [transfer.end for transfer in journal] == [End.HARD_STOP, End.HARD_STOP]
    assert all(LIMIT_US <= transfer.dur_us < 1_000_000 for transfer in journal)


async def test_a_place_is_held_until_the_end() -> None:
    """With its only place taken the peer is busy; refusing is no transfer and takes no place."""
    journal: list[Transfer] = []
    transfers = Transfers(1, SystemClock(), journal.append)

    async def second() -> None:
        async with transfers.running(REQUEST, "object", LIMIT_US):
            pass

    async with transfers.running(REQUEST, "object", LIMIT_US):
        with pytest.raises(Busy):
            await asyncio.create_task(second())
    await asyncio.create_task(second())
    assert [transfer.end for transfer in journal] == [End.COMPLETE, End.COMPLETE]
