"""The system's own way of looking up a name, without waiting for a resolver that is stuck.

`getaddrinfo` cannot be stopped, and the event loop's own threads are waited for at the program's end: a resolver that does
not answer would hold up both. So each lookup has a thread of its own that nobody waits for; when it comes back
and nobody wants its answer any more, the answer is dropped.
"""

import asyncio
import socket
import threading
from contextlib import suppress

from probe.measure.outcome import CouldNotRun

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Address = tuple[socket.AddressFamily, int, SocketAddress]  # family, protocol, where


def look_up(
    host: str,
    port: int = 0,
    *,
    family: socket.AddressFamily = socket.AF_UNSPEC,
    kind: socket.SocketKind = socket.SOCK_STREAM,
) -> asyncio.Future[list[Address]]:
    """Begin to look up a name, as programs do that want to connect; the future holds addresses or an OSError.

    Raises CouldNotRun where the system has no thread to spare.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def settle(found: list[Address] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
            answer.exception()  # whoever gave up waiting meanwhile need not be told
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[Address] | OSError
        try:
            infos = socket.getaddrinfo(host, port, family, kind, flags=socket.AI_ADDRCONFIG)
            found = [(its_family, protocol, where) for its_family, _, protocol, _, where in infos]
        except OSError as error:
            found = error
        except UnicodeError:  # the codec's: a name that cannot be asked for does not exist
            found = socket.gaierror(socket.EAI_NONAME, "not a host name")
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, found)

    try:
        threading.Thread(target=ask, name="lookup", daemon=True).start()
    except RuntimeError as error:
        raise CouldNotRun("this device has no thread to spare for a lookup") from error
    return answer
