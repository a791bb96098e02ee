"""Asking others over HTTP from the background: no more is read than an answer needs, nor for longer than one may take."""

import urllib.error
import urllib.request
from typing import Final

from collector.clock import SystemClock

PATIENCE_S: Final = 10.0
MOST_BYTES: Final = 64 * 1024


def answer(request: urllib.request.Request) -> tuple[int, bytes]:
    """Status and body, at most 64 KiB of it; raises OSError, HTTPException, ValueError."""
    clock = SystemClock()
    until_us = clock.mono_us() + round(1e6 * PATIENCE_S)
    try:
        found = urllib.request.urlopen(request, timeout=PATIENCE_S)  # noqa: S310 - from the settings
    except urllib.error.HTTPError as error:
        found = error
    with found:
        told = b""
        while len(told) < MOST_BYTES and (part := found.read1(MOST_BYTES)):
            told += part
            if clock.mono_us() > until_us:
                raise TimeoutError("its answer does not end")
        return found.status, told
