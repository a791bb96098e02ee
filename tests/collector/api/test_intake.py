"""Bodies on their way in: bounded together, slow ones sent away first, honest ones let through however thin their line."""

import asyncio
from collections.abc import Sequence

import pytest
from fakes import virtual
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from collector.api.intake import SILENCE_S, SLOWEST_BYTES_S, START_S, Intake, next_part
from collector.errors import BadRequest, Overloaded, TooSlow
from shared.errors import SpeedproofError, TooLarge

Part = tuple[float, bytes]  # after so many seconds
LIMIT = 4_000_000


def request(parts: Sequence[Part], *, leaves: bool = False) -> Request:
    """A request whose body comes in these parts."""
    rest = list(parts)

    async def receive() -> Message:
        if not rest:
            if leaves:
                return {"type": "http.disconnect"}
            await asyncio.Event().wait()
        after_s, data = rest.pop(0)
        await asyncio.sleep(after_s)
        return {"type": "http.request", "body": data, "more_body": bool(rest) or leaves}

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", b"text/plain")]}, receive)


async def taken(intake: Intake, one: Request, held_s: float = 0.0) -> tuple[float, bytes | SpeedproofError]:
    """When a body was whole or refused, and it or the reason."""
    try:
        async with intake.body(one, "text/plain", LIMIT) as body:
            at_s = asyncio.get_running_loop().time()
            await asyncio.sleep(held_s)
            return at_s, body
    except SpeedproofError as error:
        return asyncio.get_running_loop().time(), error


def test_parts_make_a_body() -> None:
    """A body is its parts in order, and counts as held until it was answered."""

    async def run() -> None:
        intake = Intake()
        task = asyncio.create_task(taken(intake, request([(1, b"ab"), (1, b""), (1, b"c")]), held_s=5))
        await asyncio.sleep(4)
        assert intake.held_bytes == 3
        assert await task == (3, b"abc")
        assert intake.held_bytes == 0

    virtual.run(run())


def test_silence() -> None:
    """A body that stops coming is given up after a while, and holds nothing any more."""

    async def run() -> None:
        intake = Intake()
        at_s, error = await taken(intake, request([(1, b"x" * 100), (SILENCE_S + 1, b"y")]))
        assert isinstance(error, TooSlow)
        assert (at_s, intake.held_bytes) == (1 + SILENCE_S, 0)

    virtual.run(run())


def test_a_thin_line_is_honest() -> None:
    """A large body over a line of 16 kbit/s comes in, however long it takes; one of a byte every few seconds does not."""

    async def run() -> None:
        thin = [(1.0, b"x" * 2000)] * 1000
        at_s, body = await taken(Intake(), request(thin))
        assert (at_s, len(body) if isinstance(body, bytes) else body) == (1000, 2_000_000)
        at_s, error = await taken(Intake(), request([(5.0, b"x")] * 1000))
        assert isinstance(error, TooSlow)
        assert at_s - 1000 <= START_S + START_S / 5 / SLOWEST_BYTES_S + 1

    virtual.run(run())


def test_too_much_of_one() -> None:
    """A body above its limit is refused while it comes; so is one whose sender leaves."""

    async def run() -> None:
        intake = Intake()
        endless = [(0.0, b"x" * 1_000_000)] * 100
        _, error = await taken(intake, request(endless))
        assert isinstance(error, TooLarge)
        _, error = await taken(intake, request([(0.0, b"x")], leaves=True))
        assert isinstance(error, BadRequest)
        assert intake.held_bytes == 0

    virtual.run(run())


def test_dawdlers_make_room() -> None:
    """A crowd of slow senders that fills the memory is sent away from the slowest on; the quick one gets through."""

    async def run() -> None:
        intake = Intake(most_bytes=10_000)
        slow = [
            asyncio.create_task(taken(intake, request([(0.0, b"x" * 1000)] + [(20.0, b"x" * 10)] * 20)))
            for _ in range(10)
        ]
        await asyncio.sleep(1)
        assert intake.held_bytes == 10_000
        assert await taken(intake, request([(0.0, b"y" * 2500)])) == (1, b"y" * 2500)
        await asyncio.sleep(0.1)
        away = [task for task in slow if task.done()]
        assert away == slow[:3]
        for task in away:
            _, error = await task
            assert isinstance(error, Overloaded)
        assert intake.held_bytes == 7000
        for task in slow[3:]:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        assert intake.held_bytes == 0

    virtual.run(run())


def test_what_is_whole_is_not_sent_away() -> None:
    """If all that is held waits to be written, it is the newcomer who has to come again."""

    async def run() -> None:
        intake = Intake(most_bytes=10_000)
        whole = asyncio.create_task(taken(intake, request([(0.0, b"x" * 9000)]), held_s=10))
        await asyncio.sleep(1)
        _, error = await taken(intake, request([(0.0, b"y" * 2000)]))
        assert isinstance(error, Overloaded)
        assert await whole == (0, b"x" * 9000)
        assert intake.held_bytes == 0

    virtual.run(run())


def test_not_too_many_at_a_time() -> None:
    """However small they are, only so many come in at a time: the slowest makes room, so dawdlers keep nobody out."""

    async def run() -> None:
        intake = Intake(most_bodies=3)
        slow = [asyncio.create_task(taken(intake, request([(0.0, b"x"), (5.0, b"y")]))) for _ in range(3)]
        await asyncio.sleep(1)
        assert await taken(intake, request([(0.0, b"z")])) == (1, b"z")
        (_, error), *others = await asyncio.gather(*slow)
        assert isinstance(error, Overloaded)
        assert [body for _, body in others] == [b"xy"] * 2

    virtual.run(run())


def test_not_too_many_that_are_whole() -> None:
    """If all of as many as there may be are about to be written, the newcomer has to come again; afterwards he may."""

    async def run() -> None:
        intake = Intake(most_bodies=3)
        whole = [asyncio.create_task(taken(intake, request([(0.0, b"x")]), held_s=5)) for _ in range(3)]
        await asyncio.sleep(1)
        _, error = await taken(intake, request([(0.0, b"z")]))
        assert isinstance(error, Overloaded)
        assert [body for _, body in await asyncio.gather(*whole)] == [b"x"] * 3
        assert await taken(intake, request([(0.0, b"z")])) == (5, b"z")

    virtual.run(run())


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(0, 100))
def test_the_beginning_of_a_body(sizes: list[int], enough: int) -> None:
    """A body that is not longer than enough is given whole; of a longer one the first parts that are more, and no part beyond."""

    async def run() -> None:
        intake, parts = Intake(), [bytes([number]) * size for number, size in enumerate(sizes)]
        one = request([(1.0, part) for part in parts])
        async with intake.beginning(one, enough) as (begun, is_whole):
            assert intake.held_bytes == len(begun)
            assert is_whole is (sum(sizes) <= enough)
            rest, is_last = (
                b"",
                is_whole or (len(begun) == sum(sizes) and asyncio.get_running_loop().time() == len(sizes)),
            )
            while not is_last:
                part, is_last = await next_part(one.receive)
                rest += part
        assert begun + rest == b"".join(parts)
        assert is_whole or len(begun) > enough
        assert intake.held_bytes == 0

    virtual.run(run())


@given(
    st.lists(
        st.tuples(
            st.floats(0, 50),
            st.lists(st.tuples(st.floats(0, 40), st.integers(0, 3000)), min_size=1, max_size=5),
            st.floats(0, 30),
        ),
        max_size=8,
    )
)
def test_never_more_than_fits(senders: list[tuple[float, list[tuple[float, int]], float]]) -> None:
    """Whoever comes when, no more is held than fits and one part of each, everybody is answered, and in the end all is given back."""

    async def run() -> None:
        intake = Intake(most_bytes=5000)
        most = 0

        async def one(at_s: float, parts: list[tuple[float, int]], held_s: float) -> None:
            nonlocal most
            await asyncio.sleep(at_s)
            _, got = await taken(intake, request([(after_s, b"x" * size) for after_s, size in parts]), held_s)
            most = max(most, intake.held_bytes)
            assert isinstance(got, SpeedproofError) or len(got) == sum(size for _, size in parts)

        await asyncio.gather(*(one(*sender) for sender in senders))
        assert most <= 5000
        assert intake.held_bytes == 0

    virtual.run(run())


@pytest.mark.parametrize("size", [0, 1])
def test_nothing_is_a_body_too(size: int) -> None:
    """An empty body is a body."""

    async def run() -> bytes | SpeedproofError:
        return (await taken(Intake(), request([(0.0, b"x" * size)])))[1]

    assert virtual.run(run()) == b"x" * size
