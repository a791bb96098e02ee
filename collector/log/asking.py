"""Asking others over HTTP from the background: no more is read than an answer needs, nor for longer than one may take.

A time-out of a socket begins anew with each byte, so whoever sends one now and then could hold us for days, in the head of an
answer too: when the time is over the connection is shut from outside.
"""

import contextlib
import http.client
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, Final

from collector.clock import SystemClock

PATIENCE_S: Final = 10.0
MOST_BYTES: Final = 64 * 1024


def answer(request: urllib.request.Request) -> tuple[int, bytes]:
    """Status and body, at most 64 KiB of it; raises OSError, HTTPException, ValueError."""
    clock, opened = SystemClock(), _Opened()
    until_us = clock.mono_us() + round(1e6 * PATIENCE_S)
    timer = threading.Timer(PATIENCE_S, opened.shut)
    timer.daemon = True
    timer.start()
    try:
        found = urllib.request.build_opener(_Plain(opened), _Tls(opened)).open(request, timeout=PATIENCE_S)
    except urllib.error.HTTPError as error:
        found = error
    except (OSError, http.client.HTTPException) as error:
        raise (TimeoutError("its answer does not end") if opened.is_shut else error) from error
    finally:
        timer.cancel()
    with found:
        told = b""
        while len(told) < MOST_BYTES and (part := found.read1(MOST_BYTES)):
            told += part
            if clock.mono_us() > until_us:
                raise TimeoutError("its answer does not end")
        if opened.is_shut:  # a head that was cut off reads as if it had ended
            raise TimeoutError("its answer does not end")
        return found.status, told


class _Opened:
    """The connections of one request."""

    def __init__(self) -> None:
        self._connections: list[http.client.HTTPConnection] = []
        self.is_shut = False

    def making(self, kind: Callable[..., http.client.HTTPConnection]) -> Callable[..., http.client.HTTPConnection]:
        """What makes connections of this kind, and remembers them."""

        def make(host: str, **more: Any) -> http.client.HTTPConnection:  # noqa: ANN401 - urllib's own arguments
            self._connections.append(kind(host, **more))
            return self._connections[-1]

        return make

    def shut(self) -> None:
        """Let whoever waits for them wait no longer."""
        self.is_shut = True
        for one in self._connections:
            with contextlib.suppress(OSError):
                if isinstance(one.sock, socket.socket):
                    one.sock.shutdown(socket.SHUT_RDWR)


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, opened: _Opened) -> None:
        super().__init__()
        self._make = opened.making(http.client.HTTPConnection)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, req)


class _Tls(urllib.request.HTTPSHandler):
    def __init__(self, opened: _Opened) -> None:
        super().__init__()
        self._make = opened.making(http.client.HTTPSConnection)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._make, req)
