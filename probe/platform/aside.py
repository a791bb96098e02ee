"""A blocking read beside the event loop, in a thread that nobody has to wait for.

Reads of the kernel's files, psutil and name lookups may hang, and cannot be stopped. The event loop's own threads are waited for
at the program's end, so one that hangs would hold that up. Here each read has a daemon thread of its own; what comes back
when nobody wants it any more is dropped.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from probe.measure.outcome import CouldNotRun

T = TypeVar("T")


async def aside(read: Callable[[], T]) -> T:
    """Give what a blocking read gives, or raise what it raises.

    Raises CouldNotRun where the system has no thread to spare.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(found: T) -> None:
        if not answer.done():
            answer.set_result(found)

    def give_up(error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()  # whoever gave up waiting meanwhile need not be told

    def work() -> None:
        try:
            found = read()
        except Exception as error:  # noqa: BLE001  (the top of a thread: handed on to whoever waits)
            failed = error if not isinstance(error, StopIteration) else RuntimeError("a read ended an iteration")
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(give_up, failed)
        else:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, found)

    try:
        threading.Thread(target=work, name="aside", daemon=True).start()
    except RuntimeError as error:
        raise CouldNotRun("this device has no thread to spare") from error
    return await answer
