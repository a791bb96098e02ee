"""Blocking reads that nobody has to wait for."""

import asyncio
import threading

import pytest

from probe.measure.outcome import CouldNotRun
from probe.platform.aside import aside


async def test_what_a_read_gives_or_raises() -> None:
    """The value comes back, and so does the error, even one that ends an iteration."""

    def fails() -> int:
        raise KeyError("gone")

    assert await aside(lambda: 7) == 7
    with pytest.raises(KeyError, match="gone"):
        await aside(fails)
    with pytest.raises(RuntimeError, match="iteration"):
        await aside(lambda: next(iter(())))


async def test_a_read_that_hangs_is_left_alone() -> None:
    """Who gives up waiting goes on at once; what comes back later is dropped, and its thread would not hold up the end."""
    release, ended = threading.Event(), threading.Event()

    def hangs() -> None:
        release.wait(5)
        ended.set()
        raise OSError("too late")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await aside(hangs)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "aside")
    release.set()
    assert ended.wait(5)
    await asyncio.sleep(0.01)


def test_a_loop_that_has_ended_is_not_called() -> None:
    """A read that comes back after the loop's end has nobody to tell, and no one is troubled."""
    release = threading.Event()

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await aside(lambda: release.wait(5))

    asyncio.run(leave())
    threads = [thread for thread in threading.enumerate() if thread.name == "aside"]
    release.set()
    for thread in threads:
        thread.join(5)


async def test_no_thread_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has no thread to spare is said."""

    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(CouldNotRun, match="no thread"):
        await aside(lambda: 7)
